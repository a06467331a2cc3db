//! Images with third-party programs: Debian's docker-registry, skopeo, umoci, buildah and mmdebstrap.
//!
//! `cargo test --features interop --test interop_images`. What is missing is installed with apt-get, as root.

#![cfg(feature = "interop")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod images;
#[path = "../support/recorder.rs"]
mod recorder;
mod registries;
mod rig;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/tools.rs"]
mod tools;
