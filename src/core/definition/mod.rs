//! Function definitions: parse, validate and explain.
//!
//! The dialect is the Function Definition Language of SCAR v4; older ones and OSCAR's are brought into it
//! ([`Origin`] says how, [`migrate`] writes it). A file holds any number of functions:
//!
//! ```yaml
//! functions:
//!   aws:
//!   - lambda:
//!       name: grayify
//!       memory: 1024
//!       init_script: grayify.sh
//!       container:
//!         image: docker-archive:imagemagick.tar
//!       input:
//!       - storage_provider: s3
//!         path: pictures/in
//!       output:
//!       - storage_provider: s3
//!         path: pictures/out
//!         suffix: [png, jpg]
//! ```
//!
//! | key under `lambda` | default | meaning |
//! |---|---|---|
//! | `name` | required | 1–64 of `A-Z a-z 0-9 _ -` |
//! | `memory` | 512 | MiB, 128–10240 |
//! | `timeout` | 300 | seconds, 1–900 |
//! | `init_script` | none | what runs for each input, a file or the script itself (`init_script: \|`); without it, the image's own entry point |
//! | `container.image` | required | an image, in any spelling of [`crate::image::Source`] |
//! | `container.image_file` | | instead of `image`: a tar made by `docker save` |
//! | `container.timeout_threshold` | 10 | seconds kept back for storing outputs |
//! | `container.environment.Variables` | none | for the script; `${NAME}` is taken from the environment |
//! | `environment.Variables` | none | of the Lambda function |
//! | `input[]` | none | `storage_provider: s3`, `path: bucket[/folder]`: new objects there start the function |
//! | `output[]` | none | the same, and `prefix`, `suffix`: lists that file names are matched with; each entry for itself |
//! | `description`, `tags`, `region` | | as Lambda's |
//! | `architectures` | `[x86_64]` | or `[arm64]` |
//! | `execution_mode` | `lambda` | nothing else in this release |
//! | `ephemeral_storage` or `tmp` | 512 | **ours**: MiB of /tmp, 512–10240 |
//! | `retries` | 0 | **ours**: Lambda's own retries of a failed asynchronous invocation, 0–2 |
//! | `concurrency` | none | **ours**: at most so many at a time (reserved concurrency) |
//! | `secrets` | none | **ours**: names of variables for the script whose values go into an encrypted object of the home bucket |
//! | `vpc` | none | `SubnetIds`, `SecurityGroupIds`: the network that it runs in |
//! | `file_system[]` | none | `Arn` of an access point of EFS, `LocalMountPath` below /mnt |
//! | `on_collision` | `fail` | **ours**: with `overwrite` tasks of a run may store over what others have stored |
//! | `on_failure` | `discard` | **ours**: `keep` stores what a failed script left, under `failed/` |
//! | `files` | none | **ours**: files and folders that scripts find at `$FILES_DIR`; SCAR's `extra_payload` is one |
//! | `workdir` | the image's | **ours**: where scripts start: an absolute path, or `task`: a fresh folder for each task |
//! | `credentials` | `ask` | **ours**: where a script gets credentials of AWS from: `ask`, `env`, `none`, `role` |
//! | `after` | none | **ours**: a function, or several: this one is a join, which starts once when all their tasks have ended |
//! | `when` | `all-succeeded` | **ours**, of a join: or `all-ended` |
//! | `by` | none | **ours**, of a join: it starts once for each group of launched inputs that this names alike, as `{dir}` or `sub-*/` |
//! | `pack` | 1 | **ours**: so many tasks of a run share an invocation, 1–1000, or `auto`; needs `retries` |
//! | `task_timeout` | none | **ours**, with `pack`: seconds that each of them has |
//! | `stage_in` | true | **ours**, of a join: `false` gives it the list of what is before it, without the files |
//! | `output[].path` | | **ours**: words in braces, such as `{dir}`, so that equal names do not overwrite each other |
//! | `group` | none | **ours**: a glob of folders below the input place: each folder is a task |
//! | `with` | none | **ours**: names and paths of files that belong to each input; `{path: …, optional: true}` |
//! | `trigger_on` | none | **ours**, with `group` or `with`: the end of the name of the file that completes a task and starts it |
//! | `sweep` | none | **ours**: a map of variables and their values: a list, or `1:10` |
//! | `expect.files`, `.suffix`, `.min_bytes` | none | **ours**: what a task must have left to have succeeded |
//! | `input[].prefix`, `.suffix` | none | **ours**: only names that begin or end so; text or a list |
//! | `input[].exclude`, `.min_size`, `.newer` | none | **ours**: globs, an amount of bytes, a time or a duration |
//!
//! | key under `storage_providers` | default | meaning |
//! |---|---|---|
//! | `minio.ID.endpoint` | required | `http[s]://host[:port]`; buckets are in the path |
//! | `minio.ID.verify` | true | `false` takes any certificate, for servers that signed their own |
//! | `minio.ID.region`, `s3.ID.region` | `us-east-1` | what requests are signed for; of `s3`, where its buckets are |
//! | `webdav.ID.hostname` | required | `host[:port]`, or a URL with a path, of a `WebDAV` server (dCache) |
//! | `webdav.ID.login`, `….password`, or `….token` | required | for basic authentication, or a bearer token |
//! | `….access_key`, `….secret_key` | required | `${NAME}` from the environment; a secret in the file is warned about |
//!
//! An input or output names one as `storage_provider: minio.ID` (`minio` is `minio.default`). `s3` is what the function's
//! role may use, unless `s3.default` has keys; `s3.ID` is another AWS account. Keys go into one encrypted object of the
//! context's home bucket, which the runtime reads with the function's role; endpoints and regions are no secrets.
//! Nothing at a provider starts a function: `throng run NAME minio.ID://bucket/folder` does, or an event of the server
//! that is forwarded as the payload of an invocation. `onedata` and `rucio` are read over, and refused where they are named,
//! with what to do instead.
//!
//! Beside `lambda`: `iam.role`, `cloudwatch.log_retention_policy_in_days` (30). The blocks `s3`, `ecr`, `batch` and
//! `api_gateway` are read over. Lists replace the defaults. Relative paths start at the file's folder. Values that came
//! from `${NAME}` are secrets: they are set on the function, never put into an image, a message or a saved file.
//!
//! ```text
//! aws         one entry of functions.aws
//! chain       which functions of a file start each other
//! check       checks across a definition and across a file: loops, overlaps, names used twice
//! dialect     the top level of a file in today's form
//! dialects    older spellings, brought into today's
//! document    a file of definitions, read into them
//! emit        trees as YAML
//! expect      what a task must have left to have succeeded
//! explain     what a definition would make, in words
//! files       what a script finds beside its input
//! fields      typed access to a map; unknown keys are warned about
//! flows       input and output of a function
//! form        a definition from a form of the screen
//! groups      group, with, trigger_on: tasks of several files
//! joins       after, when, by, stage_in: functions that start when others have ended
//! limits      what Lambda, S3 and the log service allow
//! migrate     writes a file of any dialect in today's form
//! network     VPC and file systems of EFS
//! node        YAML as a tree that knows where each node stands
//! overlap     whether what a function stores starts a function
//! pack        several tasks in one invocation
//! place       bucket/folder paths
//! problem     what is wrong with a definition, and where
//! providers   storage_providers: S3 endpoints with keys of their own
//! script      that a function's script is there, and that what runs it will understand its bytes
//! secrets     ${NAME}: values that come from the environment
//! shared_memory  scripts that want shared memory, which functions do not have
//! selection   which objects of an input's place are inputs
//! settings    settings given one by one, as options of a command line
//! sweep       the values with which each input is processed
//! telltale    variables that look like secrets
//! templates   words in braces in the paths of outputs
//! variables   variables of a function, and secrets
//! webdav      storage_providers.webdav
//! write       A definition as YAML, so that a form can be saved
//! ```

mod aws;
mod chain;
mod check;
mod dialect;
mod dialects;
mod document;
mod emit;
mod expect;
mod explain;
mod fields;
mod files;
mod flows;
mod form;
mod groups;
mod joins;
mod limits;
mod migrate;
mod network;
mod node;
mod overlap;
mod pack;
mod place;
mod problem;
mod providers;
mod script;
mod secrets;
mod selection;
mod settings;
mod shared_memory;
mod sweep;
mod telltale;
mod templates;
mod variables;
mod webdav;
mod write;

use crate::model::{PackSize, Place};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use crate::model::Architecture;
pub use dialects::{Dialect, Note, Origin};
pub use document::{Document, load, look, names, parse};
pub use explain::{Explanation, Section, explain, explain_all};
pub use form::from_form;
pub(crate) use groups::counted;
pub use joins::JoinRule;
pub(crate) use joins::folders_of;
pub use limits::bucket as bucket_name;
pub(crate) use limits::{CONCURRENCY, MEMORY_MB, SCRIPT_BYTES, TIMEOUT_S};
pub use migrate::{Migration, migrate, migrate_text};
pub use network::{FileSystem, Network};
pub use problem::{DefinitionErrors, Position, Problem, ProblemKind};
pub use providers::Provider;
pub use secrets::Environment;
pub use settings::{DefinitionSettings, Setting, with_settings};
pub use templates::{keeps_apart, keeps_runs_apart};
pub use throng_contract::OnFailure;
pub use variables::ScriptSecret;
pub use write::to_yaml;

/// A function, with every default filled in and every check passed.
#[derive(Clone, PartialEq)]
pub struct Definition {
    /// Name, 1–64 of `[A-Za-z0-9_-]`.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Image source as written; see [`crate::image::Source`].
    pub image: String,
    /// The YAML's folder: relative paths start here.
    pub base: PathBuf,
    /// The script, absolute.
    pub script: Option<PathBuf>,
    /// The script itself, when the definition holds it; then there is no path of one.
    pub inline_script: Option<String>,
    /// Files and folders that scripts find at [`FILES`](throng_contract::layout::FILES), absolute; no two of one name.
    pub files: Vec<PathBuf>,
    /// Memory in MiB, 128–10240.
    pub memory_mb: u32,
    /// Time limit in seconds, 1–900.
    pub timeout_s: u32,
    /// Seconds kept back for storing outputs.
    pub timeout_threshold_s: u32,
    /// /tmp in MiB, 512–10240.
    pub tmp_mb: u32,
    /// The instruction set it runs on.
    pub architecture: Architecture,
    /// Variables for the script (`container.environment.Variables`), without secrets: these go into the image.
    pub env: BTreeMap<String, String>,
    /// Variables of the Lambda function (`environment.Variables`), and those for the script that are secret.
    pub lambda_env: BTreeMap<String, String>,
    /// Variables whose value came from the environment, with the text as written (`${NAME}`).
    pub secrets: BTreeMap<String, String>,
    /// Variables for the script that are in an encrypted object of the home bucket, and in nothing else.
    pub script_secrets: BTreeMap<String, ScriptSecret>,
    /// Objects that start it.
    pub inputs: Vec<InputRule>,
    /// What of its input places is an input: every entry of `input`, in order, with its rules.
    pub selections: Vec<throng_contract::Selection>,
    /// How its inputs become tasks, where a task has several files.
    pub grouping: Option<throng_contract::Grouping>,
    /// Variables and their values: each input is processed with every combination when a launch names none.
    pub sweep: Vec<crate::model::Axis>,
    /// What it waits for, when it is a join: then it has no inputs.
    pub join: Option<JoinRule>,
    /// Inputs at storage providers: nothing there starts it by itself.
    pub provider_inputs: Vec<throng_contract::ProviderInput>,
    /// Where outputs go.
    pub outputs: Vec<throng_contract::OutputRule>,
    /// The storage providers that its inputs and outputs name, as `minio.lab`.
    pub providers: BTreeMap<String, Provider>,
    /// Where scripts start, when that is not what the image says: an absolute path, or `task` for a fresh folder
    /// ([`throng_contract::FunctionConfig::TASK_FOLDER`]).
    pub workdir: Option<String>,
    /// What happens to outputs of failed tasks.
    pub on_failure: OnFailure,
    /// Whether a task may store over what another task of the run has stored.
    pub overwrites: bool,
    /// What a task must have left to have succeeded.
    pub expect: Option<throng_contract::Expect>,
    /// Where scripts get credentials from.
    pub credentials: throng_contract::Credentials,
    /// Lambda's own retries of a failed asynchronous invocation, 0–2. 0 unless asked for: the ledger shows what
    /// failed and a person decides.
    pub retries: u8,
    /// How many tasks of a run share an invocation; each has its own when `None`.
    pub pack: Option<PackSize>,
    /// Seconds that each task of a pack has; all that the function has when `None`.
    pub task_timeout_s: Option<u32>,
    /// Reserved concurrency, when it is limited.
    pub concurrency: Option<u32>,
    /// Days for which logs are kept.
    pub log_retention_days: u32,
    /// Role ARN; the context's when `None`.
    pub role: Option<String>,
    /// AWS region; the context's when `None`.
    pub region: Option<String>,
    /// The network that it runs in; `None` for Lambda's own.
    pub network: Option<Network>,
    /// File systems of EFS that are mounted. They need a network.
    pub file_systems: Vec<FileSystem>,
    /// Tags besides our own.
    pub tags: BTreeMap<String, String>,
}

impl Definition {
    /// Outputs that go to the function's own storage, not to a storage provider.
    pub fn own_outputs(&self) -> impl Iterator<Item = &throng_contract::OutputRule> {
        self.outputs.iter().filter(|output| output.provider.is_none())
    }

    /// Places of its own storage that it reads: bucket and folder, each once. Not all of them start it.
    pub fn input_places(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.selections.iter().filter(|entry| entry.provider.is_none());
        let mut places: Vec<(&str, &str)> = Vec::new();
        for place in own.map(|entry| (entry.bucket.as_str(), entry.path.as_str())) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places.into_iter()
    }

    /// What of its input places is an input; empty when everything is.
    #[must_use]
    pub fn selections_with_rules(&self) -> &[throng_contract::Selection] {
        let rules = self.selections.iter().any(|entry| !entry.is_everything());
        if rules { &self.selections } else { &[] }
    }

    /// The folders of its own storage that its outputs go to.
    #[must_use]
    pub fn own_places(&self) -> Vec<Place> {
        let place = |output: &throng_contract::OutputRule| Place {
            bucket: output.bucket.clone(),
            prefix: output.fixed_path(),
        };
        self.own_outputs().map(place).collect()
    }

    /// A definition with defaults only. It has no image yet.
    #[must_use]
    pub fn named(name: impl Into<String>, base: &Path) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            image: String::new(),
            base: base.to_owned(),
            script: None,
            inline_script: None,
            files: Vec::new(),
            memory_mb: 512,
            timeout_s: 300,
            timeout_threshold_s: 10,
            tmp_mb: 512,
            architecture: Architecture::default(),
            env: BTreeMap::new(),
            lambda_env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            script_secrets: BTreeMap::new(),
            inputs: Vec::new(),
            selections: Vec::new(),
            grouping: None,
            sweep: Vec::new(),
            join: None,
            provider_inputs: Vec::new(),
            outputs: Vec::new(),
            providers: BTreeMap::new(),
            workdir: None,
            on_failure: OnFailure::default(),
            overwrites: false,
            expect: None,
            credentials: throng_contract::Credentials::default(),
            retries: 0,
            pack: None,
            task_timeout_s: None,
            concurrency: None,
            log_retention_days: 30,
            role: None,
            region: None,
            network: None,
            file_systems: Vec::new(),
            tags: BTreeMap::new(),
        }
    }
}

/// Values of variables and keys of storage providers are left out: they may be secret.
impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("name", &self.name)
            .field("image", &self.image)
            .field("base", &self.base)
            .field("script", &self.script)
            .field("inline_script", &self.inline_script.is_some())
            .field("files", &self.files)
            .field("memory_mb", &self.memory_mb)
            .field("timeout_s", &self.timeout_s)
            .field("timeout_threshold_s", &self.timeout_threshold_s)
            .field("tmp_mb", &self.tmp_mb)
            .field("architecture", &self.architecture)
            .field("env", &self.env.keys())
            .field("lambda_env", &self.lambda_env.keys())
            .field("script_secrets", &self.script_secrets.keys())
            .field("inputs", &self.inputs)
            .field("selections", &self.selections)
            .field("grouping", &self.grouping)
            .field("sweep", &self.sweep)
            .field("join", &self.join)
            .field("provider_inputs", &self.provider_inputs)
            .field("outputs", &self.outputs)
            .field("providers", &self.providers.keys())
            .field("workdir", &self.workdir)
            .field("on_failure", &self.on_failure)
            .field("overwrites", &self.overwrites)
            .field("expect", &self.expect)
            .field("credentials", &self.credentials)
            .field("retries", &self.retries)
            .field("concurrency", &self.concurrency)
            .field("log_retention_days", &self.log_retention_days)
            .field("role", &self.role)
            .field("region", &self.region)
            .field("network", &self.network)
            .field("file_systems", &self.file_systems)
            .field("tags", &self.tags)
            .finish_non_exhaustive()
    }
}

/// Objects under `bucket/path` start the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRule {
    /// The bucket whose objects start the function.
    pub bucket: String,
    /// Folder, without slashes at either end; may be empty.
    pub path: String,
    /// Only names that begin so; empty for all. An addition of ours.
    pub prefix: String,
    /// Only keys that end so; empty for all. An addition of ours.
    pub suffix: String,
}

impl InputRule {
    /// The prefix of the keys that start the function: the folder with a slash, and what names begin with.
    #[must_use]
    pub fn key_prefix(&self) -> String {
        let Self { path, prefix, .. } = self;
        if path.is_empty() { prefix.clone() } else { format!("{path}/{prefix}") }
    }
}

#[cfg(test)]
mod tests;
