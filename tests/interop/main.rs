//! throng with programs that others wrote: AWS's clients and emulator, moto, ministack, registries, image tools, rclone, `WsgiDAV`, an
//! evaluator of policies. Feature `interop`; packages of Python and npm are installed into target/interop, Debian packages with
//! apt-get, as root.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod contexts;
mod convert;
mod deploy;
mod doctor;
mod examples;
mod images;
#[cfg(target_arch = "x86_64")]
mod ministack;
mod models;
mod policies;
mod providers;
mod registry;
#[cfg(target_arch = "x86_64")]
mod runtime;
mod s3;
mod stages;
mod webdav;

/// The local Lambda of the tests in `product`, for clients of others.
mod lambda {
    #[path = "../../product/lambda/bootstrap.rs"]
    mod bootstrap;
    mod clients;
    #[allow(dead_code)]
    #[path = "../../product/lambda/cloud.rs"]
    mod cloud;
}
