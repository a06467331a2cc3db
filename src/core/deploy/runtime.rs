//! The runtime of this build.

use crate::core::definition::Architecture;
use crate::core::image::embedded;
use bytes::Bytes;

/// The static runtime for an architecture; `None` when this build has none.
#[must_use]
pub fn embedded_runtime(architecture: Architecture) -> Option<Bytes> {
    embedded::runtime(architecture).map(Bytes::from_static)
}
