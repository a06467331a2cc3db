//! Roles: on disk, and all of them in memory.

use super::error::IamError;
use super::model::Role;
use crate::access::Rights;
use crate::db::{Db, DbError};
use crate::policy::{Document, Trust};
use rusqlite::{Transaction, params};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Mutex, OwnedMutexGuard};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS iam_role (name TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID;
";

/// A role, and its policies as they were read.
#[derive(Clone, Debug)]
struct Known {
    role: Arc<Role>,
    rights: Vec<Arc<Document>>,
    trust: Arc<Trust>,
}

impl Known {
    fn new(role: Role) -> Self {
        Self { rights: role.rights(), trust: Arc::new(role.trusted()), role: Arc::new(role) }
    }
}

/// What is known of an ARN.
enum Found {
    Here(Known),
    Gone,
    /// Nobody has made a role of its name.
    NeverMade,
}

/// The roles, by name in lower case: names differ in more than case.
#[derive(Debug)]
pub(super) struct Store {
    db: Db,
    known: Arc<RwLock<BTreeMap<String, Known>>>,
    /// One change at a time. Held until it is known, also when who asked for it is gone by then.
    changing: Arc<Mutex<()>>,
}

impl Store {
    pub async fn open(db: Db) -> Result<Self, DbError> {
        db.write(|tx| Ok::<_, DbError>(tx.execute_batch(SCHEMA)?)).await?;
        let documents: Vec<(String, String)> = db.read_now(|connection| {
            let mut query = connection.prepare("SELECT name, doc FROM iam_role")?;
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>().map_err(DbError::from)
        })?;
        let mut known = BTreeMap::new();
        for (name, document) in documents {
            // One that cannot be read must not become one that nobody has made: those may do everything.
            let role = serde_json::from_str::<Role>(&document).map_err(|error| {
                DbError::Failed(format!("the stored role {name} cannot be read: {error}"))
            })?;
            known.insert(name, Known::new(role));
        }
        Ok(Self { db, known: Arc::new(RwLock::new(known)), changing: Arc::default() })
    }

    fn with<T>(&self, read: impl FnOnce(&BTreeMap<String, Known>) -> T) -> T {
        read(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the role with an ARN may do.
    pub fn rights(&self, arn: &str) -> Rights {
        match self.find(arn) {
            Found::Here(known) => Rights::Of(known.rights),
            Found::Gone => Rights::Of(Vec::new()),
            Found::NeverMade => Rights::Everything,
        }
    }

    /// Who may become the role with an ARN; `None` when nobody has made it.
    pub fn trust(&self, arn: &str) -> Option<Arc<Trust>> {
        match self.find(arn) {
            Found::Here(known) => Some(known.trust),
            Found::Gone => Some(Arc::default()),
            Found::NeverMade => None,
        }
    }

    /// The unique id of the role with an ARN.
    pub fn id(&self, arn: &str) -> Option<String> {
        match self.find(arn) {
            Found::Here(known) => Some(known.role.id.clone()),
            Found::Gone | Found::NeverMade => None,
        }
    }

    fn find(&self, arn: &str) -> Found {
        let name = arn.rsplit('/').next().unwrap_or_default().to_lowercase();
        self.with(|known| match known.get(&name) {
            // Under another path it is another one, which is not there.
            Some(known) if known.role.deleted || known.role.arn() != arn => Found::Gone,
            Some(known) => Found::Here(known.clone()),
            None => Found::NeverMade,
        })
    }

    /// A role.
    pub fn get(&self, name: &str) -> Result<Arc<Role>, IamError> {
        let role = self.with(|known| known.get(&name.to_lowercase()).map(|known| known.role.clone()));
        role.filter(|role| !role.deleted)
            .ok_or_else(|| IamError::no_entity(format!("The role with name {name} cannot be found.")))
    }

    /// All roles below a path, in order.
    pub fn all(&self, path: &str) -> Vec<Arc<Role>> {
        let roles = self.with(|known| known.values().map(|known| known.role.clone()).collect::<Vec<_>>());
        roles.into_iter().filter(|role| !role.deleted && role.path.starts_with(path)).collect()
    }

    /// Stores a new role.
    pub async fn insert(&self, role: Role) -> Result<Arc<Role>, IamError> {
        let one = self.changing.clone().lock_owned().await;
        if self.get(&role.name).is_ok() {
            let message = format!("Role with name {} already exists.", role.name);
            return Err(IamError::new(409, "EntityAlreadyExists", message));
        }
        self.put(role, one).await
    }

    /// Changes a role. `change` may refuse; then nothing changes.
    pub async fn change(
        &self,
        name: &str,
        change: impl FnOnce(&mut Role) -> Result<(), IamError>,
    ) -> Result<Arc<Role>, IamError> {
        let one = self.changing.clone().lock_owned().await;
        let mut role = (*self.get(name)?).clone();
        change(&mut role)?;
        self.put(role, one).await
    }

    async fn put(&self, role: Role, one: OwnedMutexGuard<()>) -> Result<Arc<Role>, IamError> {
        let document = serde_json::to_string(&role).map_err(|error| DbError::Failed(error.to_string()))?;
        let (key, known) = (role.name.to_lowercase(), self.known.clone());
        let stored = key.clone();
        let store = move |tx: &Transaction<'_>| {
            tx.prepare_cached("INSERT OR REPLACE INTO iam_role VALUES (?1, ?2)")
                .and_then(|mut put| put.execute(params![stored, document]))
                .map_err(DbError::from)
        };
        let show = move |_| {
            let new = Known::new(role);
            let role = new.role.clone();
            known.write().unwrap_or_else(PoisonError::into_inner).insert(key, new);
            drop(one);
            role
        };
        Ok(self.db.write_then(store, show).await?)
    }
}
