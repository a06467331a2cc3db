//! What a person can have done, each written once for all front ends.
//!
//! A front end makes a [`JobContext`] of its cloud, asks for a job, and hears how it goes by [`JobEvent`]s. Every job asks
//! [`permit`] itself whether its context may be changed, so that no front end can forget it; a front end asks as well,
//! before it connects or to show what is refused.
//!
//! ```text
//! permit    the jobs there are, and which of them a read-only context refuses
//! error     why a job ended badly, with a kind
//! event     what a job tells while it goes on
//! context   the cloud and the settings that jobs need
//! launch    makes a run and sends its inputs
//! resume    sends what was left of a run, or what never began
//! rerun     a new run of what did not succeed
//! cancel    nothing more of a run begins
//! invoke    calls a function once
//! upload    files to a folder of a bucket
//! fetch     objects, or the results of a run, to a local folder
//! delete    objects, and all below a folder
//! buckets   makes and deletes them
//! deploy    plans everything, then applies everything
//! remove    takes a function away
//! collect   removes what nothing on this machine needs any more
//! upgrade   gives functions of an older throng today's runtime
//! ```

mod buckets;
mod cancel;
mod collect;
mod context;
mod delete;
mod deploy;
mod error;
mod event;
mod fetch;
mod invoke;
mod launch;
mod permit;
mod remove;
mod rerun;
mod resume;
mod upgrade;
mod upload;

pub use buckets::{create_bucket, delete_bucket};
pub use cancel::{Cancellation, cancel};
pub use collect::{Collected, collect};
pub use context::{JobContext, JobSettings};
pub use delete::{Deleted, delete, objects_below};
pub use deploy::{Definitions, apply, plan};
pub use error::{JobError, JobErrorKind};
pub use event::{JobEvent, NotDone, Observer};
pub use fetch::{FetchRequest, Results, fetch, fetch_results, store_of};
pub use invoke::{invoke, invoke_async};
pub use launch::{WhenInterrupted, launch, send};
pub use permit::{Job, Restricted, permit};
pub use remove::remove;
pub use rerun::rerun;
pub use resume::{Resumption, interrupted_runs, resume, send_again};
pub use upgrade::plan_upgrade;
pub use upload::{UploadReport, UploadRequest, upload, what_starts};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
