//! One error type for every call to a cloud. No SDK type leaks through it.

use super::explanation::{Cause, Explanation};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use throng_contract::partition::is_host_of_aws;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No answer: nothing listens, no route, no name, or it took too long.
    Unreachable,
    /// The credentials are missing, wrong or expired.
    Auth,
    /// The credentials are good, but the action is not allowed.
    Denied,
    /// What was named does not exist.
    NotFound,
    /// The cloud asked to slow down, more often than was retried.
    Throttled,
    /// It exists already, is in use or was changed by somebody else.
    Conflict,
    /// The cloud refused the request's content.
    Invalid,
    /// The context lacks a setting: no cloud was asked.
    Unset,
    /// Anything else.
    Other,
}

/// Why a call to a cloud failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudError {
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// The action as IAM names it, like `s3:PutObject`.
    pub action: &'static str,
    /// What it was about: `bucket/key`, a function's name; may be empty.
    pub what: String,
    /// The cloud's error code, when it sent one.
    pub code: Option<String>,
    /// The cloud's own words, or what went wrong on the way.
    pub message: String,
    /// The cloud's id for the request, for its support.
    pub request_id: Option<String>,
    /// What is known of the cause.
    pub cause: Cause,
}

impl CloudError {
    /// An error of our own making.
    #[must_use]
    pub fn new(kind: ErrorKind, action: &'static str, what: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            action,
            what: what.to_owned(),
            code: None,
            message: message.into(),
            request_id: None,
            cause: Cause::Unknown,
        }
    }

    /// Whether the cloud could not be reached at all.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unreachable)
    }

    /// Whether what was named does not exist.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self.kind, ErrorKind::NotFound)
    }

    /// Whether S3 refused a change of a bucket because another one is under way.
    #[must_use]
    pub fn is_operation_aborted(&self) -> bool {
        self.code.as_deref() == Some("OperationAborted")
    }

    /// Whether the same request may succeed when it is repeated later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Unreachable | ErrorKind::Throttled)
            || (matches!(self.kind, ErrorKind::Other)
                && self.code.is_some()
                && !matches!(self.cause, Cause::NoSpace | Cause::Damaged))
    }

    /// Whether the cloud refused the request because of the time that it says.
    #[must_use]
    pub fn is_clock(&self) -> bool {
        self.code.as_deref() == Some("RequestTimeTooSkewed")
            || self.message.contains("Signature expired:")
            || self.message.contains("Signature not yet current:")
    }

    /// The body of an object broke off, or is not what its checksum says.
    pub(crate) fn broken(what: &str, error: &(dyn StdError + 'static)) -> Self {
        const ACTION: &str = "s3:GetObject";
        let told = chain(error);
        if told.to_ascii_lowercase().contains("checksum") {
            let message = format!("what arrived is not what was stored: {told}");
            return Self { cause: Cause::Damaged, ..Self::new(ErrorKind::Other, ACTION, what, message) };
        }
        Self::new(ErrorKind::Unreachable, ACTION, what, format!("the connection broke: {told}"))
    }

    pub(crate) fn from_sdk<E>(action: &'static str, what: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let Some((why, cause)) = credentials_error(error) {
            return Self { cause, ..Self::new(ErrorKind::Auth, action, what, why) };
        }
        match error {
            SdkError::ServiceError(service) => of_service(action, what, service.err(), service.raw()),
            SdkError::ResponseError(response) => {
                let unreadable = || format!("unreadable answer: {}", chain(error));
                let long = super::bounds::too_long(error);
                let message = long.or_else(|| strange(response.raw())).unwrap_or_else(unreadable);
                Self {
                    request_id: request_id(response.raw()),
                    ..Self::new(ErrorKind::Other, action, what, message)
                }
            }
            SdkError::TimeoutError(_) => {
                let from = super::host::silent(error).map(|(host, _)| format!(" from {host}"));
                let message = format!("no answer{} in time", from.unwrap_or_default());
                Self::new(ErrorKind::Unreachable, action, what, message)
            }
            SdkError::DispatchFailure(failure) if failure.is_user() => {
                Self::new(ErrorKind::Invalid, action, what, chain(error))
            }
            SdkError::DispatchFailure(_) => {
                let silent = super::host::silent(error);
                let cause = silent.as_ref().map_or(Cause::Unknown, |(host, reason)| unreached(host, reason));
                let told = silent.map(|(host, reason)| format!("{host}: {reason}"));
                let message = told.unwrap_or_else(|| chain(error));
                Self { cause, ..Self::new(ErrorKind::Unreachable, action, what, message) }
            }
            SdkError::ConstructionFailure(_) => Self::new(ErrorKind::Invalid, action, what, chain(error)),
            _ => Self::new(ErrorKind::Other, action, what, chain(error)),
        }
    }
}

fn of_service<E>(action: &'static str, what: &str, error: &E, raw: &HttpResponse) -> CloudError
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let status = raw.status().as_u16();
    let code = error.code();
    let strange = code.is_none().then(|| strange(raw)).flatten();
    let message = error.message().or(code).map(str::to_owned);
    let kind = match kind_of(code.unwrap_or_default(), status) {
        // A login page or a proxy knows nothing of permissions.
        _ if strange.is_some() && status < 500 => ErrorKind::Other,
        // Nobody needs a permission for this.
        ErrorKind::Denied if action == "sts:GetCallerIdentity" => ErrorKind::Auth,
        kind => kind,
    };
    let message = message.or(strange).unwrap_or_else(|| format!("HTTP status {status}"));
    let mut told = CloudError {
        kind,
        action,
        what: what.to_owned(),
        code: code.map(str::to_owned),
        message,
        request_id: request_id(raw).or_else(|| error.meta().extra("aws_request_id").map(str::to_owned)),
        cause: Cause::Unknown,
    };
    if status == 507 {
        told.cause = Cause::NoSpace;
    } else if code == Some("ObjectDamaged") {
        told.cause = Cause::Damaged;
    } else if told.kind == ErrorKind::Auth && raw.headers().get("server") == Some(LOCAL_SERVER) {
        told.cause = Cause::LocalKeys;
    }
    let off = raw.headers().get("date").and_then(behind);
    // An answer to HEAD has no code.
    if told.code.is_none()
        && status == 403
        && off.is_some_and(|seconds| seconds.unsigned_abs() > CLOCKS_DIFFER)
    {
        (told.kind, told.code) = (ErrorKind::Auth, Some("RequestTimeTooSkewed".into()));
    }
    if told.is_clock()
        && let Some(seconds) = off
    {
        let side = if seconds < 0 { "ahead of" } else { "behind" };
        let minutes = seconds.unsigned_abs().div_ceil(60);
        let _ = write!(told.message, " This machine's clock is {minutes} min {side} the cloud's.");
    }
    told
}

/// What a failure on the way to a host means. AWS has a name for each service in each region, and none in a region that is
/// not there.
pub(super) fn unreached(host: &str, reason: &str) -> Cause {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let of_aws = is_host_of_aws(name);
    if reason.contains("Too many open files") {
        return Cause::TooManyFiles;
    }
    // The words of a start that failed.
    if reason.contains("throng local start") {
        return Cause::Explained;
    }
    let here = name == "localhost" || name.starts_with("127.") || host.starts_with("[::1]");
    if here && reason.to_ascii_lowercase().contains("refused") {
        return Cause::NobodyHere;
    }
    // The HTTP client has no type for a name that cannot be looked up.
    if of_aws && reason.contains("lookup") { Cause::UnknownHost } else { Cause::Unknown }
}

/// What is to be said of an answer that no service of AWS gives.
fn strange(raw: &HttpResponse) -> Option<String> {
    let status = raw.status().as_u16();
    let content = raw.headers().get("content-type").unwrap_or_default();
    let content = content.split(';').next().unwrap_or_default().trim();
    let usual = content.is_empty()
        || ["xml", "json", "octet-stream"].iter().any(|kind| content.to_ascii_lowercase().contains(kind));
    if usual && !(200..300).contains(&status) {
        return None;
    }
    let content: String = content.chars().filter(char::is_ascii_graphic).take(60).collect();
    let content = if content.is_empty() { content } else { format!(", {content}") };
    Some(format!(
        "the endpoint answered with something that is not AWS's protocol (HTTP status {status}{content}); is it right? A \
         network that wants a login first answers so, too"
    ))
}

/// What the local cloud calls itself in its answers.
const LOCAL_SERVER: &str = "throng-local";

/// Seconds of difference that Lambda does not accept any more; S3 accepts 15 minutes.
const CLOCKS_DIFFER: u64 = 300;

/// How many seconds this machine's clock is behind what a `Date` header says.
fn behind(date: &str) -> Option<i64> {
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
    Some(theirs - i64::try_from(super::now_ms() / 1000).ok()?)
}

fn request_id(raw: &HttpResponse) -> Option<String> {
    let headers = raw.headers();
    ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| headers.get(*name)).map(str::to_owned)
}

/// The kind by the error code, else by the HTTP status.
pub(super) fn kind_of(code: &str, status: u16) -> ErrorKind {
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AllAccessDisabled" => {
            ErrorKind::Denied
        }
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidToken"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "AuthFailure"
        | "RequestTimeTooSkewed"
        | "AuthorizationHeaderMalformed" => ErrorKind::Auth,
        "SlowDown"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "ServiceUnavailable"
        | "EC2ThrottledException"
        | "LimitExceededException" => ErrorKind::Throttled,
        "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "BucketNotEmpty"
        | "PreconditionFailed"
        | "ConditionalRequestConflict"
        | "OperationAborted"
        | "ResourceAlreadyExistsException"
        | "RepositoryAlreadyExistsException"
        | "RepositoryNotEmptyException"
        | "EntityAlreadyExists" => ErrorKind::Conflict,
        // A quota of IAM, not a rate; a region that the account has not turned on; an object in an archive.
        "LimitExceeded" | "RegionDisabledException" | "OptInRequired" | "InvalidObjectState" => {
            ErrorKind::Invalid
        }
        code if code.contains("Throttl") => ErrorKind::Throttled,
        code if code.starts_with("NoSuch") || code.contains("NotFound") => ErrorKind::NotFound,
        code if code.contains("Conflict") || code.contains("InUse") => ErrorKind::Conflict,
        _ => match status {
            401 | 403 => ErrorKind::Denied,
            404 => ErrorKind::NotFound,
            409 | 412 => ErrorKind::Conflict,
            429 | 503 => ErrorKind::Throttled,
            400..=499 => ErrorKind::Invalid,
            _ => ErrorKind::Other,
        },
    }
}

/// What was wrong with the credentials, when that is what was wrong.
fn credentials_error(error: &(dyn StdError + 'static)) -> Option<(String, Cause)> {
    let mut next = Some(error);
    while let Some(error) = next {
        next = error.source();
        if error.downcast_ref::<CredentialsError>().is_some() {
            let explained = next.and_then(|why| why.downcast_ref::<Explanation>());
            let cause = explained.map_or(Cause::Unknown, |explanation| explanation.cause);
            return Some((next.map_or_else(|| error.to_string(), ToString::to_string), cause));
        }
    }
    None
}

/// The sentences of an error and its causes, without repetitions.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        next = cause.source();
        let part = cause.to_string();
        if !text.contains(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    if text.is_empty() { error.to_string() } else { text }
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::Unreachable => "the cloud does not answer",
            ErrorKind::Auth if self.is_clock() => "the clocks differ",
            ErrorKind::Auth => "the cloud does not accept the credentials",
            ErrorKind::Denied => "not allowed",
            ErrorKind::NotFound => "not found",
            ErrorKind::Throttled => "throttled",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Invalid => "refused",
            ErrorKind::Unset => "not set up",
            ErrorKind::Other if self.cause == Cause::NoSpace => "the disk is full",
            ErrorKind::Other if self.cause == Cause::Damaged => "damaged",
            ErrorKind::Other => "failed",
        };
        f.write_str(self.action)?;
        if !self.what.is_empty() {
            write!(f, " {}", self.what)?;
        }
        write!(f, ": {what}: {}", self.message.trim_end())?;
        match (&self.code, &self.request_id) {
            (Some(code), Some(id)) => write!(f, " ({code}, request {id})"),
            (Some(code), None) => write!(f, " ({code})"),
            (None, Some(id)) => write!(f, " (request {id})"),
            (None, None) => Ok(()),
        }
    }
}

impl StdError for CloudError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_code_then_by_status() {
        for (code, status, kind) in [
            ("AccessDenied", 403, ErrorKind::Denied),
            ("InvalidAccessKeyId", 403, ErrorKind::Auth),
            ("NoSuchKey", 404, ErrorKind::NotFound),
            ("ResourceNotFoundException", 404, ErrorKind::NotFound),
            ("ThrottlingException", 400, ErrorKind::Throttled),
            ("SlowDown", 503, ErrorKind::Throttled),
            ("ResourceConflictException", 409, ErrorKind::Conflict),
            ("InvalidParameterValueException", 400, ErrorKind::Invalid),
            ("", 412, ErrorKind::Conflict),
            ("", 403, ErrorKind::Denied),
            ("InternalError", 500, ErrorKind::Other),
        ] {
            assert_eq!(kind_of(code, status), kind, "{code} {status}");
        }
    }

    #[test]
    fn only_names_of_aws_that_are_not_there_are_about_the_region() {
        let reason = "failed to lookup address information: Name or service not known";
        assert_eq!(unreached("lambda.eu-west-9.amazonaws.com:443", reason), Cause::UnknownHost);
        assert_eq!(unreached("minio.lab:9000", reason), Cause::Unknown);
        assert_eq!(unreached("s3.eu-west-1.amazonaws.com", "connection refused"), Cause::Unknown);
    }

    #[test]
    fn an_error_says_what_was_asked_and_the_request_id() {
        let error = CloudError {
            code: Some("NoSuchKey".into()),
            request_id: Some("R1".into()),
            ..CloudError::new(ErrorKind::NotFound, "s3:GetObject", "b/k", "The specified key does not exist.")
        };
        assert_eq!(
            error.to_string(),
            "s3:GetObject b/k: not found: The specified key does not exist. (NoSuchKey, request R1)"
        );
    }
}
