//! A policy, read from JSON.

use super::condition::{self, Condition};
use super::pattern::{fits_action, fits_arn, is_arn};
use super::reading::{Refused, json, only, texts};
use super::request::{Context, Request};
use serde_json::{Map, Value};

/// A policy of a role or of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    pub(super) statements: Vec<Statement>,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub allows: bool,
    pub actions: Selection,
    pub resources: Selection,
    pub conditions: Vec<Condition>,
}

/// `Action` and `Resource`, or `NotAction` and `NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
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
    /// The policy of a role that may do everything.
    #[must_use]
    pub fn everything() -> Self {
        let all = || Selection::AllBut(Vec::new());
        let statement = Statement { allows: true, actions: all(), resources: all(), conditions: Vec::new() };
        Self { statements: vec![statement] }
    }

    /// Reads the policy of a role or of a session.
    ///
    /// # Errors
    /// [`Refused`]: it is malformed, or has something that is not understood; by name.
    pub fn read(text: &str) -> Result<Self, Refused> {
        let statements = statements(text)?;
        Ok(Self { statements: statements.iter().map(statement).collect::<Result<_, _>>()? })
    }
}

/// The statements of any policy.
pub(super) fn statements(text: &str) -> Result<Vec<Map<String, Value>>, Refused> {
    let Value::Object(mut policy) = json(text)? else {
        return Err(Refused::new("a policy must be an object"));
    };
    only(&policy, "a policy", &["Version", "Id", "Statement"])?;
    match policy.get("Version") {
        None => {}
        Some(Value::String(version)) if ["2012-10-17", "2008-10-17"].contains(&version.as_str()) => {}
        Some(version) => return Err(Refused::new(format!("Version {version} is not known"))),
    }
    let statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(one) => vec![one],
        None => return Err(Refused::new("a policy must have a Statement")),
    };
    let object = |value| match value {
        Value::Object(statement) => Ok(statement),
        _ => Err(Refused::new("a Statement must be an object")),
    };
    statements.into_iter().map(object).collect()
}

fn statement(statement: &Map<String, Value>) -> Result<Statement, Refused> {
    let known = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    only(statement, "a Statement of a role's policy", &known)?;
    Ok(Statement {
        allows: allows(statement)?,
        actions: selection(statement, "Action", "NotAction", is_action)?,
        resources: selection(statement, "Resource", "NotResource", |text| text == "*" || is_arn(text))?,
        conditions: conditions(statement)?,
    })
}

/// `Effect`
pub(super) fn allows(statement: &Map<String, Value>) -> Result<bool, Refused> {
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Ok(true),
        Some("Deny") => Ok(false),
        _ => Err(Refused::new("Effect must be Allow or Deny")),
    }
}

/// `Condition`
pub(super) fn conditions(statement: &Map<String, Value>) -> Result<Vec<Condition>, Refused> {
    statement.get("Condition").map_or(Ok(Vec::new()), condition::read)
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

/// `*`, or `service:Name` with wildcards in the name.
pub(super) fn is_action(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let part =
        |part: &str, more: &str| !part.is_empty() && part.chars().all(|c| plain(c) || more.contains(c));
    text == "*" || text.split_once(':').is_some_and(|(service, name)| part(service, "") && part(name, "*?"))
}
