//! What front ends show and the trades hand on: plain data, no SDK types, no terminal types.
//!
//! ```text
//! architecture  what a function runs on
//! called        what the input of a task is called
//! functions     functions, running invocations, the form
//! storage       buckets, objects, places
//! run_values    which variables a launch may give to scripts
//! runs          runs, tasks, counts, an open run
//! sets          sets of parameters of a run
//! join_groups   groups of launched tasks, for joins that start once for each
//! launched      what a launch left out, and the limits that it chose
//! task_name     how people and documents name a task
//! packs         how many tasks share an invocation
//! told          how a task ended, in little memory
//! progress      what takes a while
//! logs          lines, queries, what is followed
//! report        the platform's account of an invocation
//! variants      how a function is called that is made for one run
//! variables     environment variables with a meaning of their own
//! ```

mod architecture;
mod called;
mod functions;
mod join_groups;
mod launched;
mod logs;
mod packs;
mod progress;
mod report;
mod run_values;
mod runs;
mod sets;
mod storage;
mod task_name;
mod told;
mod variables;
mod variants;

pub use architecture::Architecture;
pub use functions::{FunctionForm, FunctionInfo, InvocationInfo};
pub use join_groups::JoinGroups;
pub use launched::{Overrides, Reuse};
pub use logs::{Arrival, LineId, LogEntry, LogMode, LogQuery, LogView};
pub use packs::{NoPackSize, PackSize};
pub use progress::{Progress, ProgressState};
pub use report::Report;
pub(crate) use run_values::{check_value, check_values};
pub use runs::{
    Collision, Counts, RunStatistics, RunSummary, RunTrouble, RunView, StageSummary, StageView, TaskRow,
    Waiting,
};
pub use sets::{Axis, Order, Sets, read_axis, read_values};
pub use storage::{BucketInfo, ObjectInfo, ObjectPlace, Place, ProviderOf};
pub use task_name::{NoTaskName, TaskName};
pub use throng_contract::{AttemptRecord, FailureClass, OutputObject, Phases, Source, TaskState};
pub use told::{Facts, Told};
pub use variables::is_reserved;
pub use variants::{run_of_variant, variant_of};

/// Milliseconds since 1970.
pub type Millis = u64;
