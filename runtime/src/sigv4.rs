//! AWS Signature Version 4 for S3.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::sync::Mutex;

/// The hash to sign with when the body is not hashed beforehand.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Who signs.
#[derive(Clone)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_key: String,
    /// `AWS_SESSION_TOKEN`
    pub token: Option<String>,
}

impl Credentials {
    /// From the environment that Lambda gives.
    pub fn from_env() -> Option<Self> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Some(Self {
            access_key: read("AWS_ACCESS_KEY_ID")?,
            secret_key: read("AWS_SECRET_ACCESS_KEY")?,
            token: read("AWS_SESSION_TOKEN"),
        })
    }
}

/// Signs requests; keeps the key that it derived for the day and region.
pub struct Signer {
    credentials: Credentials,
    service: &'static str,
    key: Mutex<Option<(String, [u8; 32])>>,
}

/// What is signed. Header names are in lower case, sorted, `host` among them.
pub struct Request<'a> {
    /// The HTTP method, in capitals.
    pub method: &'a str,
    /// The path as it is sent, percent-encoded.
    pub path: &'a str,
    /// The query as it is sent, percent-encoded, sorted, every parameter with `=`.
    pub query: &'a str,
    /// Signed headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body in hexadecimal.
    pub payload: &'a str,
}

impl Signer {
    /// For S3.
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials, service: "s3", key: Mutex::new(None) }
    }

    /// For STS.
    pub const fn for_sts(credentials: Credentials) -> Self {
        Self { credentials, service: "sts", key: Mutex::new(None) }
    }

    /// The session token to send along.
    pub fn token(&self) -> Option<&str> {
        self.credentials.token.as_deref()
    }

    /// The `Authorization` header for a request at `time` (`20261123T213905Z`).
    pub fn authorization(&self, request: &Request<'_>, region: &str, time: &str) -> String {
        let names: Vec<_> = request.headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
        for (name, value) in request.headers {
            canonical.push_str(name);
            canonical.push(':');
            canonical.push_str(value.trim());
            canonical.push('\n');
        }
        canonical.push('\n');
        canonical.push_str(&names);
        canonical.push('\n');
        canonical.push_str(request.payload);

        let date = &time[..8];
        let scope = format!("{date}/{region}/{}/aws4_request", self.service);
        let hash = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
        let signature = hex::encode(hmac(&self.key(date, region), text.as_bytes()));
        let access_key = &self.credentials.access_key;
        format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
    }

    fn key(&self, date: &str, region: &str) -> [u8; 32] {
        let scope = format!("{date}/{region}");
        let mut kept = self.key.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((known, key)) = &*kept
            && *known == scope
        {
            return *key;
        }
        let secret = format!("AWS4{}", self.credentials.secret_key);
        let key = [date, region, self.service, "aws4_request"]
            .iter()
            .fold(secret.into_bytes(), |key, part| hmac(&key, part.as_bytes()).to_vec());
        let key = <[u8; 32]>::try_from(key).unwrap_or_default();
        *kept = Some((scope, key));
        key
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Percent-encodes all but unreserved characters and, in a path, `/`.
pub fn encode(text: &str, path: bool) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 8);
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b'/' if path => out.push('/'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new(Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            token: None,
        })
    }

    /// The first example of AWS's S3 documentation (GET Object with a range).
    #[test]
    fn the_documented_get_has_the_documented_signature() {
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY_SHA256),
            ("x-amz-date", "20130524T000000Z"),
        ];
        let request =
            Request { method: "GET", path: "/test.txt", query: "", headers: &headers, payload: EMPTY_SHA256 };
        let text = signer().authorization(&request, "us-east-1", "20130524T000000Z");
        assert!(
            text.ends_with("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            "{text}"
        );
    }

    /// The documented list request, with a query.
    #[test]
    fn the_documented_list_has_the_documented_signature() {
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-content-sha256", EMPTY_SHA256),
            ("x-amz-date", "20130524T000000Z"),
        ];
        let request = Request {
            method: "GET",
            path: "/",
            query: "max-keys=2&prefix=J",
            headers: &headers,
            payload: EMPTY_SHA256,
        };
        let text = signer().authorization(&request, "us-east-1", "20130524T000000Z");
        assert!(
            text.ends_with("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
            "{text}"
        );
    }

    #[test]
    fn keys_are_encoded() {
        assert_eq!(encode("a b/é+~.txt", true), "a%20b/%C3%A9%2B~.txt");
        assert_eq!(encode("a/b", false), "a%2Fb");
    }
}
