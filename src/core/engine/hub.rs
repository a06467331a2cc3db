//! The hub: one task that owns the state, takes commands and updates, and publishes snapshots.

use super::command::{Command, DeployRequest, Scope};
use super::context::{Ctx, Update};
use super::listings::{self, Cache};
use super::memory::RunCache;
use super::sending::{self, Source};
use super::snapshot::{
    Connection, ContextInfo, Listing, ListingState, ObjectsView, PlanView, Severity, Snapshot, TaskView,
};
use super::state::State;
use super::survey::{self, Survey};
use super::{EngineOptions, actions, budget, connection, deploying, follow_logs, runs, transfers};
use crate::cloud::Cloud;
use crate::config::ContextConfig;
use crate::jobs::{FetchRequest, JobSettings, permit};
use crate::model::Place;
use crate::run::Inputs;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Snapshots are at least this far apart.
const BETWEEN_SNAPSHOTS: Duration = Duration::from_millis(30);
/// How often progress and notices are brought up to the time.
const TICK: Duration = Duration::from_millis(150);
/// Time between two readings in the local context.
const LOCAL_PERIOD: Duration = Duration::from_secs(2);
/// Time between two readings elsewhere.
const PERIOD: Duration = Duration::from_secs(5);

pub(super) struct Hub {
    options: Arc<EngineOptions>,
    state: State,
    snapshots: watch::Sender<Arc<Snapshot>>,
    updates: mpsc::UnboundedSender<Update>,
    root: CancellationToken,
    context: ContextConfig,
    context_generation: u64,
    context_token: CancellationToken,
    scope_generation: u64,
    scope_token: CancellationToken,
    logs_token: CancellationToken,
    plan_token: CancellationToken,
    cloud: watch::Sender<Option<Cloud>>,
    lost: Arc<Notify>,
    refresh: Arc<Notify>,
    more: mpsc::UnboundedSender<()>,
    cache: Arc<Cache>,
    memory: Arc<RunCache>,
    survey: Arc<Survey>,
    settings: Arc<JobSettings>,
}

/// What the hub waits for.
enum Event {
    Command(Option<Command>),
    Update(Update),
    Time,
}

impl Hub {
    pub fn new(
        options: EngineOptions,
        context: ContextConfig,
        snapshots: watch::Sender<Arc<Snapshot>>,
        updates: mpsc::UnboundedSender<Update>,
    ) -> Self {
        let root = CancellationToken::new();
        let mut snap = Snapshot::clone(&snapshots.borrow());
        snap.context = info_of(&context);
        Self {
            settings: Arc::new(options.jobs()),
            options: Arc::new(options),
            state: State::new(snap),
            snapshots,
            updates,
            context,
            context_generation: 0,
            context_token: root.child_token(),
            scope_generation: 0,
            scope_token: root.child_token(),
            logs_token: root.child_token(),
            plan_token: root.child_token(),
            root,
            cloud: watch::Sender::new(None),
            lost: Arc::default(),
            refresh: Arc::default(),
            more: mpsc::unbounded_channel().0,
            cache: Arc::default(),
            memory: Arc::default(),
            survey: Arc::default(),
        }
    }

    pub async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut updates: mpsc::UnboundedReceiver<Update>,
    ) {
        for warning in &self.options.config.warnings {
            self.state.notice(Severity::Warning, "Configuration", warning.clone());
        }
        self.connect();
        self.look(Scope::default());
        let mut published = Instant::now();
        let mut ticked = published;
        self.publish();
        loop {
            let mut due = None;
            if self.state.dirty {
                due = Some(published + BETWEEN_SNAPSHOTS);
            }
            if self.state.ticks() {
                let tick = ticked + TICK;
                due = Some(due.map_or(tick, |due| due.min(tick)));
            }
            let time = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                biased;
                command = commands.recv() => Event::Command(command),
                () = time => Event::Time,
                Some(update) = updates.recv() => Event::Update(update),
            };
            match event {
                Event::Command(None) => break,
                Event::Command(Some(command)) => self.command(command),
                Event::Update(update) => self.apply(update),
                Event::Time => {}
            }
            let now = Instant::now();
            if now.duration_since(ticked) >= TICK {
                ticked = now;
                self.state.tick();
            }
            if self.state.dirty && now.duration_since(published) >= BETWEEN_SNAPSHOTS {
                published = now;
                self.publish();
            }
        }
        self.root.cancel();
    }

    fn publish(&mut self) {
        // What a notice says has ended is not still under way.
        self.state.show_progress();
        self.state.dirty = false;
        self.state.snap.version += 1;
        self.snapshots.send_replace(Arc::new(self.state.snap.clone()));
    }

    fn apply(&mut self, update: Update) {
        let late = update.context.is_some_and(|generation| generation != self.context_generation)
            || update.scope.is_some_and(|generation| generation != self.scope_generation);
        if late {
            return;
        }
        (update.apply)(&mut self.state);
        if std::mem::take(&mut self.state.reconnect) {
            self.lost.notify_one();
        }
    }

    /// The ends of a task about what is looked at.
    fn scope_ctx(&self) -> Ctx {
        Ctx {
            updates: self.updates.clone(),
            context: Some(self.context_generation),
            scope: Some(self.scope_generation),
            cloud: self.cloud.subscribe(),
            token: self.scope_token.clone(),
            refresh: self.refresh.clone(),
            settings: self.settings.clone(),
            period: if self.context.is_local() { LOCAL_PERIOD } else { PERIOD },
        }
    }

    /// The ends of a task about the context, whatever is looked at.
    fn context_ctx(&self) -> Ctx {
        Ctx { scope: None, token: self.context_token.clone(), ..self.scope_ctx() }
    }

    /// The ends of an action, which goes on when the context is changed.
    fn action_ctx(&self) -> Ctx {
        Ctx { context: None, scope: None, token: self.root.child_token(), ..self.scope_ctx() }
    }

    fn connect(&mut self) {
        self.context_token.cancel();
        self.context_token = self.root.child_token();
        self.context_generation += 1;
        self.cloud = watch::Sender::new(None);
        self.cache = Arc::default();
        self.memory = Arc::default();
        self.survey = Arc::default();
        let ctx = self.context_ctx();
        let keeper = connection::keep(
            ctx.clone(),
            self.context.clone(),
            self.options.clone(),
            self.cloud.clone(),
            self.lost.clone(),
        );
        ctx.spawn(keeper);
        ctx.spawn(budget::watch(ctx.clone()));
        ctx.spawn(survey::pulse(ctx.clone(), self.memory.clone(), self.survey.clone()));
        let ctx = self.action_ctx();
        ctx.spawn(listings::first_look(ctx.clone()));
        ctx.spawn(sending::resume_all(ctx.clone(), self.memory.clone()));
    }

    fn switch(&mut self, name: &str) {
        self.state.snap.switches += 1;
        self.state.dirty = true;
        let context = match self.options.config.context(Some(name)) {
            Ok(context) => context.clone(),
            Err(error) => return self.state.notice(Severity::Error, "No such context", error.to_string()),
        };
        self.logs_token.cancel();
        self.context = context;
        let old = std::mem::take(&mut self.state.snap);
        self.state.snap = Snapshot {
            version: old.version,
            switches: old.switches,
            context: info_of(&self.context),
            contexts: old.contexts,
            progress: old.progress,
            notices: old.notices,
            ..Snapshot::default()
        };
        self.connect();
        let scope = match old.scope {
            Scope::Objects { .. } => Scope::Buckets,
            Scope::Run { .. } | Scope::Task { .. } => Scope::Runs,
            scope => scope,
        };
        self.look(scope);
    }

    fn look(&mut self, scope: Scope) {
        if scope == self.state.snap.scope && self.scope_generation > 0 && !self.scope_token.is_cancelled() {
            return self.refresh.notify_one();
        }
        self.scope_token.cancel();
        self.scope_token = self.context_token.child_token();
        self.scope_generation += 1;
        self.refresh = Arc::default();
        self.state.snap.scope = scope.clone();
        self.state.dirty = true;
        let ctx = self.scope_ctx();
        let snap = &mut self.state.snap;
        match scope {
            Scope::Functions => {
                reading(&mut snap.functions);
                ctx.spawn(listings::functions(ctx.clone(), self.cache.clone()));
            }
            Scope::Buckets => {
                reading(&mut snap.buckets);
                ctx.spawn(listings::buckets(ctx.clone(), self.cache.clone()));
            }
            Scope::Objects { bucket, prefix } => {
                let (more, asked) = mpsc::unbounded_channel();
                self.more = more;
                show_folder(snap, &bucket, &prefix);
                ctx.spawn(listings::objects(ctx.clone(), bucket, prefix, asked));
            }
            Scope::Runs => {
                reading(&mut snap.runs);
                ctx.spawn(survey::runs(ctx.clone(), self.memory.clone(), self.survey.clone()));
            }
            Scope::Run { run } => {
                if snap.run.as_ref().is_some_and(|view| view.summary.id != run) {
                    snap.run = None;
                }
                snap.unreadable = None;
                ctx.spawn(runs::open(ctx.clone(), self.memory.clone(), run));
            }
            Scope::Task { run, task } => {
                show_task(snap, &run, task);
                ctx.spawn(runs::task(ctx.clone(), self.memory.clone(), run, task));
            }
            Scope::Running => {
                reading(&mut snap.running);
                ctx.spawn(survey::running(ctx.clone(), self.memory.clone(), self.survey.clone()));
            }
            Scope::Logs => {}
        }
    }

    fn command(&mut self, command: Command) {
        if let Err(refusal) = permit(&self.context, command.job()) {
            return self.state.error("Read-only context", &refusal);
        }
        match command {
            Command::Look(scope) => self.look(scope),
            Command::Refresh => {
                self.cache.clear();
                self.refresh.notify_one();
            }
            Command::MoreObjects => {
                let _ = self.more.send(());
            }
            Command::SwitchContext(name) => self.switch(&name),
            Command::Dismiss(id) => self.state.dismiss(id),
            Command::CancelProgress(id) => self.state.cancel(id),
            Command::ClosePreview => {
                self.state.snap.preview = None;
                self.state.dirty = true;
            }
            Command::ClosePlan => {
                self.plan_token.cancel();
                self.state.snap.plan = None;
                self.state.dirty = true;
            }
            Command::Plan(request) => {
                self.plan_token.cancel();
                self.plan_token = self.context_token.child_token();
                self.state.snap.plan = Some(PlanView::Making);
                self.state.dirty = true;
                let ctx = Ctx { token: self.plan_token.clone(), ..self.context_ctx() };
                ctx.spawn(deploying::plan(ctx.clone(), request));
            }
            Command::StopLogs => {
                self.logs_token.cancel();
                self.state.snap.logs = None;
                self.state.dirty = true;
            }
            Command::FollowLogs(query) => {
                self.logs_token.cancel();
                self.logs_token = self.context_token.child_token();
                let ctx = Ctx { token: self.logs_token.clone(), ..self.context_ctx() };
                ctx.spawn(follow_logs::follow(ctx.clone(), query, self.options.config.logs.clone()));
            }
            other => self.action(other),
        }
    }

    fn launch(&mut self, function: String, wanted: Source) {
        let ctx = self.action_ctx();
        let progress = self.state.begin(format!("run {function}"));
        ctx.spawn(sending::launch(ctx.clone(), progress, function, wanted, self.memory.clone()));
    }

    fn deploy(&mut self, shown: String, request: DeployRequest) {
        let ctx = self.action_ctx();
        let progress = self.state.begin(format!("deploy {shown}"));
        ctx.spawn(deploying::deploy(ctx.clone(), progress, shown, request));
    }

    /// What takes a while and goes on whatever is looked at.
    fn action(&mut self, command: Command) {
        let ctx = self.action_ctx();
        let state = &mut self.state;
        match command {
            Command::Preview(place) => {
                transfers::begin_preview(&mut state.snap, place.clone());
                state.dirty = true;
                ctx.spawn(transfers::preview(ctx.clone(), place));
            }
            Command::Download { from, bucket, keys, to } => {
                let progress = state.begin(format!("download from {bucket} to {}", to.display()));
                let request = FetchRequest { from, bucket, keys, to, force: false };
                ctx.spawn(transfers::download(ctx.clone(), progress, request));
            }
            Command::DownloadRun { run, to } => {
                let progress = state.begin(format!("download the results of run {run} to {}", to.display()));
                ctx.spawn(transfers::download_run(ctx.clone(), progress, run, to));
            }
            Command::DeleteObjects { bucket, keys } => {
                let progress = state.begin(format!("delete from {bucket}"));
                ctx.spawn(actions::delete_objects(ctx.clone(), progress, bucket, keys));
            }
            Command::CreateBucket(bucket) => ctx.spawn(actions::create_bucket(ctx.clone(), bucket)),
            Command::DeleteBucket(bucket) => ctx.spawn(actions::delete_bucket(ctx.clone(), bucket)),
            Command::Invoke { function, payload } => {
                let progress = state.begin(format!("invoke {function}"));
                ctx.spawn(actions::invoke(ctx.clone(), progress, function, payload));
            }
            Command::DeployForm(form) => self.deploy(form.name.clone(), DeployRequest::Form(form)),
            Command::DeployFile(path) => self.deploy(path.display().to_string(), DeployRequest::File(path)),
            Command::DeleteFunction(name) => {
                let progress = state.begin(format!("delete function {name}"));
                ctx.spawn(deploying::remove(ctx.clone(), progress, name));
            }
            Command::Upload { paths, bucket, prefix } => {
                let to = Place { bucket, prefix };
                let progress = state.begin(format!("upload to {to}"));
                ctx.spawn(transfers::upload(ctx.clone(), progress, paths, to));
            }
            Command::RunFiles { function, paths } => {
                self.launch(function, Source::Of(Inputs::Files { paths, dest: None }));
            }
            Command::RunObjects { function, bucket, keys } => {
                let inputs = Inputs::Objects { provider: None, bucket, keys };
                self.launch(function, Source::Of(inputs));
            }
            Command::RunAgain { function, run } => self.launch(function, Source::Again(run)),
            Command::CancelRun(run) => ctx.spawn(sending::cancel(ctx.clone(), run)),
            Command::ResumeRun(run) => {
                let progress = state.begin(format!("send again for run {run}"));
                ctx.spawn(sending::resume(ctx.clone(), progress, run, self.memory.clone()));
            }
            Command::Look(_)
            | Command::Refresh
            | Command::MoreObjects
            | Command::SwitchContext(_)
            | Command::Dismiss(_)
            | Command::CancelProgress(_)
            | Command::ClosePreview
            | Command::Plan(_)
            | Command::ClosePlan
            | Command::StopLogs
            | Command::FollowLogs(_) => {}
        }
    }
}

fn reading<T>(listing: &mut Listing<T>) {
    listing.state = ListingState::Reading;
}

fn show_folder(snap: &mut Snapshot, bucket: &str, prefix: &str) {
    let same = snap.objects.as_ref().is_some_and(|view| view.bucket == bucket && view.prefix == prefix);
    if !same {
        snap.objects = Some(ObjectsView {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            listing: Listing::default(),
            more: false,
        });
    }
    if let Some(view) = &mut snap.objects {
        reading(&mut view.listing);
    }
}

fn show_task(snap: &mut Snapshot, run: &str, task: u64) {
    let row = snap.run.as_ref().filter(|view| view.summary.id == run);
    let row = usize::try_from(task).ok().and_then(|index| row?.task(index).cloned());
    let mut records = Listing::default();
    reading(&mut records);
    snap.task = Some(TaskView { run: run.to_owned(), row, records });
}

/// A context as the screen names it.
pub(super) fn info_of(context: &ContextConfig) -> ContextInfo {
    let local = context.is_local();
    let region = if local { throng_contract::local::REGION } else { "" };
    ContextInfo {
        name: context.name.clone(),
        local,
        region: context.region.clone().unwrap_or_else(|| region.to_owned()),
        read_only: context.read_only,
        color: context.color.clone(),
        home: context.home_bucket.clone(),
    }
}

/// The snapshot before anything is known.
pub(super) fn first(options: &EngineOptions, context: &ContextConfig) -> Snapshot {
    Snapshot {
        version: 1,
        context: info_of(context),
        contexts: options.config.contexts.values().map(info_of).collect(),
        connection: Connection::Connecting,
        ..Snapshot::default()
    }
}
