//! The command line: verbs and their options.

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use throng_core::model::TaskState;

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
    Deploy(Deploy),
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

#[derive(Debug, Args)]
pub struct Doctor {
    /// Buckets that you want to work with, for permissions and policies
    #[arg(long = "bucket", value_name = "NAME")]
    pub buckets: Vec<String>,
    /// Print a least-privilege policy and nothing else
    #[arg(long, value_enum)]
    pub policy: Option<Policy>,
}

/// Whose policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// A person who deploys functions, runs and follows them
    Person,
    /// The role of a function
    Function,
}

#[derive(Clone, Debug, Args)]
pub struct New {
    /// The folder that is made; one that holds anything is refused
    #[arg(required_unless_present = "list")]
    pub folder: Option<PathBuf>,
    /// Which example
    #[arg(long, value_name = "NAME", default_value = "text-statistics", value_parser = PossibleValuesParser::new(super::verbs::new::names()))]
    pub example: String,
    /// Say which examples there are
    #[arg(long, conflicts_with_all = ["folder", "example"])]
    pub list: bool,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Print progress and a table of results instead of opening the terminal user interface
    #[arg(long)]
    pub no_tui: bool,
    /// Where the results are downloaded to (with --no-tui)
    #[arg(long, value_name = "FOLDER", default_value = "throng-demo-results")]
    pub to: PathBuf,
}

#[derive(Debug, Args)]
pub struct Deploy {
    /// The definition (YAML)
    #[arg(value_name = "FILE", required_unless_present_any = ["conf_file", "name"])]
    pub file: Option<PathBuf>,
    /// As SCAR has it
    #[arg(short = 'f', long = "conf-file", hide = true, conflicts_with = "file")]
    pub conf_file: Option<PathBuf>,
    /// Show what would be created and changed, and stop
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub settings: super::settings::SettingArgs,
}

#[derive(Debug, Args)]
pub struct Migrate {
    /// The definition in an older dialect: SCAR v1 to v4, OSCAR
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write here; standard output when absent
    #[arg(long, value_name = "FILE", conflicts_with = "in_place")]
    pub to: Option<PathBuf>,
    /// Write over FILE, and keep the old one as FILE.bak
    #[arg(long)]
    pub in_place: bool,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Run {
    /// The function's name, or a definition file, which is deployed first
    #[arg(required_unless_present_any = ["resume", "again"])]
    pub function: Option<String>,
    /// Files, folders, globs; or `s3://bucket/prefix` for objects that are there already, `minio.ID://bucket/prefix`
    /// for objects at a storage provider of the function. With a definition file and without any: the objects at its
    /// inputs
    pub inputs: Vec<String>,
    /// Send what this run (its id, or `last`) has not sent yet, else what was sent and never began
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    /// Launch a new run over the inputs of every task of this run (its id, or `last`) that did not succeed
    #[arg(long, value_name = "RUN", conflicts_with_all = ["function", "inputs", "resume"])]
    pub again: Option<String>,
    /// Wait for the end and report
    #[arg(short, long)]
    pub wait: bool,
    /// With --wait: download the results to this folder
    #[arg(long, value_name = "FOLDER", requires = "wait")]
    pub to: Option<PathBuf>,
    /// As SCAR has it: a function without inputs is invoked and not waited for
    #[arg(long = "async", hide = true)]
    pub asynchronous: bool,
}

#[derive(Debug, Args)]
pub struct Invoke {
    /// The function's name, or the file that defines it
    pub function: String,
    /// The payload: a file, or `-` for standard input
    #[arg(short, long, value_name = "FILE", group = "event")]
    pub payload: Option<PathBuf>,
    /// The payload itself: JSON
    #[arg(short, long, value_name = "TEXT", group = "event")]
    pub data: Option<String>,
    /// As an HTTP request: a file as its body
    #[arg(long, value_name = "FILE", group = "event")]
    pub data_binary: Option<PathBuf>,
    /// As an HTTP request: JSON as its body
    #[arg(long, value_name = "JSON", group = "event")]
    pub json_data: Option<String>,
    /// As an HTTP request: its parameters, which the script sees as variables
    #[arg(long, value_name = "JSON", conflicts_with_all = ["payload", "data", "script", "arguments"])]
    pub parameters: Option<String>,
    /// Run this script in place of the function's own
    #[arg(long, value_name = "FILE", conflicts_with = "event")]
    pub script: Option<PathBuf>,
    /// Do not wait for the answer
    #[arg(short = 'a', long = "async")]
    pub asynchronous: bool,
    /// Write the answer to a file
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Arguments for the image's entry point, in place of its own; with --script, for the script
    #[arg(last = true, conflicts_with = "event")]
    pub arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Functions {
    /// Show one function: its name, or the file that defines it
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct Runs {
    /// Show one run
    pub run: Option<String>,
    /// Follow it to its end
    #[arg(short, long, requires = "run")]
    pub wait: bool,
    /// How many to list
    #[arg(short = 'n', long, default_value_t = 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub limit: usize,
}

#[derive(Debug, Args)]
pub struct Tasks {
    /// The run's id, or `last`
    #[arg(default_value = "last")]
    pub run: String,
    /// Show one task with the records of its attempts: its number, from 0
    #[arg(value_parser = task_number)]
    pub task: Option<u64>,
    /// Only tasks in this state: pending, running, succeeded, failed, timed-out, expired, cancelled
    #[arg(short, long, value_parser = task_state())]
    pub state: Vec<TaskState>,
}

#[derive(Debug, Args)]
pub struct Cancel {
    /// The run's id, or `last`
    pub run: String,
}

#[derive(Debug, Args)]
pub struct Ls {
    /// `bucket[/prefix]`; all buckets when absent
    pub place: Option<String>,
    /// Go into folders
    #[arg(short, long)]
    pub recursive: bool,
}

#[derive(Debug, Args)]
pub struct Put {
    /// Files, folders, globs
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// `bucket[/folder]`; the bucket is created when it is not there
    #[arg(last = false)]
    pub place: String,
}

#[derive(Debug, Args)]
pub struct Get {
    /// `bucket/key`, or `bucket/folder/` for everything below
    pub place: String,
    /// A local folder. Files that are there already with another content are kept
    #[arg(default_value = ".")]
    pub to: PathBuf,
    /// Replace files that are there already
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Rm {
    #[command(subcommand)]
    pub what: RmWhat,
    /// Do not ask
    #[arg(short, long, global = true)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum RmWhat {
    /// Functions with what was made for them: triggers, log groups, images, roles; buckets and objects stay
    #[command(alias = "fn")]
    Function {
        /// Names of functions to remove
        #[arg(required_unless_present_any = ["definition", "all"])]
        names: Vec<String>,
        /// Every function that this file defines
        #[arg(long, value_name = "FILE")]
        definition: Option<PathBuf>,
        /// Every function that throng made in this context
        #[arg(long, conflicts_with_all = ["names", "definition"])]
        all: bool,
        /// Keep the log groups
        #[arg(long)]
        keep_logs: bool,
        /// Also remove the buckets of inputs and outputs that throng made and that are empty
        #[arg(long)]
        buckets: bool,
        /// Also remove such buckets that hold objects, with the objects
        #[arg(long)]
        with_data: bool,
        /// Also functions that throng did not make
        #[arg(long)]
        foreign: bool,
    },
    /// Objects: `bucket/key`, or `bucket/folder/` for everything below
    Object {
        /// Objects, or folders ending with /
        #[arg(required = true)]
        places: Vec<String>,
    },
    /// An empty bucket
    Bucket {
        /// The bucket's name
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct Upgrade {
    /// Names of functions
    #[arg(required_unless_present = "all")]
    pub names: Vec<String>,
    /// Every function that throng deployed in this context
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// Functions, or files that define them; all when absent
    pub functions: Vec<String>,
    /// Go on until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// Only lines of this run (its id, or `last`)
    #[arg(long)]
    pub run: Option<String>,
    /// Only lines of this task of the run
    #[arg(long, requires = "run")]
    pub task: Option<u64>,
    /// Only lines of this invocation
    #[arg(long, alias = "request-id")]
    pub request: Option<String>,
    /// Only lines of this log stream
    #[arg(long)]
    pub stream: Option<String>,
    /// How far back: 30s, 10m, 2h, 7d
    #[arg(long, default_value = "1h", value_parser = throng_core::words::read_duration)]
    pub since: std::time::Duration,
}

#[derive(Debug, Subcommand)]
pub enum Image {
    /// List images
    Ls,
    /// Show an image's manifest and configuration
    Inspect {
        /// `repository[:tag|@digest]`
        image: String,
    },
    /// Remove an image
    Rm {
        /// `repository[:tag|@digest]`
        image: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Local {
    /// Start it, unless it runs
    Start,
    /// Stop it; what is stored stays
    Stop,
    /// Say whether it runs, where, and what it does; with keys for other programs
    Status {
        /// Print shell commands that point aws, boto3 and others at it
        #[arg(long)]
        env: bool,
    },
    /// Delete everything that is stored in it
    Reset {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Run it in this process
    #[command(hide = true)]
    Serve {
        /// Port; the one of the last time, or any
        #[arg(long)]
        port: Option<u16>,
        /// How many times faster retries, event ages and idle times pass
        #[arg(long, env = "THRONG_LOCAL_TIME_SCALE", default_value_t = 1.0)]
        time_scale: f64,
        /// End after this many minutes without work; 0 never
        #[arg(long)]
        idle_minutes: Option<u64>,
        /// Leave the terminal's session
        #[arg(long)]
        detach: bool,
        /// A plan of what is to go wrong on purpose (for tests; TOML)
        #[arg(long, value_name = "FILE", env = "THRONG_LOCAL_FAULTS")]
        faults: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct Check {
    /// The definition (YAML)
    pub file: PathBuf,
}

/// The number of a task.
fn task_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "a task is a number, from 0; `throng tasks RUN` lists them".to_owned())
}

/// The state of a task; an error lists those there are.
fn task_state() -> impl TypedValueParser<Value = TaskState> {
    PossibleValuesParser::new(TaskState::ALL.map(TaskState::as_str)).try_map(|text| text.parse::<TaskState>())
}
