//! What can be done with the thing under the cursor.
//!
//! ```text
//! here      what is under the cursor
//! open      goes to it
//! outputs   shows and fetches objects: those of a listing, and those that tasks have put
//! launch    files, objects or a payload for a function
//! change    makes, sends again, cancels and deletes
//! narrow    which tasks and which attempt are shown
//! log       follows its log
//! copy      its names and texts
//! ```

mod change;
mod copy;
mod here;
mod launch;
mod log;
mod narrow;
mod open;
mod outputs;

pub use change::{cancel, delete, new_bucket, resume};
pub use copy::copyable;
pub use launch::{dropped, invoke, run_objects, upload};
pub use log::log_of;
pub use narrow::{newer_attempt, next_stage, older_attempt, previous_stage, states};
pub use open::enter;
pub use outputs::{download, download_all, open_result, show_first};
