//! The hub: [`Command`]s in, immutable [`Snapshot`]s out.
//!
//! A front end sends commands and never waits for them; what comes of them is seen in the next snapshots. A snapshot
//! is cheap to clone and never changes; freezing a screen means not taking new ones.
//!
//! ```text
//! hub          owns the state; commands and updates in, snapshots out
//! state        snapshot being built, notices, progress rows
//! context      what a task holds: way to the hub, cloud, when to end
//! connection   keeps the context connected
//! budget       shows what is slowed down
//! listings     functions, buckets, objects
//! memory       what is kept of runs: which are open, which are sent from here
//! runs         an open run, an open task
//! survey       all runs and running invocations
//! sending      launches runs, sends their inputs, also again; cancels them
//! transfers    uploads, downloads, previews
//! actions      deletes objects, makes and deletes buckets, invokes
//! deploying    plans, deploys and removes functions
//! observe      what jobs tell, as rows of progress and notices
//! follow_logs  logs
//! command      what a front end can ask for
//! progress     what takes a while: counters that a task adds to, and the row that people see
//! snapshot     what a front end sees
//! ```

mod actions;
mod budget;
mod command;
mod connection;
mod context;
mod deploying;
mod follow_logs;
mod hub;
mod listings;
mod memory;
mod observe;
mod progress;
mod runs;
mod sending;
mod snapshot;
mod state;
mod survey;
mod transfers;

pub use command::{Command, DeployRequest, Scope};
pub use snapshot::{
    Connection, ContextInfo, Listing, ListingState, Notice, ObjectsView, PlanView, PlannedFunction,
    PlannedStep, Preview, Severity, Snapshot, StartsView, TaskView,
};

use crate::config::{Config, ConfigError};
use crate::dirs::Dirs;
use crate::image::Programs;
use crate::jobs::JobSettings;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// What an engine needs.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// What `config.toml` says.
    pub config: Config,
    /// Where state, cache and data live.
    pub dirs: Dirs,
    /// The context to begin with; the configuration's default when `None`.
    pub context: Option<String>,
    /// The program that starts the local cloud with `local start`; this one when `None`.
    pub exe: Option<PathBuf>,
    /// What goes into functions that are deployed.
    pub programs: Programs,
}

impl EngineOptions {
    fn jobs(&self) -> JobSettings {
        JobSettings {
            dirs: self.dirs.clone(),
            upload: self.config.upload.clone(),
            programs: self.programs,
            resend_after: self.config.runs.resend_after(),
        }
    }
}

/// A running engine. Dropping it ends its tasks; runs go on without it.
#[derive(Debug)]
pub struct Engine {
    commands: mpsc::UnboundedSender<Command>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Engine {
    /// Starts an engine on the current tokio runtime. The first snapshot is there before anything was asked of any
    /// cloud.
    ///
    /// # Errors
    /// There is no such context.
    pub fn start(options: EngineOptions) -> Result<Self, ConfigError> {
        let context = options.config.context(options.context.as_deref())?.clone();
        let (commands, asked) = mpsc::unbounded_channel();
        let (publisher, snapshots) = watch::channel(Arc::new(hub::first(&options, &context)));
        let (updates, arriving) = mpsc::unbounded_channel();
        let hub = hub::Hub::new(options, context, publisher, updates);
        tokio::spawn(hub.run(asked, arriving));
        Ok(Self { commands, snapshots })
    }

    /// An engine made of its two ends; front ends are tested with it.
    #[must_use]
    pub const fn from_parts(
        commands: mpsc::UnboundedSender<Command>,
        snapshots: watch::Receiver<Arc<Snapshot>>,
    ) -> Self {
        Self { commands, snapshots }
    }

    /// Asks for something. Never blocks. After the engine has ended it does nothing.
    pub fn send(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Where snapshots arrive.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }
}
