//! Putting events and reading them by time, in pages.

#![allow(clippy::struct_field_names, reason = "AWS names the fields")]

use super::error::ApiError;
use super::groups::{find_group, with_token};
use super::names::group_name;
use super::pattern::Pattern;
use super::store::{LogStore, NewEvent, now_ms};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;
use serde_json::{Value, json};

/// A page holds at most this many events (`API_FilterLogEvents`, `API_GetLogEvents`).
const PAGE_EVENTS: usize = 10_000;
/// A page holds at most this many bytes of messages.
const PAGE_BYTES: usize = 1 << 20;
/// A filter looks at no more events than this for one page; the page may then be empty and have a token, as AWS's.
const PAGE_SCAN: usize = 50_000;
/// The largest event AWS takes, in bytes, and what each costs on top in a batch.
const EVENT_BYTES: usize = 1 << 20;
const EVENT_OVERHEAD: usize = 26;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Put {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputEvent>,
}

#[derive(Deserialize)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Get {
    #[serde(alias = "logGroupIdentifier")]
    log_group_name: String,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    start_from_head: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(alias = "logGroupIdentifier")]
    log_group_name: String,
    #[serde(default)]
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    #[serde(default)]
    filter_pattern: String,
    next_token: Option<String>,
    limit: Option<usize>,
}

/// Where a page ended: time and row of its last event.
type Cursor = (i64, i64);

fn parse_cursor(token: &str) -> Result<Cursor, ApiError> {
    token
        .split_once('/')
        .and_then(|(time, id)| Some((time.parse().ok()?, id.parse().ok()?)))
        .ok_or_else(|| ApiError::invalid("The specified nextToken is invalid."))
}

pub(super) async fn put(store: &LogStore, request: Put) -> Result<Value, ApiError> {
    let bytes: usize = request.log_events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
    if bytes > PAGE_BYTES || request.log_events.len() > PAGE_EVENTS {
        return Err(ApiError::invalid(
            "Upload too large: log event batch exceeds the limit of 1048576 bytes or 10000 events.",
        ));
    }
    if request.log_events.iter().any(|event| event.message.len() > EVENT_BYTES || event.message.is_empty()) {
        return Err(ApiError::invalid("Log event message is empty or too large."));
    }
    if !request.log_events.is_sorted_by_key(|event| event.timestamp) {
        return Err(ApiError::invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    store.db.read_now(|connection| {
        let group = find_group(connection, &request.log_group_name)?;
        find_stream(connection, group, &request.log_stream_name)
    })?;
    let events = request.log_events.into_iter();
    let events =
        events.map(|event| NewEvent { timestamp_ms: event.timestamp, message: event.message }).collect();
    store.try_append(&request.log_group_name, &request.log_stream_name, events).await?;
    Ok(json!({ "nextSequenceToken": "49590302469437190268456238291748492" }))
}

fn find_stream(connection: &Connection, group: i64, name: &str) -> Result<i64, ApiError> {
    connection
        .prepare_cached("SELECT id FROM log_stream WHERE group_id = ?1 AND name = ?2")?
        .query_row(params![group, name], |row| row.get(0))
        .optional()?
        .ok_or_else(ApiError::no_stream)
}

struct Event {
    id: i64,
    time: i64,
    ingested: i64,
    message: String,
    stream: String,
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: row.get(0)?,
        time: row.get(1)?,
        ingested: row.get(2)?,
        message: row.get(3)?,
        stream: row.get(4)?,
    })
}

pub(super) async fn get(store: &LogStore, request: Get) -> Result<Value, ApiError> {
    let (forward, cursor) = match request.next_token.as_deref() {
        None if request.start_from_head => (true, (i64::MIN, i64::MIN)),
        None => (false, (i64::MAX, i64::MAX)),
        Some(token) => match token.split_at_checked(2) {
            Some(("f/", rest)) => (true, parse_cursor(rest)?),
            Some(("b/", rest)) => (false, parse_cursor(rest)?),
            _ => return Err(ApiError::invalid("The specified nextToken is invalid.")),
        },
    };
    let limit = request.limit.unwrap_or(PAGE_EVENTS).clamp(1, PAGE_EVENTS);
    store.db.read(move |connection| get_page(connection, &request, forward, cursor, limit)).await
}

fn get_page(
    connection: &Connection,
    request: &Get,
    forward: bool,
    cursor: Cursor,
    limit: usize,
) -> Result<Value, ApiError> {
    let group = find_group(connection, &request.log_group_name)?;
    let stream = find_stream(connection, group, &request.log_stream_name)?;
    let (beyond, order) = if forward { (">", "ASC") } else { ("<", "DESC") };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, time, ingested, message, '' FROM log_event WHERE stream_id = ?1 AND time >= ?2 AND time < ?3
         AND (time, id) {beyond} (?4, ?5) ORDER BY time {order}, id {order} LIMIT ?6"
    ))?;
    let times = (request.start_time.unwrap_or(i64::MIN), request.end_time.unwrap_or(i64::MAX));
    let mut rows = statement.query(params![stream, times.0, times.1, cursor.0, cursor.1, limit])?;
    let mut events = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let event = event(row)?;
        bytes += event.message.len() + EVENT_OVERHEAD;
        if bytes > PAGE_BYTES && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    if !forward {
        events.reverse();
    }
    // At either end the token that was sent comes back, as AWS documents.
    let end = |event: Option<&Event>| event.map_or(cursor, |event| (event.time, event.id));
    let (first, last) = (end(events.first()), end(events.last()));
    let events: Vec<_> = events
        .iter()
        .map(|event| json!({"timestamp": event.time, "message": event.message, "ingestionTime": event.ingested}))
        .collect();
    Ok(json!({
        "events": events,
        "nextForwardToken": format!("f/{}/{}", last.0, last.1),
        "nextBackwardToken": format!("b/{}/{}", first.0, first.1),
    }))
}

pub(super) async fn filter(store: &LogStore, request: Filter) -> Result<Value, ApiError> {
    if !request.log_stream_names.is_empty() && request.log_stream_name_prefix.is_some() {
        return Err(ApiError::invalid("logStreamNames and logStreamNamePrefix are mutually exclusive."));
    }
    if request.log_stream_names.len() > 100 {
        return Err(ApiError::invalid("At most 100 logStreamNames."));
    }
    let pattern =
        Pattern::parse(&request.filter_pattern).map_err(|error| ApiError::invalid(error.to_string()))?;
    let cursor = request.next_token.as_deref().map_or(Ok((i64::MIN, i64::MIN)), parse_cursor)?;
    store.db.read(move |connection| filter_page(connection, &request, &pattern, cursor)).await
}

fn filter_page(
    connection: &Connection,
    request: &Filter,
    pattern: &Pattern,
    cursor: Cursor,
) -> Result<Value, ApiError> {
    let group = find_group(connection, group_name(&request.log_group_name))?;
    let limit = request.limit.unwrap_or(PAGE_EVENTS).clamp(1, PAGE_EVENTS);
    let mut statement = connection.prepare_cached(
        "SELECT e.id, e.time, e.ingested, e.message, s.name FROM log_event e JOIN log_stream s ON s.id = e.stream_id
         WHERE e.group_id = ?1 AND e.time >= ?2 AND e.time <= ?3 AND (e.time, e.id) > (?4, ?5)
         ORDER BY e.time, e.id",
    )?;
    let times = (request.start_time.unwrap_or(i64::MIN), request.end_time.unwrap_or(now_ms() + 7_200_000));
    let mut rows = statement.query(params![group, times.0, times.1, cursor.0, cursor.1])?;
    let (mut events, mut bytes, mut scanned, mut last) = (Vec::new(), 0, 0, cursor);
    let mut more = false;
    while let Some(row) = rows.next()? {
        let event = event(row)?;
        if events.len() == limit || bytes >= PAGE_BYTES || scanned == PAGE_SCAN {
            more = true;
            break;
        }
        scanned += 1;
        last = (event.time, event.id);
        if in_stream(request, &event.stream) && pattern.matches(&event.message) {
            bytes += event.message.len() + EVENT_OVERHEAD;
            events.push(json!({
                "logStreamName": event.stream, "timestamp": event.time, "message": event.message,
                "ingestionTime": event.ingested, "eventId": format!("{:056}", event.id),
            }));
        }
    }
    let token = more.then(|| format!("{}/{}", last.0, last.1));
    Ok(with_token(json!({ "events": events, "searchedLogStreams": [] }), token))
}

fn in_stream(request: &Filter, stream: &str) -> bool {
    let named =
        request.log_stream_names.is_empty() || request.log_stream_names.iter().any(|name| name == stream);
    named && request.log_stream_name_prefix.as_deref().is_none_or(|prefix| stream.starts_with(prefix))
}
