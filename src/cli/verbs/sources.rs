//! `run` without inputs: the objects at the inputs of a definition.

use crate::fail::Fail;
use throng_contract::ProviderInput;
use throng_core::cloud::{Cloud, ListQuery};
use throng_core::definition::Definition;
use throng_core::run::Inputs;

/// The objects that are at the inputs of a function now; `None` when it has no inputs.
pub async fn at_inputs(cloud: &Cloud, definition: &Definition) -> Result<Option<Inputs>, Fail> {
    let Some(first) = definition.inputs.first() else { return at_providers(definition) };
    if definition.inputs.iter().any(|rule| rule.bucket != first.bucket) {
        return Err(Fail::usage(
            "its inputs are in several buckets: name one, `throng run FUNCTION s3://BUCKET/FOLDER/`",
        ));
    }
    let mut keys = Vec::new();
    for rule in &definition.inputs {
        let prefix = rule.key_prefix();
        if rule.suffix.is_empty() {
            keys.push(prefix);
        } else {
            keys.extend(below(cloud, &rule.bucket, &prefix, &rule.suffix).await?);
        }
    }
    if keys.is_empty() {
        let message = format!("there are no objects at its inputs in s3://{}", first.bucket);
        return Err(Fail::not_found(message));
    }
    Ok(Some(Inputs::Objects { provider: None, bucket: first.bucket.clone(), keys }))
}

/// The folders at a storage provider that a function reads, when it reads nothing else.
fn at_providers(definition: &Definition) -> Result<Option<Inputs>, Fail> {
    let Some(first) = definition.provider_inputs.first() else { return Ok(None) };
    let same = |input: &ProviderInput| input.provider == first.provider && input.bucket == first.bucket;
    if !definition.provider_inputs.iter().all(same) {
        return Err(Fail::usage(
            "its inputs are in several buckets: name one, `throng run FUNCTION PROVIDER://BUCKET/FOLDER/`",
        ));
    }
    let folder = |input: &ProviderInput| match input.path.as_str() {
        "" => String::new(),
        path => format!("{path}/"),
    };
    let keys = definition.provider_inputs.iter().map(folder).collect();
    Ok(Some(Inputs::Objects { provider: Some(first.provider.clone()), bucket: first.bucket.clone(), keys }))
}

async fn below(cloud: &Cloud, bucket: &str, prefix: &str, suffix: &str) -> Result<Vec<String>, Fail> {
    let (mut keys, mut token) = (Vec::new(), None);
    loop {
        let query = ListQuery { prefix, token: token.as_deref(), ..ListQuery::default() };
        let page = cloud.s3().list_page(bucket, query).await?;
        keys.extend(page.items.into_iter().map(|object| object.key).filter(|key| key.ends_with(suffix)));
        token = page.next;
        if token.is_none() {
            return Ok(keys);
        }
    }
}
