//! Buckets and objects: what one transaction does.
//!
//! ```text
//! buckets      are made, listed and removed
//! post_commit  what is done once a change is committed
//! read         an object's record and where its bytes are
//! secrets      keys of storage providers that an older version left in plain
//! write        an object is stored or removed, with its event, and what that leaves to be done
//! conditions   what must hold for it
//! time         the clock, and numbers that grow with it
//! ```

mod buckets;
mod conditions;
mod post_commit;
mod read;
mod secrets;
mod time;
mod write;

pub use buckets::bucket;
pub use conditions::{Conditions, DeleteConditions, Tag};
pub use post_commit::PostCommit;
pub use read::{Content, head, named_files};
pub use secrets::{plain_secrets, seal};
pub use time::now_ms;
pub use write::{NewObject, Stored, Writer};
