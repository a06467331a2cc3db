//! Policies of IAM: what a role may do, and who may become it. Nothing here reads or writes anything.
//!
//! What is not understood is refused by name when a policy is loaded: a policy that was read in part would allow or deny
//! something else than on AWS. Understood are Effect, Action and `NotAction`, Resource and `NotResource`, wildcards, and
//! conditions with `StringEquals`, `StringLike`, `ArnEquals`, `ArnLike`, Bool and Null over the keys in [`KEYS`]; in trust
//! policies principals that are accounts, roles, sessions, services or anybody, and the action `sts:AssumeRole`.
//!
//! ```text
//! condition   when a statement holds
//! document    a policy, read from JSON
//! evaluate    what policies say of a request
//! pattern     wildcards, in texts and in ARNs
//! reading     values of a policy, and why they are refused
//! request     a request, as policies see it
//! trust       a role's trust policy: who may become it
//! ```

mod condition;
mod document;
mod evaluate;
mod pattern;
mod reading;
mod request;
mod trust;

#[cfg(test)]
mod tests;

pub use condition::KEYS;
pub use document::Document;
pub use evaluate::{Decision, Policies};
pub use reading::Refused;
pub use request::{Context, Request};
pub use trust::{Trust, Who};
