//! Changes in groups: what was waiting when a transaction began shares it and its commit.

use super::DbError;
use rusqlite::{Connection, Transaction, TransactionBehavior};

/// How many changes one transaction takes at most, so that the first of them does not wait for long.
pub(super) const GROUP: usize = 512;

/// How a group's commit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Committed {
    Yes,
    Full,
    No,
}

impl Committed {
    fn failed(error: &DbError) -> Self {
        tracing::error!(%error, "nothing was committed");
        if matches!(error, DbError::Full) { Self::Full } else { Self::No }
    }
}

/// Runs inside the writer's transaction; what it returns is sent to the caller once the commit is done. Without a
/// transaction it is not run.
pub(super) type Job = Box<dyn FnOnce(Option<&Transaction<'_>>) -> Reply + Send>;

/// Called with how the group's commit went.
pub(super) type Reply = Box<dyn FnOnce(Committed) + Send>;

pub(super) fn run_group(connection: &mut Connection, first: Job, queue: &std::sync::mpsc::Receiver<Job>) {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => return first(None)(Committed::failed(&error.into())),
    };
    let mut replies = vec![first(Some(&transaction))];
    // Out of its transaction when `SQLite` has rolled all back by itself.
    while replies.len() < GROUP && !transaction.is_autocommit() {
        match queue.try_recv() {
            Ok(job) => replies.push(job(Some(&transaction))),
            Err(_) => break,
        }
    }
    let committed = if transaction.is_autocommit() {
        Committed::failed(&DbError::Full)
    } else {
        transaction.commit().map_or_else(|error| Committed::failed(&error.into()), |()| Committed::Yes)
    };
    for reply in replies {
        reply(committed);
    }
}

pub(super) fn in_savepoint<T, E: From<DbError>>(
    transaction: &Transaction<'_>,
    change: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let execute = |sql: &str| -> Result<(), DbError> {
        transaction.prepare_cached(sql)?.execute([])?;
        Ok(())
    };
    execute("SAVEPOINT one")?;
    let outcome = change(transaction);
    if outcome.is_err() {
        // On a full disk `SQLite` rolls all back by itself; then there is no savepoint, and the reason is what counts.
        let _ = execute("ROLLBACK TO one").and_then(|()| execute("RELEASE one"));
        return outcome;
    }
    execute("RELEASE one")?;
    outcome
}
