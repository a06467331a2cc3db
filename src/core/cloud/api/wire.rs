//! Requests and answers, whatever the protocol: what the SDK's orchestrator asks of an operation.

use super::service_error::ServiceError;
use super::{Operation, Protocol, Service, json, query};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Input, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use serde::{Deserialize, Serialize};

/// A list in XML, and in a form: `Tags.member.1`, `<Tags><member>`; EC2 has `<item>`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct List<T> {
    /// What is in it.
    #[serde(default = "Vec::new", alias = "item")]
    pub member: Vec<T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { member: Vec::new() }
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(member: Vec<T>) -> Self {
        Self { member }
    }
}

/// A request before it has a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestParts {
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// The request of an operation with its input.
pub fn write<O: Operation>(service: &Service, operation: &O) -> Result<RequestParts, serde_json::Error> {
    let name = O::NAME;
    let (path, content, target, body) = match service.protocol {
        Protocol::Query { version } => {
            let form = query::form(name, version, &serde_json::to_value(operation)?);
            ("/".to_owned(), query::CONTENT_TYPE, None, form)
        }
        Protocol::Json { target: Some(prefix) } => {
            let target = format!("{prefix}.{name}");
            ("/".to_owned(), json::CONTENT_TYPE_1_1, Some(target), serde_json::to_string(operation)?)
        }
        Protocol::Json { target: None } => {
            let path = format!("/v1/{}", name.to_ascii_lowercase());
            (path, json::CONTENT_TYPE, None, serde_json::to_string(operation)?)
        }
    };
    let mut headers = vec![("content-type", content.to_owned()), ("content-length", body.len().to_string())];
    headers.extend(target.map(|target| ("x-amz-target", target)));
    Ok(RequestParts { path, headers, body })
}

/// The output in an answer.
fn read<O: Operation>(protocol: Protocol, body: &[u8]) -> Result<Output, ServiceError> {
    let output: O::Output = match protocol {
        Protocol::Query { .. } => query::read(O::NAME, body),
        Protocol::Json { .. } => json::read(body),
    }?;
    Ok(Output::erase(output))
}

/// What the orchestrator is given for a call of an operation; its input is a [`RequestParts`].
pub fn plugin<O: Operation>(service: &'static Service) -> StaticRuntimePlugin {
    let mut layer = Layer::new(O::NAME);
    layer.store_put(Metadata::new(O::NAME, service.id));
    layer.store_put(SharedRequestSerializer::new(RequestWriter));
    layer.store_put(SharedResponseDeserializer::new(ResponseReader {
        protocol: service.protocol,
        read: read::<O>,
    }));
    StaticRuntimePlugin::new().with_config(layer.freeze())
}

#[derive(Debug)]
struct RequestWriter;

impl SerializeRequest for RequestWriter {
    fn serialize_input(&self, input: Input, _bag: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        let written = input.downcast::<RequestParts>().map_err(|_| "the input is not a written request")?;
        let mut request = HttpRequest::new(SdkBody::from(written.body));
        request.set_method("POST")?;
        request.set_uri(written.path)?;
        for (name, value) in written.headers {
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

#[derive(Debug)]
struct ResponseReader {
    protocol: Protocol,
    read: fn(Protocol, &[u8]) -> Result<Output, ServiceError>,
}

impl DeserializeResponse for ResponseReader {
    fn deserialize_nonstreaming_with_config(
        &self,
        answer: &HttpResponse,
        _bag: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        let body = answer.body().bytes().unwrap_or_default();
        let output = if answer.status().is_success() {
            (self.read)(self.protocol, body)
        } else {
            Err(match self.protocol {
                Protocol::Query { .. } => query::error(body),
                Protocol::Json { .. } => json::error(answer.headers().get("x-amzn-errortype"), body),
            })
        };
        output.map_err(|refusal| OrchestratorError::operation(Error::erase(refusal)))
    }
}
