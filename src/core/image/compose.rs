//! A user's image and our layer become one that Lambda runs.

use super::base::{self, Base, ImageSettings};
use super::blob::{Blob, BlobSource, blocking};
use super::digest::sha256;
use super::request::ComposeRequest;
use super::shared::SharedLayer;
use super::{CONFIG, Cache, GOOD_MANIFEST, ImageError, LAYER, MANIFEST, MAX_UNCOMPRESSED, added};
use crate::model::{Architecture, is_reserved};
use bytes::Bytes;
use serde_json::json;
use std::path::Path;
use throng_contract::{FunctionConfig, layout};
use tokio_util::sync::CancellationToken;

/// An image that is ready to be pushed.
#[derive(Clone, Debug)]
pub struct Composed {
    /// The manifest, byte for byte.
    pub manifest: Bytes,
    /// Its media type.
    pub media_type: &'static str,
    /// Its digest: the image's identity.
    pub digest: String,
    /// The image's configuration, byte for byte.
    pub config: Bytes,
    /// Configuration and layers.
    pub blobs: Vec<Blob>,
    /// The layer of the definition's files, when it has any.
    pub shared: Option<SharedLayer>,
    /// What the runtime will read.
    pub function_config: FunctionConfig,
    /// What a person should know.
    pub warnings: Vec<String>,
}

impl Composed {
    /// Bytes of all blobs.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }
}

/// Makes the image. The same inputs give the same digest.
///
/// # Errors
/// When the user's image cannot be read, or when Lambda would refuse the result.
pub async fn compose(
    request: ComposeRequest,
    cache: &Cache,
    cancel: &CancellationToken,
) -> Result<Composed, ImageError> {
    let work = async {
        let base = base::read(&request, cache, cancel).await?;
        blocking(move || assemble(&request, base)).await
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(ImageError::Cancelled),
        result = work => result,
    }
}

pub(super) fn assemble(request: &ComposeRequest, base: Base) -> Result<Composed, ImageError> {
    let function_config = function_config(request, &base)?;
    let ours = added::layer(&request.runtime, request.script.as_deref(), &function_config)?;
    let known: u64 = base.layers.iter().filter_map(|layer| layer.uncompressed).sum();
    if known + ours.uncompressed > MAX_UNCOMPRESSED {
        let bytes = known + ours.uncompressed;
        return Err(ImageError::Refused(format!(
            "the image has {bytes} bytes uncompressed: Lambda takes 10 GB at most. Use a smaller base image"
        )));
    }
    let mut blobs: Vec<Blob> = base.layers.iter().map(|layer| layer.blob.clone()).collect();
    let mut diff_ids: Vec<&str> = base.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    diff_ids.push(&ours.diff_id);
    blobs.push(Blob {
        digest: ours.digest,
        size: ours.size,
        media_type: LAYER.into(),
        source: BlobSource::Bytes(ours.output.into()),
    });
    let config = Bytes::from(image_config(request.architecture, &base, &diff_ids));
    let config_blob = Blob {
        digest: sha256(&config),
        size: config.len() as u64,
        media_type: CONFIG.into(),
        source: BlobSource::Bytes(config.clone()),
    };
    let manifest = Bytes::from(manifest(&config_blob, &blobs));
    let mut warnings = base.warnings;
    if manifest.len() > GOOD_MANIFEST {
        warnings.push(format!(
            "the manifest has {} bytes and {} layers: above {GOOD_MANIFEST} bytes Lambda starts it slowly",
            manifest.len(),
            blobs.len()
        ));
    }
    blobs.insert(0, config_blob);
    let digest = sha256(&manifest);
    let shared = base.shared;
    Ok(Composed { manifest, media_type: MANIFEST, digest, config, blobs, shared, function_config, warnings })
}

/// The request's configuration, with the user's image's settings in it.
fn function_config(request: &ComposeRequest, base: &Base) -> Result<FunctionConfig, ImageError> {
    let mut config = request.config.clone();
    config.script = request.script.is_some();
    config.entrypoint.clone_from(&base.settings.entrypoint);
    config.cmd.clone_from(&base.settings.cmd);
    if !config.workdir.is_empty() {
        stay_found(&mut config.entrypoint, &base.settings.workdir);
    }
    config.workdir = workdir(&config.workdir, &base.settings.workdir);
    for variable in &base.settings.env {
        if let Some((name, value)) = variable.split_once('=')
            && !request.function_variables.contains(name)
            && !is_reserved(name)
        {
            config.env.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    if !config.script && config.entrypoint.is_empty() && config.cmd.is_empty() {
        return Err(ImageError::Refused(
            "there is nothing to run: the definition has no script (`init_script`), and the image has no entry \
             point"
                .into(),
        ));
    }
    if !config.script {
        check_entry_point(base)?;
    }
    config.fingerprint = fingerprint(&config, request.script.as_deref(), base);
    Ok(config)
}

/// Where scripts start: what was asked for, else the image's WORKDIR. `/` is what builders write when nobody said anything,
/// and no place to write to: it counts as none.
fn workdir(asked: &str, image: &str) -> String {
    match (asked, image) {
        (FunctionConfig::TASK_FOLDER, _) | ("", "/") => String::new(),
        ("", image) => image.to_owned(),
        (asked, _) => asked.to_owned(),
    }
}

/// An entry point that is looked for from the image's WORKDIR stays found when scripts start elsewhere.
fn stay_found(entrypoint: &mut [String], image: &str) {
    if let Some(program) = entrypoint.first_mut()
        && program.contains('/')
        && !program.starts_with('/')
    {
        *program = Path::new("/").join(image).join(&*program).display().to_string();
    }
}

/// Digest of what decides a function's results: the user's layers, the script, and what of the definition reaches it. Neither
/// throng's own release nor the function's name or places change it.
fn fingerprint(config: &FunctionConfig, script: Option<&[u8]>, base: &Base) -> String {
    let FunctionConfig { entrypoint, cmd, workdir, env, .. } = config;
    let layers: Vec<_> = base.layers.iter().map(|layer| &layer.diff_id).collect();
    let script = script.map(sha256);
    let mut parts = json!([layers, script, entrypoint, cmd, workdir, env]);
    // Added where there are any, so that those of other functions stay. Their values may change without this machine knowing.
    if let (false, Some(list)) = (config.secrets.is_empty(), parts.as_array_mut()) {
        list.push(json!(config.secrets));
    }
    sha256(parts.to_string().as_bytes())
}

/// Refuses an entry point that no kernel starts: its interpreter would be `/bin/sh\r`. Programs that are found by PATH
/// are looked for there; links to programs are not followed.
fn check_entry_point(base: &Base) -> Result<(), ImageError> {
    let ImageSettings { entrypoint, cmd, env, workdir, .. } = &base.settings;
    let Some(program) = entrypoint.first().or(cmd.first()) else { return Ok(()) };
    let path = env.iter().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or_default();
    let folders: Vec<&str> = if program.contains('/') { vec![workdir] } else { path.split(':').collect() };
    let is_it = |script: &String| {
        folders.iter().any(|folder| {
            Path::new("/")
                .join(folder)
                .join(program)
                .strip_prefix("/")
                .is_ok_and(|name| name == Path::new(script))
        })
    };
    if !base.dos_scripts.iter().any(is_it) {
        return Ok(());
    }
    Err(ImageError::Refused(format!(
        "the image's entry point `{program}` is a script with DOS line ends: its first line asks for an interpreter whose \
         name ends with `\\r`, which is nowhere. Write it with Unix line ends (`dos2unix`, or `sed -i 's/\\r$//'`) and \
         build the image again"
    )))
}

fn image_config(architecture: Architecture, base: &Base, diff_ids: &[&str]) -> Vec<u8> {
    let mut settings = json!({
        "Env": base.settings.env,
        "Entrypoint": [layout::RUNTIME],
        "Cmd": [],
        "WorkingDir": "/",
    });
    if !base.settings.labels.is_empty() {
        settings["Labels"] = json!(base.settings.labels);
    }
    let mut config = json!({
        "created": "1980-01-01T00:00:00Z",
        "architecture": architecture.as_oci(),
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    if let Some(variant) = &base.variant {
        config["variant"] = json!(variant);
    }
    config.to_string().into_bytes()
}

fn manifest(config: &Blob, layers: &[Blob]) -> Vec<u8> {
    let descriptor =
        |blob: &Blob| json!({"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size});
    let layers: Vec<_> = layers.iter().map(descriptor).collect();
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(config),
        "layers": layers,
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_start_in_the_images_folder_or_in_a_fresh_one() {
        assert_eq!(workdir("", "/app"), "/app");
        assert_eq!(workdir("", ""), "", "no WORKDIR: a fresh folder");
        assert_eq!(workdir("", "/"), "", "which is what builders write for none");
        assert_eq!(workdir("/", "/app"), "/", "what a definition says counts");
        assert_eq!(workdir("task", "/app"), "");
    }

    #[test]
    fn an_entry_point_is_found_wherever_scripts_start() {
        let found = |program: &str| {
            let mut entrypoint = [program.to_owned(), "x/y".to_owned()];
            stay_found(&mut entrypoint, "/app");
            entrypoint.join(" ")
        };
        assert_eq!(found("bin/fit"), "/app/bin/fit x/y");
        assert_eq!(found("./fit"), "/app/./fit x/y");
        assert_eq!(found("/bin/fit"), "/bin/fit x/y");
        assert_eq!(found("fit"), "fit x/y", "found by PATH");
    }
}
