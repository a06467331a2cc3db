//! Why a request is refused, in AWS's words.

use super::{Caller, Needs};
use crate::policy::Decision;
use std::fmt;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    caller: String,
    action: String,
    resource: String,
    decision: Decision,
}

impl Refusal {
    pub(super) fn new(caller: &Caller, needs: &Needs, decision: Decision) -> Self {
        Self {
            caller: caller.arn(),
            action: needs.action.clone(),
            resource: needs.resource.clone(),
            decision,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { caller, action, resource, decision } = self;
        // S3 writes resources in quotation marks, the other services do not.
        let quote = if action.starts_with("s3:") { "\"" } else { "" };
        write!(
            f,
            "User: {caller} is not authorized to perform: {action} on resource: {quote}{resource}{quote}"
        )?;
        match decision {
            Decision::Denied => f.write_str(" with an explicit deny in an identity-based policy"),
            Decision::DeniedByTrust => f.write_str(" with an explicit deny in a resource-based policy"),
            Decision::NotInSession => write!(f, " because no session policy allows the {action} action"),
            // Whom a trust policy does not name is not told why.
            Decision::NotTrusted => Ok(()),
            Decision::NotAllowed | Decision::Allowed => {
                write!(f, " because no identity-based policy allows the {action} action")
            }
        }
    }
}

impl std::error::Error for Refusal {}
