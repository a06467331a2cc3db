//! Readers of outside input that are private otherwise, for the fuzz targets.

pub use super::api::fuzzing::{Created, chunk, created};
use super::names::FunctionRef;

/// The plain name of a function, however a caller names it.
pub fn function_name(text: &str) -> Option<String> {
    FunctionRef::parse(text).ok()?.latest(None).ok()
}
