//! The command line: verbs and their options.
//!
//! ```text
//! cloud       doctor, image, local
//! functions   new, deploy, upgrade, check, migrate, invoke, functions
//! objects     ls, put, get, rm
//! runs        demo, run, runs, tasks, cancel, logs
//! ```

mod cloud;
mod functions;
mod objects;
mod runs;

pub use cloud::{Doctor, Image, Local, Policy};
pub use functions::{Check, Deploy, Functions, Invoke, Migrate, New, Upgrade};
pub use objects::{Get, Ls, Put, Rm, RmWhat};
pub use runs::{Cancel, Choice, Demo, Logs, Overrides, Run, Runs, Tasks, Values};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A terminal workload manager for high-throughput serverless file processing.
///
/// Without a verb the terminal user interface opens.
#[derive(Debug, Parser)]
#[command(name = "throng", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 all succeeded, 1 some tasks failed or something was not found, 2 wrong usage or \
                        definition, 3 the cloud cannot be reached, 4 the cloud refused, 130 interrupted."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// The heading of [`Global`].
const GLOBAL: &str = "Global options";

/// Options of every verb.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// Where functions run: `local`, or a context of config.toml
    #[arg(short, long, global = true, help_heading = GLOBAL, env = "THRONG_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
    /// The context that uses this AWS profile
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Another config.toml
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How results are printed
    #[arg(short, long, global = true, help_heading = GLOBAL, value_enum, default_value_t)]
    pub output: Format,
    /// Say more on standard error (also: `THRONG_LOG=debug`)
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub verbose: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// For programs; one document
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Open the terminal user interface
    Tui,
    /// Write an example out, as a starting point for a function of your own
    New(New),
    /// Run the main job on the demo dataset, on the embedded local cloud
    Demo(Demo),
    /// Create or update the functions of a definition file
    #[command(alias = "init")]
    Deploy(Box<Deploy>),
    /// Give functions that an older throng deployed today's runtime; images, scripts and settings stay
    Upgrade(Upgrade),
    /// Process files or objects with a function, one task each
    Run(Run),
    /// Invoke a function once and print its answer
    Invoke(Invoke),
    /// List functions
    #[command(alias = "fn")]
    Functions(Functions),
    /// List runs, or show one
    Runs(Runs),
    /// List the tasks of a run, or show one
    Tasks(Tasks),
    /// End a run: tasks that have not begun become cancelled
    Cancel(Cancel),
    /// List buckets, or objects below a place
    Ls(Ls),
    /// Upload files and folders to a place
    Put(Put),
    /// Download objects
    Get(Get),
    /// Remove functions, objects or buckets
    Rm(Rm),
    /// Print the logs of functions, runs or invocations
    #[command(alias = "log")]
    Logs(Logs),
    /// List, inspect or remove images of the context's registry
    #[command(subcommand)]
    Image(Image),
    /// Control the embedded local cloud
    #[command(subcommand)]
    Local(Local),
    /// Explain a definition and what would happen; changes nothing
    Check(Check),
    /// Write a definition of SCAR or OSCAR in today's form
    Migrate(Migrate),
    /// Say whether this machine and the context can do the job, and what to change
    Doctor(Doctor),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}
