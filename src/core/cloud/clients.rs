//! SDK clients: built once per context over one shared connection pool.

use super::budget::Limits;
use super::error::{CloudError, ErrorKind};
use super::local::Found;
use super::watch::{HostPrefix, Watch};
use crate::core::config::ContextConfig;
use aws_config::BehaviorVersion;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider};
use aws_smithy_http_client::{Builder as HttpBuilder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use throng_runtime::contract::local::REGION;

/// The clients of a context.
pub(super) struct Clients {
    pub s3: aws_sdk_s3::Client,
    pub lambda: aws_sdk_lambda::Client,
    /// For synchronous invocations, which may take a quarter of an hour.
    pub lambda_sync: aws_sdk_lambda::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub region: String,
}

/// One pool of connections for the whole program. `TCP_NODELAY` is the connector's default.
fn http() -> SharedHttpClient {
    static HTTP: OnceLock<SharedHttpClient> = OnceLock::new();
    let build = || {
        HttpBuilder::new()
            .pool_idle_timeout(Duration::from_secs(20))
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https()
    };
    HTTP.get_or_init(build).clone()
}

fn timeouts(read: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(read).build()
}

/// How to reach the local cloud.
pub(super) fn local_sdk_config(found: &Found) -> SdkConfig {
    let key = &found.credentials.user;
    let credentials =
        Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "throng local cloud");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(&found.endpoint.endpoint)
        .http_client(http())
        .retry_config(
            RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(timeouts(Duration::from_mins(1)))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// How to reach AWS, or what answers in its place.
pub(super) async fn aws_sdk_config(context: &ContextConfig) -> Result<SdkConfig, CloudError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http())
        .retry_config(RetryConfig::standard().with_max_attempts(6))
        .timeout_config(timeouts(Duration::from_mins(5)));
    if let Some(profile) = &context.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &context.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &context.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(CloudError::new(
            ErrorKind::Invalid,
            "context",
            &context.name,
            "no region: set `region` in the context, in the profile or in AWS_REGION",
        ));
    }
    Ok(config)
}

/// Clients over a configuration. `local` is for the local cloud.
pub(super) fn build(config: &SdkConfig, local: bool, limits: &Arc<Limits>) -> Clients {
    let custom = config.endpoint_url().is_some();
    let watch = || Watch(limits.clone());
    let mut s3 = aws_sdk_s3::config::Builder::from(config).interceptor(watch()).force_path_style(custom);
    if local {
        // Over loopback the signature's SHA-256 covers the body already.
        s3 = s3
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    let lambda = aws_sdk_lambda::config::Builder::from(config).interceptor(watch());
    let lambda_sync = lambda
        .clone()
        .timeout_config(timeouts(Duration::from_mins(16)))
        .retry_config(RetryConfig::standard().with_max_attempts(1));
    let logs = aws_sdk_cloudwatchlogs::config::Builder::from(config)
        .interceptor(watch())
        .interceptor(HostPrefix { custom });
    Clients {
        s3: aws_sdk_s3::Client::from_conf(s3.build()),
        lambda: aws_sdk_lambda::Client::from_conf(lambda.build()),
        lambda_sync: aws_sdk_lambda::Client::from_conf(lambda_sync.build()),
        logs: aws_sdk_cloudwatchlogs::Client::from_conf(logs.build()),
        region: config.region().map_or_else(|| REGION.to_owned(), ToString::to_string),
    }
}
