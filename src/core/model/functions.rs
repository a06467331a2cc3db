//! Functions, what runs of them, and what a form asks for.

use super::{Architecture, Millis, Place, TaskName};

/// A function as a list shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionInfo {
    /// The function's name.
    pub name: String,
    /// The function's ARN, without a version.
    pub arn: String,
    /// `Active`, `Pending`, `Failed`, `Inactive` or what a newer AWS says.
    pub state: String,
    /// Why it is in that state; empty when there is nothing to say.
    pub state_reason: String,
    /// Image URI with digest; empty for functions that are not image-based.
    pub image: String,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// Time limit in seconds.
    pub timeout_s: u32,
    /// Size of /tmp in MiB.
    pub tmp_mb: u32,
    /// CPU architecture, `x86_64` or `arm64`.
    pub architecture: String,
    /// When it was last changed.
    pub modified_ms: Option<Millis>,
    /// Log group.
    pub log_group: String,
    /// What its owner says it is for.
    pub description: String,
    /// Whether throng deployed it (found by tag).
    pub managed: bool,
    /// Triggers: objects under `bucket/prefix` start it. Filled when a detail is asked for.
    pub inputs: Vec<Place>,
    /// Where its outputs go. Filled when a detail is asked for.
    pub outputs: Vec<Place>,
}

/// An invocation that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationInfo {
    /// The function's name.
    pub function: String,
    /// Request id
    pub request_id: String,
    /// Run, when it belongs to one.
    pub run: Option<String>,
    /// Task, when it belongs to a run.
    pub task: Option<TaskName>,
    /// Input, as `bucket/key`, when known.
    pub input: Option<String>,
    /// When it began.
    pub started_ms: Millis,
    /// Log stream, when known.
    pub log_stream: Option<String>,
    /// Key of what it wrote into the home bucket when it had begun, when there is such.
    pub marker_key: Option<String>,
}

/// What a form or a file asks to be deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionForm {
    /// The function's name.
    pub name: String,
    /// Image source, as in a definition.
    pub image: String,
    /// Path of the script; empty for the image's own entry point.
    pub script: String,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// Time limit in seconds.
    pub timeout_s: u32,
    /// `bucket[/folder]`; empty for no trigger.
    pub input: String,
    /// `bucket[/folder]`; empty for no output.
    pub output: String,
    /// Architecture; the machine's own when `None`.
    pub architecture: Option<Architecture>,
}
