//! Where objects are: the function's own storage, and the storage providers that its definition names.
//!
//! A provider's keys are asked for when the first input or output needs them, so that functions without providers pay
//! nothing for them at their start, and again when the provider refuses them: they may have been changed since. The secrets of
//! scripts are in the same object and are asked for by the first task.

use crate::config::RuntimeSettings;
use crate::event::{Input, Job, Origin};
use crate::s3::{Description, Fetched, S3, S3Error, S3ErrorKind, Stored};
use crate::webdav::Webdav;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use throng_contract::{
    Protocol, ProviderAccess, ProviderInput, ProviderSecrets, Requests, keys, read_secrets,
};

/// Every storage of an environment.
pub struct Stores<'a> {
    own: S3,
    settings: &'a RuntimeSettings,
    known: Mutex<Known>,
}

/// The client of a storage provider.
enum Client {
    S3(S3),
    Webdav(Webdav),
}

/// One storage, whatever it speaks.
#[derive(Clone, Copy)]
pub enum Storage<'s> {
    /// S3.
    S3(&'s S3),
    /// A server of `WebDAV`.
    Webdav(&'s Webdav),
}

impl Client {
    fn requests(&self) -> Requests {
        match self {
            Self::S3(client) => client.requests(),
            Self::Webdav(client) => client.requests(),
        }
    }

    const fn storage(&self) -> Storage<'_> {
        match self {
            Self::S3(client) => Storage::S3(client),
            Self::Webdav(client) => Storage::Webdav(client),
        }
    }
}

impl Storage<'_> {
    /// Streams an object into a new file.
    pub fn get_file(self, bucket: &str, key: &str, to: &Path, until: Instant) -> Result<Fetched, S3Error> {
        match self {
            Self::S3(client) => client.get_file(bucket, key, to, until),
            Self::Webdav(client) => client.get_file(bucket, key, to, until),
        }
    }

    /// The objects whose keys begin so, with their sizes in bytes.
    pub fn list_sizes(
        self,
        bucket: &str,
        prefix: &str,
        until: Instant,
    ) -> Result<Vec<(String, u64)>, S3Error> {
        match self {
            Self::S3(client) => client.list_sizes(bucket, prefix, until),
            Self::Webdav(_) => Err(S3Error::permanent(
                "the folders of a server of WebDAV are not listed by functions: launch groups with `throng run`",
            )),
        }
    }

    /// Stores a file, with a line about where it came from, where there is room for such.
    pub fn put_file(
        self,
        bucket: &str,
        key: &str,
        file: &File,
        about: &Description<'_>,
        until: Instant,
    ) -> Result<Stored, S3Error> {
        match self {
            Self::S3(client) => client.put_file(bucket, key, file, about, until),
            Self::Webdav(client) => client.put_file(bucket, key, file, about.kind, until),
        }
    }
}

/// What was learnt of the providers.
#[derive(Default)]
struct Known {
    secrets: Option<ProviderSecrets>,
    clients: BTreeMap<String, Arc<Client>>,
    /// What clients had sent whose keys are no longer good.
    past: Requests,
}

impl Known {
    /// Requests that were sent to providers so far.
    fn requests(&self) -> Requests {
        self.clients.values().fold(self.past, |sum, client| sum.plus(client.requests()))
    }
}

impl<'a> Stores<'a> {
    /// Asks for nothing yet.
    pub fn new(own: S3, settings: &'a RuntimeSettings) -> Self {
        Self { own, settings, known: Mutex::default() }
    }

    /// The function's own storage.
    pub const fn own(&self) -> &S3 {
        &self.own
    }

    /// Requests that were sent to any storage so far.
    pub fn requests(&self) -> Requests {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.requests().plus(self.own.requests())
    }

    /// Does something with a provider's storage, or the function's own when there is none. When the keys are refused
    /// and have changed since they were read, it is done once more with the new ones.
    pub fn with<T>(
        &self,
        provider: Option<&str>,
        until: Instant,
        call: impl Fn(Storage<'_>) -> Result<T, S3Error>,
    ) -> Result<T, S3Error> {
        let Some(name) = provider else { return call(Storage::S3(&self.own)) };
        let client = self.client(name, until)?;
        match call(client.storage()) {
            Err(error) if error.kind == S3ErrorKind::Denied => match self.renewed(name, &client, until) {
                Some(client) => call(client.storage()),
                None => Err(error),
            },
            other => other,
        }
    }

    /// The client of a provider; its keys are fetched if they were not yet.
    fn client(&self, name: &str, until: Instant) -> Result<Arc<Client>, S3Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.clients.get(name) {
            return Ok(client.clone());
        }
        let of_keys = |error: S3Error| error.within(&format!("the keys of {name} cannot be had"));
        if known.secrets.is_none() {
            known.secrets = Some(self.fetch(until).map_err(of_keys)?);
        }
        let client = self.build(name, known.secrets.as_ref()).map_err(of_keys)?;
        known.clients.insert(name.to_owned(), client.clone());
        Ok(client)
    }

    /// A client with other keys than `refused` has, if there are any by now. Of several threads whose keys were
    /// refused, one asks.
    fn renewed(&self, name: &str, refused: &Arc<Client>, until: Instant) -> Option<Arc<Client>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.clients.get(name).filter(|client| !Arc::ptr_eq(client, refused)) {
            return Some(client.clone());
        }
        let secrets = self.fetch(until).ok()?;
        if known.secrets.as_ref() == Some(&secrets) {
            return None;
        }
        *known = Known { secrets: Some(secrets), clients: BTreeMap::new(), past: known.requests() };
        let client = self.build(name, known.secrets.as_ref()).ok()?;
        known.clients.insert(name.to_owned(), client.clone());
        Some(client)
    }

    /// The secrets of the function's script: names and values.
    pub fn script_secrets(&self, until: Instant) -> Result<Vec<(String, String)>, S3Error> {
        let names = &self.settings.function.secrets;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let of_secrets = |error: S3Error| error.within("the script's secrets cannot be had");
        if known.secrets.is_none() {
            known.secrets = Some(self.fetch(until).map_err(of_secrets)?);
        }
        let variables = known.secrets.as_ref().map(|secrets| &secrets.variables);
        let value = |name: &String| {
            let value = variables.and_then(|variables| variables.get(name));
            let value = value.ok_or_else(|| {
                of_secrets(S3Error::permanent(format!(
                    "the home bucket does not have {name}; deploy the function again"
                )))
            })?;
            Ok((name.clone(), value.clone()))
        };
        names.iter().map(value).collect()
    }

    /// Reads the keys of all providers with the function's role.
    fn fetch(&self, until: Instant) -> Result<ProviderSecrets, S3Error> {
        let Some(home) = &self.settings.home_bucket else {
            return Err(S3Error::permanent("the function knows no home bucket; deploy it again"));
        };
        let key = keys::providers_key(&self.settings.function.name);
        let text = self.own.get_bytes(home, &key, until)?;
        read_secrets(&text).map_err(S3Error::permanent)
    }

    /// Where the provider is comes from the image, its keys from the home bucket.
    fn build(&self, name: &str, secrets: Option<&ProviderSecrets>) -> Result<Arc<Client>, S3Error> {
        let keys = secrets.and_then(|secrets| secrets.providers.get(name)).map(|access| access.keys.clone());
        match (self.settings.function.providers.get(name), keys) {
            (Some(storage), Some(keys)) => {
                let access = ProviderAccess { storage: storage.clone(), keys };
                Ok(Arc::new(match storage.protocol {
                    Protocol::S3 => Client::S3(S3::of_provider(name, &access)),
                    Protocol::Webdav => Client::Webdav(Webdav::of_provider(name, &access)),
                }))
            }
            (None, _) => Err(S3Error::permanent(format!(
                "the function's definition has no storage provider {name}; add it and deploy again"
            ))),
            (Some(_), None) => {
                Err(S3Error::permanent("the home bucket does not have them; deploy the function again"))
            }
        }
    }

    /// The storage provider of a job's input; `None` for the function's own storage.
    pub fn provider_of<'j>(&'j self, job: &'j Job) -> Result<Option<&'j str>, S3Error> {
        let Input::Object { bucket, key } = &job.input else { return Ok(None) };
        match &job.origin {
            Origin::Own => Ok(None),
            Origin::Provider(name) => Ok(Some(name)),
            Origin::Minio => minio_of(&self.settings.function.provider_inputs, bucket, key).map(Some),
        }
    }
}

/// The `minio` provider that an event of a `MinIO` server is about: that of the input that holds the object, else the only
/// one that there is.
fn minio_of<'i>(inputs: &'i [ProviderInput], bucket: &str, key: &str) -> Result<&'i str, S3Error> {
    let minio: Vec<_> = inputs.iter().filter(|input| input.provider.starts_with("minio.")).collect();
    if let Some(input) = minio.iter().find(|input| input.holds(bucket, key)) {
        return Ok(&input.provider);
    }
    match &minio[..] {
        [] => Err(S3Error::permanent(format!(
            "the event is of a MinIO server ({bucket}/{key}), but no `input` of the function's definition is at a \
             `minio` storage provider; add one and deploy again"
        ))),
        [first, rest @ ..] if rest.iter().all(|input| input.provider == first.provider) => {
            Ok(&first.provider)
        }
        _ => Err(S3Error::permanent(format!(
            "the event is of a MinIO server, and no `input` of the function's definition holds {bucket}/{key}: \
             which of its storage providers it is at cannot be told"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(provider: &str, bucket: &str) -> ProviderInput {
        ProviderInput { provider: provider.into(), bucket: bucket.into(), path: "in".into() }
    }

    #[test]
    fn events_of_minio_belong_to_the_input_that_holds_them() {
        let of = |inputs: &[ProviderInput], bucket: &str| {
            minio_of(inputs, bucket, "in/x").map(str::to_owned).map_err(|error| error.to_string())
        };
        let two = [input("s3.far", "b"), input("minio.a", "a"), input("minio.b", "b")];
        assert_eq!(of(&two, "b").as_deref(), Ok("minio.b"));
        assert!(of(&two, "c").is_err_and(|error| error.contains("c/in/x")));
        assert_eq!(of(&two[..2], "c").as_deref(), Ok("minio.a"));
        assert!(of(&two[..1], "b").is_err_and(|error| error.contains("no `input`")));
    }
}
