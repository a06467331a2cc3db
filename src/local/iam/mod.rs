//! Roles of IAM and their inline policies: as much of it as a deployment asks for. Roles that AWS's own services or other
//! programs have are made here with the same calls (`aws iam create-role`, `put-role-policy`).
//!
//! ```text
//! api      operations, in the query protocol
//! error    errors, in AWS's codes and words
//! model    a role
//! simulate  what a role would be allowed
//! store    roles: on disk, and all of them in memory
//! xml      answers
//! ```

mod api;
mod error;
mod model;
mod simulate;
mod store;
mod xml;

use crate::access::{Rights, Roles};
use crate::db::{Db, DbError};
use crate::policy::Trust;
use crate::protocol::Body;
use crate::protocol::auth::Denied;
use http::Response;
use std::sync::Arc;
use store::Store;

/// A refusal of a request that was not let in.
#[must_use]
pub fn denied(denied: &Denied) -> Response<Body> {
    xml::error(denied.status, denied.query_code(), &denied.message)
}

/// The local IAM. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Iam {
    store: Arc<Store>,
}

impl Iam {
    /// Reads all roles.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn open(db: Db) -> Result<Self, DbError> {
        Ok(Self { store: Arc::new(Store::open(db).await?) })
    }
}

impl Roles for Iam {
    fn rights(&self, arn: &str) -> Rights {
        self.store.rights(arn)
    }

    fn trust(&self, arn: &str) -> Option<Arc<Trust>> {
        self.store.trust(arn)
    }

    fn id(&self, arn: &str) -> Option<String> {
        self.store.id(arn)
    }
}
