//! The query protocol: a form is sent, XML comes back.

use super::service_error::ServiceError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Write as _;
use std::ops::Range;

/// The content type of a request.
pub const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";
/// What is sent as it is in a form (RFC 3986).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The form of an operation with its input.
pub fn form(operation: &str, version: &str, input: &Value) -> String {
    let mut form = format!("Action={operation}&Version={version}");
    put(&mut form, "", input);
    form
}

/// Writes a value below its name: `Tags.member.1.Key=…`.
fn put(form: &mut String, name: &str, value: &Value) {
    let dot = if name.is_empty() { "" } else { "." };
    match value {
        Value::Null => {}
        Value::Bool(value) => field(form, name, &value.to_string()),
        Value::Number(value) => field(form, name, &value.to_string()),
        Value::String(value) => field(form, name, value),
        Value::Array(values) => {
            for (value, number) in values.iter().zip(1..) {
                put(form, &format!("{name}{dot}{number}"), value);
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                put(form, &format!("{name}{dot}{key}"), value);
            }
        }
    }
}

fn field(form: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = write!(form, "&{name}={}", utf8_percent_encode(value, ESCAPED));
}

/// The output in an answer: what `<…Result>` holds, else all of `<…Response>` (EC2, or operations without output).
pub fn read<O: DeserializeOwned>(operation: &str, body: &[u8]) -> Result<O, ServiceError> {
    let document = Document::of(body).map_err(ServiceError::unreadable)?;
    let response = format!("{operation}Response");
    if document.root != response {
        let why = format!("the answer is `{}`, not `{response}`", document.root);
        return Err(ServiceError::unreadable(why));
    }
    let output = document.child(&format!("{operation}Result")).unwrap_or(document.whole);
    quick_xml::de::from_str(output).map_err(ServiceError::unreadable)
}

/// What an answer says that refuses. EC2 has its error in `<Errors>`.
pub fn error(body: &[u8]) -> ServiceError {
    let document = match Document::of(body) {
        Ok(document) => document,
        Err(why) => return ServiceError::unreadable(why),
    };
    let told = match (document.child("Error"), document.child("Errors")) {
        (Some(error), _) => quick_xml::de::from_str::<ErrorBody>(error),
        (None, Some(errors)) => quick_xml::de::from_str::<ErrorList>(errors)
            .map(|all| all.error.into_iter().next().unwrap_or_default()),
        (None, None) => Ok(ErrorBody::default()),
    };
    let id = document.child("RequestId").or_else(|| document.child("RequestID"));
    let id = id.and_then(|id| quick_xml::de::from_str::<String>(id).ok());
    match told {
        Ok(ErrorBody { code, message }) => ServiceError::new(code.as_deref(), message, id),
        Err(why) => ServiceError::unreadable(why),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorList {
    #[serde(default)]
    error: Vec<ErrorBody>,
}

/// A whole and well-formed document: its root and the elements in it, as text.
struct Document<'a> {
    root: String,
    whole: &'a str,
    children: Vec<(String, &'a str)>,
}

impl<'a> Document<'a> {
    fn of(body: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        let mut reader = Reader::from_str(text);
        // `<a/>` is `<a></a>`.
        reader.config_mut().expand_empty_elements = true;
        // The names of the root and of the element in it that are open, and where they begin.
        let mut open: Vec<(String, usize)> = Vec::new();
        let (mut depth, mut children, mut root) = (0_usize, Vec::new(), None);
        loop {
            let begin = at(&reader);
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Eof => break,
                // Services send none; a page of a proxy has one.
                Event::DocType(_) => return Err("the answer has a document type".into()),
                Event::Start(_) if root.is_some() => return Err("the answer goes on behind its end".into()),
                Event::Start(tag) => {
                    if depth < 2 {
                        open.push((String::from_utf8_lossy(tag.local_name().as_ref()).into_owned(), begin));
                    }
                    depth += 1;
                }
                Event::End(_) => {
                    depth = depth.saturating_sub(1);
                    if depth < 2
                        && let Some((name, begin)) = open.pop()
                    {
                        let element = slice(text, begin..at(&reader))?;
                        match depth {
                            0 => root = Some((name, element)),
                            _ => children.push((name, element)),
                        }
                    }
                }
                _ => {}
            }
        }
        let (root, whole) = root.ok_or("the answer is empty or cut off")?;
        Ok(Self { root, whole, children })
    }

    fn child(&self, name: &str) -> Option<&'a str> {
        self.children.iter().find(|(found, _)| found == name).map(|(_, element)| *element)
    }
}

/// How far a document is read.
fn at(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn slice(text: &str, range: Range<usize>) -> Result<&str, String> {
    text.get(range).ok_or_else(|| "the answer is not text".to_owned())
}
