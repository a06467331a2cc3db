//! What can go wrong with S3.

use super::{element, is_busy};
use crate::http;
use std::fmt;
use ureq::http::StatusCode;

/// A failed request: what was wanted, and what was wrong.
#[derive(Debug)]
pub struct S3Error {
    /// What to make of it.
    pub kind: S3ErrorKind,
    message: String,
}

/// What to make of an error.
#[derive(Debug, PartialEq, Eq)]
pub enum S3ErrorKind {
    /// It may go away.
    Transient,
    /// The bucket is in another region.
    Elsewhere(String),
    /// No space left on the local disk.
    NoSpace,
    /// The keys are wrong, or may not do this.
    Denied,
    /// There is no such object, or, at servers of `WebDAV`, no folder for it.
    Missing,
    /// Something is there already.
    Exists,
    /// It will stay.
    Permanent,
}

impl S3Error {
    /// An error in a sentence.
    pub fn of(kind: S3ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// An error that stays, in a sentence.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { kind: S3ErrorKind::Permanent, message: message.into() }
    }

    /// The same error with words before it.
    pub fn within(self, words: &str) -> Self {
        Self { message: format!("{words}: {}", self.message), ..self }
    }

    /// A local file could not be read or written.
    pub fn local(place: &str, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => S3ErrorKind::NoSpace,
            _ => S3ErrorKind::Permanent,
        };
        Self { kind, message: format!("{place}: {error}") }
    }

    /// The request was not answered.
    pub fn from_transport(place: &str, error: &ureq::Error) -> Self {
        let kind = if http::is_transient(error) { S3ErrorKind::Transient } else { S3ErrorKind::Permanent };
        Self { kind, message: format!("{place}: no answer from S3: {error}") }
    }

    /// The answer broke off.
    pub fn broken(place: &str, problem: &str) -> Self {
        Self { kind: S3ErrorKind::Transient, message: format!("{place}: {problem}") }
    }

    /// The request was answered with an error. `region` is what S3 says about where the bucket is; `provided` tells
    /// a storage provider with its own keys from the function's own storage.
    pub fn from_answer(
        place: &str,
        status: StatusCode,
        body: &str,
        region: Option<&str>,
        provided: bool,
    ) -> Self {
        let code = element(body, "Code").unwrap_or_default();
        let said = element(body, "Message").unwrap_or_default();
        let misplaced = matches!(status.as_u16(), 301 | 307 | 400)
            && (code.is_empty()
                || matches!(
                    code.as_str(),
                    "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed"
                ));
        let kind = match region {
            Some(region) if misplaced => S3ErrorKind::Elsewhere(region.to_owned()),
            _ if is_busy(status)
                || matches!(
                    code.as_str(),
                    "SlowDown" | "RequestTimeout" | "InternalError" | "ConditionalRequestConflict"
                ) =>
            {
                S3ErrorKind::Transient
            }
            _ if code == "InvalidObjectState" => S3ErrorKind::Permanent,
            _ if matches!(status.as_u16(), 401 | 403) => S3ErrorKind::Denied,
            _ if code == "NoSuchKey" => S3ErrorKind::Missing,
            _ if status == StatusCode::PRECONDITION_FAILED => S3ErrorKind::Exists,
            _ => S3ErrorKind::Permanent,
        };
        let hint = match (status.as_u16(), code.as_str()) {
            (404, "NoSuchBucket") => "the bucket does not exist",
            (404, _) => "the object does not exist (any more)",
            (401 | 403, "InvalidAccessKeyId" | "SignatureDoesNotMatch") if provided => {
                "the keys of this storage provider are wrong; deploy the function again with the right ones"
            }
            (_, "InvalidObjectState") => {
                "the object is in an archive class: restore it first, then run again"
            }
            (_, code) if code.starts_with("KMS.") => {
                "the key of AWS KMS that it is encrypted with cannot be used"
            }
            (403, _) if said.contains("kms:") => {
                "it is encrypted with a key that the function's role may not use: deploy the function again, or allow its role that"
            }
            (401 | 403, _) if provided => "the keys of this storage provider may not do this",
            (403, _) => "the function's role may not do this; check its S3 permissions",
            (503, _) => "S3 is busy",
            _ => "S3 refuses",
        };
        let said = match (code.is_empty(), said.is_empty()) {
            (true, _) => status.to_string(),
            (false, true) => code,
            (false, false) => format!("{code}: {said}"),
        };
        Self { kind, message: format!("{place}: {hint} ({said})") }
    }
}

impl fmt::Display for S3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_and_keys_have_words_of_their_own() {
        let told = |status: u16, code: &str, words: &str| {
            let body = format!("<Error><Code>{code}</Code><Message>{words}</Message></Error>");
            let status = StatusCode::from_u16(status).unwrap_or_default();
            S3Error::from_answer("s3://b/k", status, &body, None, false).to_string()
        };
        let archived =
            told(403, "InvalidObjectState", "The operation is not valid for the object's storage class");
        assert!(archived.contains("archive class: restore it first"), "{archived}");
        let key = "User: f is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext";
        let denied = told(403, "AccessDenied", key);
        assert!(
            denied.contains("key that the function's role may not use") && denied.contains("kms:Decrypt"),
            "{denied}"
        );
        assert!(told(400, "KMS.DisabledException", "x").contains("cannot be used"));
        assert!(told(403, "AccessDenied", "Access Denied").contains("check its S3 permissions"));
    }
}
