//! Storage providers: S3 endpoints and servers of `WebDAV` beside the function's own storage, with keys of their own; and the
//! secrets of a function's script, which are kept with these keys.
//!
//! The image knows where they are ([`StorageProvider`] in [`FunctionConfig`](super::FunctionConfig)). Their keys are in
//! one object of the home bucket ([`keys::providers_key`](super::keys::providers_key)), which the runtime reads with the
//! function's role: never in the image, in the function's environment, in a record or in the log.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Where a storage provider is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageProvider {
    /// `http[s]://host[:port]`, of `WebDAV` with a path behind; buckets are part of the path there. AWS's endpoint of the region
    /// when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region that requests are signed for; empty where nothing is signed.
    pub region: String,
    /// Whether the endpoint's certificate is checked.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub verify: bool,
    /// What is spoken there.
    #[serde(default, skip_serializing_if = "Protocol::is_s3")]
    pub protocol: Protocol,
}

/// What a storage provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// S3, with signed requests.
    #[default]
    S3,
    /// `WebDAV` (RFC 4918). The first part of a path stands where S3 has the bucket.
    Webdav,
}

impl Protocol {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_s3(&self) -> bool {
        *self == Self::S3
    }
}

const fn yes() -> bool {
    true
}

impl StorageProvider {
    /// The endpoint for messages.
    #[must_use]
    pub fn shown(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("AWS {}", self.region))
    }
}

/// A provider's keys. Of `WebDAV`: a user's name and password, or a bearer token as the secret key without a name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderKeys {
    /// Access key id
    pub access_key: String,
    /// Secret key
    pub secret_key: String,
}

impl fmt::Debug for ProviderKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderKeys").finish_non_exhaustive()
    }
}

/// A provider with its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderAccess {
    /// Where it is, for a launch from a machine that does not have the definition.
    pub storage: StorageProvider,
    /// Its keys.
    pub keys: ProviderKeys,
}

/// The object in the home bucket that holds the keys of a function's providers, and the secrets of its script.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSecrets {
    /// [`versions::SECRETS`](super::versions::SECRETS) of the writer.
    pub version: u32,
    /// By name: `minio.lab`.
    #[serde(default)]
    pub providers: BTreeMap<String, ProviderAccess>,
    /// Variables for the script.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

impl fmt::Debug for ProviderSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSecrets")
            .field("version", &self.version)
            .field("providers", &self.providers)
            .field("variables", &self.variables.keys())
            .finish()
    }
}

/// Reads a [`ProviderSecrets`]. The error is a sentence that holds nothing of `text`.
///
/// # Errors
/// It is something else, or of a newer throng.
pub fn read_secrets(text: &[u8]) -> Result<ProviderSecrets, String> {
    // Serde's own words repeat what they did not expect.
    let secrets: ProviderSecrets = serde_json::from_slice(text)
        .map_err(|_| "the secrets of the function are not in the form that is expected".to_owned())?;
    if secrets.version > super::versions::SECRETS {
        return Err("the secrets of the function were written by a newer throng".to_owned());
    }
    Ok(secrets)
}

/// An `input` entry of a definition that names a provider: where events of that provider's server come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderInput {
    /// The provider's name: `minio.lab`.
    pub provider: String,
    /// The bucket.
    pub bucket: String,
    /// Folder within the bucket, without slashes at either end; may be empty.
    #[serde(default)]
    pub path: String,
}

impl ProviderInput {
    /// Whether an object of this key is in it.
    #[must_use]
    pub fn holds(&self, bucket: &str, key: &str) -> bool {
        let below = |path: &str| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        self.bucket == bucket && (self.path.is_empty() || below(&self.path))
    }
}

impl fmt::Display for ProviderInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.path.is_empty() { "" } else { "/" };
        write!(f, "{}://{}/{}{slash}", self.provider, self.bucket, self.path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn secrets() -> ProviderSecrets {
        let storage = StorageProvider {
            endpoint: Some("http://h:9000".into()),
            region: "us-east-1".into(),
            verify: true,
            protocol: Protocol::S3,
        };
        let keys = ProviderKeys { access_key: "lab".into(), secret_key: "hidden-secret".into() };
        let access = ProviderAccess { storage, keys };
        ProviderSecrets {
            version: super::super::versions::SECRETS,
            providers: [("minio.lab".to_owned(), access)].into(),
            variables: [("TOKEN".to_owned(), "hidden-secret".to_owned())].into(),
        }
    }

    #[test]
    fn secrets_round_trip_and_are_never_shown() {
        let text = serde_json::to_vec(&secrets()).unwrap();
        assert_eq!(read_secrets(&text).unwrap(), secrets());
        assert!(!format!("{:?}", secrets()).contains("hidden-secret"));
        for broken in [
            "\"hidden-secret\"",
            r#"{"version": "hidden-secret"}"#,
            r#"{"version":1,"providers":{"x":"hidden-secret"}}"#,
        ] {
            let error = read_secrets(broken.as_bytes()).unwrap_err();
            assert!(!error.contains("hidden"), "{error}");
        }
        let newer = ProviderSecrets { version: u32::MAX, ..secrets() };
        assert!(read_secrets(&serde_json::to_vec(&newer).unwrap()).unwrap_err().contains("newer"));
    }

    #[test]
    fn an_input_holds_what_is_below_its_folder() {
        let input = |path: &str| ProviderInput {
            provider: "minio.lab".into(),
            bucket: "b".into(),
            path: path.into(),
        };
        assert!(input("in").holds("b", "in/x") && input("").holds("b", "x"));
        assert!(!input("in").holds("b", "input/x") && !input("in").holds("c", "in/x"));
        assert_eq!(input("in").to_string(), "minio.lab://b/in/");
    }
}
