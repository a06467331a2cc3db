//! Who asks: `SigV4` for AWS services other than S3, Basic for the image registry and control.

use crate::access::{Access, Caller, Refusal};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use std::time::{Duration, SystemTime};
use throng_contract::local::AccessKey;

/// How far a client's clock may be off.
const SKEW: Duration = Duration::from_mins(15);

/// Why a request is not let in, in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Denied {
    /// Status of the answer.
    pub status: StatusCode,
    /// AWS's code.
    pub code: &'static str,
    /// AWS's words.
    pub message: String,
}

impl Denied {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code, message: message.into() }
    }

    /// The code as services of the query protocol have it.
    #[must_use]
    pub fn query_code(&self) -> &'static str {
        match self.code {
            "UnrecognizedClientException" => "InvalidClientTokenId",
            "InvalidSignatureException" => "SignatureDoesNotMatch",
            "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
            "IncompleteSignatureException" => "IncompleteSignature",
            "AccessDeniedException" => "AccessDenied",
            other => other,
        }
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::new("AccessDeniedException", refusal.to_string())
    }
}

/// The parts of an `Authorization: AWS4-HMAC-SHA256 …` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// Access key id.
    pub access_key_id: &'a str,
    /// Date of the scope.
    pub date: &'a str,
    /// Region of the scope.
    pub region: &'a str,
    /// Service of the scope.
    pub service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the header; `None` when it is absent, of another scheme or malformed.
    #[must_use]
    pub fn parse(headers: &'a HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let fields = value.strip_prefix("AWS4-HMAC-SHA256")?;
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        // An access key id may contain slashes; the scope is the last four parts.
        let mut scope = field("Credential")?.rsplitn(5, '/');
        let (_terminator, service, region) = (scope.next()?, scope.next()?, scope.next()?);
        let (date, access_key_id) = (scope.next()?, scope.next()?);
        let (signed_headers, signature) = (field("SignedHeaders")?, field("Signature")?);
        Some(Self { access_key_id, date, region, service, signed_headers, signature })
    }
}

/// The service that a request's signature names: in the header, or in the query of a presigned URL.
#[must_use]
pub fn service(parts: &Parts) -> Option<String> {
    if let Some(authorization) = Authorization::parse(&parts.headers) {
        return Some(authorization.service.to_owned());
    }
    let query = parts.uri.query().filter(|query| query.contains("X-Amz-Credential"))?;
    let (_, credential) =
        url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "X-Amz-Credential")?;
    credential.rsplit('/').nth(1).map(str::to_owned)
}

/// Checks the signature of a request to a service other than S3; tells whose it is.
///
/// # Errors
/// [`Denied`], as AWS's JSON services deny.
pub fn verify(parts: &Parts, body: &[u8], access: &Access, now: SystemTime) -> Result<Caller, Denied> {
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        return Err(Denied::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    let Some(claim) = Authorization::parse(&parts.headers) else {
        return Err(Denied::new(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters.",
        ));
    };
    let unknown = || {
        Denied::new("UnrecognizedClientException", "The security token included in the request is invalid.")
    };
    let (secret, caller) = access.find(claim.access_key_id).ok_or_else(unknown)?;
    let token = parts.headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
    if !caller.has_token(token) {
        return Err(unknown());
    }
    let time = request_time(parts, &claim, now)?;
    let expected = signature(parts, body, &claim, &secret, time).ok_or_else(|| {
        Denied::new("IncompleteSignatureException", "The request cannot be signed as it is.")
    })?;
    if equal(expected.as_bytes(), claim.signature.as_bytes()) {
        Ok(caller)
    } else {
        Err(Denied::new(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ))
    }
}

fn request_time(parts: &Parts, claim: &Authorization<'_>, now: SystemTime) -> Result<SystemTime, Denied> {
    let stamp = parts.headers.get("x-amz-date").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp)
        .and_then(|time| jiff::tz::Offset::UTC.to_timestamp(time))
        .map(system_time)
        .map_err(|_| {
            Denied::new(
                "IncompleteSignatureException",
                "Authorization header requires existence of 'X-Amz-Date'.",
            )
        })?;
    if !stamp.starts_with(claim.date) {
        let message = format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '{}' != '{stamp}'.",
            claim.date
        );
        return Err(Denied::new("InvalidSignatureException", message));
    }
    let early = now > time;
    let off = now.duration_since(time).unwrap_or_else(|error| error.duration());
    if off <= SKEW {
        return Ok(time);
    }
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or_default()).unwrap_or_default();
    let now = now.strftime("%Y%m%dT%H%M%SZ");
    let message = if early {
        format!("Signature expired: {stamp} is now earlier than {now} - 15 min.")
    } else {
        format!("Signature not yet current: {stamp} is still later than {now} + 15 min.")
    };
    Err(Denied::new("InvalidSignatureException", message))
}

fn system_time(time: jiff::Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(time.as_second()).unwrap_or_default())
}

/// Signs the request again, with the headers that the client signed.
fn signature(
    parts: &Parts,
    body: &[u8],
    claim: &Authorization<'_>,
    secret: &str,
    time: SystemTime,
) -> Option<String> {
    let identity = Credentials::new(claim.access_key_id, secret, None, None, "local").into();
    let mut settings = SigningSettings::default();
    settings.excluded_headers = None;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(claim.region)
        .name(claim.service)
        .time(time)
        .settings(settings)
        .build()
        .ok()?
        .into();
    let host = parts.headers.get(header::HOST)?.to_str().ok()?;
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let uri = format!("http://{host}{target}");
    let signed: Vec<(&str, &str)> = claim
        .signed_headers
        .split(';')
        .filter(|name| *name != "x-amz-date")
        .filter_map(|name| Some((name, parts.headers.get(name)?.to_str().ok()?)))
        .collect();
    let request =
        SignableRequest::new(parts.method.as_str(), uri, signed.into_iter(), SignableBody::Bytes(body))
            .ok()?;
    Some(sign(request, &params).ok()?.signature().to_owned())
}

/// Compares in a time that does not depend on where they differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// Whether the request carries, as Basic credentials, the person's pair or its id with another password that is good.
#[must_use]
pub fn basic(headers: &HeaderMap, user: &AccessKey, password: Option<&str>) -> bool {
    let claim = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|encoded| base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok());
    let Some(claim) = claim else { return false };
    [Some(user.secret_access_key.as_str()), password]
        .into_iter()
        .flatten()
        .any(|password| equal(format!("{}:{password}", user.access_key_id).as_bytes(), &claim))
}
