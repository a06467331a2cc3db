//! One file per group of verbs.
//!
//! ```text
//! demo        demo: the main job on real data
//! deploy      deploy, check
//! doctor      doctor: whether this machine and the context can do the job
//! functions   functions
//! image       image: what the context's registry holds
//! invoke      invoke
//! local       local: the embedded cloud as a process
//! logs        logs
//! migrate     migrate
//! new         new: writes an example out
//! objects     ls, put, get
//! remove      rm
//! resolve     which run a person means
//! runs        run, runs, tasks, cancel
//! sources     run without inputs: the objects at the inputs of a definition
//! tui         tui, and throng alone
//! upgrade     upgrade
//! ```

pub mod demo;
pub mod deploy;
pub mod doctor;
pub mod functions;
pub mod image;
pub mod invoke;
pub mod local;
pub mod logs;
pub mod migrate;
pub mod new;
pub mod objects;
pub mod remove;
mod resolve;
pub mod runs;
mod sources;
pub mod tui;
pub mod upgrade;
