//! Objects at the storage providers of a function.
//!
//! Where they are and their keys is read from the home bucket, where the deployment put them: a run can be launched and
//! checked from a machine that does not have the definition.

use super::{RunContext, RunError};
use crate::cloud::CloudError;
use crate::dataset::objects::read;
use crate::dataset::{Objects, S3Objects, WebdavObjects};
use std::collections::BTreeMap;
use std::sync::Arc;
use throng_contract::keys::providers_key;
use throng_contract::{Protocol, ProviderSecrets, read_secrets};
use tokio::sync::Mutex;

/// A store of objects, and whose it is.
#[derive(Clone)]
pub struct Store {
    /// The objects.
    pub objects: Arc<dyn Objects>,
    /// The provider's name and address; `None` for the context's own.
    provider: Option<(String, String)>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl Store {
    /// The context's own.
    #[must_use]
    pub fn own(objects: Arc<dyn Objects>) -> Self {
        Self { objects, provider: None }
    }

    /// How a person writes a place in it.
    #[must_use]
    pub fn place(&self, bucket: &str, key: &str) -> String {
        let scheme = self.provider.as_ref().map_or("s3", |(name, _)| name);
        format!("{scheme}://{bucket}/{key}")
    }

    /// An error of this store: of a provider's, with its name and address.
    #[must_use]
    pub fn error(&self, error: CloudError) -> RunError {
        match &self.provider {
            None => error.into(),
            Some((name, address)) => {
                RunError::Provider { name: name.clone(), address: address.clone(), error: Box::new(error) }
            }
        }
    }
}

/// The stores of a function. Keys are read when the first provider is asked for.
#[derive(Debug)]
pub struct Stores {
    context: RunContext,
    function: String,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    secrets: Option<ProviderSecrets>,
    stores: BTreeMap<String, Store>,
}

impl Stores {
    /// For a function.
    #[must_use]
    pub fn of(context: &RunContext, function: &str) -> Self {
        Self { context: context.clone(), function: function.to_owned(), known: Mutex::default() }
    }

    /// The store of a provider; the context's own when `None`.
    ///
    /// # Errors
    /// The function has no such provider, or its keys cannot be read.
    pub async fn get(&self, provider: Option<&str>) -> Result<Store, RunError> {
        let Some(name) = provider else {
            return Ok(Store::own(self.context.store.clone()));
        };
        let mut known = self.known.lock().await;
        if let Some(store) = known.stores.get(name) {
            return Ok(store.clone());
        }
        if known.secrets.is_none() {
            known.secrets = Some(self.secrets().await?);
        }
        let secrets = known.secrets.as_ref();
        let Some(access) = secrets.and_then(|secrets| secrets.providers.get(name)) else {
            let names = secrets.map(|secrets| secrets.providers.keys().cloned().collect::<Vec<_>>());
            return Err(RunError::Refused(format!(
                "function `{}` has no storage provider {name}, but {}",
                self.function,
                names.unwrap_or_default().join(", ")
            )));
        };
        let objects: Arc<dyn Objects> = match access.storage.protocol {
            Protocol::S3 => Arc::new(S3Objects::of_provider(access)),
            Protocol::Webdav => Arc::new(WebdavObjects::of_provider(access)),
        };
        let store = Store { objects, provider: Some((name.to_owned(), access.storage.shown())) };
        known.stores.insert(name.to_owned(), store.clone());
        Ok(store)
    }

    async fn secrets(&self) -> Result<ProviderSecrets, RunError> {
        let (home, key) = (&self.context.home, providers_key(&self.function));
        let text = read(self.context.store.as_ref(), home, &key).await?;
        let text = text.ok_or_else(|| {
            RunError::Refused(format!(
                "function `{}` has no storage providers: name one in an `input` or `output` of its definition and deploy \
                 it",
                self.function
            ))
        })?;
        read_secrets(&text)
            .map_err(|why| RunError::Refused(format!("{home}/{key}: {why}; deploy the function again")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::launch::tests::World;
    use super::*;
    use crate::cloud::ErrorKind;

    #[tokio::test]
    async fn what_is_not_there_is_said_and_keys_are_not() {
        let world = World::new(Vec::new());
        let get = async |name| Stores::of(&world.context, "f").get(Some(name)).await.map(drop);
        assert!(Stores::of(&world.context, "f").get(None).await.is_ok());
        assert!(get("minio.lab").await.unwrap_err().to_string().contains("has no storage providers"));
        let key = "secrets/f/providers.json";
        world.store.insert("home", key, r#"{"version": 1, "providers": "hidden"}"#);
        let error = get("minio.lab").await.unwrap_err().to_string();
        assert!(error.contains(key) && !error.contains("hidden"), "{error}");
        let text = r#"{"version": 1, "providers": {"minio.lab": {
            "storage": {"endpoint": "http://127.0.0.1:9", "region": "us-east-1"},
            "keys": {"access_key": "id", "secret_key": "hidden"}}}}"#;
        world.store.insert("home", key, text);
        assert!(get("minio.lab").await.is_ok());
        let error = get("minio.x").await.unwrap_err().to_string();
        assert!(error.contains("minio.x") && error.contains("minio.lab"), "{error}");
        let store = Stores::of(&world.context, "f").get(Some("minio.lab")).await.unwrap();
        assert!(!format!("{store:?}").contains("hidden"));
        let said = store.error(CloudError::new(ErrorKind::Other, "x", "", "no")).to_string();
        assert!(said.contains("minio.lab at http://127.0.0.1:9"), "{said}");
    }
}
