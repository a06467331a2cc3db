//! What [`super::super::fuzzing`] has of requests.

use super::request::FunctionRequest;
use super::{streaming, validate};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Settings of a new function.
pub struct Created {
    /// Time limit in seconds.
    pub timeout_secs: u32,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// /tmp in MiB.
    pub tmp_mb: u32,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Log group.
    pub log_group: String,
}

/// Reads and checks the body of `CreateFunction`.
pub fn created(json: &[u8]) -> Option<Created> {
    let mut request: FunctionRequest = serde_json::from_slice(json).ok()?;
    let settings = validate::new_settings(&mut request, "function").ok()?;
    Some(Created {
        timeout_secs: settings.timeout_secs,
        memory_mb: settings.memory_mb,
        tmp_mb: settings.tmp_mb,
        env: settings.env,
        log_group: settings.logging.log_group,
    })
}

/// A part of a streamed response, framed.
pub fn chunk(payload: Vec<u8>) -> Vec<u8> {
    let mut stream = Vec::new();
    let _ = streaming::put(&mut stream, "PayloadChunk", "application/octet-stream", Bytes::from(payload));
    stream
}
