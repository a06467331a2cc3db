//! The operations: `AWS JSON 1.1`, chosen by the header `X-Amz-Target`.

use super::error::{ApiError, json_response};
use super::store::LogStore;
use super::{groups, query, rights, tail};
use crate::access::Needs;
use crate::faults::Faults;
use crate::protocol::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The largest request: a `PutLogEvents` batch of 1 MB, JSON-escaped.
const LARGEST_REQUEST: usize = 8 << 20;
/// What every target begins with.
const TARGET: &str = "Logs_20140328.";

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogsApi {
    store: LogStore,
    faults: Faults,
}

impl LogsApi {
    /// The service over a store.
    #[must_use]
    pub fn new(store: LogStore) -> Self {
        Self { store, faults: Faults::none() }
    }

    /// With what is to go wrong on purpose.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Answers a request whose signature has been checked.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let operation = target.and_then(|target| target.strip_prefix(TARGET)).unwrap_or_default().to_owned();
        let body = match Limited::new(request.into_body(), LARGEST_REQUEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return ApiError::new("SerializationException", error.to_string()).response(),
        };
        if operation == "StartLiveTail" {
            return match read(&body) {
                Ok(request) => tail::start(&self.store, request, self.faults.clone())
                    .unwrap_or_else(|error| error.response()),
                Err(error) => error.response(),
            };
        }
        match self.call(&operation, &body).await {
            Ok(answer) => json_response(StatusCode::OK, &answer),
            Err(error) => error.response(),
        }
    }

    /// What a request needs to be allowed.
    #[must_use]
    pub fn needs(parts: &Parts, body: &[u8]) -> Vec<Needs> {
        rights::needs(parts, body)
    }

    async fn call(&self, operation: &str, body: &Bytes) -> Result<Value, ApiError> {
        let store = &self.store;
        match operation {
            "CreateLogGroup" => groups::create_group(store, read(body)?).await,
            "DeleteLogGroup" => groups::delete_group(store, read(body)?).await,
            "DescribeLogGroups" => groups::describe_groups(store, read(body)?).await,
            "ListLogGroups" => groups::list_groups(store, read(body)?).await,
            "PutRetentionPolicy" => groups::put_retention(store, read(body)?).await,
            "DeleteRetentionPolicy" => groups::delete_retention(store, read(body)?).await,
            "TagResource" => groups::tag(store, read(body)?).await,
            "UntagResource" => groups::untag(store, read(body)?).await,
            "ListTagsForResource" => groups::tags(store, &read(body)?),
            "CreateLogStream" => groups::create_stream(store, read(body)?).await,
            "DeleteLogStream" => groups::delete_stream(store, read(body)?).await,
            "DescribeLogStreams" => groups::describe_streams(store, read(body)?).await,
            "PutLogEvents" => query::put(store, read(body)?).await,
            "GetLogEvents" => query::get(store, read(body)?).await,
            "FilterLogEvents" => query::filter(store, read(body)?).await,
            _ => Err(ApiError::new("UnknownOperationException", format!("unknown operation {operation}"))),
        }
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| ApiError::invalid(error.to_string()))
}
