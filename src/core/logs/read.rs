//! Reading what is there: several groups merged by time, page by page.

use super::client::{LogClient, LogError, LogGroup, RawEvent, Window};
use super::parse::{Parser, pattern_for};
use crate::model::LogEntry;
use crate::model::LogQuery;
use std::collections::VecDeque;

/// Reads events of several groups in the order of their times, without holding more than a page of each.
#[derive(Debug)]
pub struct Reader {
    client: LogClient,
    pattern: String,
    window: Window,
    parser: Parser,
    cursors: Vec<Cursor>,
}

#[derive(Debug)]
struct Cursor {
    group: LogGroup,
    events: VecDeque<RawEvent>,
    token: Option<String>,
    begun: bool,
}

impl Cursor {
    const fn has_more(&self) -> bool {
        !self.begun || self.token.is_some()
    }
}

impl Reader {
    /// A reader of what the query asks for.
    #[must_use]
    pub fn new(client: LogClient, groups: Vec<LogGroup>, query: &LogQuery, window: Window) -> Self {
        let cursor = |group| Cursor { group, events: VecDeque::new(), token: None, begun: false };
        Self {
            client,
            pattern: pattern_for(query),
            window,
            parser: Parser::default(),
            cursors: groups.into_iter().map(cursor).collect(),
        }
    }

    /// The next line, or `None` at the end.
    ///
    /// # Errors
    /// [`LogError`]
    pub async fn next(&mut self) -> Result<Option<LogEntry>, LogError> {
        for cursor in &mut self.cursors {
            while cursor.events.is_empty() && cursor.has_more() {
                let token = cursor.token.take();
                let (events, next) =
                    self.client.page(&cursor.group, self.window, &self.pattern, token).await?;
                cursor.begun = true;
                cursor.events = events.into();
                cursor.token = next;
            }
        }
        let earliest = self
            .cursors
            .iter_mut()
            .filter(|cursor| !cursor.events.is_empty())
            .min_by_key(|cursor| cursor.events.front().map(|event| event.time_ms));
        let Some(cursor) = earliest else { return Ok(None) };
        let Some(event) = cursor.events.pop_front() else { return Ok(None) };
        Ok(Some(self.parser.entry(&cursor.group.function, &event)))
    }
}
