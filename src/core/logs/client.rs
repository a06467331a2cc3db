//! Reading `CloudWatch` Logs: pages of a filter, and Live Tail.

use crate::core::cloud::{Cloud, CloudError, ErrorKind};
use crate::core::model::Millis;
use aws_sdk_cloudwatchlogs::primitives::event_stream::EventReceiver;
use aws_sdk_cloudwatchlogs::types::LiveTailSessionUpdate;
use aws_sdk_cloudwatchlogs::types::StartLiveTailResponseStream as Update;
use aws_sdk_cloudwatchlogs::types::error::StartLiveTailResponseStreamError;
use std::time::Duration;

/// What reading logs can fail with.
pub type LogError = CloudError;

/// A log group and the function whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogGroup {
    /// The function's name.
    pub function: String,
    /// The group's name.
    pub group: String,
}

impl LogGroup {
    /// A function's default group.
    #[must_use]
    pub fn of_function(function: &str) -> Self {
        Self { function: function.to_owned(), group: format!("/aws/lambda/{function}") }
    }
}

/// An event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// When it happened, in milliseconds since 1970.
    pub time_ms: Millis,
    /// Log stream
    pub stream: String,
    /// Text
    pub message: String,
    /// Event id; Live Tail gives none.
    pub id: Option<String>,
}

/// Which events to read: times in milliseconds since 1970, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From
    pub start_ms: Millis,
    /// To; now and a little later when `None`.
    pub end_ms: Option<Millis>,
}

/// Reads the logs of a context.
#[derive(Clone, Debug)]
pub struct LogClient(Cloud);

/// How long one page may take.
const PAGE: Duration = Duration::from_mins(1);

impl LogClient {
    /// A reader for a context.
    #[must_use]
    pub const fn new(cloud: Cloud) -> Self {
        Self(cloud)
    }

    /// Whether the cloud is the embedded one.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0.is_local()
    }

    /// One page of events that match `pattern`, by time, and the token of the next page. A group that does not exist
    /// (yet) has no events. A page may be empty and have a token.
    ///
    /// # Errors
    /// [`LogError`]
    pub async fn page(
        &self,
        group: &LogGroup,
        window: Window,
        pattern: &str,
        token: Option<String>,
    ) -> Result<(Vec<RawEvent>, Option<String>), LogError> {
        self.0.limits().logs_filter.acquire().await;
        let request = self
            .0
            .logs_client()
            .filter_log_events()
            .log_group_name(&group.group)
            .start_time(signed(window.start_ms))
            .set_end_time(window.end_ms.map(signed))
            .set_filter_pattern((!pattern.is_empty()).then(|| pattern.to_owned()))
            .set_next_token(token);
        let answer = match tokio::time::timeout(PAGE, request.send()).await {
            Err(_) => return Err(too_slow("logs:FilterLogEvents", &group.group)),
            Ok(Err(error)) => {
                let error = CloudError::from_sdk("logs:FilterLogEvents", &group.group, &error);
                return if error.is_not_found() { Ok((Vec::new(), None)) } else { Err(error) };
            }
            Ok(Ok(answer)) => answer,
        };
        let events = answer.events.unwrap_or_default().into_iter().map(|event| RawEvent {
            time_ms: unsigned(event.timestamp),
            stream: event.log_stream_name.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            id: event.event_id,
        });
        Ok((events.collect(), answer.next_token.filter(|token| !token.is_empty())))
    }

    /// Opens a Live Tail of up to ten groups.
    ///
    /// # Errors
    /// [`LogError`]; `NotFound` when one of the groups does not exist.
    pub(super) async fn tail(&self, groups: &[LogGroup], pattern: &str) -> Result<Tail, LogError> {
        let mut arns = Vec::new();
        for group in groups {
            arns.push(self.arn(&group.group).await?);
        }
        let request = self
            .0
            .logs_client()
            .start_live_tail()
            .set_log_group_identifiers(Some(arns))
            .set_log_event_filter_pattern((!pattern.is_empty()).then(|| pattern.to_owned()));
        let answer = tokio::time::timeout(PAGE, request.send())
            .await
            .map_err(|_| too_slow("logs:StartLiveTail", ""))?
            .map_err(|error| CloudError::from_sdk("logs:StartLiveTail", "", &error))?;
        Ok(Tail { stream: answer.response_stream })
    }

    async fn arn(&self, group: &str) -> Result<String, LogError> {
        self.0.limits().logs_control.acquire().await;
        let action = "logs:DescribeLogGroups";
        let answer = self
            .0
            .logs_client()
            .describe_log_groups()
            .log_group_name_prefix(group)
            .send()
            .await
            .map_err(|error| CloudError::from_sdk(action, group, &error))?;
        answer
            .log_groups()
            .iter()
            .find(|found| found.log_group_name() == Some(group))
            .and_then(|found| found.log_group_arn().or_else(|| found.arn()))
            .map(|arn| arn.trim_end_matches(":*").to_owned())
            .ok_or_else(|| CloudError::new(ErrorKind::NotFound, action, group, "no such log group"))
    }
}

fn too_slow(action: &'static str, what: &str) -> LogError {
    CloudError::new(ErrorKind::Unreachable, action, what, format!("no answer within {} s", PAGE.as_secs()))
}

fn signed(millis: Millis) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

fn unsigned(millis: Option<i64>) -> Millis {
    millis.and_then(|millis| Millis::try_from(millis).ok()).unwrap_or(0)
}

/// An open Live Tail.
#[derive(Debug)]
pub(super) struct Tail {
    stream: EventReceiver<Update, StartLiveTailResponseStreamError>,
}

/// An update of a Live Tail.
#[derive(Debug, Default)]
pub(super) struct TailUpdate {
    /// The group each event is of, by name, and the event.
    pub(super) events: Vec<(String, RawEvent)>,
    /// Whether events were left out.
    pub(super) sampled: bool,
}

impl Tail {
    /// The next update; `None` when the session has ended.
    pub(super) async fn next(&mut self) -> Result<Option<TailUpdate>, LogError> {
        loop {
            match self.stream.recv().await {
                Ok(Some(Update::SessionUpdate(update))) => return Ok(Some(read(update))),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error) => {
                    let message = error.to_string();
                    return Err(CloudError::new(ErrorKind::Other, "logs:StartLiveTail", "", message));
                }
            }
        }
    }
}

fn read(update: LiveTailSessionUpdate) -> TailUpdate {
    let sampled = update.session_metadata.is_some_and(|metadata| metadata.sampled);
    let events = update.session_results.unwrap_or_default().into_iter().map(|event| {
        let group = event.log_group_identifier.unwrap_or_default();
        let group = group.rsplit_once(':').map_or(group.as_str(), |(_, name)| name).to_owned();
        let event = RawEvent {
            time_ms: unsigned(event.timestamp),
            stream: event.log_stream_name.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            id: None,
        };
        (group, event)
    });
    TailUpdate { events: events.collect(), sampled }
}
