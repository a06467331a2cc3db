//! A role.

use crate::policy::{Document, Trust};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use throng_contract::local::ACCOUNT;

/// A role. Stored as JSON under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Role {
    pub name: String,
    /// With a slash at either end.
    pub path: String,
    pub id: String,
    pub description: String,
    pub created_ms: i64,
    /// Who may assume it: a policy as JSON.
    pub trust: String,
    pub max_session_s: u32,
    pub tags: BTreeMap<String, String>,
    /// Inline policies by name, as they were given.
    pub policies: BTreeMap<String, String>,
    /// It was deleted. Kept, so that whatever still names it may do nothing.
    #[serde(default)]
    pub deleted: bool,
}

impl Role {
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role{}{}", self.path, self.name)
    }

    /// Who may become it: nobody, when it was deleted or its trust policy cannot be read.
    pub fn trusted(&self) -> Trust {
        if self.deleted {
            return Trust::default();
        }
        Trust::read(&self.trust).unwrap_or_else(|error| {
            tracing::error!(role = self.name, %error, "the trust policy of a role cannot be read");
            Trust::default()
        })
    }

    /// What it may do. A policy that cannot be read allows nothing, and its denials would be lost: then nothing is
    /// allowed at all.
    pub fn rights(&self) -> Vec<Arc<Document>> {
        let read = self.policies.values().map(|text| Document::read(text).map(Arc::new));
        match read.collect::<Result<Vec<_>, _>>() {
            Ok(documents) if !self.deleted => documents,
            Ok(_) => Vec::new(),
            Err(error) => {
                tracing::error!(role = self.name, %error, "a policy of a role cannot be read");
                Vec::new()
            }
        }
    }
}
