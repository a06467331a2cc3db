//! Who asks, and what they may do.
//!
//! The person has one pair of keys and may do everything. Whoever runs as a role (a function's environment) has temporary
//! keys: an id, a secret and a token, in memory alone, gone with the environment; each request is judged by the policies
//! of the role as they are then.
//!
//! ```text
//! assume    who may become a role
//! caller    who a request is from
//! refusal   in AWS's words
//! sessions  temporary keys
//! ```

mod assume;
mod caller;
mod refusal;
mod sessions;

pub use caller::Caller;
pub use refusal::Refusal;
pub use sessions::{OpenSession, Session};

use crate::policy::{Context, Decision, Document, Policies, Request, Trust};
use sessions::Sessions;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use throng_contract::local::{ACCOUNT, AccessKey, REGION};

/// What a role may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rights {
    /// What its policies say.
    Of(Vec<Arc<Document>>),
    /// Everything: nobody has made a role of this name. A function that an older throng deployed has such a one; its
    /// next deployment makes it a role of its own.
    Everything,
}

/// Where roles are.
pub trait Roles: Send + Sync + 'static {
    /// What the role with this ARN may do. One that was deleted may do nothing.
    fn rights(&self, arn: &str) -> Rights;
    /// Who may become the role with this ARN: nobody, when it was deleted; `None` when nobody has made it.
    fn trust(&self, _arn: &str) -> Option<Arc<Trust>> {
        None
    }
    /// The unique id of the role with this ARN, where there is one.
    fn id(&self, _arn: &str) -> Option<String> {
        None
    }
}

/// Roles that nobody has made.
#[derive(Clone, Copy, Debug)]
pub struct NoRoles;

impl Roles for NoRoles {
    fn rights(&self, _arn: &str) -> Rights {
        Rights::Everything
    }
}

/// One thing that a request does, and needs to be allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// `s3:GetObject`
    pub action: String,
    /// An ARN, or `*`.
    pub resource: String,
    /// Beyond what is known of every request.
    pub context: Vec<(&'static str, String)>,
}

impl Needs {
    /// An action on a resource.
    #[must_use]
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: Vec::new() }
    }

    /// With a value of a condition key.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.push((key, value.into()));
        self
    }
}

/// Who may ask.
pub struct Access {
    user: AccessKey,
    sessions: Arc<Sessions>,
    roles: Arc<dyn Roles>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Access {
    /// The person with this pair, and whoever runs as one of these roles.
    #[must_use]
    pub fn new(user: AccessKey, roles: Arc<dyn Roles>) -> Self {
        Self { user, sessions: Arc::default(), roles }
    }

    /// The person's pair.
    #[must_use]
    pub fn user(&self) -> &AccessKey {
        &self.user
    }

    /// Who has the access key of this id, and its secret; `None` when nobody has it, or has it no more.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<(String, Caller)> {
        if id == self.user.access_key_id {
            return Some((self.user.secret_access_key.clone(), Caller::Person));
        }
        let session = self.sessions.find(id, SystemTime::now())?;
        Some((session.key.secret_access_key.clone(), Caller::Role(session)))
    }

    /// New temporary keys of a role, good until what is given back is dropped, or for `lifetime` when there is one.
    /// `name` is the session's, as it stands in the caller's ARN; `policies` narrow what the role may do.
    #[must_use]
    pub fn open(
        &self,
        role: &str,
        name: &str,
        policies: Vec<Arc<Document>>,
        lifetime: Option<Duration>,
    ) -> OpenSession {
        let expires = lifetime.map(|lifetime| SystemTime::now() + lifetime);
        OpenSession::new(self.sessions.clone(), Session::new(role, name, policies, expires))
    }

    /// The user id of who has a session: the role's id, and the session's name.
    #[must_use]
    pub fn user_id(&self, session: &Session) -> String {
        let id = self.roles.id(&session.role).unwrap_or_else(|| session.role_name().to_owned());
        format!("{id}:{}", session.name)
    }

    /// Whether a caller may do something.
    ///
    /// # Errors
    /// [`Refusal`], in AWS's words.
    pub fn check(&self, caller: &Caller, needs: &Needs) -> Result<(), Refusal> {
        let Caller::Role(session) = caller else { return Ok(()) };
        let request = Request { action: &needs.action, resource: &needs.resource };
        match self.policies(session).decide(&request, &self.context(session, needs)) {
            Decision::Allowed => Ok(()),
            decision => Err(Refusal::new(caller, needs, decision)),
        }
    }

    /// What holds for who has a session.
    fn policies(&self, session: &Session) -> Policies {
        let role = match self.roles.rights(&session.role) {
            Rights::Everything => vec![Arc::new(Document::everything())],
            Rights::Of(role) => role,
        };
        Policies { role, session: session.policies.clone() }
    }

    /// What is known of a request, by condition key.
    fn context(&self, session: &Session, needs: &Needs) -> Context {
        let mut context = known();
        context.set("aws:PrincipalAccount", ACCOUNT);
        context.set("aws:PrincipalArn", &session.role);
        context.set("aws:PrincipalIsAWSService", "false");
        context.set("aws:PrincipalType", "AssumedRole");
        context.set("aws:userid", self.user_id(session));
        for (key, value) in &needs.context {
            context.set(key, value);
        }
        context
    }
}

/// What is known of every request.
fn known() -> Context {
    let mut context = Context::default();
    context.set("aws:RequestedRegion", REGION);
    context.set("aws:ResourceAccount", ACCOUNT);
    // There is no TLS on loopback; on AWS there is.
    context.set("aws:SecureTransport", "true");
    context
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// One role that may read, one that was deleted.
    struct Two;

    impl Roles for Two {
        fn rights(&self, arn: &str) -> Rights {
            let text = r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*",
                "Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::000000000000:role/reads"}}}}"#;
            match arn.rsplit('/').next() {
                Some("reads") => Rights::Of(vec![Arc::new(Document::read(text).unwrap())]),
                Some("deleted") => Rights::Of(Vec::new()),
                _ => Rights::Everything,
            }
        }
    }

    fn access() -> Access {
        let user = AccessKey { access_key_id: "AKIAUSER".into(), secret_access_key: "s".into() };
        Access::new(user, Arc::new(Two))
    }

    fn open(access: &Access, role: &str, policies: Vec<Arc<Document>>) -> OpenSession {
        access.open(&format!("arn:aws:iam::000000000000:role/{role}"), "f", policies, None)
    }

    #[test]
    fn keys_are_good_as_long_as_their_environment_lives() {
        let access = access();
        let session = open(&access, "reads", Vec::new());
        let id = session.key.access_key_id.clone();
        assert!(id.starts_with("ASIA") && session.token.len() > 100, "shaped as AWS's");
        let (secret, caller) = access.find(&id).unwrap();
        assert_eq!(secret, session.key.secret_access_key);
        assert_eq!(caller.arn(), "arn:aws:sts::000000000000:assumed-role/reads/f");
        assert!(
            caller.has_token(Some(&session.token)) && !caller.has_token(None) && !caller.has_token(Some("x"))
        );
        drop(session);
        assert!(access.find(&id).is_none());
        let brief = access.open("r", "f", Vec::new(), Some(Duration::ZERO));
        assert!(access.find(&brief.key.access_key_id).is_none(), "expired");
    }

    #[test]
    fn a_role_may_do_what_its_policies_say_and_the_refusal_is_awss() {
        let access = access();
        let check = |session: &OpenSession, action: &str, resource: &str| {
            let (_, caller) = access.find(&session.key.access_key_id).unwrap();
            access.check(&caller, &Needs::new(action, resource)).map_err(|refusal| refusal.to_string())
        };
        let reads = open(&access, "reads", Vec::new());
        assert_eq!(check(&reads, "s3:GetObject", "arn:aws:s3:::b/k"), Ok(()));
        assert_eq!(
            check(&reads, "s3:PutObject", "arn:aws:s3:::b/k").unwrap_err(),
            "User: arn:aws:sts::000000000000:assumed-role/reads/f is not authorized to perform: s3:PutObject on \
             resource: \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:PutObject action"
        );
        let deny = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/secret"}]}"#;
        let deny = vec![Arc::new(Document::read(deny).unwrap())];
        for role in ["reads", "of-an-older-throng"] {
            let narrowed = open(&access, role, deny.clone());
            assert_eq!(check(&narrowed, "s3:GetObject", "arn:aws:s3:::b/k"), Ok(()), "{role}");
            let refused = check(&narrowed, "s3:GetObject", "arn:aws:s3:::b/secret").unwrap_err();
            assert!(
                refused.ends_with("with an explicit deny in an identity-based policy"),
                "{role}: {refused}"
            );
        }
        assert!(check(&open(&access, "deleted", Vec::new()), "s3:GetObject", "arn:aws:s3:::b/k").is_err());
        assert_eq!(access.check(&Caller::Person, &Needs::new("s3:PutObject", "*")), Ok(()));
    }
}
