//! Errors as each service tells them.

use super::kind::{ErrorReply, RequestFault};
use super::operation::Operation;
use crate::protocol::Body;
use crate::protocol::body::{answer, empty, full};
use crate::protocol::text::escaped;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use std::time::{Duration, SystemTime};

fn told(status: u16, code: &str, words: impl Into<String>) -> ErrorReply {
    ErrorReply { status, code: code.to_owned(), words: words.into(), argument: None }
}

/// The answer for a fault that is told as an error. `None` for the others, and for what the service cannot say.
/// `signed` is the time that the request says (`X-Amz-Date`).
pub(super) fn refusal(
    fault: &RequestFault,
    operation: Operation,
    method: &Method,
    signed: &str,
) -> Option<Response<Body>> {
    let told = words(fault, operation.service, signed)?;
    let mut response = match operation.service {
        "s3" => xml(&told, "<Error>", "</Error>"),
        "sts" => xml(&told, "<ErrorResponse><Error><Type>Sender</Type>", "</Error></ErrorResponse>"),
        "registry" => {
            let problem = json!({"errors": [{"code": told.code, "message": told.words, "detail": null}]});
            answered(&told, "application/json", problem.to_string())
        }
        service => aws_json(&told, service),
    };
    if told.status == 429 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let RequestFault::Skew(seconds) = fault
        && let Ok(date) = HeaderValue::try_from(http_date(shifted(*seconds)))
    {
        response.headers_mut().insert(header::DATE, date);
    }
    if method == Method::HEAD {
        *response.body_mut() = empty();
    }
    Some(response)
}

fn words(fault: &RequestFault, service: &'static str, signed: &str) -> Option<ErrorReply> {
    Some(match (fault, service) {
        (RequestFault::Answer(reply), _) => reply.clone(),
        (RequestFault::Throttled, "s3") => told(503, "SlowDown", "Please reduce your request rate."),
        (RequestFault::Throttled, "lambda") => told(429, "TooManyRequestsException", "Rate exceeded"),
        (RequestFault::Throttled, "registry") => told(429, "TOOMANYREQUESTS", "Rate exceeded"),
        (RequestFault::Throttled, _) => told(400, "ThrottlingException", "Rate exceeded"),
        (RequestFault::Error, "s3") => {
            told(500, "InternalError", "We encountered an internal error. Please try again.")
        }
        (RequestFault::Error, "lambda") => {
            told(500, "ServiceException", "An error occurred and the request cannot be processed.")
        }
        (RequestFault::Error, "registry") => told(500, "UNKNOWN", "unknown error"),
        (RequestFault::Error, _) => told(500, "InternalFailure", "The request processing has failed."),
        (RequestFault::Unavailable, "registry") => told(503, "UNAVAILABLE", "service unavailable"),
        (RequestFault::Unavailable, "logs") => {
            told(503, "ServiceUnavailableException", "The service cannot complete the request.")
        }
        (RequestFault::Unavailable, _) => {
            told(503, "ServiceUnavailable", "Service is unable to handle request.")
        }
        (RequestFault::Expired, "s3") => told(400, "ExpiredToken", "The provided token has expired."),
        (RequestFault::Expired, "registry") => {
            told(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
        }
        (RequestFault::Expired, "sts") => {
            told(403, "ExpiredToken", "The security token included in the request is expired")
        }
        (RequestFault::Expired, "logs") => {
            told(400, "ExpiredTokenException", "The security token included in the request is expired")
        }
        (RequestFault::Expired, _) => {
            told(403, "ExpiredTokenException", "The security token included in the request is expired")
        }
        // Basic credentials know no time.
        (RequestFault::Skew(_), "registry") => return None,
        (RequestFault::Skew(_), "s3") => told(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        (RequestFault::Skew(seconds), service) => {
            let now = stamp(shifted(*seconds));
            let words = if *seconds < 0 {
                format!("Signature not yet current: {signed} is still later than {now} + 5 min.")
            } else {
                format!("Signature expired: {signed} is now earlier than {now} - 5 min.")
            };
            told(if service == "logs" { 400 } else { 403 }, "InvalidSignatureException", words)
        }
        _ => return None,
    })
}

/// `GetFunction`'s answer for somebody without the permission `lambda:ListTags`.
pub(super) async fn without_tags(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let Ok(mut function) = serde_json::from_slice::<serde_json::Value>(&bytes) else {
        return Response::from_parts(head, full(bytes));
    };
    if let Some(members) = function.as_object_mut() {
        members.remove("Tags");
        let error = json!({
            "ErrorCode": "AccessDeniedException",
            "Message": "The caller is not authorized to perform: lambda:ListTags",
        });
        members.insert("TagsError".into(), error);
    }
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, full(function.to_string()))
}

fn answered(told: &ErrorReply, content_type: &'static str, body: String) -> Response<Body> {
    answer(StatusCode::from_u16(told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), content_type, body)
}

fn xml(told: &ErrorReply, before: &str, after: &str) -> Response<Body> {
    let id = uuid::Uuid::new_v4().simple().to_string().to_uppercase();
    let (code, words) = (escaped(&told.code), escaped(&told.words));
    let argument = told.argument.as_ref().map_or_else(String::new, |(name, value)| {
        let (name, value) = (escaped(name), escaped(value));
        format!("<ArgumentName>{name}</ArgumentName><ArgumentValue>{value}</ArgumentValue>")
    });
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{before}<Code>{code}</Code><Message>{words}</Message>{argument}\
         <RequestId>{id}</RequestId><HostId>{id}</HostId>{after}"
    );
    let mut response = answered(told, "application/xml", body);
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-amz-request-id", id);
    }
    response
}

fn aws_json(told: &ErrorReply, service: &str) -> Response<Body> {
    let mut body = json!({"message": told.words});
    let lambda = service == "lambda";
    if lambda {
        body["Type"] = json!(if told.status < 500 { "User" } else { "Service" });
        if told.status == 429 {
            body["Reason"] = json!("CallerRateLimitExceeded");
        }
    } else {
        body["__type"] = json!(told.code);
    }
    let kind = if lambda { "application/json" } else { "application/x-amz-json-1.1" };
    let mut response = answered(told, kind, body.to_string());
    let headers = response.headers_mut();
    if let Ok(code) = HeaderValue::try_from(&told.code) {
        headers.insert("x-amzn-errortype", code);
    }
    if let Ok(id) = HeaderValue::try_from(uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn shifted(seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    let now = SystemTime::now();
    if seconds < 0 { now.checked_sub(by) } else { now.checked_add(by) }.unwrap_or(now)
}

fn format(time: SystemTime, form: &str) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or_default()).unwrap_or_default();
    time.strftime(form).to_string()
}

fn stamp(time: SystemTime) -> String {
    format(time, "%Y%m%dT%H%M%SZ")
}

/// As RFC 9110 5.6.7 writes it.
fn http_date(time: SystemTime) -> String {
    format(time, "%a, %d %b %Y %H:%M:%S GMT")
}
