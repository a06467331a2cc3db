//! The function's configuration, as the engine puts it into the image.

use super::{Grouping, InputPlace, ProviderInput, Selection, StorageProvider, Template, Values};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the runtime needs to know of a function. Stored in the image at [`layout::CONFIG`](super::layout::CONFIG);
/// holds no secret and nothing that differs between contexts, so equal inputs give an equal image digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionConfig {
    /// [`versions::CONFIG`](super::versions::CONFIG) of the writer.
    pub version: u32,
    /// The function's name.
    pub name: String,
    /// Whether there is a script at [`layout::SCRIPT`](super::layout::SCRIPT). Without one the image's own
    /// entry point runs.
    #[serde(default)]
    pub script: bool,
    /// The user image's ENTRYPOINT.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// The user image's CMD.
    #[serde(default)]
    pub cmd: Vec<String>,
    /// Where scripts start: what the definition says, else the user image's WORKDIR. Empty means a fresh folder for each task,
    /// which can be written; so does a WORKDIR of `/`, which builders write when nobody said anything.
    #[serde(default)]
    pub workdir: String,
    /// Variables for the script: the image's ENV, then the definition's, which wins.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Where outputs go.
    #[serde(default)]
    pub outputs: Vec<OutputRule>,
    /// Seconds kept back from the function's time limit for storing outputs and the record.
    #[serde(default = "default_threshold")]
    pub timeout_threshold: u32,
    /// What happens to outputs of a failed task.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// What a task must have left to have succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// Storage providers with keys of their own that its inputs and outputs name, as `minio.lab`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, StorageProvider>,
    /// Places whose objects start it; what is below them is `{dir}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputPlace>,
    /// Inputs that are there. Nothing there starts the function; a server's own events may be forwarded to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provider_inputs: Vec<ProviderInput>,
    /// Which objects of its input places are inputs, where that is not everything. Nothing is kept out of what is sent by an
    /// event of our own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selections: Vec<Selection>,
    /// How its inputs become tasks, where a task has several files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grouping: Option<Grouping>,
    /// Where scripts get credentials from.
    #[serde(default)]
    pub credentials: Credentials,
    /// Names of variables for the script that are secrets: their values are in the home bucket, with the keys of the providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Seconds that each task of a pack may take, its script alone; all that the function has when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_timeout: Option<u32>,
    /// Digest of the user's image, the script and what of the definition reaches the script; empty when unknown. throng's own
    /// release does not change it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
}

impl FunctionConfig {
    /// In a definition's `workdir`, and in a request for an image: a fresh folder for each task, whatever the image says.
    pub const TASK_FOLDER: &str = "task";
}

/// Where a script gets credentials of AWS from. It never gets those of the function's role unless the definition says so:
/// they could write the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credentials {
    /// From an endpoint of the runtime, which asks for narrowed ones when the script does.
    #[default]
    Ask,
    /// Narrowed ones, in variables.
    Env,
    /// None.
    None,
    /// The role's own, in variables.
    Role,
}

const fn default_threshold() -> u32 {
    10
}

/// What a task must have left in its output folder to have succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// So many files, or more.
    pub files: u32,
    /// Whose names end with any of these, or with anything.
    #[serde(default)]
    pub suffix: Vec<String>,
    /// Each with so many bytes, or more.
    #[serde(default)]
    pub min_bytes: u64,
}

impl Expect {
    /// Whether a file is one of those that are expected.
    #[must_use]
    pub fn counts(&self, name: &str, bytes: u64) -> bool {
        bytes >= self.min_bytes
            && (self.suffix.is_empty() || self.suffix.iter().any(|suffix| name.ends_with(suffix)))
    }
}

/// One `output` entry of a definition: files whose name passes both filters go to `bucket/path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRule {
    /// The storage provider, as `minio.lab`; the function's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// Folder within the bucket, without slashes at either end; may be empty. A [`Template`].
    #[serde(default)]
    pub path: String,
    /// The file's relative name starts with any of these, or there are none.
    #[serde(default)]
    pub prefix: Vec<String>,
    /// The file's relative name ends with any of these, or there are none.
    #[serde(default)]
    pub suffix: Vec<String>,
}

/// An [`OutputRule`] as it is for one attempt of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRule {
    /// The rule, without words in braces.
    pub rule: OutputRule,
    /// The folder that what all tasks of the run store by this rule is in, without slashes at either end.
    pub place: String,
}

impl OutputRule {
    /// The folder as a template. What is none was deployed by an older throng, and stands for itself.
    #[must_use]
    pub fn template(&self) -> Template {
        Template::parse(&self.path).unwrap_or_else(|_| Template::literal(&self.path))
    }

    /// The rule as it is for one attempt of a task.
    ///
    /// # Errors
    /// A sentence: a word of the path has no value that could be a name.
    pub fn for_task(&self, values: &Values<'_>) -> Result<TaskRule, String> {
        let template = self.template();
        let of = |error: String| {
            format!("the output path `{}/{}` cannot be made: {error}", self.bucket, self.path)
        };
        let path = template.expand(values).map_err(of)?;
        let place = template.shared(values).map_err(of)?;
        Ok(TaskRule { rule: Self { path, ..self.clone() }, place })
    }

    /// The part of the folder that is the same for every task: everything the rule stores is below it.
    #[must_use]
    pub fn fixed_path(&self) -> String {
        self.template().fixed()
    }

    /// The key for a file of the output folder, or `None` when the filters leave it out. `name` is the path
    /// relative to the output folder, with `/` between its parts. SCAR's rule (faas-supervisor
    /// `storage/config.py`), with slashes normalised; but spaces at its ends stay, or two files would become one object.
    #[must_use]
    pub fn key_for(&self, name: &str) -> Option<String> {
        let name = name.trim_start_matches('/');
        let passes = |list: &[String], test: &dyn Fn(&str) -> bool| {
            list.is_empty() || list.iter().any(|item| test(item))
        };
        let kept = !name.is_empty()
            && passes(&self.prefix, &|prefix| name.starts_with(prefix))
            && passes(&self.suffix, &|suffix| name.ends_with(suffix));
        kept.then(|| match self.path.trim_matches('/') {
            "" => name.to_owned(),
            path => format!("{path}/{name}"),
        })
    }
}

/// What happens to the files that a failed task left in its output folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// They are gone with the environment.
    #[default]
    Discard,
    /// They are stored under `failed/<request id>/` of each output's folder.
    Keep,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rule(path: &str, prefix: &[&str], suffix: &[&str]) -> OutputRule {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        OutputRule {
            provider: None,
            bucket: "b".into(),
            path: path.into(),
            prefix: own(prefix),
            suffix: own(suffix),
        }
    }

    #[test]
    fn both_filters_must_pass_and_any_of_a_list_is_enough() {
        let rule = rule("out", &["a", "sub/"], &[".txt", "png"]);
        assert_eq!(rule.key_for("a.txt").as_deref(), Some("out/a.txt"));
        assert_eq!(rule.key_for("sub/x.png").as_deref(), Some("out/sub/x.png"));
        assert_eq!(rule.key_for("b.txt"), None);
        assert_eq!(rule.key_for("a.jpg"), None);
    }

    #[test]
    fn every_invocation_can_have_its_folder() {
        let variables = BTreeMap::new();
        let values = Values {
            run: "r",
            stage: 0,
            task: "7",
            attempt: "0-1.a",
            request_id: "0-1",
            dir: "d",
            name: "n.txt",
            group: None,
            variables: &variables,
        };
        let at = |path: &str| rule(path, &[], &[]).for_task(&values);
        let own = at("out/{request_id}").unwrap();
        assert_eq!((own.rule.key_for("x").as_deref(), own.place.as_str()), (Some("out/0-1/x"), "out"));
        assert_eq!(at("out/{run}/{dir}").unwrap().place, "out/r");
        assert_eq!(at("out").unwrap().rule, rule("out", &[], &[]));
        assert_eq!(at("out/{input}").unwrap().rule.path, "out/{input}", "as an older throng took it");
        let error = at("out/{X}").unwrap_err();
        assert!(error.contains("`b/out/{X}`") && error.contains("no variable X"), "{error}");
        for (path, fixed) in
            [("a/b", "a/b"), ("a/{request_id}", "a"), ("a/run-{request_id}/b", "a"), ("{request_id}", "")]
        {
            assert_eq!(rule(path, &[], &[]).fixed_path(), fixed);
        }
    }

    #[test]
    fn files_that_are_expected_have_an_ending_and_a_size() {
        let expect = Expect { files: 1, suffix: vec![".nii.gz".into(), ".csv".into()], min_bytes: 1 };
        assert!(expect.counts("sub/a.nii.gz", 1) && expect.counts("a.csv", 9));
        assert!(!expect.counts("a.nii.gz", 0) && !expect.counts("a.txt", 9));
        assert!(Expect { suffix: Vec::new(), ..expect }.counts("a.txt", 1));
    }

    #[test]
    fn slashes_are_normalised() {
        assert_eq!(rule("out/", &[], &[]).key_for("/x").as_deref(), Some("out/x"));
        assert_eq!(rule("", &[], &[]).key_for("d/x").as_deref(), Some("d/x"));
    }
}
