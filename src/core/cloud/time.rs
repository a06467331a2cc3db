//! Times in milliseconds since 1970: as the SDK tells them, and now.

use std::time::Duration;

pub(crate) fn millis(time: &aws_smithy_types::DateTime) -> Option<u64> {
    time.to_millis().ok().and_then(|millis| u64::try_from(millis).ok())
}

/// Whole milliseconds.
pub(crate) fn duration_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970, now.
#[must_use]
pub fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, duration_ms)
}
