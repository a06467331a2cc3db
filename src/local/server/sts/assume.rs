//! `AssumeRole`: who may become a role, and for how long.

use crate::access::{Access, Caller, Needs, OpenSession, Refusal};
use crate::policy::{Context, Decision, Document, Policies, Request};
use serde_json::{Map, Value, json};
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
}

/// Temporary keys that were given out.
#[derive(Debug)]
pub(super) struct Assumed {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub token: String,
    pub expires: SystemTime,
    /// ARN of the caller that has them.
    pub arn: String,
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
        let Caller::Role(own) = caller else {
            return Err(denied("Roles may not be assumed by root accounts.".into()));
        };
        let invalid = |message: &str| ("ValidationError", message.to_owned());
        let good = |c: char| c.is_ascii_alphanumeric() || "_=,.@-".contains(c);
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
        let needs = Needs::new("sts:AssumeRole", wanted.role);
        access.check(caller, &needs).map_err(|refusal: Refusal| denied(refusal.to_string()))?;
        if !access.trust(wanted.role).is_some_and(|trust| trusts(&trust, &own.role)) {
            let (arn, role) = (caller.arn(), wanted.role);
            return Err(denied(format!(
                "User: {arn} is not authorized to perform: sts:AssumeRole on resource: {role}"
            )));
        }
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
        };
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(expires, _)| *expires > SystemTime::now());
        open.push((expires, session));
        Ok(assumed)
    }
}

/// Whether a trust policy lets a role in. What of it is not understood lets nobody in.
fn trusts(trust: &str, role: &str) -> bool {
    let Ok(Value::Object(policy)) = serde_json::from_str(trust) else { return false };
    let statements = match policy.get("Statement") {
        Some(Value::Array(all)) => all.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let about =
        statements.into_iter().filter_map(Value::as_object).filter(|statement| names(statement, role));
    let documents: Result<Vec<_>, _> = about.map(without_principal).collect();
    let Ok(documents) = documents else { return false };
    let policies = Policies { role: documents, session: Vec::new() };
    let mut context = Context::default();
    context.set("aws:PrincipalArn", role);
    context.set("aws:PrincipalAccount", ACCOUNT);
    let request = Request { action: "sts:AssumeRole", resource: role };
    policies.decide(&request, &context) == Decision::Allowed
}

/// Whether a statement's principals have the role among them: itself, its account, or anybody.
fn names(statement: &Map<String, Value>, role: &str) -> bool {
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let means = |text: &str| text == role || text == root || text == ACCOUNT || text == "*";
    match statement.get("Principal") {
        Some(Value::String(text)) => text == "*",
        Some(Value::Object(kinds)) => match kinds.get("AWS") {
            Some(Value::String(text)) => means(text),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(means),
            _ => false,
        },
        _ => false,
    }
}

/// The statement as a policy of its own, about any resource.
fn without_principal(statement: &Map<String, Value>) -> Result<Arc<Document>, crate::policy::Refused> {
    let mut statement = statement.clone();
    statement.remove("Principal");
    statement.insert("Resource".into(), json!("*"));
    Document::read(&json!({"Statement": statement}).to_string()).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::000000000000:role/throng/throng-us-east-1-f";

    #[test]
    fn a_role_is_let_in_by_a_policy_that_names_it() {
        let policy = |principal: &str, condition: &str| {
            format!(
                r#"{{"Version": "2012-10-17", "Statement": [
                {{"Effect": "Allow", "Principal": {{"Service": "lambda.amazonaws.com"}}, "Action": "sts:AssumeRole"}},
                {{"Effect": "Allow", "Principal": {{"AWS": "{principal}"}}, "Action": "sts:AssumeRole"{condition}}}]}}"#
            )
        };
        let root = "arn:aws:iam::000000000000:root";
        let only =
            |role: &str| format!(r#", "Condition": {{"ArnEquals": {{"aws:PrincipalArn": "{role}"}}}}"#);
        assert!(trusts(&policy(root, &only(ROLE)), ROLE));
        assert!(trusts(&policy(ROLE, ""), ROLE));
        assert!(!trusts(&policy(root, &only("arn:aws:iam::000000000000:role/other")), ROLE));
        assert!(!trusts(&policy("arn:aws:iam::111111111111:root", ""), ROLE));
        assert!(!trusts(&policy(root, r#", "Condition": {"IpAddress": {"aws:SourceIp": "1.2.3.4"}}"#), ROLE));
        assert!(!trusts("{}", ROLE) && !trusts("no", ROLE));
    }
}
