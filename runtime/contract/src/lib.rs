//! What both sides agree on: names, event shapes, records and keys.
//!
//! The engine (package `throng`) writes [`FunctionConfig`] into the image and [`TaskEvent`]s into invocations;
//! the runtime writes [`AttemptRecord`]s and running markers into the home bucket and [`LogLine`]s into the log.
//! Nothing here does input or output.
//!
//! ```text
//! config      the function's configuration, as the engine puts it into the image
//! event       what an invocation can be about
//! keys        keys in the home bucket
//! layout      paths inside the image, names of environment variables and object metadata
//! local       how the local cloud is found
//! log         one line of a function's log, as the runtime writes it
//! providers   storage providers: S3 endpoints with keys of their own
//! record      what the runtime leaves in the home bucket about an attempt
//! state       the words for what became of a task
//! ```

mod config;
mod event;
pub mod keys;
pub mod layout;
pub mod local;
mod log;
mod providers;
mod record;
mod state;

pub use config::{FunctionConfig, OnFailure, OutputRule};
pub use event::{S3ObjectRef, TaskEvent, TaskRef, object_keys_from_s3_event};
pub use log::{LogLine, Source};
pub use providers::{
    ProviderAccess, ProviderInput, ProviderKeys, ProviderSecrets, StorageProvider, read_secrets,
};
pub use record::{AttemptRecord, OutputObject, Phases, RunningMarker};
pub use state::{FailureClass, ParseWordError, TaskState};

/// Version of the contract. Written into every configuration and record; a reader refuses a higher one.
pub const VERSION: u32 = 1;
