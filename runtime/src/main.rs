//! The runtime: the entry point of every throng function.
//!
//! It asks the Lambda Runtime API for an event, fetches the input that the event names, runs the function's script
//! on it, stores what the script left in its output folder, writes a record of the attempt, answers, empties
//! /tmp, and asks again. One thread, blocking calls: an environment does one thing at a time, and a start that is
//! paid ten thousand times should load nothing it does not need.

#[cfg(target_os = "linux")]
mod api;
#[cfg(target_os = "linux")]
mod clean;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod config;
#[cfg(target_os = "linux")]
mod dns;
#[cfg(target_os = "linux")]
mod event;
#[cfg(target_os = "linux")]
mod execute;
#[cfg(target_os = "linux")]
mod http;
#[cfg(target_os = "linux")]
mod logs;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod response;
#[cfg(target_os = "linux")]
mod s3;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod sigv4;
#[cfg(target_os = "linux")]
mod stage;
#[cfg(target_os = "linux")]
mod stores;
#[cfg(target_os = "linux")]
mod task;
#[cfg(target_os = "linux")]
mod variables;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    serve::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("throng-runtime runs inside Linux containers only");
    std::process::ExitCode::FAILURE
}
