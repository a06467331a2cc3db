//! `StartLiveTail`: an event stream with AWS's limits.
//!
//! One update each second, possibly empty; at most 500 events in one, the rest is left out and the update says
//! `sampled` (`API_StartLiveTail`). A client that reads slowly loses the oldest updates. Real sessions were also seen to
//! lose events without saying so; a plan of faults makes these do the same, so that what reconciles can be tested.

#![allow(clippy::struct_field_names, reason = "AWS names the fields")]

use super::error::ApiError;
use super::groups::{find_group, group_arn};
use super::names::group_name;
use super::pattern::Pattern;
use super::store::{Batch, LogStore};
use crate::faults::Faults;
use crate::protocol::Body;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use http::{HeaderValue as HttpValue, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use throng_contract::local::ACCOUNT;
use tokio::sync::{broadcast, mpsc};

/// Events in one update at most.
const UPDATE_EVENTS: usize = 500;
/// Updates that wait for a slow client at most; then the oldest are lost.
const WAITING_UPDATES: usize = 10;
/// A session lasts at most this long.
const SESSION: Duration = Duration::from_hours(3);

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start {
    log_group_identifiers: Vec<String>,
    #[serde(default)]
    log_stream_names: Vec<String>,
    #[serde(default)]
    log_stream_name_prefixes: Vec<String>,
    #[serde(default)]
    log_event_filter_pattern: String,
}

struct Session {
    id: String,
    groups: Vec<String>,
    request: Start,
    pattern: Pattern,
    faults: Faults,
}

pub(super) fn start(store: &LogStore, request: Start, faults: Faults) -> Result<Response<Body>, ApiError> {
    if request.log_group_identifiers.is_empty() || request.log_group_identifiers.len() > 10 {
        return Err(ApiError::invalid("Between 1 and 10 logGroupIdentifiers are needed."));
    }
    if let Some(wrong) =
        request.log_group_identifiers.iter().find(|id| !id.starts_with("arn:") || id.ends_with('*'))
    {
        return Err(ApiError::invalid(format!(
            "logGroupIdentifiers must be ARNs without a trailing *: {wrong}"
        )));
    }
    if request.log_group_identifiers.len() > 1
        && !(request.log_stream_names.is_empty() && request.log_stream_name_prefixes.is_empty())
    {
        return Err(ApiError::invalid("Log streams can be named with a single log group only."));
    }
    let pattern = Pattern::parse(&request.log_event_filter_pattern)
        .map_err(|error| ApiError::invalid(error.to_string()))?;
    let groups: Vec<_> = request.log_group_identifiers.iter().map(|id| group_name(id).to_owned()).collect();
    store.db.read_now(|connection| {
        groups.iter().try_for_each(|group| find_group(connection, group).map(|_| ()))
    })?;
    let id = uuid::Uuid::new_v4().to_string();
    let header_id = HttpValue::from_str(&id);
    let session = Session { id, groups, request, pattern, faults };
    let (frames, receiver) = mpsc::channel(WAITING_UPDATES);
    tokio::spawn(session.run(store.tails.subscribe(), frames));
    let frames = futures::stream::unfold(receiver, |mut receiver| async {
        let bytes = receiver.recv().await?;
        Some((Ok(Frame::data(bytes)), receiver))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HttpValue::from_static("application/vnd.amazon.eventstream"));
    if let Ok(id) = header_id {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    Ok(response)
}

impl Session {
    async fn run(self, mut batches: broadcast::Receiver<Arc<Batch>>, frames: mpsc::Sender<Bytes>) {
        let started = tokio::time::Instant::now();
        let arns: Vec<_> = self.groups.iter().map(|group| group_arn(group)).collect();
        let mut opening = json!({
            "requestId": self.id, "sessionId": uuid::Uuid::new_v4().to_string(), "logGroupIdentifiers": arns,
            "logEventFilterPattern": self.request.log_event_filter_pattern,
        });
        // A list of names is absent, never empty.
        let lists = [
            ("logStreamNames", &self.request.log_stream_names),
            ("logStreamNamePrefixes", &self.request.log_stream_name_prefixes),
        ];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            opening[name] = json!(list);
        }
        let _ = frames.send(frame("event", "initial-response", &json!({}))).await;
        let _ = frames.send(frame("event", "sessionStart", &opening)).await;
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        let (mut results, mut sampled) = (Vec::new(), false);
        let mut unsent: VecDeque<Bytes> = VecDeque::new();
        loop {
            tokio::select! {
                biased;
                _ = seconds.tick() => {
                    let update = json!({"sessionMetadata": {"sampled": sampled}, "sessionResults": results});
                    (results, sampled) = (Vec::new(), false);
                    unsent.push_back(frame("event", "sessionUpdate", &update));
                    if unsent.len() > WAITING_UPDATES {
                        unsent.pop_front();
                    }
                    if started.elapsed() > SESSION {
                        let end = json!({"message": "Session timed out."});
                        let _ = frames.send(frame("exception", "SessionTimeoutException", &end)).await;
                        return;
                    }
                }
                batch = batches.recv() => match batch {
                    Ok(batch) => sampled |= self.take(&batch, &mut results),
                    Err(broadcast::error::RecvError::Lagged(_)) => sampled = true,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                permit = frames.reserve(), if !unsent.is_empty() => match (permit, unsent.pop_front()) {
                    (Ok(permit), Some(bytes)) => permit.send(bytes),
                    _ => return,
                },
                () = frames.closed() => return,
            }
        }
    }

    /// Adds the matching events of a batch; says whether it is to say that some were left out.
    fn take(&self, batch: &Batch, results: &mut Vec<Value>) -> bool {
        let Start { log_stream_names: names, log_stream_name_prefixes: prefixes, .. } = &self.request;
        let everything = names.is_empty() && prefixes.is_empty();
        let chosen = || names.contains(&batch.stream) || prefixes.iter().any(|p| batch.stream.starts_with(p));
        if !self.groups.contains(&batch.group) || !(everything || chosen()) {
            return false;
        }
        let mut sampled = false;
        for event in batch.events.iter().filter(|event| self.pattern.matches(&event.message)) {
            if let Some(told) = self.faults.tail(&event.message) {
                sampled |= told;
                continue;
            }
            if results.len() == UPDATE_EVENTS {
                sampled = true;
                break;
            }
            results.push(json!({
                "logStreamName": batch.stream, "logGroupIdentifier": format!("{ACCOUNT}:{}", batch.group),
                "message": event.message, "timestamp": event.timestamp_ms, "ingestionTime": batch.ingested_ms,
            }));
        }
        sampled
    }
}

/// One message of the event stream. `kind` is `event` or `exception`.
pub(super) fn frame(kind: &'static str, name: &'static str, payload: &Value) -> Bytes {
    let header = |key: String, value: &'static str| Header::new(key, HeaderValue::String(value.into()));
    let message = Message::new(payload.to_string())
        .add_header(header(format!(":{kind}-type"), name))
        .add_header(header(":content-type".into(), "application/json"))
        .add_header(header(":message-type".into(), kind));
    let mut buffer = Vec::new();
    match write_message_to(&message, &mut buffer) {
        Ok(()) => Bytes::from(buffer),
        Err(error) => {
            tracing::error!(%error, "a live tail update could not be encoded");
            Bytes::new()
        }
    }
}
