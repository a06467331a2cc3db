//! What can go wrong.

use super::operation::Pattern;
use std::time::Duration;

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// To a request.
    Request(RequestFault),
    /// To an event of a bucket, or a queued invocation.
    Event(EventFault),
    /// To an event of a Live Tail: it is left out, and the update says `sampled` or not.
    Tail {
        /// Whether the update says so.
        sampled: bool,
    },
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestFault {
    /// Too many requests.
    Throttled,
    /// An internal error.
    Error,
    /// The service is not available.
    Unavailable,
    /// The credentials have expired.
    Expired,
    /// The server's clock is off by so many seconds.
    Skew(i64),
    /// The connection is reset after so many bytes of the request's body.
    ResetRequest(u64),
    /// The request is done; the connection is reset after so many bytes of the answer's body.
    ResetResponse(u64),
    /// The request is done; the connection is closed after so many bytes of the answer's body.
    Truncate(u64),
    /// The answer's body comes at so many bytes per second.
    Slow(u64),
    /// The request waits before it is done.
    Delay(Duration),
    /// The request waits until so many of this pattern have been answered since the start.
    Hold(Pattern, u64),
    /// Nothing is done, and this is answered: what the service says in a state that the local cloud does not have.
    Answer(ErrorReply),
    /// The request is done; the answer has `TagsError` in place of the tags, as `GetFunction` answers those who may not read
    /// them.
    Untagged,
    /// Nothing is done, and there is no answer.
    Hang,
    /// The request is done, and there is no answer.
    HangAfter,
}

/// What a service says of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// HTTP status.
    pub status: u16,
    /// The error's code.
    pub code: String,
    /// Its message.
    pub words: String,
    /// `ArgumentName` and `ArgumentValue`, which S3 adds to some errors.
    pub argument: Option<(String, String)>,
}

/// What happens to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFault {
    /// It never comes.
    Lost,
    /// It comes twice, at once.
    Duplicated,
    /// It comes later.
    Delayed(Duration),
    /// It comes at any time up to so much later, so that events change places.
    Shuffled(Duration),
}
