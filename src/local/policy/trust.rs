//! A role's trust policy: who may become it.

use super::document::{Selection, Statement, allows, conditions, statements};
use super::pattern::fits_action;
use super::reading::{Refused, only, texts};
use super::request::{Context, Request};
use serde_json::{Map, Value};
use throng_contract::local::ACCOUNT;

/// The one action that a trust policy is about here.
pub(super) const ASSUME: &str = "sts:AssumeRole";

/// Who may become a role. Nobody may, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust(Vec<(Vec<Principal>, Statement)>);

/// Whom a statement means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Principal {
    Anybody,
    Account(String),
    /// A role, or one session of it.
    Arn(String),
    Service(String),
}

/// Who would become a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// Somebody who has a role: its ARN, and that of the session.
    Role {
        /// `arn:aws:iam::000000000000:role/r`
        role: &'a str,
        /// `arn:aws:sts::000000000000:assumed-role/r/s`
        session: &'a str,
    },
    /// A service: `lambda.amazonaws.com`
    Service(&'a str),
}

/// How closely a statement means somebody. The closer, the fewer policies of theirs must agree
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closeness {
    /// All of an account, which says itself who of it: the role's policies must allow it, too.
    Account,
    /// Their role, or anybody: their session's policies must allow it, too.
    Role,
    /// Their session.
    Session,
}

impl Principal {
    fn means(&self, who: &Who<'_>) -> Option<Closeness> {
        let fits = |is: bool, closeness| is.then_some(closeness);
        match (self, who) {
            (Self::Anybody, _) => Some(Closeness::Role),
            (Self::Account(account), Who::Role { role, .. }) => {
                fits(role.split(':').nth(4) == Some(account), Closeness::Account)
            }
            (Self::Arn(arn), Who::Role { role, session }) => {
                fits(arn == role, Closeness::Role).or(fits(arn == session, Closeness::Session))
            }
            (Self::Service(service), Who::Service(asks)) => fits(service == asks, Closeness::Session),
            _ => None,
        }
    }
}

impl Trust {
    /// Reads a trust policy.
    ///
    /// # Errors
    /// [`Refused`]: it is malformed, or has something that is not understood; by name.
    pub fn read(text: &str) -> Result<Self, Refused> {
        let statements = statements(text)?;
        Ok(Self(statements.iter().map(statement).collect::<Result<_, _>>()?))
    }

    /// The roles of the local account that it names: there must be such.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let ours = format!("arn:aws:iam::{ACCOUNT}:role/");
        self.0.iter().flat_map(|(principals, _)| principals).filter_map(move |principal| match principal {
            Principal::Arn(arn) if arn.starts_with(&ours) => Some(arn.as_str()),
            _ => None,
        })
    }

    /// Whether a statement keeps somebody out.
    pub(super) fn denies(&self, who: &Who<'_>, context: &Context) -> bool {
        self.says(false, who, context).is_some()
    }

    /// How closely the statements that let somebody in mean them; `None` when there are none.
    pub(super) fn lets_in(&self, who: &Who<'_>, context: &Context) -> Option<Closeness> {
        self.says(true, who, context)
    }

    /// Whether a service may become the role.
    #[must_use]
    pub fn lets_in_service(&self, service: &str, context: &Context) -> bool {
        let who = Who::Service(service);
        self.lets_in(&who, context).is_some() && !self.denies(&who, context)
    }

    fn says(&self, allows: bool, who: &Who<'_>, context: &Context) -> Option<Closeness> {
        let request = Request { action: ASSUME, resource: "*" };
        let about = self.0.iter().filter(|(_, statement)| statement.allows == allows);
        let covering = about.filter(|(_, statement)| statement.covers(&request, context));
        covering.flat_map(|(principals, _)| principals).filter_map(|principal| principal.means(who)).max()
    }
}

fn statement(statement: &Map<String, Value>) -> Result<(Vec<Principal>, Statement), Refused> {
    if let Some(element) = ["Resource", "NotResource"].iter().find(|name| statement.contains_key(**name)) {
        return Err(Refused::new(format!("Has prohibited field {element}")));
    }
    let known = ["Sid", "Effect", "Principal", "Action", "Condition"];
    only(statement, "a Statement of a trust policy", &known)?;
    let principals =
        statement.get("Principal").ok_or_else(|| Refused::new("Missing required field Principal"))?;
    let actions = statement.get("Action").ok_or_else(|| Refused::new("Missing required field Action"))?;
    let read = Statement {
        allows: allows(statement)?,
        actions: Selection::These(self::actions(actions)?),
        // The role that has the policy.
        resources: Selection::AllBut(Vec::new()),
        conditions: conditions(statement)?,
    };
    Ok((self::principals(principals)?, read))
}

fn actions(value: &Value) -> Result<Vec<String>, Refused> {
    let actions = texts("Action", value)?;
    for action in &actions {
        let is_of_sts =
            action.split_once(':').is_some_and(|(service, _)| service.eq_ignore_ascii_case("sts"));
        if !is_of_sts {
            return Err(Refused::new(format!(
                "AssumeRole policy may only specify STS AssumeRole actions, not {action}"
            )));
        }
        if !fits_action(action, ASSUME) {
            return Err(Refused::new(format!(
                "the local STS has {ASSUME} only: a trust policy cannot name {action}"
            )));
        }
    }
    Ok(actions)
}

fn principals(value: &Value) -> Result<Vec<Principal>, Refused> {
    let kinds = match value {
        Value::String(text) if text == "*" => return Ok(vec![Principal::Anybody]),
        Value::Object(kinds) if !kinds.is_empty() => kinds,
        other => return Err(Refused::new(format!("Invalid principal in policy: {other}"))),
    };
    let mut principals = Vec::new();
    for (kind, value) in kinds {
        let read: fn(&str) -> Option<Principal> = match kind.as_str() {
            "AWS" => aws,
            "Service" => service,
            other => return Err(Refused::new(format!("a Principal here cannot be {other}"))),
        };
        for text in texts(kind, value)? {
            principals.push(read(&text).ok_or_else(|| Refused::principal(kind, &text))?);
        }
    }
    Ok(principals)
}

impl Refused {
    /// A principal that is not, or cannot be, in IAM's words.
    #[must_use]
    pub fn principal(kind: &str, text: &str) -> Self {
        Self::new(format!("Invalid principal in policy: \"{}\":\"{text}\"", kind.to_uppercase()))
    }
}

fn aws(text: &str) -> Option<Principal> {
    if text == "*" {
        return Some(Principal::Anybody);
    }
    let is_account = |text: &str| text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    if is_account(text) {
        return Some(Principal::Account(text.to_owned()));
    }
    let parts: Vec<_> = text.split(':').collect();
    let ["arn", _, service, "", account, name] = parts[..] else { return None };
    // Principals have no wildcards; users are not here.
    let is_plain = is_account(account) && !text.contains(['*', '?']);
    match (service, name.split_once('/')) {
        ("iam", None) if is_plain && name == "root" => Some(Principal::Account(account.to_owned())),
        ("iam", Some(("role", name))) if is_plain && !name.is_empty() => {
            Some(Principal::Arn(text.to_owned()))
        }
        ("iam", Some(("user", _))) if is_plain && account != ACCOUNT => Some(Principal::Arn(text.to_owned())),
        ("sts", Some(("assumed-role", name))) if is_plain && name.contains('/') => {
            Some(Principal::Arn(text.to_owned()))
        }
        _ => None,
    }
}

fn service(text: &str) -> Option<Principal> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let is_one = text.contains('.') && text.chars().all(plain);
    is_one.then(|| Principal::Service(text.to_owned()))
}
