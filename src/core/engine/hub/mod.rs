//! The hub: one task that owns the state, takes commands and updates, and publishes snapshots.
//!
//! ```text
//! commands  what comes of each command
//! look      what is looked at: begins its tasks
//! ```

use super::command::{Command, Scope};
use super::context::{Ctx, Update};
use super::listings::{self, Cache};
use super::memory::RunCache;
use super::sending;
use super::snapshot::{Connection, ContextInfo, Severity, Snapshot};
use super::state::State;
use super::survey::{self, Survey};
use super::{EngineOptions, budget, connection};
use crate::cloud::Cloud;
use crate::config::ContextConfig;
use crate::jobs::JobSettings;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

mod commands;
mod look;

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
}

/// A context as the screen names it.
fn info_of(context: &ContextConfig) -> ContextInfo {
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
