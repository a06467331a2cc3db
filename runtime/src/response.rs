//! The answer to an invocation, in SCAR's envelope.

use crate::config::RuntimeSettings;
use crate::logs::KEPT;
use crate::output::{self, Found};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::io::{Read, Write};

/// What a plain invocation made for its caller, when no rule stores it: the only output file itself, or a zip archive of
/// several (faas-supervisor's rule for what is not a storage event). `None` when there is none: then the script's standard
/// output is the answer.
///
/// The error is a sentence: why what was made is not the answer.
pub fn made(settings: &RuntimeSettings, plain: bool, files: &[Found]) -> Result<Option<Vec<u8>>, String> {
    if !plain || !settings.function.outputs.is_empty() || files.is_empty() {
        return Ok(None);
    }
    let mut room = KEPT;
    let mut bodies = Vec::with_capacity(files.len());
    for found in files {
        let bytes = read(found, room)?;
        room -= bytes.len();
        bodies.push(bytes);
    }
    match (&mut bodies[..], files) {
        ([body], _) => Ok(Some(std::mem::take(body))),
        (bodies, files) => {
            zip(files, bodies).map(Some).map_err(|error| format!("the outputs cannot be zipped: {error}"))
        }
    }
}

fn read(found: &Found, room: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(room).unwrap_or(0) + 1;
    output::open(&found.path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| format!("the output {} cannot be read: {error}", found.name))?;
    if bytes.len() <= room {
        return Ok(bytes);
    }
    Err(format!(
        "the outputs are larger than an answer can be ({} MiB), and the function has no `output` that stores them",
        KEPT >> 20
    ))
}

/// An archive without compression: the answer is small, and the caller close.
fn zip(files: &[Found], bodies: &[Vec<u8>]) -> Result<Vec<u8>, rawzip::Error> {
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    for (found, body) in files.iter().zip(bodies) {
        let (mut entry, config) = archive.new_file(&found.name).start()?;
        let mut writer = config.wrap(&mut entry);
        writer.write_all(body)?;
        let (_, descriptor) = writer.finish()?;
        entry.finish(descriptor)?;
    }
    archive.finish()?;
    Ok(out)
}

/// The envelope.
pub fn envelope(settings: &RuntimeSettings, request_id: &str, body: &[u8]) -> Vec<u8> {
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
