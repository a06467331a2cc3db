//! Readers of outside input that are private otherwise, for the fuzz targets.

use super::reports::{FailedAttempt, failed_attempt};
use crate::logs::RawEvent;

/// The bad end of an attempt that a line of the platform's log tells.
pub fn end_in_log(event: &RawEvent) -> Option<FailedAttempt> {
    failed_attempt(event)
}
