//! Storage providers: S3 endpoints beside the function's own storage, with keys of their own.
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
    /// `http[s]://host[:port]`; buckets are part of the path there. AWS's endpoint of the region when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Whether the endpoint's certificate is checked.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub verify: bool,
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

/// A provider's keys.
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

/// The object in the home bucket that holds the keys of a function's providers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSecrets {
    /// [`versions::SECRETS`](super::versions::SECRETS) of the writer.
    pub version: u32,
    /// By name: `minio.lab`.
    pub providers: BTreeMap<String, ProviderAccess>,
}

/// Reads a [`ProviderSecrets`]. The error is a sentence that holds nothing of `text`.
///
/// # Errors
/// It is something else, or of a newer throng.
pub fn read_secrets(text: &[u8]) -> Result<ProviderSecrets, String> {
    // Serde's own words repeat what they did not expect.
    let secrets: ProviderSecrets = serde_json::from_slice(text)
        .map_err(|_| "the keys of the storage providers are not in the form that is expected".to_owned())?;
    if secrets.version > super::versions::SECRETS {
        return Err("the keys of the storage providers were written by a newer throng".to_owned());
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
        };
        let keys = ProviderKeys { access_key: "lab".into(), secret_key: "hidden-secret".into() };
        let access = ProviderAccess { storage, keys };
        ProviderSecrets {
            version: super::super::versions::SECRETS,
            providers: [("minio.lab".to_owned(), access)].into(),
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
