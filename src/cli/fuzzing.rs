//! What the command line makes of outside input, for the fuzz targets.

pub use crate::scar::{Translated, translate};
