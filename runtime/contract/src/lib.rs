//! What both sides agree on: names, event shapes, records and keys.
//!
//! The engine (package `throng`) writes [`FunctionConfig`] into the image and [`TaskEvent`]s into invocations;
//! the runtime writes [`AttemptRecord`]s and running markers into the home bucket and [`LogLine`]s into the log.
//! Nothing here does input or output.
//!
//! ```text
//! barrier       joins: what starts a function when everything before it has ended
//! config        the function's configuration, as the engine puts it into the image
//! event         what an invocation can be about
//! failure_line  failures that are alike have one digest
//! hash          one hash for names
//! ids           ids of tasks and attempts
//! keys          keys in the home bucket
//! layout        paths inside the image, names of environment variables and object metadata
//! lineage       where an object came from
//! local         how the local cloud is found
//! log           one line of a function's log, as the runtime writes it
//! partition     the parts of AWS: regions, names in ARNs, hosts
//! pattern       wildcards of policies
//! providers     storage providers: S3 endpoints with keys of their own
//! record        what the runtime leaves in the home bucket about an attempt
//! state         the words for what became of a task
//! ```

pub mod barrier;
mod config;
mod event;
pub mod failure_line;
mod hash;
mod ids;
pub mod keys;
pub mod layout;
mod lineage;
pub mod local;
mod log;
pub mod partition;
pub mod pattern;
mod providers;
mod record;
mod state;

pub use config::{Credentials, FunctionConfig, OnFailure, OutputRule};
pub use event::{EventRef, S3ObjectRef, TaskEvent, TaskRef, object_keys_from_s3_event, s3_event_id};
pub use ids::{AttemptId, ParseIdError, TaskId};
pub use lineage::{Lineage, is_id};
pub use log::{LogLine, Source};
pub use providers::{
    ProviderAccess, ProviderInput, ProviderKeys, ProviderSecrets, StorageProvider, read_secrets,
};
pub use record::{AttemptRecord, BackEnd, OutputObject, Phases, Requests, RunningMarker};
pub use state::{FailureClass, ParseWordError, TaskState};

/// Versions. Each format has its own, so that one can change without the others. Readers know all that ever were.
pub mod versions {
    /// What a deployed function understands: events, metadata and layouts. It stands in its tag; a launch needs this one.
    pub const CONTRACT: u32 = 2;
    /// Layout of the ledger: where records lie, and what their names say. It stands in run.json.
    pub const LEDGER: u32 = 2;
    /// [`AttemptRecord`](super::AttemptRecord).
    pub const RECORD: u32 = 2;
    /// [`FunctionConfig`](super::FunctionConfig).
    pub const CONFIG: u32 = 2;
    /// Keys of storage providers in the home bucket ([`ProviderSecrets`](super::ProviderSecrets)).
    pub const SECRETS: u32 = 1;
}
