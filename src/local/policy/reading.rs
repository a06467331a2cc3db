//! Values of a policy, and why they are refused.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
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

/// JSON without keys that are there twice: of two, one would be lost without a word.
pub(super) fn json(text: &str) -> Result<Value, Refused> {
    let read: Result<Single, _> = serde_json::from_str(text);
    read.map(|Single(value)| value).map_err(|error| Refused::new(format!("Syntax errors in policy: {error}")))
}

struct Single(Value);

impl<'de> Deserialize<'de> for Single {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Single)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Single(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((key, Single(value))) = map.next_entry::<String, _>()? {
            if values.contains_key(&key) {
                return Err(de::Error::custom(format_args!("{key:?} is there twice")));
            }
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}

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

/// Refuses what is not understood.
pub(super) fn only(map: &Map<String, Value>, what: &str, known: &[&str]) -> Result<(), Refused> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Refused::new(format!("{what} here cannot have {key}"))),
        None => Ok(()),
    }
}
