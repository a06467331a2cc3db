//! What both sides agree on: names, event shapes, records and keys.
//!
//! The engine (package `throng`) writes [`FunctionConfig`] into the image and [`TaskEvent`]s into invocations;
//! the runtime writes [`AttemptRecord`]s and running markers into the home bucket and [`LogLine`]s into the log.
//! Nothing here does input or output.
//!
//! ```text
//! barrier       joins: what starts a function when everything before it has ended
//! config        the function's configuration, as the engine puts it into the image
//! content       content types: from names and first bytes
//! event         what an invocation can be about
//! failure_line  failures that are alike have one digest
//! fingerprint   what decides a task's result
//! group         tasks of several files: folders, and inputs with partners
//! hash          one hash for names
//! ids           ids of tasks and attempts
//! keys          keys in the home bucket
//! layout        paths inside the image, names of environment variables and object metadata
//! lineage       where an object came from
//! local         how the local cloud is found
//! log           one line of a function's log, as the runtime writes it
//! pack          several tasks in one invocation
//! partition     the parts of AWS: regions, names in ARNs, hosts
//! pattern       wildcards of policies
//! place         where inputs come from, and their folders below it
//! providers     storage providers: S3 endpoints and servers of `WebDAV` with keys of their own, and the secrets of scripts
//! record        what the runtime leaves in the home bucket about an attempt
//! selection     which objects of a place are inputs
//! state         the words for what became of a task
//! template      paths with words in braces
//! ```

pub mod barrier;
mod config;
mod content;
mod event;
pub mod failure_line;
mod fingerprint;
pub mod group;
mod hash;
mod ids;
pub mod keys;
pub mod layout;
mod lineage;
pub mod local;
mod log;
pub mod pack;
pub mod partition;
pub mod pattern;
mod place;
mod providers;
mod record;
pub mod selection;
mod state;
mod template;

pub use config::{Credentials, Expect, FunctionConfig, OnFailure, OutputRule, TaskRule};
pub use content::{HEAD_BYTES, content_type};
pub use event::{EventRef, S3ObjectRef, TaskEvent, TaskRef, object_keys_from_s3_event, s3_event_id};
pub use fingerprint::{FINGERPRINT_BYTES, fingerprinted};
pub use group::{EventFiles, Grouping, ManifestSlice, Partner, TaskFile, TaskFiles};
pub use ids::{AttemptId, ParseIdError, TaskId};
pub use lineage::{Lineage, is_id};
pub use log::{LogLine, Source};
pub use place::{InputPlace, folder_below, without_run};
pub use providers::{
    Protocol, ProviderAccess, ProviderInput, ProviderKeys, ProviderSecrets, StorageProvider, read_secrets,
};
pub use record::{AttemptRecord, BackEnd, OutputObject, Phases, Requests, RunningMarker};
pub use selection::{LeftOut, Newer, Selection};
pub use state::{FailureClass, ParseWordError, TaskState};
pub use template::{Template, TemplateError, Values, Word, stem_and_ext};

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
    /// Keys of storage providers and secrets of scripts in the home bucket ([`ProviderSecrets`](super::ProviderSecrets)).
    pub const SECRETS: u32 = 1;
}
