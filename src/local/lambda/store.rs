//! Functions: on disk, and all of them in memory.

use super::error::ApiError;
use super::model::Function;
use super::names::function_arn;
use super::sealed;
use crate::db::{Db, DbError};
use rusqlite::{Transaction, params};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Tables of this part.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS lambda_function (name TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID;
";

/// The functions. Reading never touches the disk.
pub struct Functions {
    db: Db,
    known: Arc<RwLock<BTreeMap<String, Arc<Function>>>>,
    /// One change at a time, so that none is lost between reading and writing. Held until it is known, also when who
    /// asked for it is gone by then.
    changing: Arc<Mutex<()>>,
}

impl Functions {
    /// Reads all functions.
    pub async fn open(db: Db) -> Result<Self, DbError> {
        db.write(|tx| Ok::<_, DbError>(tx.execute_batch(SCHEMA)?)).await?;
        let documents: Vec<(String, String)> = db.read_now(|connection| {
            let mut query = connection.prepare("SELECT name, doc FROM lambda_function")?;
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>().map_err(DbError::from)
        })?;
        let (mut known, mut plain) = (BTreeMap::new(), Vec::new());
        for (name, document) in documents {
            match sealed::read(&db, &document) {
                Ok((function, is_plain)) => {
                    if is_plain {
                        plain.push((name.clone(), sealed::write(&db, &function)?));
                    }
                    known.insert(name, Arc::new(function));
                }
                Err(error) => tracing::error!(%name, %error, "a stored function cannot be read"),
            }
        }
        seal(&db, plain)?;
        Ok(Self { db, known: Arc::new(RwLock::new(known)), changing: Arc::default() })
    }

    pub fn get(&self, name: &str) -> Option<Arc<Function>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub fn find(&self, name: &str) -> Result<Arc<Function>, ApiError> {
        self.get(name).ok_or_else(|| ApiError::no_function(&function_arn(name)))
    }

    pub fn all(&self) -> Vec<Arc<Function>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A page in the order of names, and whether there is more.
    pub fn page(&self, after: Option<&str>, limit: usize) -> (Vec<Arc<Function>>, bool) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut rest = known.range::<str, _>((from, Bound::Unbounded));
        let page = rest.by_ref().take(limit).map(|(_, function)| function.clone()).collect();
        (page, rest.next().is_some())
    }

    /// Stores a new function.
    pub async fn insert(&self, function: Function) -> Result<Arc<Function>, ApiError> {
        let one = self.changing.clone().lock_owned().await;
        if self.get(&function.name).is_some() {
            return Err(ApiError::conflict(format!("Function already exist: {}", function.name)));
        }
        self.put(function, one).await
    }

    /// Changes a function and stores it. `change` may refuse; then nothing changes.
    pub async fn change(
        &self,
        name: &str,
        change: impl FnOnce(&mut Function) -> Result<(), ApiError>,
    ) -> Result<Arc<Function>, ApiError> {
        let one = self.changing.clone().lock_owned().await;
        let mut function = (*self.find(name)?).clone();
        change(&mut function)?;
        self.put(function, one).await
    }

    async fn put(&self, function: Function, one: OwnedMutexGuard<()>) -> Result<Arc<Function>, ApiError> {
        let document = sealed::write(&self.db, &function)?;
        let (name, known) = (function.name.clone(), self.known.clone());
        let store = move |tx: &Transaction<'_>| {
            tx.prepare_cached("INSERT OR REPLACE INTO lambda_function VALUES (?1, ?2)")
                .and_then(|mut put| put.execute(params![name, document]))
                .map_err(DbError::from)
        };
        let show = move |_| {
            let function = Arc::new(function);
            let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(function.name.clone(), function.clone());
            drop(one);
            function
        };
        Ok(self.db.write_then(store, show).await?)
    }

    /// Removes a function with its queued events.
    pub async fn remove(&self, name: &str) -> Result<(), ApiError> {
        let one = self.changing.clone().lock_owned().await;
        self.find(name)?;
        let (own, gone, known) = (name.to_owned(), name.to_owned(), self.known.clone());
        let remove = move |tx: &Transaction<'_>| {
            tx.execute("DELETE FROM lambda_event WHERE function = ?1", [&own])?;
            tx.execute("DELETE FROM lambda_function WHERE name = ?1", [&own])?;
            Ok::<_, DbError>(())
        };
        let hide = move |()| {
            known.write().unwrap_or_else(PoisonError::into_inner).remove(&gone);
            drop(one);
        };
        Ok(self.db.write_then(remove, hide).await?)
    }
}

/// Replaces what an older version stored in plain.
fn seal(db: &Db, plain: Vec<(String, String)>) -> Result<(), DbError> {
    if plain.is_empty() {
        return Ok(());
    }
    db.change_now(|tx| {
        for (name, document) in plain {
            tx.execute("UPDATE lambda_function SET doc = ?2 WHERE name = ?1", params![name, document])?;
        }
        Ok(())
    })
}

/// The function as it stands within a transaction, without its variables.
pub(super) fn stored(tx: &Transaction<'_>, name: &str) -> Result<Option<Function>, DbError> {
    let mut query = tx.prepare_cached("SELECT doc FROM lambda_function WHERE name = ?1")?;
    let mut rows = query.query([name])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let document: String = row.get(0)?;
    Ok(serde_json::from_str(&document).ok())
}
