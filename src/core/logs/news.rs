//! What the readers of a log tell the one that merges.

use super::client::{LogError, RawEvent, TailUpdate};
use crate::model::Millis;

/// What arrives from the cloud.
pub(super) enum LogUpdate {
    /// How the tail with this index stands.
    State(usize, TailState),
    /// Events of a tail.
    Tail(TailUpdate),
    /// A page of a sweep of the group with this index.
    Page(usize, Vec<RawEvent>),
    /// How far the sweep is.
    Swept {
        /// Nothing from before this time will come again.
        settled: Millis,
        /// All that was visible at this time was read.
        fresh: Millis,
    },
    /// The group with this index cannot be read at the moment.
    Trouble(usize, LogError),
}

/// How a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TailState {
    /// Nothing is known yet.
    Opening,
    /// It shows what happens since this time.
    Live(Millis),
    /// There is none, with the reason.
    Polling(String),
}
