//! A policy, read from JSON.

use super::condition::{self, Condition};
use super::pattern::{fits_action, fits_arn, is_arn};
use super::reading::{Refused, texts};
use super::request::{Context, Request};
use serde_json::{Map, Value};

/// A policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    pub(super) statements: Vec<Statement>,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub allows: bool,
    actions: Selection,
    resources: Selection,
    conditions: Vec<Condition>,
}

/// `Action` and `Resource`, or `NotAction` and `NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Selection {
    These(Vec<String>),
    AllBut(Vec<String>),
}

impl Selection {
    fn has(&self, fits: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::These(patterns) => patterns.iter().any(|pattern| fits(pattern)),
            Self::AllBut(patterns) => !patterns.iter().any(|pattern| fits(pattern)),
        }
    }
}

impl Statement {
    /// Whether it is about a request.
    pub fn covers(&self, request: &Request<'_>, context: &Context) -> bool {
        self.actions.has(|pattern| fits_action(pattern, request.action))
            && self.resources.has(|pattern| fits_arn(pattern, request.resource))
            && self.conditions.iter().all(|condition| condition.holds(context))
    }
}

impl Document {
    /// Reads the policy of a role or of a session.
    ///
    /// # Errors
    /// [`Refused`]: it is malformed, or has something that is not understood; by name.
    pub fn read(text: &str) -> Result<Self, Refused> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Refused::new(format!("Syntax errors in policy: {error}")))?;
        let Value::Object(policy) = value else { return Err(Refused::new("a policy must be an object")) };
        only(&policy, "a policy", &["Version", "Id", "Statement"])?;
        match policy.get("Version") {
            None => {}
            Some(Value::String(version)) if ["2012-10-17", "2008-10-17"].contains(&version.as_str()) => {}
            Some(version) => return Err(Refused::new(format!("Version {version} is not known"))),
        }
        let statements = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().map(statement).collect::<Result<_, _>>()?,
            Some(one) => vec![statement(one)?],
            None => return Err(Refused::new("a policy must have a Statement")),
        };
        Ok(Self { statements })
    }
}

fn statement(value: &Value) -> Result<Statement, Refused> {
    let Value::Object(statement) = value else { return Err(Refused::new("a Statement must be an object")) };
    let known = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    only(statement, "a Statement of a role's policy", &known)?;
    let allows = match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return Err(Refused::new("Effect must be Allow or Deny")),
    };
    let actions = selection(statement, "Action", "NotAction", is_action)?;
    let resources = selection(statement, "Resource", "NotResource", |text| text == "*" || is_arn(text))?;
    let conditions = statement.get("Condition").map_or(Ok(Vec::new()), condition::read)?;
    Ok(Statement { allows, actions, resources, conditions })
}

/// Refuses what is not understood.
fn only(map: &Map<String, Value>, what: &str, known: &[&str]) -> Result<(), Refused> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Refused::new(format!("{what} here cannot have {key}"))),
        None => Ok(()),
    }
}

/// One of two elements of a statement.
fn selection(
    statement: &Map<String, Value>,
    these: &str,
    all_but: &str,
    is_pattern: impl Fn(&str) -> bool,
) -> Result<Selection, Refused> {
    let (name, value, make): (_, _, fn(Vec<String>) -> Selection) =
        match (statement.get(these), statement.get(all_but)) {
            (Some(value), None) => (these, value, Selection::These),
            (None, Some(value)) => (all_but, value, Selection::AllBut),
            _ => return Err(Refused::new(format!("a Statement must have {these} or {all_but}"))),
        };
    let patterns = texts(name, value)?;
    match patterns.iter().find(|pattern| !is_pattern(pattern)) {
        Some(wrong) => Err(Refused::new(format!("{name} {wrong:?} is malformed"))),
        None => Ok(make(patterns)),
    }
}

/// `*`, or `service:Name` with wildcards.
fn is_action(text: &str) -> bool {
    let name =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "*?-".contains(c));
    text == "*" || text.split_once(':').is_some_and(|(service, action)| name(service) && name(action))
}
