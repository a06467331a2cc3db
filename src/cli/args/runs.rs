//! Options of the verbs for runs, their tasks and logs.

use clap::Args;
use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use std::path::PathBuf;
use throng_core::model::{PackSize, TaskName, TaskState};

#[derive(Debug, Args)]
pub struct Demo {
    /// Print progress and a table of results instead of opening the terminal user interface
    #[arg(long)]
    pub no_tui: bool,
    /// Where the results are downloaded to (with --no-tui)
    #[arg(long, value_name = "FOLDER", default_value = "throng-demo-results")]
    pub to: PathBuf,
}

#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Args)]
pub struct Run {
    /// The function's name, or a definition file, which is deployed first
    #[arg(required_unless_present_any = ["resume", "again"])]
    pub function: Option<String>,
    /// Files, folders, globs; or `s3://bucket/prefix` for objects that are there already, `minio.ID://bucket/prefix` and
    /// `webdav.ID://folder/` for what is at a storage provider of the function. With a definition file and without any: the objects at its
    /// inputs
    pub inputs: Vec<String>,
    /// Send what this run (its id, or `last`) has not sent yet, else what was sent and never began
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    /// With --resume: do again what has failed, too, in the same run, so that what waits for it begins
    #[arg(long, requires = "resume")]
    pub failed: bool,
    /// Launch a new run over the inputs of every task of this run (its id, or `last`) that did not succeed; with --changed: over
    /// all that it was launched over, as far as that has changed or not succeeded
    #[arg(long, value_name = "RUN", conflicts_with_all = ["function", "inputs", "resume"])]
    pub again: Option<String>,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub values: Values,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Wait for the end and report
    #[arg(short, long)]
    pub wait: bool,
    /// With --wait: download the results to this folder
    #[arg(long, value_name = "FOLDER", requires = "wait")]
    pub to: Option<PathBuf>,
    /// With --wait: do not send tasks once more whose events are lost (`[runs]` in config.toml says after how long)
    #[arg(long, requires = "wait")]
    pub no_resend: bool,
    /// As SCAR has it: a function without inputs is invoked and not waited for
    #[arg(long = "async", hide = true)]
    pub asynchronous: bool,
}

/// Which inputs become tasks.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Default, Args)]
pub struct Choice {
    /// Take every input, also what the rules of the function's `input` (suffix, prefix, exclude and the others) leave out
    #[arg(long)]
    pub no_select: bool,
    /// Leave out files that cannot be read (links to nothing, names that no key can have); without it the launch is refused
    #[arg(long)]
    pub skip_unreadable: bool,
    /// Leave out what is too large for the function's /tmp; without it the launch is refused
    #[arg(long)]
    pub skip_too_large: bool,
    /// Leave out inputs whose last success (of the last 20 runs of the function) had the same content, script, image and variables, and
    /// whose results are still there; they are shown as `reused`. With --again: over what that run was launched over
    #[arg(long, conflicts_with_all = ["resume", "tasks"])]
    pub changed: bool,
    /// Launch beside an open run of the same chain, although both store under the same keys between its stages; with --changed:
    /// run what has not changed, too
    #[arg(long)]
    pub force: bool,
    /// So many tasks share an invocation (1 to 1000), or `auto`: as many as make sense, by how long they took in the function's
    /// last runs; without it what the definition says
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["resume", "again"])]
    pub pack: Option<PackSize>,
}

/// Limits of a run, instead of its function's own.
#[derive(Debug, Default, Args)]
pub struct Overrides {
    /// End each script of this run after so many seconds; less than the function's own time limit
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["resume", "again"])]
    pub timeout: Option<u32>,
    /// Memory in MiB (128 to 10240) for this run: a function of its own is made for it and deleted at its end; the one that others use
    /// stays as it is. With --again: what did not succeed, with more
    #[arg(long, value_name = "MIB", conflicts_with = "resume")]
    pub memory: Option<u32>,
    /// Most tasks of this run under way at a time: others are sent as these end
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["resume", "again"])]
    pub concurrency: Option<u32>,
}

/// Variables of a run.
#[derive(Debug, Default, Args)]
pub struct Values {
    /// A variable for the scripts of this run; it is kept in the run's record, so no secrets. Repeat for more
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE", conflicts_with_all = ["resume", "again"])]
    pub variables: Vec<String>,
    /// Run every input with each of these values: `ALPHA=0.1,0.2` or `N=1:10[:STEP]`. Repeat for every combination
    #[arg(long, value_name = "NAME=VALUES", conflicts_with_all = ["resume", "again"])]
    pub sweep: Vec<String>,
    /// Run every input with each line of this CSV file; its first line has the variables' names
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "again"])]
    pub params: Option<PathBuf>,
    /// Leave out the values of the function's `sweep`: each input is one task
    #[arg(long, conflicts_with_all = ["resume", "again"])]
    pub no_sweep: bool,
    /// So many tasks without an input; each finds its number in `TASK_INDEX`, from 0
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["inputs", "resume", "again"])]
    pub tasks: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Runs {
    /// Show one run
    pub run: Option<String>,
    /// Follow it to its end
    #[arg(short, long, requires = "run")]
    pub wait: bool,
    /// With --wait: do not send tasks once more whose events are lost
    #[arg(long, requires = "wait")]
    pub no_resend: bool,
    /// How many to list
    #[arg(short = 'n', long, default_value_t = 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub limit: usize,
}

#[derive(Debug, Args)]
pub struct Tasks {
    /// The run's id, or `last`
    #[arg(default_value = "last")]
    pub run: String,
    /// Show one task with the records of its attempts: its number, from 0; `7.2` for what an output of task 7 started
    pub task: Option<TaskName>,
    /// Only tasks of this stage: the name of its function
    #[arg(long, conflicts_with = "task")]
    pub stage: Option<String>,
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
    pub task: Option<TaskName>,
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

/// The state of a task; an error lists those there are.
fn task_state() -> impl TypedValueParser<Value = TaskState> {
    PossibleValuesParser::new(TaskState::ALL.map(TaskState::as_str)).try_map(|text| text.parse::<TaskState>())
}
