//! SDK clients: built once per context over one shared connection pool.

use super::api;
use super::bounds::Bounded;
use super::budget::Limits;
use super::credentials::Explained;
use super::error::{CloudError, ErrorKind};
use super::host::Telling;
use super::local::Found;
use super::proven::{CONNECT_WITHIN, Proven};
use super::regional::Regional;
use super::watch::{HostPrefix, Watch};
use crate::config::ContextConfig;
use aws_config::BehaviorVersion;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
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
use throng_contract::local::REGION;

/// The clients of a context.
pub(super) struct Clients {
    pub s3: Regional,
    pub lambda: aws_sdk_lambda::Client,
    /// For synchronous invocations, which may take a quarter of an hour.
    pub lambda_sync: aws_sdk_lambda::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub ecr: api::Client,
    pub iam: api::Client,
    pub sts: aws_sdk_sts::Client,
    pub region: String,
}

/// One pool of connections for the whole program. `TCP_NODELAY` is the connector's default.
pub(super) fn http() -> SharedHttpClient {
    static HTTP: OnceLock<SharedHttpClient> = OnceLock::new();
    let build = || {
        let client = HttpBuilder::new()
            .pool_idle_timeout(Duration::from_secs(20))
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        SharedHttpClient::new(Telling(client))
    };
    HTTP.get_or_init(build).clone()
}

pub(super) fn timeouts(read: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_WITHIN).read_timeout(read).build()
}

/// How to reach the local cloud.
pub(super) fn local_sdk_config(found: &Found) -> SdkConfig {
    let key = &found.credentials.user;
    let http = match &found.identity {
        Some(identity) => {
            SharedHttpClient::new(Telling(SharedHttpClient::new(Proven::new(identity.clone()))))
        }
        None => http(),
    };
    let credentials =
        Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "throng local cloud");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(&found.endpoint.endpoint)
        .http_client(http)
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
        .retry_config(RetryConfig::standard().with_max_attempts(4))
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
    let config = explained(loader.load().await, context);
    if config.region().is_none_or(|region| region.as_ref().is_empty()) {
        return Err(CloudError::new(
            ErrorKind::Unset,
            "context",
            &context.name,
            "no region: set `region` in the context, in the profile or in AWS_REGION",
        ));
    }
    Ok(config)
}

/// The same, with credentials that say what to do when there are none. A context that names a profile has that
/// profile's, whatever the environment holds, as with `aws --profile`.
fn explained(config: SdkConfig, context: &ContextConfig) -> SdkConfig {
    let inner = match &context.profile {
        Some(profile) => {
            let place =
                ProviderConfig::empty().with_region(config.region().cloned()).with_http_client(http());
            let provider = ProfileFileCredentialsProvider::builder().configure(&place).profile_name(profile);
            SharedCredentialsProvider::new(provider.build())
        }
        None => match config.credentials_provider() {
            Some(provider) => provider,
            None => return config,
        },
    };
    let provider = Explained { inner, profile: context.profile.clone() };
    config.to_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

/// Clients over a configuration. `local` is for the local cloud.
pub(super) fn build(
    context: &ContextConfig,
    config: &SdkConfig,
    local: bool,
    limits: &Arc<Limits>,
) -> Clients {
    let watch = || Watch(limits.clone());
    // A service of its own endpoint, else the context's, else what the profile or the environment say.
    let of = |service: &str| match context.endpoints.get(service) {
        Some(url) => config.to_builder().endpoint_url(url).build(),
        None => config.clone(),
    };
    let sdk = of("lambda");
    let lambda = aws_sdk_lambda::config::Builder::from(&sdk).interceptor(watch());
    let lambda_sync = lambda
        .clone()
        .timeout_config(timeouts(Duration::from_mins(16)))
        .retry_config(RetryConfig::standard().with_max_attempts(1));
    let sdk = of("logs");
    let logs = aws_sdk_cloudwatchlogs::config::Builder::from(&sdk)
        .interceptor(watch())
        .interceptor(HostPrefix { custom: sdk.endpoint_url().is_some() });
    let sts = aws_sdk_sts::config::Builder::from(&of("sts")).interceptor(watch());
    let region = config.region().map_or_else(|| REGION.to_owned(), ToString::to_string);
    Clients {
        s3: s3(&of("s3"), &region, local, watch()),
        lambda: aws_sdk_lambda::Client::from_conf(lambda.build()),
        lambda_sync: aws_sdk_lambda::Client::from_conf(lambda_sync.build()),
        logs: aws_sdk_cloudwatchlogs::Client::from_conf(logs.build()),
        ecr: api::Client::new(&api::ecr::ECR, &of("ecr"), limits),
        iam: api::Client::new(&api::iam::IAM, &of("iam"), limits),
        sts: aws_sdk_sts::Client::from_conf(sts.build()),
        region,
    }
}

fn s3(sdk: &SdkConfig, region: &str, local: bool, watch: Watch) -> Regional {
    let custom = sdk.endpoint_url().is_some();
    let mut s3 = aws_sdk_s3::config::Builder::from(sdk)
        .interceptor(watch)
        .interceptor(Bounded)
        .force_path_style(custom);
    if local {
        // Over loopback the signature's SHA-256 covers the body already.
        s3 = s3
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    Regional::new(aws_sdk_s3::Client::from_conf(s3.build()), region, custom)
}
