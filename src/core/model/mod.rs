//! What front ends show and the trades hand on: plain data, no SDK types, no terminal types.
//!
//! ```text
//! architecture  what a function runs on
//! functions     functions, running invocations, the form
//! storage       buckets, objects, places
//! runs          runs, tasks, counts, an open run
//! task_name     how people and documents name a task
//! told          how a task ended, in little memory
//! progress      what takes a while
//! logs          lines, queries, what is followed
//! report        the platform's account of an invocation
//! variables     environment variables with a meaning of their own
//! ```

mod architecture;
mod functions;
mod logs;
mod progress;
mod report;
mod runs;
mod storage;
mod task_name;
mod told;
mod variables;

pub use architecture::Architecture;
pub use functions::{FunctionForm, FunctionInfo, InvocationInfo};
pub use logs::{Arrival, LineId, LogEntry, LogMode, LogQuery, LogView};
pub use progress::{Progress, ProgressState};
pub use report::Report;
pub use runs::{
    Collision, Counts, RunStatistics, RunSummary, RunTrouble, RunView, StageSummary, StageView, TaskRow,
    Waiting,
};
pub use storage::{BucketInfo, ObjectInfo, ObjectPlace, Place, ProviderOf};
pub use task_name::{NoTaskName, TaskName};
pub use throng_contract::{AttemptRecord, FailureClass, OutputObject, Phases, Source, TaskState};
pub use told::{Facts, Told};
pub use variables::is_reserved;

/// Milliseconds since 1970.
pub type Millis = u64;
