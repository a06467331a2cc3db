//! Logs: live tail for the eyes, a filter sweep for the truth, merged by time, no line twice.
//!
//! Live Tail samples and loses; `FilterLogEvents` is exact but slow and rationed. A [`Follow`] runs both: tail events
//! appear at once, sweeps over an overlapping window add what the tail left out. [`buffer::LogBuffer`] keeps the lines
//! by time within a bound, and counts what fell out.

mod buffer;
mod client;
mod follow;
mod parse;
mod read;
mod report;

pub use buffer::{Bound, LogBuffer, Origin};
pub use client::{LogClient, LogError, LogGroup, RawEvent, Window};
pub use follow::{Follow, Pace};
pub use parse::{Parser, pattern_for};
pub use read::Reader;
pub use report::Report;
