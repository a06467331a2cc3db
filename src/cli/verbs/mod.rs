//! One file per group of verbs.

pub mod demo;
pub mod deploy;
pub mod doctor;
pub mod functions;
pub mod image;
pub mod invoke;
pub mod local;
pub mod logs;
pub mod migrate;
pub mod objects;
pub mod remove;
mod resolve;
pub mod runs;
mod sources;
pub mod tui;
