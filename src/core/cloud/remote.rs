//! The SDK's clients for a storage provider: another endpoint, other keys.

use super::bounds::Bounded;
use super::clients::{http, timeouts};
use super::regional::Regional;
use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_sdk_s3::config::{
    Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider,
};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use bytes::Bytes;
use std::time::Duration;
use throng_contract::ProviderAccess;

/// Clients for a provider. Nothing is asked yet.
pub(crate) fn clients(access: &ProviderAccess) -> Regional {
    let ProviderAccess { storage, keys } = access;
    let credentials = Credentials::new(&keys.access_key, &keys.secret_key, None, None, "storage provider");
    let client = if storage.verify { http() } else { SharedHttpClient::new(Unchecked::default()) };
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(storage.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(client)
        .interceptor(Bounded)
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(timeouts(Duration::from_mins(1)));
    if let Some(endpoint) = &storage.endpoint {
        // Checksums beyond the signature's are an addition of AWS's that other servers may not know.
        config = config
            .endpoint_url(endpoint)
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    let client = aws_sdk_s3::Client::from_conf(config.build());
    Regional::new(client, &storage.region, storage.endpoint.is_some())
}

/// HTTP that takes any certificate, which the SDK's own client cannot. For bodies in memory.
#[derive(Clone, Debug, Default)]
struct Unchecked {
    client: std::sync::Arc<std::sync::OnceLock<reqwest::Client>>,
}

impl Unchecked {
    fn client(&self) -> Result<reqwest::Client, ConnectorError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        crate::image::install_tls();
        let client = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_mins(1))
            .build()
            .map_err(|error| ConnectorError::user(error.into()))?;
        Ok(self.client.get_or_init(|| client).clone())
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let user = |what: String| ConnectorError::user(what.into());
        let body = request.body().bytes().map(Bytes::copy_from_slice);
        let body =
            body.ok_or_else(|| user("the body of a request to this endpoint must be in memory".into()))?;
        let request = request.try_into_http1x().map_err(|error| user(error.to_string()))?;
        let request =
            reqwest::Request::try_from(request.map(|_| body)).map_err(|error| user(error.to_string()))?;
        let answer = self.client()?.execute(request).await.map_err(|error| {
            if error.is_timeout() {
                ConnectorError::timeout(error.into())
            } else {
                ConnectorError::io(error.into())
            }
        })?;
        let answer = http::Response::<reqwest::Body>::from(answer).map(SdkBody::from_body_1_x);
        HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
    }
}

impl HttpConnector for Unchecked {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for Unchecked {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use std::io::{Read, Write};
    use std::sync::Arc;
    use throng_contract::{Protocol, ProviderKeys, StorageProvider};

    /// A certificate that a server signed itself, with its key.
    const PEM: &[u8] = include_bytes!("../../../runtime/tests/runtime/lab.pem");
    const LIST: &str = "<ListBucketResult><Name>b</Name><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>\
        <Contents><Key>in/x</Key><Size>1</Size></Contents></ListBucketResult>";

    /// Answers every request with [`LIST`], over TLS.
    fn server() -> String {
        let chain = vec![CertificateDer::from_pem_slice(PEM).unwrap()];
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, PrivateKeyDer::from_pem_slice(PEM).unwrap())
                .unwrap();
        let config = Arc::new(config);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, stream);
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", LIST.len());
                // Who does not like the certificate sends no request.
                if matches!(stream.read(&mut [0; 8192]), Ok(1..)) {
                    let _ = stream.write_all(format!("{head}{LIST}").as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        format!("https://{address}")
    }

    #[tokio::test]
    async fn a_certificate_is_checked_unless_it_is_said_otherwise() {
        let endpoint = server();
        let list = async |verify| {
            let storage = StorageProvider {
                endpoint: Some(endpoint.clone()),
                region: "us-east-1".into(),
                verify,
                protocol: Protocol::S3,
            };
            let keys = ProviderKeys { access_key: "id".into(), secret_key: "secret".into() };
            let client = clients(&ProviderAccess { storage, keys }).of("b").await;
            client.list_objects_v2().bucket("b").send().await
        };
        let listed = list(false).await.unwrap();
        assert_eq!(listed.contents()[0].key(), Some("in/x"));
        assert!(list(true).await.is_err());
    }
}
