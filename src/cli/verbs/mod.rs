//! One file per group of verbs.

pub mod demo;
pub mod deploy;
pub mod doctor;
pub mod functions;
pub mod image;
pub mod local;
pub mod logs;
pub mod objects;
pub mod remove;
pub mod runs;
pub mod tui;
