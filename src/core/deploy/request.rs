//! What a definition asks of an image.

use crate::definition::{Definition, SCRIPT_BYTES};
use crate::image::{ComposeRequest, ImageError, SharedFile, Source};
use crate::regular;
use bytes::Bytes;
use std::path::{Path, PathBuf};
use throng_contract::{FunctionConfig, InputPlace, versions};

/// What a definition asks for. Reads the script.
///
/// # Errors
/// [`ImageError::Spec`] for the image, [`ImageError::File`] for the script.
pub fn compose_request(definition: &Definition, runtime: Bytes) -> Result<ComposeRequest, ImageError> {
    let source = Source::parse(&definition.image, &definition.base)?;
    let read = |path: &PathBuf| {
        regular::read(path, SCRIPT_BYTES, "a script")
            .map_err(|error| ImageError::file("cannot read the script", path, error))
    };
    let script = match &definition.inline_script {
        Some(text) => Some(Bytes::from(text.clone())),
        None => definition.script.as_ref().map(read).transpose()?.map(Bytes::from),
    };
    let config = FunctionConfig {
        version: versions::CONFIG,
        name: definition.name.clone(),
        script: script.is_some(),
        entrypoint: Vec::new(),
        cmd: Vec::new(),
        workdir: definition.workdir.clone().unwrap_or_default(),
        env: definition.env.clone(),
        outputs: definition.outputs.clone(),
        timeout_threshold: definition.timeout_threshold_s,
        on_failure: definition.on_failure,
        expect: definition.expect.clone(),
        providers: definition
            .providers
            .iter()
            .map(|(name, provider)| (name.clone(), provider.storage.clone()))
            .collect(),
        inputs: definition
            .input_places()
            .map(|(bucket, path)| InputPlace { bucket: bucket.to_owned(), path: path.to_owned() })
            .collect(),
        provider_inputs: definition.provider_inputs.clone(),
        selections: definition.selections_with_rules().to_vec(),
        grouping: definition.grouping.clone(),
        credentials: definition.credentials,
        task_timeout: definition.task_timeout_s,
        secrets: definition.script_secrets.keys().cloned().collect(),
        fingerprint: String::new(),
    };
    Ok(ComposeRequest {
        source,
        credentials: None,
        architecture: definition.architecture,
        runtime,
        script,
        files: definition.files.iter().map(|path| shared_file(path)).collect(),
        config,
        function_variables: definition.lambda_env.keys().cloned().collect(),
    })
}

/// A file or folder under its own name.
fn shared_file(path: &Path) -> SharedFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    SharedFile { path: path.to_owned(), name }
}
