//! The client before a wire that answers as AWS does, and as what is in AWS's place.

#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod later;
mod readers;
mod requests;

use super::{Client, Service};
use crate::cloud::budget::Limits;
use crate::cloud::{Repositories, Roles};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An answer: status, headers, body.
type Answer = (u16, Vec<(&'static str, String)>, String);

/// What was sent.
#[derive(Clone, Debug)]
struct Sent {
    uri: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// The day's scope of the signature: `us-east-1/iam`.
    fn scope(&self) -> String {
        let scope = self.header("authorization").split('/').skip(2).take(2);
        scope.collect::<Vec<_>>().join("/")
    }
}

/// Answers in turn, and remembers what was asked. Without an answer it breaks the connection.
#[derive(Clone, Debug, Default)]
struct Wire {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Wire {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), sent: Arc::default() }
    }

    fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    fn config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "AKID", "secret", None, None, "test",
            )))
            .http_client(self.clone())
            .retry_config(
                RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1)),
            )
            .build()
    }

    fn client(&self, service: &'static Service) -> Client {
        Client::new(service, &self.config(), &Arc::new(Limits::local()))
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let headers = request.headers().iter();
        self.sent.lock().unwrap().push(Sent {
            uri: request.uri().to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: String::from_utf8_lossy(request.body().bytes().unwrap()).into_owned(),
        });
        let Some((status, headers, body)) = self.answers.lock().unwrap().pop_front() else {
            let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            return HttpConnectorFuture::ready(Err(ConnectorError::io(broken.into())));
        };
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        for (name, value) in headers {
            response.headers_mut().insert(name, value);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn xml(status: u16, body: &str) -> Answer {
    (status, vec![("content-type", "text/xml".into()), ("x-amzn-requestid", "r-1".into())], body.to_owned())
}

fn json(status: u16, body: &str) -> Answer {
    let kind = "application/x-amz-json-1.1".to_owned();
    (status, vec![("content-type", kind), ("x-amzn-requestid", "r-2".into())], body.to_owned())
}

fn html(status: u16) -> Answer {
    let page = "<!DOCTYPE html><html><body><p>Please log in<br></body></html>";
    (status, vec![("content-type", "text/html; charset=utf-8".into())], page.to_owned())
}

/// A refusal of IAM's.
fn refused(status: u16, code: &str, message: &str) -> Answer {
    xml(
        status,
        &format!(
            "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\n  <Error>\n    <Type>Sender</Type>\n    \
             <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n  <RequestId>r-1</RequestId>\n\
             </ErrorResponse>\n"
        ),
    )
}

const ROLE: &str = "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\n  <GetRoleResult>\n    <Role>\n      \
    <Path>/throng/</Path>\n      <AssumeRolePolicyDocument>%7B%22Version%22%3A%222012-10-17%22%7D</AssumeRolePolicyDocument>\n\
    <RoleId>AIDA</RoleId>\n      <RoleName>f</RoleName>\n      <Arn>arn:aws:iam::123456789012:role/throng/f</Arn>\n      \
    <Tags>\n<member><Key>throng</Key><Value>f &amp; g &#233;</Value></member>\n<member><Key> a </Key><Value/></member>\n\
    </Tags>\n      <RoleLastUsed><Region>eu-west-1</Region></RoleLastUsed>\n    </Role>\n  </GetRoleResult>\n  \
    <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>\n</GetRoleResponse>\n";

fn roles(client: &Client) -> Roles<'_> {
    Roles::new(client)
}

fn repositories(client: &Client) -> Repositories<'_> {
    Repositories::new(client)
}
