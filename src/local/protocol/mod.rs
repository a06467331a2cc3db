//! What all services share: bodies of answers, who signed a request, what identifies it.
//!
//! ```text
//! auth         signatures and Basic credentials
//! body         bodies of answers, errors as AWS's JSON protocols tell them
//! request_ids  what identifies a request
//! service      what answers requests
//! speaker      who speaks: this machine, or one environment through a socket in its own network
//! storage      a full disk, by its name
//! text         times and keys as AWS writes them
//! ```

pub mod auth;
pub mod body;
mod request_ids;
mod service;
mod speaker;
pub mod storage;
pub mod text;

pub use body::Body;
pub use request_ids::RequestIds;
pub use service::{Collected, SignedService, UnsignedService};
pub use speaker::{Door, EnvironmentId, Speaker};
