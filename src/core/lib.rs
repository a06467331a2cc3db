//! The engine: everything that throng does, with no terminal and no knowledge of how the local cloud is built.

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
pub mod run;
pub mod words;
