//! The REST API: which operation is meant.
//!
//! ```text
//! events      event-invoke configurations
//! functions   functions: create, read, list, change, delete
//! fuzzing     readers of requests, for the fuzz targets
//! invoke      Invoke
//! policy      resource policies
//! request     what callers send
//! rights      what each operation needs to be allowed
//! small       concurrency, tags, recursion, versions, account settings
//! streaming   InvokeWithResponseStream
//! validate    limits of AWS's model
//! ```

mod events;
mod functions;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod invoke;
mod policy;
mod request;
mod rights;
mod small;
mod streaming;
mod validate;

pub(super) use rights::needs;

use super::Lambda;
use super::error::ApiError;
use crate::protocol::{Body, body::full};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::collections::HashMap;

/// The largest request: a payload of 6 MB.
const MAX_REQUEST: usize = 6 * 1024 * 1024;

/// A request, read.
struct Call {
    method: Method,
    /// Decoded parts of the path.
    path: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; an empty one as an empty object.
    fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, ApiError> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        serde_json::from_slice(body)
            .map_err(|error| ApiError::content(format!("Could not parse request body into json: {error}")))
    }
}

type ApiResult = Result<Response<Body>, ApiError>;

/// A JSON answer.
fn answer(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

impl Lambda {
    /// Answers a request of the Lambda API whose signature was verified.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut response = match read(request).await {
            Ok(call) => self.route(call).await.unwrap_or_else(|error| error.response()),
            Err(error) => error.response(),
        };
        if !response.headers().contains_key("x-amzn-requestid")
            && let Ok(id) = HeaderValue::try_from(uuid::Uuid::new_v4().to_string())
        {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        response
    }

    async fn route(&self, call: Call) -> ApiResult {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let method = call.method.as_str();
        match (method, &path[..]) {
            ("POST", ["2015-03-31", "functions", name, "invocations"]) => self.invoke(name, &call).await,
            ("POST", ["2014-11-13", "functions", name, "invoke-async"]) => {
                self.invoke_async(name, &call).await
            }
            ("POST", ["2021-11-15", "functions", name, "response-streaming-invocations"]) => {
                self.invoke_streaming(name, &call).await
            }
            ("POST", ["2015-03-31", "functions"]) => self.create_function(&call).await,
            ("GET", ["2015-03-31", "functions"]) => self.list_functions(&call),
            ("GET", ["2015-03-31", "functions", name]) => self.get_function(name, &call),
            ("DELETE", ["2015-03-31", "functions", name]) => self.delete_function(name, &call).await,
            ("GET", ["2015-03-31", "functions", name, "configuration"]) => {
                self.get_configuration(name, &call)
            }
            ("PUT", ["2015-03-31", "functions", name, "configuration"]) => {
                self.update_configuration(name, &call).await
            }
            ("PUT", ["2015-03-31", "functions", name, "code"]) => self.update_code(name, &call).await,
            (_, ["2015-03-31", "functions", name, "policy", rest @ ..]) => match (method, rest) {
                ("POST", []) => self.add_permission(name, &call).await,
                ("GET", []) => self.get_policy(name, &call),
                ("DELETE", [sid]) => self.remove_permission(name, sid, &call).await,
                _ => Err(ApiError::unknown_operation()),
            },
            ("GET", ["2019-09-25", "functions", name, "event-invoke-config", "list"]) => {
                self.list_event_configs(name)
            }
            (_, ["2019-09-25", "functions", name, "event-invoke-config"]) => match method {
                "PUT" => self.put_event_config(name, &call, true).await,
                "POST" => self.put_event_config(name, &call, false).await,
                "GET" => self.get_event_config(name, &call),
                "DELETE" => self.delete_event_config(name, &call).await,
                _ => Err(ApiError::unknown_operation()),
            },
            _ => self.route_small(method, &path, &call).await,
        }
    }

    async fn route_small(&self, method: &str, path: &[&str], call: &Call) -> ApiResult {
        match (method, path) {
            ("PUT", ["2017-10-31", "functions", name, "concurrency"]) => {
                self.put_concurrency(name, call).await
            }
            ("DELETE", ["2017-10-31", "functions", name, "concurrency"]) => {
                self.delete_concurrency(name).await
            }
            ("GET", ["2019-09-30", "functions", name, "concurrency"]) => self.get_concurrency(name),
            ("GET", ["2019-09-30", "functions", name, "provisioned-concurrency"]) => {
                self.empty_list(name, "ProvisionedConcurrencyConfigs")
            }
            ("GET", ["2016-08-19", "account-settings"]) => Ok(self.account_settings()),
            ("GET", ["2017-03-31", "tags", arn]) => self.list_tags(arn),
            ("POST", ["2017-03-31", "tags", arn]) => self.tag(arn, call).await,
            ("DELETE", ["2017-03-31", "tags", arn]) => self.untag(arn, call).await,
            ("GET", ["2015-03-31", "functions", name, "versions"]) => self.list_versions(name),
            ("GET", ["2015-03-31", "functions", name, "aliases"]) => self.empty_list(name, "Aliases"),
            ("GET", ["2015-03-31", "event-source-mappings"]) => {
                Ok(answer(StatusCode::OK, &serde_json::json!({"EventSourceMappings": []})))
            }
            ("GET", ["2020-06-30", "functions", name, "code-signing-config"]) => self.code_signing(name),
            ("GET", ["2021-10-31", "functions", name, "urls"]) => self.empty_list(name, "FunctionUrlConfigs"),
            ("GET", ["2024-08-31", "functions", name, "recursion-config"]) => self.get_recursion(name),
            ("PUT", ["2024-08-31", "functions", name, "recursion-config"]) => {
                self.put_recursion(name, call).await
            }
            _ => Err(ApiError::unknown_operation()),
        }
    }
}

async fn read<B>(request: Request<B>) -> Result<Call, ApiError>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_REQUEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return Err(ApiError::too_large(MAX_REQUEST));
        }
        Err(error) => return Err(ApiError::content(format!("The request body could not be read: {error}"))),
    };
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let path = parts.uri.path().split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let query =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    Ok(Call { method: parts.method, path, query, headers: parts.headers, body })
}

/// A string-to-string map of JSON, or nothing.
type Map = HashMap<String, String>;
