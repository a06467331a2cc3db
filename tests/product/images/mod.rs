//! Images from every source, composed and pushed to a registry in this process, and read back.

#![allow(clippy::too_many_lines)]

mod compose;
mod double;
mod layouts;
mod others;
mod refused;
mod registry;
mod support;
