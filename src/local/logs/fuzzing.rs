//! What is private otherwise, for the fuzz targets.

use super::tail;

/// A message of a Live Tail session, framed.
pub fn frame(payload: &serde_json::Value) -> Vec<u8> {
    tail::frame("event", "sessionUpdate", payload).to_vec()
}
