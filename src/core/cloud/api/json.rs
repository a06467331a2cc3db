//! The JSON protocols: objects both ways.

use super::service_error::ServiceError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The content type of a request whose operation is in `X-Amz-Target`.
pub const CONTENT_TYPE_1_1: &str = "application/x-amz-json-1.1";
/// The content type of a request whose operation is in its path.
pub const CONTENT_TYPE: &str = "application/json";

/// The output in an answer. No body at all is an output without members.
pub fn read<O: DeserializeOwned>(body: &[u8]) -> Result<O, ServiceError> {
    let body = if body.is_empty() { b"{}".as_slice() } else { body };
    serde_json::from_slice(body).map_err(ServiceError::unreadable)
}

/// What an answer says that refuses; `kind` is its header `x-amzn-errortype`, which comes before what the body says.
pub fn error(kind: Option<&str>, body: &[u8]) -> ServiceError {
    let told =
        if body.is_empty() { Ok(Map::new()) } else { serde_json::from_slice::<Map<String, Value>>(body) };
    let told = match told {
        Ok(told) => told,
        Err(_) if kind.is_some() => Map::new(),
        Err(why) => return ServiceError::unreadable(why),
    };
    let text = |names: &[&str]| names.iter().find_map(|name| told.get(*name)?.as_str());
    let message = text(&["message", "Message", "errorMessage"]).map(str::to_owned);
    ServiceError::new(kind.or_else(|| text(&["code", "__type"])), message, None)
}
