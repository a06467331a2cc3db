//! A step of a plan, and what applying it does.

use super::keys::Keys;
use crate::cloud::{BucketPermission, EventInvoke, FunctionSettings, NewRole};
use crate::image::{Composed, Registry};
use std::collections::BTreeMap;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes something.
    Create,
    /// Changes something.
    Change,
    /// Takes something away.
    Remove,
    /// Leaves it as it is.
    Keep,
}

/// A step of a plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// To what, like `bucket pictures`.
    pub what: String,
    /// More words; may be empty.
    pub detail: String,
    pub(super) work: Vec<Work>,
}

/// What applying a step does.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Makes a bucket, shuts it to the public, tags it.
    Bucket(String, BTreeMap<String, String>),
    /// Shuts a bucket to the public.
    Shut(String),
    Repository(String, BTreeMap<String, String>),
    /// The lifecycle rules of a repository.
    Lifecycle(String, String),
    /// Who may use a repository.
    Share(String, String),
    Role(Box<NewRole>),
    /// What a role may do.
    Policy(String, String),
    /// Who may assume a role.
    Trust(String, String),
    Push(Box<Composed>, Registry),
    LogGroup(String, u32, BTreeMap<String, String>),
    Retention(String, u32),
    Create(Box<FunctionSettings>, BTreeMap<String, String>),
    Code(Box<FunctionSettings>),
    Configure(Box<FunctionSettings>),
    Tag(BTreeMap<String, String>),
    Events(EventInvoke),
    Concurrency(Option<u32>),
    Permit(BucketPermission),
    Trigger(String),
    Forbid(BucketPermission),
    StoreKeys(Keys),
    /// Bucket and key.
    ForgetKeys(String, String),
}
