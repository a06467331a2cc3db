//! A client of a service: the SDK's orchestrator with the parts that the SDK's generated clients give it.

use super::endpoint::{self, EndpointParams, FixedEndpoint};
use super::service_error::ServiceError;
use super::{Operation, Service, wire};
use crate::cloud::budget::Limits;
use crate::cloud::watch::Watch;
use crate::cloud::{CloudError, small};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{
    DisableClockSkewCorrection, ServiceClockSkewClassifier, ServiceClockSkewInterceptor,
};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::defaults::{DefaultPluginParams, default_plugins};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::orchestrator::{AuthSchemeAndEndpointOrchestrationV2, invoke};
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime::client::stalled_stream_protection::StalledStreamProtectionInterceptor;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::endpoint::EndpointResolverParams;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, Error, Input,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{Order, RuntimePlugins, StaticRuntimePlugin};
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use std::sync::Arc;

/// A client of a service.
#[derive(Clone)]
pub struct Client {
    service: &'static Service,
    plugins: RuntimePlugins,
    limits: Arc<Limits>,
}

impl Client {
    /// A client with the settings of a context.
    pub fn new(service: &'static Service, sdk: &SdkConfig, limits: &Arc<Limits>) -> Self {
        let region = sdk.region().map_or("", Region::as_ref);
        let defaults = DefaultPluginParams::new()
            .with_retry_partition_name(format!("{}-{region}", service.signing_name))
            .with_behavior_version(sdk.behavior_version().unwrap_or_else(BehaviorVersion::latest))
            .with_is_aws_sdk(true);
        let plugins = RuntimePlugins::new()
            .with_client_plugins(default_plugins(defaults))
            .with_client_plugin(of_aws())
            .with_client_plugin(of_context(service, sdk, Watch(limits.clone())));
        Self { service, plugins, limits: limits.clone() }
    }

    /// Calls an operation about `what`, when it is this call's turn.
    pub async fn call<O: Operation>(&self, what: &str, operation: &O) -> Result<O::Output, CloudError> {
        self.limits.limiter(self.service.id, O::NAME).acquire().await;
        small(O::ACTION, what, self.send(operation)).await
    }

    async fn send<O: Operation>(
        &self,
        operation: &O,
    ) -> Result<O::Output, SdkError<ServiceError, HttpResponse>> {
        let input = wire::write(self.service, operation).map_err(SdkError::construction_failure)?;
        let plugins = self.plugins.clone().with_operation_plugin(wire::plugin::<O>(self.service));
        let output =
            invoke(self.service.id, O::NAME, Input::erase(input), &plugins).await.map_err(refused)?;
        output.downcast().map_err(|_| SdkError::construction_failure("the output is another operation's"))
    }
}

fn refused(error: SdkError<Error, HttpResponse>) -> SdkError<ServiceError, HttpResponse> {
    error.map_service_error(|error| error.downcast().unwrap_or_else(|_| ServiceError::default()))
}

/// What every client of AWS has.
fn of_aws() -> StaticRuntimePlugin {
    let mut layer = Layer::new("small services of AWS");
    layer.store_put(AuthSchemeAndEndpointOrchestrationV2);
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    let mut options = SigningOptions::default();
    (options.double_uri_encode, options.normalize_uri_path) = (true, true);
    layer.store_put(SigV4OperationSigningConfig { signing_options: options, ..Default::default() });
    let mut components = RuntimeComponentsBuilder::new("small services of AWS");
    components
        .set_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
        .push_auth_scheme(SigV4AuthScheme::new())
        .push_interceptor(ConnectionPoisoningInterceptor::new())
        .push_interceptor(ServiceClockSkewInterceptor::new())
        .push_interceptor(RequestInfoInterceptor::new())
        .push_interceptor(UserAgentInterceptor::new())
        .push_interceptor(InvocationIdInterceptor::new())
        .push_interceptor(RecursionDetectionInterceptor::new())
        .push_interceptor(StalledStreamProtectionInterceptor::default())
        .push_interceptor(NoEndpointParams)
        .push_retry_classifier(HttpStatusCodeClassifier::default())
        .push_retry_classifier(TransientErrorClassifier::<ServiceError>::new())
        .push_retry_classifier(AwsErrorCodeClassifier::<ServiceError>::new())
        .push_retry_classifier(ServiceClockSkewClassifier::<ServiceError>::new());
    StaticRuntimePlugin::new()
        .with_order(Order::Defaults)
        .with_config(layer.freeze())
        .with_runtime_components(components)
}

/// What a context says, and where the service is.
fn of_context(service: &'static Service, sdk: &SdkConfig, watch: Watch) -> StaticRuntimePlugin {
    let custom = custom_endpoint(service, sdk);
    let region = sdk.region().map_or("", Region::as_ref);
    let (fips, dual_stack) = (sdk.use_fips().unwrap_or(false), sdk.use_dual_stack().unwrap_or(false));
    let wanted = EndpointParams { region, custom: custom.as_deref(), fips, dual_stack };
    let address = endpoint::resolve(service, wanted);
    let signing_region = address.as_ref().map_or(region, |address| &address.region).to_owned();

    let mut layer = Layer::new("context");
    layer.store_put(ApiMetadata::new(service.signing_name, env!("CARGO_PKG_VERSION")));
    layer.store_put(SigningName::from_static(service.signing_name));
    layer.store_put(SigningRegion::from(Region::new(signing_region)));
    if let Some(retries) = sdk.retry_config() {
        layer.store_put(retries.clone());
    }
    if let Some(timeouts) = sdk.timeout_config() {
        layer.store_put(timeouts.clone());
    }
    layer.store_or_unset(sdk.app_name().cloned());
    for framework in sdk.framework_metadata() {
        layer.store_append(framework.clone());
    }
    if let Some(protection) = sdk.stalled_stream_protection() {
        layer.store_put(protection);
    }
    layer.store_or_unset(sdk.disable_clock_skew_correction().map(DisableClockSkewCorrection::from));

    let mut components = RuntimeComponentsBuilder::new("context");
    components
        .set_http_client(sdk.http_client())
        .set_sleep_impl(sdk.sleep_impl())
        .set_time_source(sdk.time_source())
        .set_endpoint_resolver(Some(FixedEndpoint(address.map(|address| address.url))))
        .push_interceptor(watch);
    if let Some(credentials) = sdk.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, credentials);
    }
    if let Some(cache) = sdk.identity_cache() {
        components.set_identity_cache(Some(cache));
    }
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

/// Another endpoint than AWS's own: the context's, else the service's in the environment or the profile, else what these
/// say for all services.
fn custom_endpoint(service: &Service, sdk: &SdkConfig) -> Option<String> {
    let shared = || sdk.endpoint_url().map(str::to_owned);
    if sdk.get_origin("endpoint_url").is_client_config() {
        return shared();
    }
    let key =
        ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let of_service = key.build().ok().and_then(|key| sdk.service_config()?.load_config(key));
    of_service.or_else(shared)
}

/// The orchestrator wants parameters for the search of an endpoint; there are none, it is found already.
#[derive(Debug)]
struct NoEndpointParams;

impl Intercept for NoEndpointParams {
    fn name(&self) -> &'static str {
        "NoEndpointParams"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(EndpointResolverParams::new(()));
        Ok(())
    }
}
