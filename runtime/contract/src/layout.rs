//! Where things are: paths inside the image, and names of environment variables and object metadata.

/// Folder of everything that throng adds to an image.
pub const ROOT: &str = "/opt/throng";
/// The static runtime: the image's entry point.
pub const RUNTIME: &str = "/opt/throng/runtime";
/// The function's configuration, a [`FunctionConfig`](super::FunctionConfig) as JSON.
pub const CONFIG: &str = "/opt/throng/function.json";
/// The user's script. Outside the input folder, so that an input of the same name can never be run in its place.
pub const SCRIPT: &str = "/opt/throng/script";
/// Files and folders that the definition names, for the script to read. Where there are any, [`ENV_FILES`] says so.
pub const FILES: &str = "/opt/throng/files";
/// Set for the script: the folder of the definition's `files`.
pub const ENV_FILES: &str = "FILES_DIR";

/// Set for the script of a task of several files: the folder that they are in.
pub const ENV_INPUT_DIR: &str = "INPUT_DIR";
/// Set for the script of a join that starts for a group: the group's name, as it stands in paths.
pub const ENV_JOIN_GROUP: &str = "JOIN_GROUP";
/// Set for the script of a launched task: its number within the run, from 0.
pub const ENV_TASK_INDEX: &str = "TASK_INDEX";
/// Variables that the runtime sets for a script, beside those that begin with `AWS_`, `THRONG_` and `LAMBDA_`: a launch gives them no
/// other value.
pub const OWN_VARIABLES: [&str; 17] = [
    "INPUT_FILE_PATH",
    ENV_INPUT_DIR,
    "INPUT_LIST",
    "TMP_INPUT_DIR",
    "TMP_OUTPUT_DIR",
    "SCAR_INPUT_FILE",
    "SCAR_INPUT_DIR",
    "SCAR_OUTPUT_DIR",
    "STORAGE_OBJECT_KEY",
    "EVENT",
    "EVENT_TIME",
    "REQUEST_ID",
    "INSTANCE_IP",
    "_X_AMZN_TRACE_ID",
    ENV_FILES,
    ENV_JOIN_GROUP,
    ENV_TASK_INDEX,
];

/// Set on the function: the context's home bucket, where records go. Without it the runtime writes no records.
pub const ENV_HOME_BUCKET: &str = "THRONG_HOME_BUCKET";
/// Set on the function: when its secrets were last stored, in milliseconds since 1970. Lambda starts new environments for a changed
/// variable, so that none goes on with old secrets.
pub const ENV_SECRETS: &str = "THRONG_SECRETS";
/// Set on the function: the ARN of its role, which scripts get narrowed credentials of.
pub const ENV_ROLE: &str = "THRONG_ROLE";
/// Overrides [`CONFIG`]; for tests and for running the runtime as a plain `bootstrap`. Either the configuration itself
/// (it begins with `{`) or the path of a file; then the script is the file `script` in the same folder.
pub const ENV_CONFIG: &str = "THRONG_CONFIG";

/// The folder that the runtime uses for inputs and outputs and empties between invocations; `/tmp` unless set. For
/// tests and for running the runtime outside a container.
pub const ENV_TMP: &str = "THRONG_TMP";

/// User metadata (`x-amz-meta-…`) of an object: where it came from, a [`Lineage`](super::Lineage).
pub const META_LINEAGE: &str = "throng";
/// User metadata that the first contract gave an input: the run it belongs to. Still read; never written, because a runtime of
/// then would take an output for an input of the first stage.
pub const META_RUN: &str = "throng-run";
/// User metadata that the first contract gave an input: its task number within the run, in decimal.
pub const META_TASK: &str = "throng-task";
/// Tag of a deployed function: the [`versions::CONTRACT`](super::versions::CONTRACT) that its runtime keeps.
pub const TAG_CONTRACT: &str = "throng:contract";

/// Seconds a script may run before the runtime writes a [`RunningMarker`](super::RunningMarker). Shorter tasks
/// are not worth a request each.
pub const MARKER_AFTER_SECS: u64 = 1;

/// How many of the last lines of standard error a record keeps.
pub const STDERR_TAIL_LINES: usize = 20;
/// The longest line a record keeps, in bytes; longer ones lose their beginning.
pub const STDERR_TAIL_LINE_BYTES: usize = 500;
