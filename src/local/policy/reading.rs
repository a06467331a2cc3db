//! Values of a policy, and why they are refused.

use serde_json::Value;
use std::fmt;

/// Why a policy is not taken: a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(String);

impl Refused {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A text or some. Variables of policies (`${aws:username}`) are not understood.
pub(super) fn texts(what: &str, value: &Value) -> Result<Vec<String>, Refused> {
    let text = |value: &Value| match value {
        Value::String(text) if text.contains("${") => {
            Err(Refused::new(format!("{what} {text:?}: policy variables are not known here")))
        }
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        other => Err(Refused::new(format!("{what} {other} must be a text"))),
    };
    match value {
        Value::Array(values) if values.is_empty() => Err(Refused::new(format!("{what} must not be empty"))),
        Value::Array(values) => values.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}
