//! What the screen makes of outside input, for the fuzz targets.

pub use crate::drop::parse as parse_drop;
