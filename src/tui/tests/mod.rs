//! The program as a person meets it, over a fake engine.

mod bytes;
mod cost;
mod hostile;
mod keys;
mod look;
mod pictures;
mod questions;
mod said;
