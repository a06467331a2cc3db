//! Images from every source, composed and pushed to a registry in this process, and read back.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::too_many_lines)]

mod compose;
mod double;
mod registry;
mod support;
