//! The programs that run inside functions, as whoever starts the engine hands them in.

use crate::model::Architecture;
use bytes::Bytes;

/// Gives a program for an architecture, a static ELF executable; `None` where it could not be built.
pub type ProgramOf = fn(Architecture) -> Option<Bytes>;

/// What a build of throng carries for the inside of functions. The engine does not know how it was built.
#[derive(Clone, Copy, Debug)]
pub struct Programs {
    /// The runtime, which every function gets.
    pub runtime: ProgramOf,
    /// The program of the demo's function.
    pub slices: ProgramOf,
}

impl Programs {
    /// Nothing: functions can be watched, and not deployed.
    pub const NONE: Self = Self { runtime: |_| None, slices: |_| None };
}
