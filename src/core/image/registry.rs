//! Reading from a registry.

use super::auth::find_credentials;
use super::manifest::MAX_JSON;
use super::{Cache, Credentials, ImageError, install_tls};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use std::fmt;
use std::time::Duration;
use tempfile::NamedTempFile;

/// Attempts per request.
pub(super) const ATTEMPTS: u32 = 4;

/// Manifests that we read.
const ACCEPTED: &[&str] = &[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// An image in a registry, and the way to it. Cheap to clone.
#[derive(Clone)]
pub struct Remote {
    pub(super) client: Client,
    pub(super) reference: Reference,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("reference", &self.reference.whole()).finish_non_exhaustive()
    }
}

impl Remote {
    /// Logs in, with the credentials given or those of the Docker configuration. Nothing is read yet.
    pub(super) async fn open(
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Self, ImageError> {
        let host = reference.registry();
        let found = match credentials {
            Some(given) => Some(given.clone()),
            None => find_credentials(host, reference.repository()).await?,
        };
        let client = client(host, is_loopback(host))?;
        log_in(&client, reference, found.as_ref(), RegistryOperation::Pull).await?;
        Ok(Self { client, reference: reference.clone() })
    }

    /// The manifest of the image, or of a digest of the same repository.
    pub(super) async fn manifest(&self, digest: Option<&str>) -> Result<Bytes, ImageError> {
        let reference = match digest {
            Some(digest) => self.reference.clone_with_digest(digest.to_owned()),
            None => self.reference.clone(),
        };
        match manifest_of(&self.client, &reference).await {
            Ok(bytes) if bytes.len() as u64 > MAX_JSON => {
                let whole = reference.whole();
                Err(ImageError::Content(format!("{whole}: the manifest has {} bytes", bytes.len())))
            }
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(explain(&reference.whole(), "cannot read the image", &error)),
        }
    }

    /// A blob's bytes as they come. The digest is checked at their end.
    pub(super) async fn stream(
        &self,
        digest: &str,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, OciDistributionError> {
        Ok(self.client.pull_blob_stream(&self.reference, digest).await?.boxed())
    }

    /// A blob that should be small.
    pub(super) async fn small_blob(&self, digest: &str, most: u64) -> Result<Vec<u8>, ImageError> {
        let mut body = Vec::new();
        self.copy(digest, most, &mut body, Vec::clear).await?;
        Ok(body)
    }

    /// A blob as a temporary file.
    pub(super) async fn fetch(
        &self,
        digest: &str,
        size: u64,
        cache: &Cache,
    ) -> Result<NamedTempFile, ImageError> {
        let mut file = cache.temporary()?;
        self.copy(digest, size, &mut file, |file| {
            let _ = file.as_file().set_len(0);
            let _ = std::io::Seek::rewind(file);
        })
        .await?;
        Ok(file)
    }

    async fn copy<W: std::io::Write + Send>(
        &self,
        digest: &str,
        most: u64,
        output: &mut W,
        reset: impl Fn(&mut W) + Send,
    ) -> Result<(), ImageError> {
        let name = self.reference.whole();
        let mut attempt = 1;
        loop {
            match self.copy_once(digest, most, output).await {
                Ok(()) => return Ok(()),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Registry(error)) if attempt < ATTEMPTS && retryable(&error) => {
                    pause(attempt).await;
                }
                Err(Attempt::Registry(error)) => {
                    return Err(explain(&name, &format!("cannot read {digest}"), &error));
                }
            }
            reset(output);
            attempt += 1;
        }
    }

    async fn copy_once<W: std::io::Write + Send>(
        &self,
        digest: &str,
        most: u64,
        output: &mut W,
    ) -> Result<(), Attempt> {
        let mut body = self.stream(digest).await.map_err(Attempt::Registry)?;
        let mut left = most;
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| Attempt::Registry(OciDistributionError::IoError(error)))?;
            left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
                let name = self.reference.whole();
                Attempt::Final(ImageError::Content(format!("{name}: {digest} has more than {most} bytes")))
            })?;
            let written = output.write_all(&bytes);
            written.map_err(|error| {
                Attempt::Final(ImageError::File { what: "cannot write to the image cache".into(), error })
            })?;
        }
        output.flush().map_err(|error| {
            Attempt::Final(ImageError::File { what: "cannot write to the image cache".into(), error })
        })
    }
}

enum Attempt {
    Final(ImageError),
    Registry(OciDistributionError),
}

/// A client for the registry at a host. Loopback hosts are asked without a proxy.
pub(super) fn client(host: &str, http: bool) -> Result<Client, ImageError> {
    install_tls();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let config = ClientConfig {
        protocol: if http { ClientProtocol::Http } else { ClientProtocol::Https },
        use_monolithic_push: true,
        // With an explicit proxy the environment's are not used; with `no_proxy`, neither is this one.
        http_proxy: is_loopback(host).then(|| "http://127.0.0.1:9".to_owned()),
        no_proxy: is_loopback(host).then(|| format!("{name},127.0.0.1,localhost")),
        connect_timeout: Some(Duration::from_secs(15)),
        read_timeout: Some(Duration::from_mins(2)),
        user_agent: concat!("throng/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    Client::try_from(config)
        .map_err(|error| ImageError::Registry(format!("cannot make a client for {host}: {error}")))
}

/// A client for what the other has no call for.
pub(super) fn http(host: &str) -> reqwest::Result<reqwest::Client> {
    install_tls();
    let builder = reqwest::Client::builder();
    if is_loopback(host) { builder.no_proxy() } else { builder }.build()
}

pub(super) fn authentication(credentials: Option<&Credentials>) -> RegistryAuth {
    match credentials {
        Some(Credentials { user, password }) => RegistryAuth::Basic(user.clone(), password.clone()),
        None => RegistryAuth::Anonymous,
    }
}

/// Logs in where the registry asks for it; wrong credentials are told here, not at the first blob.
pub(super) async fn log_in(
    client: &Client,
    reference: &Reference,
    credentials: Option<&Credentials>,
    operation: RegistryOperation,
) -> Result<(), ImageError> {
    let auth = authentication(credentials);
    let mut attempt = 1;
    loop {
        match client.auth(reference, &auth, operation).await {
            Ok(_) => return Ok(()),
            Err(error) if attempt < ATTEMPTS && retryable(&error) => pause(attempt).await,
            Err(error) => {
                let what = if credentials.is_some() { "cannot log in" } else { "cannot be asked" };
                return Err(explain(reference.registry(), what, &error));
            }
        }
        attempt += 1;
    }
}

/// Whether a registry's host is this machine, so that plain HTTP is meant.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether it may go better the next time.
pub(super) fn retryable(error: &OciDistributionError) -> bool {
    let by_code = |code: u16| code == 408 || code == 429 || code >= 500;
    match error {
        // Nobody listens: it will not be different in a second.
        OciDistributionError::RequestError(error) => match error.status() {
            Some(status) => by_code(status.as_u16()),
            None => !error.is_connect() && !error.is_builder(),
        },
        OciDistributionError::IoError(_) => true,
        OciDistributionError::ServerError { code, .. } => by_code(*code),
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|error| matches!(error.code, OciErrorCode::Toomanyrequests))
        }
        _ => false,
    }
}

/// Whether the registry does not know who asks.
pub(super) fn unauthorized(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::RequestError(error) => {
            error.status() == Some(reqwest::StatusCode::UNAUTHORIZED)
        }
        OciDistributionError::ServerError { code, .. } => *code == 401,
        OciDistributionError::UnauthorizedError { .. } => true,
        _ => false,
    }
}

/// Whether a registry has an image, by its digest.
///
/// # Errors
/// It does not answer, or does not let us look.
pub async fn holds(registry: &super::Registry, digest: &str) -> Result<bool, ImageError> {
    let client = client(registry.host(), registry.plain_http())?;
    let reference = registry.reference().clone_with_digest(digest.to_owned());
    log_in(&client, &reference, registry.credentials.as_ref(), RegistryOperation::Pull).await?;
    match manifest_of(&client, &reference).await {
        Ok(_) => Ok(true),
        Err(OciDistributionError::ImageManifestNotFoundError(_)) => Ok(false),
        Err(error) if status_of(&error) == Some(404) => Ok(false),
        Err(error) => Err(explain(&reference.whole(), "cannot look for the image", &error)),
    }
}

/// A manifest as it is stored, by a client that has logged in: it keeps the authentication.
async fn manifest_of(client: &Client, reference: &Reference) -> Result<Bytes, OciDistributionError> {
    let mut attempt = 1;
    loop {
        match client.pull_manifest_raw(reference, &RegistryAuth::Anonymous, ACCEPTED).await {
            Ok((bytes, _)) => return Ok(bytes),
            Err(error) if attempt < ATTEMPTS && retryable(&error) => pause(attempt).await,
            Err(error) => return Err(error),
        }
        attempt += 1;
    }
}

/// Waits longer after each attempt.
pub(super) async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(200 << attempt.min(6))).await;
}

/// The HTTP status that an error stands for, where it says one.
fn status_of(error: &OciDistributionError) -> Option<u16> {
    match error {
        OciDistributionError::RequestError(error) => error.status().map(|status| status.as_u16()),
        OciDistributionError::ServerError { code, .. } => Some(*code),
        OciDistributionError::UnauthorizedError { .. } => Some(401),
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().find_map(|error| match error.code {
                OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound => {
                    Some(404)
                }
                OciErrorCode::Unauthorized | OciErrorCode::Denied => Some(401),
                _ => None,
            })
        }
        _ => None,
    }
}

/// An error for people, with what to do about the frequent ones.
pub(super) fn explain(place: &str, what: &str, error: &OciDistributionError) -> ImageError {
    let code = status_of(error);
    let hint = match error {
        OciDistributionError::ImageManifestNotFoundError(_) => "; check the name and the tag",
        // A name that cannot be looked up is deep in the chain.
        OciDistributionError::AuthenticationFailure(_) | OciDistributionError::RequestError(_)
            if chain(error).contains("dns error") =>
        {
            "; its name cannot be looked up: is it spelt right, and does this machine reach the network?"
        }
        OciDistributionError::RequestError(error) if error.is_connect() => {
            "; is the registry's address right, and is it reachable from here?"
        }
        _ if matches!(code, Some(401 | 403)) => "; it needs credentials that may do this (docker login)",
        OciDistributionError::AuthenticationFailure(_) => "; check the credentials (docker login)",
        _ if code == Some(404) => "; check the name and the tag",
        _ => "",
    };
    let words = format!("{place}: {what}: {}{hint}", chain(error));
    let absent = code == Some(404) || matches!(error, OciDistributionError::ImageManifestNotFoundError(_));
    if absent { ImageError::NotFound(words) } else { ImageError::Registry(words) }
}

/// An error with its causes: reqwest alone says only "error sending request".
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    short(&text)
}

/// The most characters of what a registry said.
const LONGEST: usize = 400;

/// One short line of what somebody else wrote: a page of HTML says nothing to a person at a terminal.
pub(super) fn short(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let page = ["<!doctype", "<html"].iter().filter_map(|tag| lower.find(tag)).min();
    let (text, more) = page.map_or((text, ""), |at| (&text[..at], "(a page of HTML)"));
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() > LONGEST {
        words = words.chars().take(LONGEST).collect::<String>() + "…";
    }
    format!("{words}{}{more}", if words.is_empty() || more.is_empty() { "" } else { " " })
}

#[cfg(test)]
mod tests {
    use super::{is_loopback, short};

    #[test]
    fn what_a_registry_said_is_one_short_line() {
        assert_eq!(
            short("code: 500,\n  message: <!DOCTYPE html>\n<html>…"),
            "code: 500, message: (a page of HTML)"
        );
        assert_eq!(short("<html>"), "(a page of HTML)");
        assert_eq!(short("a\u{1b}[2J\tb"), "a [2J b");
        assert_eq!(short(&"x".repeat(2000)).chars().count(), 401);
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for host in ["127.0.0.1:5000", "localhost", "localhost:1", "127.8.9.1", "[::1]:80", "a.localhost:9"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["docker.io", "10.0.0.1:5000", "127.0.0.1.example.com", "localhost.example.com"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
