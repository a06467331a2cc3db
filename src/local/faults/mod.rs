//! Faults on purpose: what goes wrong on AWS now and then, made to go wrong here, by a plan and again the same way.
//!
//! ```text
//! plan       the document (TOML): a seed and rules, checked line by line
//! kind       what can go wrong, and with which parameters
//! operation  service:Operation -- of the plan, and of a request
//! decide     the n-th match of a rule -> yes or no, by the seed alone
//! abort      a connection that is reset in place of being closed
//! answers    errors in each service's own words
//! bodies     bodies that break off, dribble or hang
//! inject     what happens to one request
//! ```
//!
//! `throng local serve --faults FILE`, or `THRONG_LOCAL_FAULTS=FILE` for whatever starts the daemon. Without a plan
//! nothing of this runs. A plan:
//!
//! ```toml
//! seed = 7
//!
//! [[rule]]
//! on = "s3:PutObject"     # service:Operation; `s3:*` for all of a service, `*` for all
//! who = "user"            # or "function"; both when it is not said
//! path = "pictures/in/"   # only requests whose path has this in it
//! fault = "throttled"
//! share = 0.3             # of the matching requests, chosen by the seed; or first = N, or every = N; else each
//! after = 10              # the first ten matching requests are let through
//! count = 5               # at most five times
//! ```
//!
//! | fault | parameters | |
//! |---|---|---|
//! | `throttled` | | S3 503 `SlowDown`, Lambda 429, Logs and STS 400 `ThrottlingException`, registry 429 |
//! | `error` | | 500 in the service's words |
//! | `unavailable` | | 503 in the service's words |
//! | `expired` | | the credentials have expired |
//! | `skew` | `seconds` | the server's clock is off: requests are refused, `Date` says the other time |
//! | `reset-request` | `bytes` | the connection is reset after so many bytes of the request's body; nothing is done |
//! | `reset-response` | `bytes` | the request is done; its answer is reset after so many bytes (0: no answer at all) |
//! | `truncate` | `bytes` | as `reset-response`, but the connection is closed in order |
//! | `slow` | `bytes_per_second` | the answer's body dribbles |
//! | `delay` | `ms` | the request waits before it is done |
//! | `hold` | `until`, `times` | the request waits until so many (1) of this operation have been answered in all |
//! | `answer` | `status`, `code`, `message`, `argument` | this error in the service's form; `argument = [NAME, VALUE]` for S3 |
//! | `untagged` | | of `lambda:GetFunction`: answered as to somebody who may not read tags |
//! | `hang` | | the request is not done, and is never answered |
//! | `hang-after` | | the request is done, and is never answered |
//! | `lost`, `duplicated` | | of `s3:event`, `lambda:event`: events of buckets, queued invocations |
//! | `delayed`, `shuffled` | `ms` | of the same: all come so much later; each comes at any time up to so much later |
//! | `lost` | `sampled` | of `logs:tail-event`: a Live Tail leaves it out, and says so or not |
//!
//! A request that several rules match gets the first fault that applies; each rule counts its own matches. What was
//! matched and injected is in `/_throng/status`, by rule.

mod abort;
mod answers;
mod bodies;
mod decide;
mod inject;
mod kind;
mod operation;
mod plan;

pub use abort::Abort;
pub use decide::{Faults, Ruling};
pub use inject::{Hangup, around};
pub use kind::{ErrorReply, EventFault, Fault, RequestFault};
pub use operation::{Caller, Operation};
pub use plan::{Plan, PlanError};
