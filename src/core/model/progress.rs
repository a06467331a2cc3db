//! What takes a while and has an end.

/// A transfer, a deployment step or anything else that takes a while and has an end.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Identifies it for cancelling.
    pub id: u64,
    /// What is going on, for people: `upload 200 files to input-bucket/in`.
    pub label: String,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes in all, when known.
    pub bytes_total: Option<u64>,
    /// Items (files, layers, steps) done.
    pub items: u64,
    /// Items in all, when known.
    pub items_total: Option<u64>,
    /// Items that failed.
    pub failed: u64,
    /// Items that are held back until others have ended.
    pub held: u64,
    /// Bytes per second over the last moments.
    pub rate: f64,
    /// Seconds to the end, when it can be told.
    pub eta_s: Option<f64>,
    /// How it stands.
    pub state: ProgressState,
}

/// How a [`Progress`] stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgressState {
    /// Under way.
    Active,
    /// Ended well.
    Done,
    /// Ended badly, with a sentence.
    Failed(String),
    /// A person ended it.
    Cancelled,
}
