//! Images from every source, composed and pushed to a registry in this process, and read back.

#![allow(clippy::too_many_lines)]

mod compose;
mod double;
mod others;
mod registry;
mod support;
