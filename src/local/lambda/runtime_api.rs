//! The Runtime API, one per environment: `/_env/<token>/2018-06-01/runtime/…`.

use super::Lambda;
use super::environment::{MAX_RESPONSE, Message, NextEvent, Verdict};
use crate::protocol::{Body, Speaker, body::full};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};

/// Where requests with a token go.
#[derive(Default)]
pub(super) struct Tokens(RwLock<HashMap<String, mpsc::UnboundedSender<Message>>>);

impl Tokens {
    pub fn insert(&self, token: String, inbox: mpsc::UnboundedSender<Message>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(token, inbox);
    }

    pub fn remove(&self, token: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(token);
    }

    fn find(&self, token: &str) -> Option<mpsc::UnboundedSender<Message>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }
}

/// What a request is about.
enum Route<'a> {
    Next,
    Response(&'a str),
    Error(&'a str),
    InitError,
}

fn route<'a>(method: &str, path: &'a str) -> Option<Route<'a>> {
    match (method, path) {
        ("GET", "invocation/next") => Some(Route::Next),
        ("POST", "init/error") => Some(Route::InitError),
        ("POST", path) => {
            let (id, verb) = path.strip_prefix("invocation/")?.split_once('/')?;
            match verb {
                "response" => Some(Route::Response(id)),
                "error" => Some(Route::Error(id)),
                _ => None,
            }
        }
        _ => None,
    }
}

impl Lambda {
    /// Answers a request to `/_env/<token>/2018-06-01/runtime/…`. The token is what authorises it.
    pub async fn runtime_api<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Unpin + Send,
    {
        let (parts, body) = request.into_parts();
        let found = parts.uri.path().strip_prefix("/_env/").and_then(|rest| {
            let (token, rest) = rest.split_once('/')?;
            // Where the socket says which environment speaks, it speaks for no other.
            if let Some(Speaker::Environment(who)) = parts.extensions.get::<Speaker>()
                && who.token != token
            {
                return None;
            }
            let inbox = self.inner.tokens.find(token)?;
            Some((inbox, route(parts.method.as_str(), rest.strip_prefix("2018-06-01/runtime/")?)?))
        });
        let Some((inbox, route)) = found else {
            return error(StatusCode::FORBIDDEN, "Forbidden", "No such environment or operation");
        };
        match route {
            Route::Next => next(&inbox).await,
            Route::Response(id) => {
                let (body, size) = read(body).await;
                let id = id.to_owned();
                post(&inbox, |reply| Message::Response { id, body, size, reply }).await
            }
            Route::Error(id) => {
                let id = id.to_owned();
                let body = read(body).await.0.unwrap_or_default();
                post(&inbox, |reply| Message::Error { id, body, reply }).await
            }
            Route::InitError => {
                let kind = error_type(&parts.headers);
                let body = read(body).await.0.unwrap_or_default();
                post(&inbox, |reply| Message::InitError { body, kind, reply }).await
            }
        }
    }
}

fn error_type(headers: &HeaderMap) -> Option<String> {
    headers.get("lambda-runtime-function-error-type")?.to_str().ok().map(str::to_owned)
}

/// Reads a body of at most [`MAX_RESPONSE`] bytes; of a longer one only its size is kept.
async fn read<B>(mut body: B) -> (Option<Bytes>, usize)
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let (mut first, mut rest, mut size) = (Bytes::new(), BytesMut::new(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        size += data.len();
        if size > MAX_RESPONSE {
            rest.clear();
        } else if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    let whole = if rest.is_empty() { first } else { rest.freeze() };
    ((size <= MAX_RESPONSE).then_some(whole), size)
}

async fn next(inbox: &mpsc::UnboundedSender<Message>) -> Response<Body> {
    let (reply, event) = oneshot::channel();
    if inbox.send(Message::Next(reply)).is_err() {
        return gone();
    }
    if let Ok(event) = event.await {
        return event_response(event);
    }
    // The environment ends. As on AWS its runtime is killed while it waits, and has nothing to say; there is an answer
    // only for one that outlives that.
    inbox.closed().await;
    gone()
}

fn event_response(event: NextEvent) -> Response<Body> {
    let invocation = event.invocation;
    let mut response = Response::new(full(invocation.payload));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set("lambda-runtime-aws-request-id", invocation.request_id);
    set("lambda-runtime-deadline-ms", event.deadline_ms.to_string());
    set("lambda-runtime-invoked-function-arn", event.arn);
    set("lambda-runtime-trace-id", invocation.trace_id.unwrap_or_else(trace_id));
    if let Some(context) = invocation.client_context {
        set("lambda-runtime-client-context", context);
    }
    response
}

/// A trace header for an invocation that came without one.
fn trace_id() -> String {
    let seconds = super::clock::now_ms() / 1000;
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &random[..24], &random[16..])
}

async fn post(
    inbox: &mpsc::UnboundedSender<Message>,
    message: impl FnOnce(oneshot::Sender<Verdict>) -> Message,
) -> Response<Body> {
    let (reply, verdict) = oneshot::channel();
    if inbox.send(message(reply)).is_err() {
        return gone();
    }
    match verdict.await {
        Ok(Verdict::Accepted) => {
            let mut response = Response::new(full("{\"status\":\"OK\"}\n"));
            *response.status_mut() = StatusCode::ACCEPTED;
            response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
            response
        }
        Ok(Verdict::UnknownRequest) => {
            error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        }
        Ok(Verdict::WrongState) => {
            error(StatusCode::FORBIDDEN, "InvalidStateTransition", "State transition is not allowed")
        }
        Ok(Verdict::TooLarge) => error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &format!("Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."),
        ),
        Err(_) => gone(),
    }
}

/// The environment is ending: the runtime is to exit.
fn gone() -> Response<Body> {
    error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "The environment is ending")
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    let body = serde_json::json!({"errorType": kind, "errorMessage": message}).to_string();
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

/// Removes the token when the environment's task ends, however it ends.
pub(super) struct TokenGuard {
    pub tokens: Arc<Tokens>,
    pub token: String,
}

impl Drop for TokenGuard {
    fn drop(&mut self) {
        self.tokens.remove(&self.token);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[tokio::test]
    async fn a_waiting_runtime_hears_nothing_until_its_environment_is_gone() {
        let (inbox, mut messages) = mpsc::unbounded_channel();
        let answer = tokio::spawn(async move { next(&inbox).await });
        let Some(Message::Next(reply)) = messages.recv().await else { panic!("it asks") };
        drop(reply);
        // There is one thread: the other task goes as far as it can.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        assert!(!answer.is_finished(), "it would complain in the log before it is killed");
        drop(messages);
        assert_eq!(answer.await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
