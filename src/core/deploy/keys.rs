//! The object that holds the keys of a function's storage providers, and the secrets of its script.

use super::DeployError;
use crate::cloud::now_ms;
use crate::definition::Definition;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::fmt;
use throng_contract::keys::providers_key;
use throng_contract::{ProviderAccess, ProviderSecrets, versions};

/// An object of keys to be stored.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) body: Bytes,
    /// SHA-256 of the body, in hexadecimal.
    pub(super) digest: String,
    /// When it was made, in milliseconds since 1970.
    pub(super) stamp: String,
    pub(super) new: bool,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("bucket", &self.bucket).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Keys {
    /// What a definition asks for; `None` when it names no storage provider and no secret.
    pub(super) fn of(home: &str, definition: &Definition) -> Result<Option<Self>, DeployError> {
        if definition.providers.is_empty() && definition.script_secrets.is_empty() {
            return Ok(None);
        }
        let access = |provider: &crate::definition::Provider| ProviderAccess {
            storage: provider.storage.clone(),
            keys: provider.keys.clone(),
        };
        let providers = definition.providers.iter().map(|(name, provider)| (name.clone(), access(provider)));
        let variables =
            definition.script_secrets.iter().map(|(name, secret)| (name.clone(), secret.value.clone()));
        let secrets = ProviderSecrets {
            version: versions::SECRETS,
            providers: providers.collect(),
            variables: variables.collect(),
        };
        let body = serde_json::to_vec(&secrets)
            .map_err(|_| DeployError::Unfit("the secrets cannot be written".into()))?;
        let digest = hex::encode(Sha256::digest(&body));
        let (key, stamp) = (providers_key(&definition.name), now_ms().to_string());
        Ok(Some(Self { bucket: home.to_owned(), key, body: body.into(), digest, stamp, new: false }))
    }
}
