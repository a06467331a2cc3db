//! What is done once a change is committed.

use crate::s3::blobs::Draft;
use crate::s3::meta::Piece;

/// What a committed change leaves to be done.
#[derive(Debug, Default)]
pub struct PostCommit {
    /// Files that no record names any more.
    pub garbage: Vec<Piece>,
    /// Files that a record names now.
    pub drafts: Vec<Draft>,
    /// Whether an event was put on a queue.
    pub enqueued: bool,
}
