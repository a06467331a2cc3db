//! One signed client for the small services of AWS: those of which throng calls a handful of operations, and whose SDK
//! crates would cost minutes of every first build.
//!
//! Retries, timeouts, the credentials' cache, the correction of clocks, signing and the connections are the SDK's own
//! (`aws-smithy-runtime`'s orchestrator, which also runs the SDK's generated clients); what is written here is what the
//! SDK generates from AWS's models.
//!
//! ```text
//! service        what the client must know of a service: a row of a table
//! endpoint       the host and the signing region of a service in a region
//! client         the SDK's orchestrator, set up for a service from the context's settings
//! wire           how requests are written and answers are read, whatever the protocol
//! query          the query protocol: forms there, XML back
//! json           the JSON protocols
//! service_error  what a service says when it refuses
//! iam            roles: its row, and the inputs and outputs of the operations that are called
//! ecr            repositories, the same
//! ```
//!
//! # To add an operation
//! Write its input (`Serialize`) and its output (`Deserialize`) with the model's member names, and a line in the
//! service's `operations!`.
//!
//! # To add a service
//! A file like `ecr`: its [`Service`] row, its operations; then a field in `cloud::clients`. The tests of this module do
//! it for EC2, Batch, Pricing and Service Quotas, which shows what each needs:
//! - lists of the query protocol are [`List`]s in both directions (`Tags.member.1`); EC2's inputs have plain vectors
//!   (`Filter.1`), its outputs [`List`]s again (`<item>`);
//! - JSON 1.1 (Pricing, Service Quotas) has a `target`, from the model's `targetPrefix`;
//! - Batch has paths in place of targets: `target` is `None`;
//! - services with hosts of their own (IAM, Pricing) have [`Hosts::Global`] rows.

mod client;
pub mod ecr;
mod endpoint;
pub mod iam;
mod json;
mod query;
mod service;
mod service_error;
mod wire;

pub use client::Client;
pub use service::Operation;
use service::{GlobalHost, Hosts, Protocol, Service, operations};
pub use wire::List;

#[cfg(test)]
mod tests;
