//! The answer to an invocation, in SCAR's envelope.

use crate::config::Settings;
use crate::logs::KEPT;
use crate::output::{self, Found};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::io::Read;

/// What goes into the body: the output file, when a plain invocation made exactly one and no rule stored it, and the
/// script's standard output otherwise. At most [`KEPT`] bytes.
pub fn body(settings: &Settings, plain: bool, files: &[Found], stdout: Vec<u8>) -> Vec<u8> {
    let [file] = files else { return stdout };
    if !plain || !settings.function.outputs.is_empty() {
        return stdout;
    }
    let mut bytes = Vec::new();
    let read = output::open(&file.path).and_then(|file| file.take(KEPT as u64).read_to_end(&mut bytes));
    if read.is_ok() { bytes } else { stdout }
}

/// The envelope.
pub fn envelope(settings: &Settings, request_id: &str, body: &[u8]) -> Vec<u8> {
    json!({
        "statusCode": 200,
        "headers": {
            "amz-lambda-request-id": request_id,
            "amz-log-group-name": settings.log_group,
            "amz-log-stream-name": settings.log_stream,
        },
        "body": STANDARD.encode(body),
        "isBase64Encoded": true,
    })
    .to_string()
    .into_bytes()
}
