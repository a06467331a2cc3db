//! Logs: live tail for the eyes, a filter sweep for the truth, merged by time, no line twice.
//!
//! Live Tail samples and loses; `FilterLogEvents` is exact but slow and rationed. A [`Follow`] runs both: tail events
//! appear at once, sweeps over overlapping windows add what the tail left out. [`LogBuffer`] keeps the lines by time
//! within a bound, and counts what fell out.
//!
//! ```text
//! client   pages of a filter, Live Tail sessions
//! tails    keeps sessions open; where they are refused, says why
//! sweep    plans what to read next; no input or output
//! follow   runs tails and sweep
//! merge    puts what they bring into one buffer, and counts what was lost
//! buffer   lines by time, within a bound
//! news     what the readers tell the one that merges
//! parse    messages to lines
//! read     what is there, once, to the end
//! ```

mod buffer;
mod client;
mod follow;
mod merge;
mod news;
mod parse;
mod read;
mod sweep;
mod tails;

pub use buffer::{Added, Bound, LogBuffer, Origin};
pub use client::{LogClient, LogError, LogGroup, RawEvent, Window};
pub use follow::{Follow, Pace};
pub use parse::{Parser, pattern_for};
pub use read::Reader;
pub use sweep::SweepPace;
