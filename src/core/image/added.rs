//! The one layer that makes an image a function.

use super::ImageError;
use super::layer::{Attributes, Layer, LayerWriter};
use throng_contract::{FunctionConfig, layout};
use tokio_util::sync::CancellationToken;

/// Makes the layer: the runtime, the script and the function's configuration. The same for the same inputs.
pub(super) fn layer(
    runtime: &[u8],
    script: Option<&[u8]>,
    config: &FunctionConfig,
) -> Result<Layer<Vec<u8>>, ImageError> {
    let config = serde_json::to_vec(config).map_err(|error| {
        ImageError::Content(format!("the function's settings cannot be written: {error}"))
    })?;
    let mut writer = LayerWriter::new(Vec::new(), "the function's layer", &CancellationToken::new());
    let mut add = |path: &str, mode: u32, body: &[u8]| {
        let name = path.trim_start_matches('/');
        writer.file(name, Attributes::fixed(mode), body.len() as u64, &mut &body[..])
    };
    add(layout::CONFIG, 0o644, &config)?;
    add(layout::RUNTIME, 0o755, runtime)?;
    if let Some(script) = script {
        add(layout::SCRIPT, 0o755, script)?;
    }
    writer.finish()
}
