//! `run` without inputs: the places of a definition's inputs.

use crate::fail::Fail;
use std::collections::BTreeSet;
use throng_contract::ProviderInput;
use throng_core::definition::Definition;
use throng_core::run::Inputs;

/// The places of a function's inputs; `None` when it has none. What of them is an input the launch knows.
pub fn at_inputs(definition: &Definition) -> Result<Option<Inputs>, Fail> {
    let Some((first, _)) = definition.input_places().next() else { return at_providers(definition) };
    if definition.input_places().any(|(bucket, _)| bucket != first) {
        return Err(Fail::usage(
            "its inputs are in several buckets: name one, `throng run FUNCTION s3://BUCKET/FOLDER/`",
        ));
    }
    let folders: BTreeSet<_> = definition.input_places().map(|(_, path)| folder(path)).collect();
    let keys = folders.into_iter().collect();
    Ok(Some(Inputs::Objects { provider: None, bucket: first.to_owned(), keys }))
}

fn folder(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}/") }
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
    let keys = definition.provider_inputs.iter().map(|input| folder(&input.path)).collect();
    Ok(Some(Inputs::Objects { provider: Some(first.provider.clone()), bucket: first.bucket.clone(), keys }))
}
