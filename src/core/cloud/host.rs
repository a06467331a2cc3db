//! The HTTP client, whose failures say which host was asked: a context has several endpoints.

use super::waiting::Waiting;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use std::error::Error;
use std::fmt;

/// What went wrong on the way to a host.
#[derive(Debug)]
struct NoAnswer {
    host: String,
    cause: ConnectorError,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}

impl Error for NoAnswer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// A client that tells the host of what fails.
#[derive(Debug)]
pub(super) struct Telling(pub SharedHttpClient);

impl HttpClient for Telling {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(TellingConnector(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        bag: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_base_client_config(components, bag)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, bag: &ConfigBag) -> Result<(), BoxError> {
        self.0.validate_final_config(components, bag)
    }
}

#[derive(Debug)]
struct TellingConnector(SharedHttpConnector);

impl HttpConnector for TellingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let host = host(request.uri());
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let waiting = Waiting::of(&host);
            let answer = answer.await;
            drop(waiting);
            answer.map_err(|cause| told(host, cause))
        })
    }
}

/// The same failure, of the same class to those who decide whether to try again.
fn told(host: String, cause: ConnectorError) -> ConnectorError {
    let class: fn(BoxError) -> ConnectorError = match () {
        () if cause.is_timeout() => ConnectorError::timeout,
        () if cause.is_io() => ConnectorError::io,
        // Those of others are told as they are.
        () => return cause,
    };
    class(NoAnswer { host, cause }.into())
}

/// `host[:port]` of an address.
fn host(uri: &str) -> String {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest).to_owned()
}

/// The host that did not answer and the innermost reason, when an error is about that.
pub(super) fn silent<'a>(error: &'a (dyn Error + 'static)) -> Option<(&'a str, String)> {
    let (mut next, mut host, mut reason) = (Some(error), None, None);
    while let Some(error) = next {
        match error.downcast_ref::<NoAnswer>() {
            Some(NoAnswer { host: asked, .. }) => host = Some(asked.as_str()),
            None => reason = Some(error),
        }
        next = error.source();
    }
    Some((host?, reason.map(ToString::to_string).unwrap_or_default()))
}
