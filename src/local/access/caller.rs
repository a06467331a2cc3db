//! Who a request is from.

use super::sessions::Session;
use std::sync::Arc;
use throng_contract::local::ACCOUNT;

/// Who a request is from.
#[derive(Clone, Debug)]
pub enum Caller {
    /// The person whose local cloud it is: may do everything.
    Person,
    /// Whoever has the temporary keys of a role.
    Role(Arc<Session>),
}

impl Caller {
    /// The caller's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        match self {
            Self::Person => format!("arn:aws:iam::{ACCOUNT}:root"),
            Self::Role(session) => {
                format!("arn:aws:sts::{ACCOUNT}:assumed-role/{}/{}", session.role_name(), session.name)
            }
        }
    }

    /// Whether a request that came with this token came with the right one. A person's has none.
    #[must_use]
    pub fn has_token(&self, token: Option<&str>) -> bool {
        match self {
            Self::Person => true,
            // The signature is what proves the caller; the token belongs to it.
            Self::Role(session) => token == Some(session.token.as_str()),
        }
    }
}
