//! Reading `CloudWatch` Logs: pages of a filter, and Live Tail.

use crate::cloud::{Cloud, CloudError, ErrorKind, Limits, Slowed};
use crate::model::{FunctionInfo, Millis};
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::error::{DisplayErrorContext, SdkError};
use aws_sdk_cloudwatchlogs::primitives::event_stream::EventReceiver;
use aws_sdk_cloudwatchlogs::types::LiveTailSessionUpdate;
use aws_sdk_cloudwatchlogs::types::StartLiveTailResponseStream as Update;
use aws_sdk_cloudwatchlogs::types::error::StartLiveTailResponseStreamError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// The group's ARN, when it is known; else it is asked for.
    pub arn: Option<String>,
}

impl LogGroup {
    /// A group by the names alone.
    #[must_use]
    pub fn named(function: &str, group: &str) -> Self {
        Self { function: function.to_owned(), group: group.to_owned(), arn: None }
    }

    /// A function's default group.
    #[must_use]
    pub fn of_function(function: &str) -> Self {
        Self::named(function, &format!("/aws/lambda/{function}"))
    }

    /// The group of a function that was listed. The function's ARN tells the group's: they are of one account.
    #[must_use]
    pub fn of(function: &FunctionInfo) -> Self {
        let mut of = match function.log_group.as_str() {
            "" => Self::of_function(&function.name),
            group => Self::named(&function.name, group),
        };
        of.arn = arn_beside(&function.arn, &of.group);
        of
    }
}

/// The ARN of a log group beside a function or another group: `arn:PARTITION:SERVICE:REGION:ACCOUNT:…`.
fn arn_beside(arn: &str, group: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(partition), Some(_), Some(region), Some(account)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let known = account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
    known.then(|| format!("arn:{partition}:logs:{region}:{account}:log-group:{group}"))
}

/// An event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// When it happened, in milliseconds since 1970.
    pub time_ms: Millis,
    /// Log stream
    pub stream: String,
    /// What was printed, as it is stored: hostile.
    pub message: String,
    /// Event id; Live Tail gives none.
    pub id: Option<String>,
}

/// Which events to read: times in milliseconds since 1970, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first millisecond that is read.
    pub start_ms: Millis,
    /// To; now and a little later when `None`.
    pub end_ms: Option<Millis>,
}

/// Reads the logs of a context.
#[derive(Clone, Debug)]
pub struct LogClient {
    cloud: Cloud,
    /// ARNs of groups that were asked for.
    arns: Arc<Mutex<HashMap<String, String>>>,
}

/// How long one page may take.
const PAGE: Duration = Duration::from_mins(1);
/// How often a page is asked for that the cloud does not give; each time it costs a turn of the budget.
const TRIES: u32 = 6;
/// First pause between two of them; it doubles.
const TRY_AGAIN: Duration = Duration::from_millis(200);

impl LogClient {
    /// A reader for a context.
    #[must_use]
    pub fn new(cloud: Cloud) -> Self {
        Self { cloud, arns: Arc::default() }
    }

    /// The budget that reading is paid from.
    pub(super) fn limits(&self) -> &Arc<Limits> {
        self.cloud.limits()
    }

    /// What is slowed down, because the cloud throttled it.
    #[must_use]
    pub fn slowed(&self) -> Vec<Slowed> {
        self.limits().slowed()
    }

    /// Whether the cloud is the embedded one.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.cloud.is_local()
    }

    /// One page of events that match `pattern`, by time, and the token of the next page. A group that does not exist
    /// (yet) has no events. A page may be empty and have a token. What is throttled is repeated in its turn of the
    /// budget, which throttling makes slower.
    ///
    /// # Errors
    /// [`LogError`]; `Invalid` when the token is not good any more.
    pub async fn page(
        &self,
        group: &LogGroup,
        window: Window,
        pattern: &str,
        token: Option<String>,
    ) -> Result<(Vec<RawEvent>, Option<String>), LogError> {
        let mut pause = TRY_AGAIN;
        for _ in 1..TRIES {
            match self.page_once(group, window, pattern, token.clone()).await {
                Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
            pause *= 2;
        }
        self.page_once(group, window, pattern, token).await
    }

    async fn page_once(
        &self,
        group: &LogGroup,
        window: Window,
        pattern: &str,
        token: Option<String>,
    ) -> Result<(Vec<RawEvent>, Option<String>), LogError> {
        self.limits().logs_filter.acquire().await;
        let request = self
            .cloud
            .logs_client()
            .filter_log_events()
            .log_group_name(&group.group)
            .start_time(signed(window.start_ms))
            .set_end_time(window.end_ms.map(signed))
            .set_filter_pattern((!pattern.is_empty()).then(|| pattern.to_owned()))
            .set_next_token(token)
            .customize()
            .config_override(once());
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
            arns.push(self.arn(group).await?);
        }
        self.limits().logs_tail.acquire().await;
        let request = self
            .cloud
            .logs_client()
            .start_live_tail()
            .set_log_group_identifiers(Some(arns))
            .set_log_event_filter_pattern((!pattern.is_empty()).then(|| pattern.to_owned()))
            .customize()
            .config_override(once());
        let answer = tokio::time::timeout(PAGE, request.send())
            .await
            .map_err(|_| too_slow("logs:StartLiveTail", ""))?
            .map_err(|error| CloudError::from_sdk("logs:StartLiveTail", "", &error))?;
        Ok(Tail { stream: answer.response_stream })
    }

    /// A group's ARN: from its function's, from another group's that was asked for, or asked for once.
    async fn arn(&self, group: &LogGroup) -> Result<String, LogError> {
        if let Some(arn) = &group.arn {
            return Ok(arn.clone());
        }
        let known = {
            let arns = self.arns.lock().unwrap_or_else(PoisonError::into_inner);
            arns.get(&group.group).cloned()
        };
        match known {
            Some(arn) => Ok(arn),
            None => self.describe(&group.group).await?.ok_or_else(|| {
                CloudError::new(ErrorKind::NotFound, DESCRIBE, &group.group, "no such log group")
            }),
        }
    }

    /// Asks for a group's ARN; `None` when there is no such group.
    ///
    /// # Errors
    /// [`LogError`]
    pub(super) async fn describe(&self, group: &str) -> Result<Option<String>, LogError> {
        self.limits().logs_describe.acquire().await;
        let request = self.cloud.logs_client().describe_log_groups().log_group_name_prefix(group);
        let answer = tokio::time::timeout(PAGE, request.send())
            .await
            .map_err(|_| too_slow(DESCRIBE, group))?
            .map_err(|error| CloudError::from_sdk(DESCRIBE, group, &error))?;
        let found = answer.log_groups().iter().find(|found| found.log_group_name() == Some(group));
        let arn = found.and_then(|found| found.log_group_arn().or_else(|| found.arn()));
        let arn = arn.map(|arn| arn.trim_end_matches(":*").to_owned());
        if let Some(arn) = &arn {
            let mut arns = self.arns.lock().unwrap_or_else(PoisonError::into_inner);
            arns.insert(group.to_owned(), arn.clone());
        }
        Ok(arn)
    }
}

/// The SDK would repeat what is throttled without a turn of the budget.
fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

const DESCRIBE: &str = "logs:DescribeLogGroups";

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

/// Why a Live Tail gave no update.
#[derive(Debug)]
pub(super) enum TailEnd {
    /// The session's three hours are over, or the cloud ended it: a new one can be opened at once.
    Over,
    /// Nothing came for longer than an update takes.
    Stalled,
    /// It broke.
    Broken(LogError),
}

/// AWS sends an update each second, with or without events (`API_StartLiveTail`).
const STALLED: Duration = Duration::from_secs(15);

impl Tail {
    /// The next update.
    pub(super) async fn next(&mut self) -> Result<TailUpdate, TailEnd> {
        loop {
            match tokio::time::timeout(STALLED, self.stream.recv()).await {
                Err(_) => return Err(TailEnd::Stalled),
                Ok(Ok(Some(Update::SessionUpdate(update)))) => return Ok(read(update)),
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return Err(TailEnd::Over),
                Ok(Err(error)) => return Err(end_of(&error)),
            }
        }
    }
}

fn end_of<R: std::fmt::Debug>(error: &SdkError<StartLiveTailResponseStreamError, R>) -> TailEnd {
    if let SdkError::ServiceError(service) = error
        && service.err().is_session_timeout_exception()
    {
        return TailEnd::Over;
    }
    let message = DisplayErrorContext(error).to_string();
    TailEnd::Broken(CloudError::new(ErrorKind::Other, "logs:StartLiveTail", "", message))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_arn_follows_from_its_functions() {
        let arn = arn_beside("arn:aws-cn:lambda:cn-north-1:123456789012:function:f", "/aws/lambda/f");
        assert_eq!(arn.as_deref(), Some("arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/f"));
        assert_eq!(arn_beside("arn:aws:s3:::bucket", "g"), None);
        assert_eq!(arn_beside("", "g"), None);
    }
}
