//! The engine: everything that throng does, with no terminal and no knowledge of how the local cloud is built.
//!
//! ```text
//! model        plain data that front ends show
//! words        one voice: text that is safe to show, amounts and times for people
//! private      folders and files that their owner alone may look into
//! regular      reads files that a person names
//! dirs         where configuration, state, cache and data live
//! config       config.toml: contexts and settings
//! image        images without a Docker daemon
//! definition   function definitions: parse, validate, explain
//! cloud        a context's cloud: SDK clients, retries, shared limits
//! cost         the price sheet and estimates
//! policies     least-privilege policies of IAM
//! logs         live tail for the eyes, a sweep for the truth
//! dataset      files -> objects, objects -> files
//! deploy       plan, show, apply
//! run          manifest, launch, follow, cancel, list
//! doctor       whether a context can do the job, and what to change
//! jobs         what a person can ask for, once for every front end; what a read-only context refuses
//! engine       commands in, snapshots out
//! ```

pub mod cloud;
pub mod config;
pub mod cost;
pub mod dataset;
pub mod definition;
pub mod deploy;
pub mod dirs;
pub mod doctor;
pub mod engine;
pub mod image;
pub mod jobs;
pub mod logs;
pub mod model;
pub mod policies;
pub mod private;
mod regular;
pub mod run;
pub mod words;
