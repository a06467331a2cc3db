//! `AssumeRole`: who may become a role, and for how long.

use crate::access::{Access, Caller, Needs, OpenSession, Refusal};
use crate::policy::Document;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use throng_contract::local::ACCOUNT;

/// Least and most seconds that a session may last; the most is that of a role that a role assumes.
const SECONDS: std::ops::RangeInclusive<u64> = 900..=3_600;
/// Longest session policy, as AWS counts it.
const POLICY_MOST: usize = 2_048;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub role: &'a str,
    pub session: &'a str,
    pub seconds: Option<&'a str>,
    pub policy: Option<&'a str>,
    pub external_id: Option<&'a str>,
}

/// Temporary keys that were given out.
#[derive(Debug)]
pub(super) struct Assumed {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub token: String,
    pub expires: SystemTime,
    /// ARN and user id of the caller that has them.
    pub arn: String,
    pub user_id: String,
}

/// Why they were not: AWS's code and words.
pub(super) type Refused = (&'static str, String);

/// Sessions that were given out and have not ended.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Vec<(SystemTime, OpenSession)>>);

impl Sessions {
    /// Gives out keys of a role to a caller who may have them.
    pub fn assume(&self, access: &Access, caller: &Caller, wanted: &Wanted<'_>) -> Result<Assumed, Refused> {
        let denied = |message: String| ("AccessDenied", message);
        if let Caller::Person = caller {
            return Err(denied("Roles may not be assumed by root accounts.".into()));
        }
        let invalid = |message: &str| ("ValidationError", message.to_owned());
        let good = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if !(2..=64).contains(&wanted.session.len()) || !wanted.session.chars().all(good) {
            return Err(invalid("RoleSessionName must have 2 to 64 of the characters A-Za-z0-9_+=,.@-"));
        }
        let seconds = wanted.seconds.map_or(Ok(3_600), str::parse).ok().filter(|s| SECONDS.contains(s));
        let seconds = seconds
            .ok_or_else(|| invalid("DurationSeconds must be 900 to 3600 when a role assumes a role"))?;
        let policies = match wanted.policy {
            Some(text) if text.len() > POLICY_MOST => {
                return Err((
                    "PackedPolicyTooLarge",
                    format!("The policy has more than {POLICY_MOST} characters."),
                ));
            }
            Some(text) => {
                let read =
                    Document::read(text).map_err(|why| ("MalformedPolicyDocument", why.to_string()))?;
                vec![Arc::new(read)]
            }
            None => Vec::new(),
        };
        let mut needs = Needs::new("sts:AssumeRole", wanted.role).with("sts:RoleSessionName", wanted.session);
        needs.context.extend(wanted.external_id.map(|id| ("sts:ExternalId", id.to_owned())));
        access.check_assume(caller, &needs).map_err(|refusal: Refusal| denied(refusal.to_string()))?;
        let lifetime = Duration::from_secs(seconds);
        let session = access.open(wanted.role, wanted.session, policies, Some(lifetime));
        let expires = SystemTime::now() + lifetime;
        let name = wanted.role.rsplit('/').next().unwrap_or(wanted.role);
        let assumed = Assumed {
            access_key_id: session.key.access_key_id.clone(),
            secret_access_key: session.key.secret_access_key.clone(),
            token: session.token.clone(),
            expires,
            arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{}", wanted.session),
            user_id: access.user_id(&session),
        };
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(expires, _)| *expires > SystemTime::now());
        open.push((expires, session));
        Ok(assumed)
    }
}
