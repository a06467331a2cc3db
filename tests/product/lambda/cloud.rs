//! A local Lambda in this process, with plain processes for environments, and an AWS SDK client for it.

use super::bootstrap;
use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, InvocationType, LogType, PackageType};
use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use throng_contract::local::{AccessKey, ROLE_ARN};
use throng_local::access::{Access, NoRoles};
use throng_local::db::Db;
use throng_local::lambda::{
    Images, Lambda, LambdaConfig, LambdaParts, Launcher, PlainLauncher, Queue, RecordError, Records,
    TimeScale,
};
use throng_local::logs::LogStore;
use throng_local::protocol::Body;
use throng_local::registry::{ImageError, LocalImage};

/// Images that are this test binary.
pub struct FakeImages;

#[async_trait]
impl Images for FakeImages {
    async fn resolve(&self, uri: &str) -> Result<LocalImage, ImageError> {
        if uri.contains("missing") {
            return Err(ImageError::NotFound(format!(
                "Source image {uri} does not exist. Provide a valid source image."
            )));
        }
        let digest = if uri.contains("broken") { "b" } else { "a" };
        let mut entrypoint = bootstrap::command();
        if uri.contains("noentry") {
            entrypoint = vec!["/no/such/program".into()];
        }
        Ok(LocalImage {
            architecture: if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }.into(),
            digest: format!("sha256:{}", digest.repeat(64)),
            entrypoint,
            cmd: Vec::new(),
            env: vec!["FROM_IMAGE=yes".into()],
            workdir: String::new(),
            size: 1,
        })
    }

    async fn rootfs(&self, digest: &str) -> Result<PathBuf, ImageError> {
        if digest.contains("bbb") {
            return Err(ImageError::Invalid {
                code: "InvalidImage".into(),
                reason: "ImageLayerFailure".into(),
            });
        }
        Ok(PathBuf::from("/"))
    }
}

/// Where failed events go in tests.
#[derive(Clone, Default)]
pub struct FakeRecords {
    stored: Arc<Mutex<BTreeMap<String, Value>>>,
    /// There is no space for them.
    pub full: Arc<AtomicBool>,
}

#[async_trait]
impl Records for FakeRecords {
    async fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), RecordError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(RecordError::NoSpace);
        }
        let record =
            serde_json::from_slice(&body).map_err(|error| RecordError::Refused(error.to_string()))?;
        self.stored.lock().expect("not poisoned").insert(format!("{bucket}/{key}"), record);
        Ok(())
    }
}

/// How a test's cloud differs.
pub struct Options {
    pub time_scale: f64,
    pub asynchronous: u32,
    pub account: u32,
    pub launcher: Arc<dyn Launcher>,
}

impl Default for Options {
    fn default() -> Self {
        Self { time_scale: 1.0, asynchronous: 4, account: 1000, launcher: Arc::new(PlainLauncher) }
    }
}

pub struct Cloud {
    pub lambda: Lambda,
    pub client: Client,
    pub records: FakeRecords,
    pub address: String,
    server: tokio::task::JoinHandle<()>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Cloud {
    pub async fn start(folder: &Path, options: Options) -> Self {
        // A runtime of its own, so that dropping it ends everything at once, as kill -9 does.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let own = folder.to_owned();
        let started = runtime.spawn(async move { Self::open(&own, options).await }).await.expect("started");
        let (lambda, records, address, server) = started;
        let client = client(&address);
        Self { lambda, client, records, address, server, runtime: Some(runtime) }
    }

    async fn open(
        folder: &Path,
        options: Options,
    ) -> (Lambda, FakeRecords, String, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let db = Db::open(&folder.join("cloud.db"), &throng_local::db::CLOUD).expect("a database");
        let logs = LogStore::open(folder, throng_local::logs::LogLimits::default()).expect("logs");
        let key = AccessKey { access_key_id: "AKIDFUNCTION".into(), secret_access_key: "secret".into() };
        let mut config =
            LambdaConfig::for_machine(address.clone(), Arc::new(Access::new(key, Arc::new(NoRoles))));
        config.time_scale = TimeScale::new(options.time_scale);
        config.async_concurrency = options.asynchronous;
        config.account_concurrency = options.account;
        let records = FakeRecords::default();
        let lambda = Lambda::open(LambdaParts {
            queue: Arc::new(Queue::open(db.clone()).await.expect("a queue")),
            db,
            images: Arc::new(FakeImages),
            logs,
            records: Arc::new(records.clone()),
            launcher: options.launcher,
            config,
        })
        .await
        .expect("opens");
        let handler = lambda.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let lambda = handler.clone();
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request| serve(lambda.clone(), request));
                    let io = hyper_util::rt::TokioIo::new(stream);
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
                });
            }
        });
        (lambda, records, address, server)
    }

    /// Ends without any farewell. Plain processes end because their connections do.
    pub fn crash(self) {
        drop(self);
    }

    pub fn create(
        &self,
        name: &str,
    ) -> aws_sdk_lambda::operation::create_function::builders::CreateFunctionFluentBuilder {
        self.client
            .create_function()
            .function_name(name)
            .role(ROLE_ARN)
            .package_type(PackageType::Image)
            .code(FunctionCode::builder().image_uri(format!("{}/demo:latest", self.address)).build())
    }

    /// Creates a function and waits until it is active.
    pub async fn function(&self, name: &str, timeout: i32, variables: &[(&str, &str)]) {
        let environment = aws_sdk_lambda::types::Environment::builder()
            .set_variables(Some(variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()))
            .build();
        self.create(name).timeout(timeout).environment(environment).send().await.expect("created");
        self.active(name).await;
    }

    pub async fn active(&self, name: &str) {
        wait_for(|| async {
            let function =
                self.client.get_function_configuration().function_name(name).send().await.expect("there");
            function.state().is_some_and(|state| state.as_str() != "Pending")
                && function.last_update_status().is_some_and(|status| status.as_str() != "InProgress")
        })
        .await;
    }

    /// Invokes and waits for the answer, with the log's tail.
    pub async fn invoke(&self, name: &str, event: &Value) -> InvokeOutput {
        self.client
            .invoke()
            .function_name(name)
            .log_type(LogType::Tail)
            .payload(Blob::new(event.to_string()))
            .send()
            .await
            .expect("invoked")
    }

    /// Puts an event on the queue.
    pub async fn event(&self, name: &str, event: &Value) {
        let output = self
            .client
            .invoke()
            .function_name(name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event.to_string()))
            .send()
            .await
            .expect("queued");
        assert_eq!(output.status_code(), 202);
    }

    pub fn stored_records(&self) -> Vec<(String, Value)> {
        self.records.stored.lock().expect("not poisoned").clone().into_iter().collect()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.server.abort();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn client(address: &str) -> Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(aws_sdk_lambda::config::retry::RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

async fn serve(lambda: Lambda, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(if request.uri().path().starts_with("/_env/") {
        lambda.runtime_api(request).await
    } else {
        lambda.handle(request).await
    })
}

/// Payload of an answer.
pub fn payload(output: &InvokeOutput) -> Value {
    serde_json::from_slice(output.payload().expect("a payload").as_ref()).expect("JSON")
}

/// The log's tail of an answer.
pub fn tail(output: &InvokeOutput) -> String {
    use base64::Engine;
    let decoded = base64::engine::general_purpose::STANDARD.decode(output.log_result().expect("a tail"));
    String::from_utf8(decoded.expect("base64")).expect("text")
}

/// Waits until a condition holds.
pub async fn wait_for<F, C>(condition: C)
where
    C: Fn() -> F,
    F: Future<Output = bool>,
{
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(tokio::time::Instant::now() < until, "waited in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process is there.
pub fn is_alive(pid: u64) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}
