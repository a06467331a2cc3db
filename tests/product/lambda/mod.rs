//! The local Lambda through the AWS SDK, with plain processes for environments.

mod bootstrap;
mod cloud;
mod control;
mod invoke;
mod queue;
