//! `CloudWatch` Logs: groups, streams, events, filters, live tail.
//!
//! ```text
//! api        the operations: JSON in, JSON out, AWS's errors
//! pattern    filter patterns: terms and JSON fields
//! tail       StartLiveTail: an event stream with AWS's limits
//! query      reading events by time, in pages
//! store      one pump that stores what was appended in the order of the calls
//! tables     the tables of groups, streams and events
//! error      answers and errors in AWS's words
//! names      names of groups in requests
//! fuzzing    readers of outside input, for the fuzz targets
//! groups     groups and streams
//! room       how much is kept, and how the rest goes
//! rights     what each operation needs to be allowed
//! ```

mod api;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod groups;
mod names;
mod pattern;
mod query;
mod rights;
mod room;
mod store;
mod tables;
mod tail;
#[cfg(test)]
mod tests;

pub use pattern::{Pattern, PatternError};
pub use room::LogLimits;
pub use store::{LogStore, NewEvent};

pub use api::LogsApi;
