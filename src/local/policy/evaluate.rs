//! What policies say of a request.

use super::document::Document;
use super::request::{Context, Request};
use std::sync::Arc;

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
