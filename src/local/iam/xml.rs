//! Answers of the query protocol.

use super::model::Role;
use crate::protocol::Body;
use crate::protocol::body::answer;
use crate::protocol::text::escaped;
use http::{HeaderValue, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// The answer to an operation; `result` is what stands in its result element.
pub(super) fn done(operation: &str, result: &str) -> Response<Body> {
    let id = uuid::Uuid::new_v4();
    let result = match result {
        "" => String::new(),
        result => format!("<{operation}Result>{result}</{operation}Result>"),
    };
    let text = format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">{result}<ResponseMetadata><RequestId>{id}</RequestId>\
         </ResponseMetadata></{operation}Response>"
    );
    with_id(answer(StatusCode::OK, "text/xml", text), id)
}

/// A refusal.
pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let id = uuid::Uuid::new_v4();
    let message = escaped(message);
    let text = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
    );
    with_id(answer(status, "text/xml", text), id)
}

fn with_id(mut response: Response<Body>, id: uuid::Uuid) -> Response<Body> {
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// A role's members. Its tags are in the answer to `GetRole` alone.
pub(super) fn role(role: &Role, tags: bool) -> String {
    let mut text = format!(
        "<Path>{}</Path><RoleName>{}</RoleName><RoleId>{}</RoleId><Arn>{}</Arn><CreateDate>{}</CreateDate>\
         <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument><Description>{}</Description>\
         <MaxSessionDuration>{}</MaxSessionDuration>",
        escaped(&role.path),
        escaped(&role.name),
        role.id,
        escaped(&role.arn()),
        time(role.created_ms),
        document(&role.trust),
        escaped(&role.description),
        role.max_session_s,
    );
    if tags && !role.tags.is_empty() {
        let _ = write!(text, "<Tags>{}</Tags>", self::tags(role));
    }
    text
}

/// The elements of a list.
pub(super) fn members(of: impl Iterator<Item = String>) -> String {
    of.fold(String::new(), |all, one| all + "<member>" + &one + "</member>")
}

/// A role's tags.
pub(super) fn tags(role: &Role) -> String {
    let one = |(key, value): (&String, &String)| {
        format!("<Key>{}</Key><Value>{}</Value>", escaped(key), escaped(value))
    };
    members(role.tags.iter().map(one))
}

/// A policy as IAM answers with it: percent-encoded.
pub(super) fn document(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn time(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
