//! What policies say of a request.

use super::document::Document;
use super::request::{Context, Request};
use super::trust::{ASSUME, Closeness, Trust, Who};
use std::sync::Arc;

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is allowed.
    Allowed,
    /// A statement denies it.
    Denied,
    /// A statement of the trust policy denies it.
    DeniedByTrust,
    /// No policy of the role allows it.
    NotAllowed,
    /// The role may, but its session may not.
    NotInSession,
    /// The trust policy does not let the caller in.
    NotTrusted,
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
        if says(&self.role, false, request, context) || says(&self.session, false, request, context) {
            Decision::Denied
        } else if !says(&self.role, true, request, context) {
            Decision::NotAllowed
        } else if !self.session_allows(request, context) {
            Decision::NotInSession
        } else {
            Decision::Allowed
        }
    }

    /// Decides whether a caller with these policies may become a role: a deny wins; the trust policy must let them in; and
    /// what it does not say of them alone, their policies must allow.
    #[must_use]
    pub fn decide_assume(&self, trust: &Trust, who: &Who<'_>, role: &str, context: &Context) -> Decision {
        let request = Request { action: ASSUME, resource: role };
        if trust.denies(who, context) {
            return Decision::DeniedByTrust;
        }
        match (self.decide(&request, context), trust.lets_in(who, context)) {
            (Decision::Denied, _) => Decision::Denied,
            (_, None) => Decision::NotTrusted,
            (own, Some(Closeness::Account)) => own,
            (_, Some(Closeness::Role)) if !self.session_allows(&request, context) => Decision::NotInSession,
            (_, Some(Closeness::Role | Closeness::Session)) => Decision::Allowed,
        }
    }

    fn session_allows(&self, request: &Request<'_>, context: &Context) -> bool {
        self.session.is_empty() || says(&self.session, true, request, context)
    }
}

fn says(documents: &[Arc<Document>], allows: bool, request: &Request<'_>, context: &Context) -> bool {
    let mut statements = documents.iter().flat_map(|document| &document.statements);
    statements.any(|statement| statement.allows == allows && statement.covers(request, context))
}
