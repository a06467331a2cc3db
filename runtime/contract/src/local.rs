//! How the local cloud is found: one file in its folder, written when it listens and removed when it stops.

use serde::{Deserialize, Serialize};

/// File name of [`LocalEndpoint`] in the local cloud's folder.
pub const ENDPOINT_FILE: &str = "endpoint.json";
/// File name of [`LocalCredentials`] in the local cloud's folder, mode 0600.
pub const CREDENTIALS_FILE: &str = "credentials.json";
/// File name of the key by which the daemon proves to its clients who it is, mode 0600: 32 random bytes in hexadecimal.
pub const IDENTITY_FILE: &str = "identity.key";
/// Where it is asked to: `GET /_throng/proof?<64 hexadecimal digits>`. Needs no credentials.
pub const PROOF_PATH: &str = "/_throng/proof";
/// The local cloud's region.
pub const REGION: &str = "us-east-1";
/// The local cloud's account.
pub const ACCOUNT: &str = "000000000000";
/// The local context's home bucket.
pub const HOME_BUCKET: &str = "throng-home";
/// The role that an older throng gave to all functions of the local cloud. Nobody makes it there, so they keep the rights that
/// they had; the next deployment makes each a role of its own.
pub const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/throng-function";

/// Where the local cloud listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalEndpoint {
    /// `http://127.0.0.1:<port>`
    pub endpoint: String,
    /// The daemon's process id.
    pub pid: u32,
    /// The daemon's version of throng.
    pub version: String,
    /// When it began to listen, in milliseconds since 1970.
    pub started_ms: u64,
}

impl LocalEndpoint {
    /// The port; `None` when the address is malformed.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.endpoint.strip_prefix("http://127.0.0.1:")?.parse().ok()
    }
}

/// What the daemon authenticates with its key (HMAC-SHA256) when a client asks it to prove who it is.
#[must_use]
pub fn proof_text(nonce: &str, port: u16, pid: u32) -> String {
    format!("throng local cloud: proof 1\n{nonce}\n{port}\n{pid}\n")
}

/// The body of an answer of the daemon, once all of it is there: a client that proves whom it talks to speaks HTTP itself, on the
/// connection that it goes on to use.
#[must_use]
pub fn whole_body(answer: &[u8]) -> Option<&str> {
    let (head, body) = std::str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    (body.len() == length).then_some(body)
}

/// What is authenticated with the same key to give the password of the image registry, for this daemon alone.
#[must_use]
pub fn registry_text(port: u16, pid: u32) -> String {
    format!("throng local cloud: registry 1\n{port}\n{pid}\n")
}

/// A pair of access keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_access_key: String,
}

/// Made at the local cloud's first start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalCredentials {
    /// For the person.
    pub user: AccessKey,
    /// What functions had before they got keys of their own; it opens nothing any more. An older throng wants it here.
    pub function: AccessKey,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
