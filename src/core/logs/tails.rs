//! Live Tail sessions: ten groups each, renewed when they end, polled instead where they are refused.

use super::client::{LogClient, LogError, LogGroup, TailEnd};
use super::news::{LogUpdate, TailState};
use crate::cloud::{ErrorKind, now_ms};
use crate::model::{Arrival, LogMode};
use std::ops::Range;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Groups of one session at most (`API_StartLiveTail`).
const GROUPS: usize = 10;
/// Pause after a session that broke; it doubles while sessions break soon.
const BROKEN_AGAIN: Duration = Duration::from_secs(1);
/// A refused session is tried again after this time.
const REFUSED_AGAIN: Duration = Duration::from_secs(30);
/// One that will hardly be allowed soon: no permission, no such API in the region.
const DENIED_AGAIN: Duration = Duration::from_mins(5);
/// When nothing answered.
const UNREACHED_AGAIN: Duration = Duration::from_secs(5);
/// A session without the groups that do not exist yet is renewed after this time, to take them in.
const PARTIAL: Duration = Duration::from_mins(1);
/// How soon it is tried again when no group exists yet: a new function's appears with its first line.
const NO_GROUP_AGAIN: Duration = Duration::from_secs(2);

/// Sessions for all groups, each with the groups of a range.
pub(super) fn ranges(groups: usize) -> Vec<Range<usize>> {
    (0..groups).step_by(GROUPS).map(|first| first..groups.min(first + GROUPS)).collect()
}

/// Keeps one session open for each ten groups.
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    client: &LogClient,
    groups: &[LogGroup],
    pattern: &str,
    news: &mpsc::Sender<LogUpdate>,
) {
    for (session, range) in ranges(groups.len()).into_iter().enumerate() {
        let tail = TailTask {
            session,
            client: client.clone(),
            groups: groups.get(range).unwrap_or_default().to_vec(),
            pattern: pattern.to_owned(),
            news: news.clone(),
        };
        tasks.spawn(tail.run());
    }
}

/// Keeps a session open.
struct TailTask {
    session: usize,
    client: LogClient,
    groups: Vec<LogGroup>,
    pattern: String,
    news: mpsc::Sender<LogUpdate>,
}

/// What follows after a session, or after none.
enum Next {
    /// Open another one after this time.
    After(Duration),
    /// Nobody listens.
    End,
}

impl TailTask {
    async fn run(self) {
        let mut broken = BROKEN_AGAIN;
        loop {
            let began = Instant::now();
            let next = self.session(&mut broken).await;
            if began.elapsed() > REFUSED_AGAIN {
                broken = BROKEN_AGAIN;
            }
            match next {
                Next::After(pause) => tokio::time::sleep(pause).await,
                Next::End => return,
            }
        }
    }

    async fn tell(&self, state: TailState) -> bool {
        self.news.send(LogUpdate::State(self.session, state)).await.is_ok()
    }

    async fn refused(&self, why: String, again: Duration) -> Next {
        tracing::info!(%why, "no live tail; polling");
        if self.tell(TailState::Polling(why)).await { Next::After(again) } else { Next::End }
    }

    /// Opens a session and passes on what it shows until it ends.
    async fn session(&self, broken: &mut Duration) -> Next {
        let Some(_permit) = self.client.limits().tail_session() else {
            let (_, most) = self.client.limits().tail_sessions();
            return self
                .refused(format!("all {most} live tails of this account are taken"), REFUSED_AGAIN)
                .await;
        };
        let mut until = None;
        let opened = match self.client.tail(&self.groups, &self.pattern).await {
            Err(error) if error.is_not_found() => {
                let existing = match self.existing().await {
                    Ok(existing) if existing.is_empty() => {
                        return self
                            .refused("live tail waits for the log group".into(), NO_GROUP_AGAIN)
                            .await;
                    }
                    Ok(existing) => existing,
                    Err(error) => return self.no_tail(&error).await,
                };
                until = Some(Instant::now() + PARTIAL);
                self.client.tail(&existing, &self.pattern).await
            }
            opened => opened,
        };
        let mut tail = match opened {
            Ok(tail) => tail,
            Err(error) => return self.no_tail(&error).await,
        };
        if !self.tell(TailState::Live(now_ms())).await {
            return Next::End;
        }
        loop {
            match tail.next().await {
                Ok(update) => {
                    if self.news.send(LogUpdate::Tail(update)).await.is_err() {
                        return Next::End;
                    }
                }
                Err(end) => return self.ended(end, broken).await,
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Next::After(Duration::ZERO);
            }
        }
    }

    /// A session ends after three hours, and the next one begins at once; the sweep fills what lies between.
    async fn ended(&self, end: TailEnd, broken: &mut Duration) -> Next {
        let (why, pause) = match end {
            TailEnd::Over => ("live tail is renewed".to_owned(), Duration::ZERO),
            TailEnd::Stalled => ("live tail stalled; it is opened again".to_owned(), Duration::ZERO),
            TailEnd::Broken(error) => (format!("live tail broke: {}", error.message), *broken),
        };
        // A cloud that ends sessions as soon as they begin is not asked in a tight loop.
        let pause = pause.max(BROKEN_AGAIN / 5);
        *broken = (*broken * 2).min(REFUSED_AGAIN);
        self.refused(why, pause).await
    }

    async fn no_tail(&self, error: &LogError) -> Next {
        let again = match error.kind {
            ErrorKind::Denied | ErrorKind::Invalid => DENIED_AGAIN,
            ErrorKind::Unreachable => UNREACHED_AGAIN,
            _ => REFUSED_AGAIN,
        };
        self.refused(format!("live tail refused: {}", reason(error)), again).await
    }

    /// The groups that exist.
    async fn existing(&self) -> Result<Vec<LogGroup>, LogError> {
        let mut existing = Vec::new();
        for group in &self.groups {
            if let Some(arn) = self.client.describe(&group.group).await? {
                existing.push(LogGroup { arn: Some(arn), ..group.clone() });
            }
        }
        Ok(existing)
    }
}

/// An error in few words, for a status line.
fn reason(error: &LogError) -> String {
    let words = match (error.kind, &error.code) {
        (ErrorKind::Denied, _) => "no permission logs:StartLiveTail",
        (ErrorKind::Unreachable, _) => "no answer",
        (_, Some(code)) => code,
        (_, None) => error.message.lines().next().unwrap_or_default(),
    };
    words.chars().take(80).collect()
}

/// How lines arrive, for the status line.
pub(super) fn mode(states: &[TailState]) -> LogMode {
    let live = states.iter().filter(|state| matches!(state, TailState::Live(_))).count();
    let why = states.iter().find_map(|state| match state {
        TailState::Polling(why) => Some(why.as_str()),
        _ => None,
    });
    let (arrival, why) = match (live, why) {
        (0, why) => (Arrival::Polling, why.unwrap_or_default().to_owned()),
        (live, None) if live == states.len() => (Arrival::Live, String::new()),
        (live, None) => (Arrival::Live, format!("{live} of {} tails", states.len())),
        (live, Some(why)) => (Arrival::Live, format!("{live} of {} tails; {why}", states.len())),
    };
    LogMode { arrival, why }
}

/// The group of an update's event, by the name in its identifier.
pub(super) fn group_of<'g>(groups: &'g [LogGroup], name: &str) -> Option<(usize, &'g LogGroup)> {
    groups.iter().enumerate().find(|(_, group)| group.group == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_split_into_sessions_of_ten() {
        assert!(ranges(0).is_empty());
        assert_eq!(ranges(11), [0..10, 10..11]);
        assert_eq!(ranges(23), [0..10, 10..20, 20..23]);
    }

    #[test]
    fn the_status_says_what_is_live_and_why_the_rest_is_not() {
        let live = TailState::Live(0);
        let refused = TailState::Polling("live tail refused: LimitExceededException".into());
        assert_eq!(mode(&[]).to_string(), "polling");
        assert_eq!(mode(&[TailState::Opening]).to_string(), "polling");
        assert_eq!(mode(std::slice::from_ref(&live)).to_string(), "live");
        assert_eq!(
            mode(std::slice::from_ref(&refused)).to_string(),
            "polling (live tail refused: LimitExceededException)"
        );
        assert_eq!(
            mode(&[live, refused]).to_string(),
            "live (1 of 2 tails; live tail refused: LimitExceededException)"
        );
    }
}
