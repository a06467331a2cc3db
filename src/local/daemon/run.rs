//! The daemon itself.

use super::client::{PATIENCE, POLL, is_answered};
use super::files::{Files, write, write_json};
use crate::access::Access;
use crate::db::{CLOUD, Db, DbError};
use crate::faults::{Faults, Plan};
use crate::iam::Iam;
use crate::identity::Identity;
use crate::lambda::{
    FunctionNetwork, Lambda, LambdaConfig, LambdaParts, PORTS, Queue, RuntimeApi, SandboxLauncher, TimeScale,
};
use crate::logs::{LogLimits, LogStore, LogsApi};
use crate::private;
use crate::protocol::{Collected, Door};
use crate::registry::ImageStore;
use crate::s3::{self, ObjectStore};
use crate::server::{self, Activity, Reserve, Services, Sts};
use nix::fcntl::Flock;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use throng_contract::local::{LocalCredentials, LocalEndpoint};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How often unused images are removed.
const SWEEP: Duration = Duration::from_hours(1);
/// How often it is seen to that the folder is still there.
const LOOK: Duration = Duration::from_secs(1);

/// How a daemon is run.
#[derive(Clone, Debug, PartialEq)]
pub struct ServeOptions {
    /// The local cloud's folder.
    pub folder: PathBuf,
    /// The port; the one of the last time when `None`, else a free one.
    pub port: Option<u16>,
    /// Ends by itself after this time with no request and nothing queued or running.
    pub idle: Duration,
    /// Factor on Lambda's retry delays, event ages and idle times; 1 is AWS's own clock, 0.01 a hundred times faster.
    pub time_scale: f64,
    /// Most asynchronous invocations at a time; by the machine when `None`.
    pub max_environments: Option<u32>,
    /// Which network functions have.
    pub network: FunctionNetwork,
    /// Ports of other machines that functions reach with a network of their own.
    pub ports: Vec<u16>,
    /// Whether to leave the terminal's session.
    pub detach: bool,
    /// How much of logs is kept.
    pub logs: LogLimits,
    /// What is to go wrong on purpose.
    pub faults: Option<Plan>,
}

impl ServeOptions {
    /// AWS's clock, and an end after 30 idle minutes.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            port: None,
            idle: Duration::from_mins(30),
            time_scale: 1.0,
            max_environments: None,
            network: FunctionNetwork::default(),
            ports: PORTS.to_vec(),
            detach: false,
            logs: LogLimits::default(),
            faults: None,
        }
    }
}

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another one has the lock.
    #[error("a local cloud is already running in {0}")]
    Running(PathBuf),
    /// A file, the port or the runtime.
    #[error("local cloud: {0}: {1}")]
    Io(&'static str, #[source] std::io::Error),
    /// The port that it is to have.
    #[error(
        "local cloud: port {0} cannot be had: {1}. If another program has it, name another one (`--port`, or `port` under \
         [local] in config.toml), or none: then a free one is taken"
    )]
    Port(u16, #[source] std::io::Error),
    /// The database.
    #[error("local cloud: {0}")]
    Db(#[from] DbError),
}

fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> ServeError {
    move |error| ServeError::Io(what, error)
}

/// Runs the daemon until it is stopped or idle, or its folder is gone. One in the background ends well when it finds another
/// one that listens.
///
/// # Errors
/// `ServeError`
pub fn serve(options: &ServeOptions) -> Result<(), ServeError> {
    if options.detach {
        // Fails only for the leader of a process group, which has a session of its own already.
        let _ = nix::unistd::setsid();
    }
    let files = Files::new(&options.folder);
    // Whoever starts one in the background has made the folder: if it is gone, so is who wanted a cloud in it.
    if !options.detach {
        files.create_folder().map_err(io("its folder"))?;
    }
    let lock = match take_lock(options, &files).map_err(io("its lock"))? {
        Some(lock) => lock,
        // There is a daemon, which is what our starter wants.
        None if options.detach => return Ok(()),
        None => return Err(ServeError::Running(options.folder.clone())),
    };
    // Whoever left it here is dead: the lock was free.
    if let Some(dead) = files.read_endpoint() {
        tracing::warn!(
            process = dead.pid,
            version = dead.version,
            "the local cloud before this one was killed; what was under way is taken up"
        );
    }
    let _ = std::fs::remove_file(files.endpoint());
    let open_files = server::raise_open_files();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(io("its threads"))?;
    let outcome = runtime.block_on(run(options, &files, &lock, open_files));
    if files.holds(&lock) {
        let _ = std::fs::remove_file(files.endpoint());
    }
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

/// The lock; `None` when another daemon has it. In the background that one is believed only when it listens: until then it
/// may die, and ours takes its place at once.
fn take_lock(options: &ServeOptions, files: &Files) -> std::io::Result<Option<Flock<File>>> {
    let begin = Instant::now();
    loop {
        let lock = files.try_lock()?;
        let waits = options.detach && begin.elapsed() < PATIENCE;
        if lock.is_some() {
            files.remove_left();
        }
        if lock.is_some() || !waits || is_answered(files) {
            return Ok(lock);
        }
        std::thread::sleep(POLL);
    }
}

async fn run(options: &ServeOptions, files: &Files, lock: &File, open_files: u64) -> Result<(), ServeError> {
    let credentials = files.credentials_or_new().map_err(io("credentials.json"))?;
    let key = files.identity_or_new().map_err(io("identity.key"))?;
    let listener = listen(options.port, files).await?;
    let address = listener.local_addr().map_err(io("its port"))?;
    let identity = Identity::new(&key, address.port(), std::process::id());
    let Opened { services, lambda, doors } = open(files, (credentials, identity), address, options).await?;
    let services = Arc::new(services);
    write(&files.port(), address.port().to_string().as_bytes()).map_err(io("its port file"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(io("signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(io("signals"))?;
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let endpoint = LocalEndpoint {
        endpoint: format!("http://{address}"),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms: u64::try_from(started.as_millis()).unwrap_or_default(),
    };
    write_json(&files.endpoint(), &endpoint).map_err(io("endpoint.json"))?;
    tracing::info!(%address, "listening");
    let watched = services.clone();
    let idle = options.idle;
    let stop = async {
        let reason = tokio::select! {
            _ = terminate.recv() => "terminated",
            _ = interrupt.recv() => "interrupted",
            () = watched.activity.stop_requested() => "stopped",
            () = until_idle(&watched, idle) => "idle",
            () = until_gone(files, lock) => "its folder is gone",
        };
        tracing::info!(reason, "ending");
        // While S3 still answers, or functions that run would fail for want of it.
        lambda.shutdown().await;
    };
    server::serve(listener, doors, services, open_files, stop).await;
    Ok(())
}

/// Images, with the functions that use them.
struct UsedImages {
    images: ImageStore,
    lambda: Lambda,
}

#[async_trait::async_trait]
impl Collected for UsedImages {
    async fn collect(&self) -> Result<u64, String> {
        self.images.sweep(&self.lambda.images_in_use()).await.map_err(|error| error.to_string())
    }
}

/// Removes what no image and no function needs any more, at the start and every hour.
async fn sweep_images(images: Arc<UsedImages>) {
    loop {
        match images.collect().await {
            Ok(0) => {}
            Ok(bytes) => tracing::info!(bytes, "unused image layers were removed"),
            Err(error) => tracing::warn!(%error, "the image store was not swept"),
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// The port asked for; else that of the last time; else any.
async fn listen(port: Option<u16>, files: &Files) -> Result<TcpListener, ServeError> {
    let bind = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    if let Some(port) = port {
        return bind(port).await.map_err(|error| ServeError::Port(port, error));
    }
    let last = std::fs::read_to_string(files.port()).ok().and_then(|text| text.trim().parse::<u16>().ok());
    if let Some(port) = last {
        match bind(port).await {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                tracing::warn!(port, %error, "the port of the last time is taken: another one is used");
            }
        }
    }
    bind(0).await.map_err(io("its port"))
}

/// Until the folder was deleted or is another one: nobody can find this daemon any more, and nothing that it keeps
/// can be read again.
async fn until_gone(files: &Files, lock: &File) {
    while files.holds(lock) {
        tokio::time::sleep(LOOK).await;
    }
}

async fn until_idle(services: &Services, idle: Duration) {
    loop {
        let quiet = services.activity.idle_for();
        if services.busy() {
            tokio::time::sleep(idle.min(Duration::from_secs(10))).await;
        } else if quiet >= idle {
            return;
        } else {
            tokio::time::sleep(idle.saturating_sub(quiet).max(Duration::from_millis(10))).await;
        }
    }
}

struct Opened {
    services: Services,
    lambda: Lambda,
    doors: mpsc::UnboundedReceiver<Door>,
}

async fn open(
    files: &Files,
    (credentials, identity): (LocalCredentials, Identity),
    address: SocketAddr,
    options: &ServeOptions,
) -> Result<Opened, ServeError> {
    let data = files.data();
    for folder in [data.clone(), data.join("logs"), data.join("s3")] {
        private::folder(&folder).map_err(io("its data folder"))?;
    }
    // The databases need some room to be opened, too.
    let reserve = Reserve::of(&data);
    reserve.give_up_if_needed();
    let db = Db::open(&data.join("cloud.db"), &CLOUD)?;
    let faults = options.faults.clone().map_or_else(Faults::none, Faults::of);
    let queue = Arc::new(Queue::open(db.clone()).await?.with_faults(faults.clone()));
    let store = ObjectStore::open(&data.join("s3"), db.clone(), queue.clone())?;
    tokio::spawn(store.clone().keep_lifecycle());
    let logs = LogStore::open(&data.join("logs"), options.logs)?;
    let images = ImageStore::open(&data.join("images"))
        .map_err(|error| ServeError::Io("its images", std::io::Error::other(error)))?;
    let (registry, swept) = (images.registry(), images.clone());
    let iam = Iam::open(db.clone()).await?;
    let access = Arc::new(Access::new(credentials.user, Arc::new(iam.clone())));
    let mut config = LambdaConfig::for_machine(address.to_string(), access.clone());
    config.time_scale = TimeScale::new(options.time_scale);
    let (sender, doors) = mpsc::unbounded_channel();
    config.doors = Some(sender);
    (config.network, config.ports) = (options.network, options.ports.clone());
    config.async_concurrency = options.max_environments.unwrap_or(config.async_concurrency);
    let lambda = Lambda::open(LambdaParts {
        db,
        queue,
        images: Arc::new(images),
        logs: logs.clone(),
        records: Arc::new(store.clone()),
        launcher: Arc::new(SandboxLauncher),
        config,
    })
    .await?;
    let images = Arc::new(UsedImages { images: swept, lambda: lambda.clone() });
    tokio::spawn(sweep_images(images.clone()));
    reserve.hold();
    let services = Services {
        folder: files.folder.clone(),
        reserve,
        images,
        s3: s3::service(store.clone(), access.clone()),
        store,
        sts: Arc::new(Sts::new(access.clone())),
        access,
        identity,
        activity: Activity::default(),
        faults: faults.clone(),
        lambda: Some(Arc::new(lambda.clone())),
        logs: Some(Arc::new(LogsApi::new(logs).with_faults(faults))),
        iam: Some(Arc::new(iam)),
        runtime: Some(Arc::new(RuntimeApi(lambda.clone()))),
        registry: Some(Arc::new(registry)),
    };
    Ok(Opened { services, lambda, doors })
}
