//! The keys of a function's storage providers, and the secrets of its script: one encrypted object of the home bucket, which the
//! runtime reads with the function's role. They are in no image, no variable of the function, no plan, message or ledger.

use super::keys::Keys;
use super::step::{Action, Step, Work};
use super::{DeployError, Undo};
use crate::cloud::{Cloud, CloudError, ErrorKind};
use crate::definition::Definition;
use throng_contract::keys::providers_key;

/// User metadata: SHA-256 of the object, so that a plan tells whether it changed without reading it.
const DIGEST: &str = "throng-sha256";
/// User metadata: when it was made, which is what [`ENV_SECRETS`](throng_contract::layout::ENV_SECRETS) says.
const STAMP: &str = "throng-stamp";

/// What becomes of a function's object of keys and secrets.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    /// `None` when there is none and none is wanted.
    pub step: Option<Step>,
    /// What the function is told of its secrets, so that its environments start anew when they change; `None` without any.
    pub stamp: Option<String>,
}

/// The step for a function's keys and secrets.
pub(super) async fn step(cloud: &Cloud, home: &str, definition: &Definition) -> Result<Sealed, DeployError> {
    let wanted = Keys::of(home, definition)?;
    let key = providers_key(&definition.name);
    let is = match cloud.s3().head(home, &key).await {
        Ok(head) => Some(head.metadata),
        Err(error) if error.is_not_found() => None,
        // Who may not look there has stored none there either.
        Err(error) if error.kind == ErrorKind::Denied && wanted.is_none() => None,
        Err(error) => return Err(error.into()),
    };
    let step = |action, detail: String, work| Step { action, what: what(definition).into(), detail, work };
    let providers = definition.providers.keys().map(String::as_str);
    let names: Vec<&str> = providers.chain(definition.script_secrets.keys().map(String::as_str)).collect();
    let detail = format!("{}: encrypted, in {home}/{key}", names.join(", "));
    let secret = !definition.script_secrets.is_empty();
    Ok(match (wanted, is) {
        (None, None) => Sealed::default(),
        (None, Some(_)) => {
            let work = vec![Work::ForgetKeys(home.to_owned(), key)];
            let step = step(Action::Remove, "the definition names none any more".into(), work);
            Sealed { step: Some(step), stamp: None }
        }
        // Secrets without a stamp were stored by nobody that we know.
        (Some(wanted), Some(is))
            if is.get(DIGEST) == Some(&wanted.digest) && (!secret || is.contains_key(STAMP)) =>
        {
            Sealed {
                step: Some(step(Action::Keep, detail, Vec::new())),
                stamp: is.get(STAMP).filter(|_| secret).cloned(),
            }
        }
        (Some(wanted), is) => {
            let action = if is.is_some() { Action::Change } else { Action::Create };
            let stamp = secret.then(|| wanted.stamp.clone());
            let keys = Keys { new: is.is_none(), ..wanted };
            Sealed { step: Some(step(action, detail, vec![Work::StoreKeys(keys)])), stamp }
        }
    })
}

/// What the object holds, in words.
fn what(definition: &Definition) -> &'static str {
    match (definition.providers.is_empty(), definition.script_secrets.is_empty()) {
        (false, false) => "keys of storage providers, and secrets",
        (true, false) => "secrets",
        _ => "keys of storage providers",
    }
}

/// Stores them. What takes them back, when they were not there before.
pub(super) async fn store(cloud: &Cloud, keys: &Keys) -> Result<Option<Undo>, CloudError> {
    let Keys { bucket, key, body, digest, stamp, new } = keys;
    let metadata = [(DIGEST, digest.clone()), (STAMP, stamp.clone())];
    cloud.s3().put_secret(bucket, key, body.clone(), &metadata).await?;
    Ok(new.then(|| Undo::Keys { bucket: bucket.clone(), key: key.clone() }))
}

/// Removes an object of keys.
pub(super) async fn forget(cloud: &Cloud, bucket: &str, key: &str) -> Result<(), CloudError> {
    let failed = cloud.s3().delete_many(bucket, &[key.to_owned()]).await?;
    match failed.into_iter().next() {
        None => Ok(()),
        Some((_, reason)) => {
            Err(CloudError::new(ErrorKind::Denied, "s3:DeleteObject", &format!("{bucket}/{key}"), reason))
        }
    }
}

/// Removes the keys of a function. `false` when there were none.
pub(super) async fn remove(cloud: &Cloud, function: &str) -> Result<bool, CloudError> {
    let Ok(home) = cloud.home_bucket() else { return Ok(false) };
    let key = providers_key(function);
    match cloud.s3().head(home, &key).await {
        Ok(_) => forget(cloud, home, &key).await.map(|()| true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a person should know of inputs that start nothing.
pub(super) fn notes(definition: &Definition) -> Vec<String> {
    let note = |input: &throng_contract::ProviderInput| {
        format!(
            "nothing in {input} starts the function by itself: `throng run {} {input}` starts it on what is there, or \
             let the server's webhook be forwarded to it as a payload",
            definition.name
        )
    };
    definition.provider_inputs.iter().map(note).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::definition::{Environment, ScriptSecret, parse};
    use std::path::Path;

    fn definition(secret: &str) -> Definition {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("prog"), "x").unwrap();
        let text = "functions:\n  aws:\n  - lambda:\n      name: f\n      container: {image: 'scratch:prog'}\n      output: [{storage_provider: minio.lab, path: bucket}]\nstorage_providers:\n  minio:\n    lab: {endpoint: 'http://h:1', access_key: id, secret_key: '${S}'}\n";
        let lookup = |_: &str| Some(secret.to_owned());
        let document = parse(text, &folder.path().join(Path::new("f.yaml")), Environment(&lookup)).unwrap();
        document.definitions.into_iter().next().unwrap()
    }

    #[test]
    fn keys_have_a_digest_and_are_never_shown() {
        let keys = |secret| Keys::of("home", &definition(secret)).unwrap().unwrap();
        let (one, two) = (keys("hidden-secret"), keys("other-secret"));
        assert_eq!(one.digest, keys("hidden-secret").digest);
        assert_ne!(one.digest, two.digest);
        assert_eq!(one.key, "secrets/f/providers.json");
        assert!(
            !format!("{one:?}").contains("hidden")
                && !format!("{:?}", definition("hidden")).contains("hidden")
        );
        assert!(Keys::of("home", &Definition::named("f", Path::new("/"))).unwrap().is_none());
    }

    #[test]
    fn secrets_of_scripts_are_with_the_keys_and_in_nothing_else() {
        let mut definition = Definition::named("f", Path::new("/"));
        let secret = ScriptSecret { value: "hidden-secret".into(), written: Some("${TOKEN}".into()) };
        definition.script_secrets.insert("TOKEN".into(), secret);
        let keys = Keys::of("home", &definition).unwrap().unwrap();
        let read = throng_contract::read_secrets(&keys.body).unwrap();
        assert_eq!(read.variables["TOKEN"], "hidden-secret");
        assert_eq!(what(&definition), "secrets");
        for shown in [format!("{definition:?}"), format!("{keys:?}"), format!("{read:?}")] {
            assert!(!shown.contains("hidden"), "{shown}");
        }
    }
}
