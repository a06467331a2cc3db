//! A request, as policies see it.

use std::collections::BTreeMap;

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
