//! What policies say of a request.

use super::document::Document;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// `s3:GetObject`
    pub action: &'a str,
    /// An ARN, or `*` for actions that are about none.
    pub resource: &'a str,
}

/// What is known of a request: values by condition key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, String>);

impl Context {
    /// Sets the value of a key, whose case does not matter.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_ascii_lowercase(), value.into());
    }

    /// The value of a key in lower case.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is allowed.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No policy of the role allows it.
    NotAllowed,
    /// The role may, but its session may not.
    NotInSession,
}

/// The policies that hold for a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// The role's: what any of them allows is allowed.
    pub role: Vec<Arc<Document>>,
    /// The session's, when it has any: what none of them allows is not allowed, whatever the role's say.
    pub session: Vec<Arc<Document>>,
}

impl Policies {
    /// Decides as IAM does: a deny wins; then role and session must both allow.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>, context: &Context) -> Decision {
        let says = |documents: &[Arc<Document>], allows: bool| {
            let mut statements = documents.iter().flat_map(|document| &document.statements);
            statements.any(|statement| statement.allows == allows && statement.covers(request, context))
        };
        if says(&self.role, false) || says(&self.session, false) {
            Decision::Denied
        } else if !says(&self.role, true) {
            Decision::NotAllowed
        } else if !self.session.is_empty() && !says(&self.session, true) {
            Decision::NotInSession
        } else {
            Decision::Allowed
        }
    }
}
