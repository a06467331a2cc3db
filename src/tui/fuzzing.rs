//! What the screen makes of outside input, for the fuzz targets.

pub use crate::drop::parse as parse_drop;
pub use crate::text::{clean, clean_lines, clip, clip_start, width, wrap, wrap_words};
