//! What a definition would make, in words.

use super::{
    Definition, Dialect, Document, OnFailure, Origin, expect, files, groups, pack, selection, sweep,
};
use crate::image::Source;
use std::fmt::{self, Write as _};
use throng_contract::{Credentials, FunctionConfig, Protocol, Selection, Template, Word};

/// What would be created, by subject. `Display` gives it as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The function's name.
    pub function: String,
    /// In which words it was written, and what became of them.
    pub origin: Origin,
    /// Its subjects, in order.
    pub sections: Vec<Section>,
}

/// One subject of an [`Explanation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `image`, `script`, `resources` …
    pub title: &'static str,
    /// Sentences or values, one per line.
    pub lines: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "function {}", self.function)?;
        let Origin { dialect, notes } = &self.origin;
        if *dialect != Dialect::ScarV4 || !notes.is_empty() {
            writeln!(f, "  {:<10} {dialect}", "was")?;
            for note in notes {
                writeln!(f, "  {:<10} {note}", "")?;
            }
        }
        for section in &self.sections {
            for (index, line) in section.lines.iter().enumerate() {
                let title = if index == 0 { section.title } else { "" };
                writeln!(f, "  {title:<10} {line}")?;
            }
        }
        Ok(())
    }
}

/// Explains every function of a file, with what its settings were called there.
#[must_use]
pub fn explain_all(document: &Document) -> Vec<Explanation> {
    let each = |(definition, origin): (&Definition, &Origin)| Explanation {
        origin: origin.clone(),
        ..explain(definition)
    };
    document.definitions.iter().zip(&document.origins).map(each).collect()
}

/// Explains what deploying a definition would make. Never holds the value of a variable.
#[must_use]
pub fn explain(definition: &Definition) -> Explanation {
    let mut sections = Vec::new();
    let mut add = |title, lines: Vec<String>| {
        if !lines.is_empty() {
            sections.push(Section { title, lines });
        }
    };
    if !definition.description.is_empty() {
        add("about", vec![definition.description.clone()]);
    }
    add("image", image_lines(definition));
    add("script", script_lines(definition));
    add("files", file_lines(definition));
    add("resources", resource_lines(definition));
    add("variables", variable_lines(definition));
    add("network", network_lines(definition));
    add("input", input_lines(definition));
    add("output", output_lines(definition));
    add("providers", provider_lines(definition));
    add("failures", failure_lines(definition));
    add("creates", created_lines(definition));
    Explanation { function: definition.name.clone(), origin: Origin::default(), sections }
}

fn image_lines(definition: &Definition) -> Vec<String> {
    let what = Source::parse(&definition.image, &definition.base)
        .map_or_else(|error| error.to_string(), |source| source.describe());
    vec![what, "one layer is added: the runtime, the script and the function's settings".into()]
}

fn script_lines(definition: &Definition) -> Vec<String> {
    let each = if definition.join.is_some() { "runs once" } else { "runs for each input" };
    if let Some(script) = &definition.inline_script {
        let lines = script.lines().count();
        return vec![format!("the definition holds it ({lines} lines): it runs for each input")];
    }
    let script = definition.script.as_ref().map_or_else(
        || format!("none: the image's own entry point {each}"),
        |script| format!("{} {each}", script.display()),
    );
    let start = definition.workdir.as_deref().map(|folder| match folder {
        FunctionConfig::TASK_FOLDER => "it starts in a fresh folder for each task".to_owned(),
        folder => format!("it starts in {folder}"),
    });
    std::iter::once(script).chain(start).collect()
}

fn file_lines(definition: &Definition) -> Vec<String> {
    let mut lines: Vec<_> = definition.files.iter().map(|path| files::told(path)).collect();
    if !lines.is_empty() {
        lines.push(format!(
            "at $FILES_DIR ({}), in a layer that functions share",
            throng_contract::layout::FILES
        ));
    }
    lines
}

fn resource_lines(definition: &Definition) -> Vec<String> {
    let Definition { memory_mb, tmp_mb, timeout_s, timeout_threshold_s, architecture, .. } = definition;
    let script_s = timeout_s.saturating_sub(*timeout_threshold_s);
    let mut lines = vec![
        format!("{memory_mb} MiB memory, {tmp_mb} MiB in /tmp, {}", architecture.as_aws()),
        format!("{timeout_s} s: {script_s} s for the script, {timeout_threshold_s} s for storing outputs"),
    ];
    if let Some(concurrency) = definition.concurrency {
        lines.push(format!("at most {concurrency} at a time"));
    }
    lines.extend(pack::lines(definition));
    lines
}

fn variable_lines(definition: &Definition) -> Vec<String> {
    let list = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    if !definition.env.is_empty() {
        lines.push(format!("{} (for the script)", list(definition.env.keys().collect())));
    }
    let plain = definition.lambda_env.keys().filter(|name| !definition.secrets.contains_key(*name));
    let plain: Vec<_> = plain.collect();
    if !plain.is_empty() {
        lines.push(format!("{} (of the Lambda function)", list(plain)));
    }
    if !definition.secrets.is_empty() {
        let names = list(definition.secrets.keys().collect());
        lines.push(format!("{names} (from your environment; not stored in the image)"));
    }
    if !definition.script_secrets.is_empty() {
        let names = list(definition.script_secrets.keys().collect());
        lines.push(format!(
            "{names} (secret: for the script, in an encrypted object of the home bucket and in nothing else)"
        ));
    }
    lines
}

fn network_lines(definition: &Definition) -> Vec<String> {
    let Some(network) = &definition.network else { return Vec::new() };
    let mut lines = vec![
        format!(
            "on AWS: in the VPC of {}, with {}",
            network.subnets.join(", "),
            network.security_groups.join(", ")
        ),
        "there it reaches S3 and STS by endpoints of the VPC or through a NAT gateway, and nothing without them".into(),
    ];
    let mounted = |file_system: &super::FileSystem| {
        format!("on AWS: {} is mounted at {}", file_system.arn, file_system.path)
    };
    lines.extend(definition.file_systems.iter().map(mounted));
    lines.push("in the local context neither is applied: there is no VPC and no EFS".into());
    lines
}

fn input_lines(definition: &Definition) -> Vec<String> {
    if let Some(join) = &definition.join {
        return join.lines();
    }
    let grouping = definition.grouping.iter().flat_map(groups::lines).chain(sweep::lines(&definition.sweep));
    let is_launched = definition.grouping.is_some() || !definition.sweep.is_empty();
    if definition.selections.is_empty() {
        if is_launched {
            return grouping.collect();
        }
        return vec!["no trigger: inputs are sent by `throng run` and `throng invoke`".into()];
    }
    let line = |entry: &Selection| {
        let rules = selection::told(entry);
        match &entry.provider {
            None => {
                let slash = if entry.path.is_empty() { "" } else { "/" };
                if is_launched {
                    return format!("what is in s3://{}/{}{slash}{rules}", entry.bucket, entry.path);
                }
                format!("new objects in s3://{}/{}{slash}{rules} start it", entry.bucket, entry.path)
            }
            Some(provider) => {
                let (bucket, path) = (entry.bucket.clone(), entry.path.clone());
                let input = throng_contract::ProviderInput { provider: provider.clone(), bucket, path };
                let rules = if rules.is_empty() { rules } else { format!("; of it those{rules}") };
                format!(
                    "{input} starts nothing by itself: `throng run {} {input}` does{rules}",
                    definition.name
                )
            }
        }
    };
    definition.selections.iter().map(line).chain(grouping).collect()
}

fn output_lines(definition: &Definition) -> Vec<String> {
    if definition.outputs.is_empty() {
        return vec!["none: files that the script writes are not stored".into()];
    }
    let any = |list: &[String]| list.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    let line = |rule: &throng_contract::OutputRule| {
        let mut line = String::from("files");
        if !rule.prefix.is_empty() {
            let _ = write!(line, " beginning with {}", any(&rule.prefix));
        }
        if !rule.suffix.is_empty() {
            let and = if rule.prefix.is_empty() { "" } else { " and" };
            let _ = write!(line, "{and} ending with {}", any(&rule.suffix));
        }
        let slash = if rule.path.is_empty() { "" } else { "/" };
        let scheme = rule.provider.as_deref().unwrap_or("s3");
        let _ = write!(line, " go to {scheme}://{}/{}{slash}", rule.bucket, rule.path);
        line.push_str(apart(&rule.template()));
        line
    };
    definition.outputs.iter().map(line).collect()
}

/// What the words in an output's path keep apart.
fn apart(template: &Template) -> &'static str {
    match () {
        () if template.has(&Word::RequestId) || template.has(&Word::Attempt) => {
            " (a folder for each invocation)"
        }
        () if template.has(&Word::Task) => " (a folder for each task)",
        () if template.has(&Word::Dir) => " (the inputs' folders are kept)",
        () => "",
    }
}

fn provider_lines(definition: &Definition) -> Vec<String> {
    let line = |(name, provider): (&String, &super::Provider)| {
        let storage = &provider.storage;
        let unchecked = if storage.verify { "" } else { ", its certificate is not checked" };
        let region = match (&storage.endpoint, storage.protocol) {
            (Some(_), Protocol::S3) => format!(", region {}", storage.region),
            (_, Protocol::Webdav) => " (WebDAV)".to_owned(),
            (None, Protocol::S3) => String::new(),
        };
        format!("{name} is {}{region}{unchecked}", storage.shown())
    };
    let mut lines: Vec<_> = definition.providers.iter().map(line).collect();
    if !lines.is_empty() {
        lines.push(
            "their keys go into an encrypted object of the home bucket, not into image or variables".into(),
        );
    }
    lines
}

fn failure_lines(definition: &Definition) -> Vec<String> {
    let kept = match definition.on_failure {
        OnFailure::Discard => "what a failed script wrote is not stored",
        OnFailure::Keep => "what a failed script wrote is stored under failed/<request id>/",
    };
    let retries = match definition.retries {
        0 => "a failed task is not tried again by itself".to_owned(),
        1 => "Lambda tries a failed task once more".to_owned(),
        n => format!("Lambda tries a failed task {n} times more"),
    };
    let credentials = match definition.credentials {
        Credentials::Ask => {
            "a script that asks for credentials of AWS gets its role's without the home bucket"
        }
        Credentials::Env => {
            "a script has credentials of AWS in variables: its role's without the home bucket"
        }
        Credentials::None => "a script has no credentials of AWS",
        Credentials::Role => "a script has the credentials of its role",
    };
    let mut lines = vec![kept.to_owned(), retries, credentials.to_owned()];
    if definition.overwrites {
        lines.push("tasks of a run may store over what others have stored: the last one wins".into());
    }
    lines.extend(definition.expect.as_ref().map(expect::in_words));
    lines
}

fn created_lines(definition: &Definition) -> Vec<String> {
    let mut buckets: Vec<&str> = definition.input_places().map(|(bucket, _)| bucket).collect();
    buckets.extend(definition.own_outputs().map(|rule| rule.bucket.as_str()));
    buckets.sort_unstable();
    buckets.dedup();
    let mut lines = vec![
        format!("image repository and function `{}`", definition.name),
        format!("log group /aws/lambda/{}, kept {} days", definition.name, definition.log_retention_days),
    ];
    if !buckets.is_empty() {
        let (noun, exist) =
            if buckets.len() == 1 { ("bucket", "it exists") } else { ("buckets", "they exist") };
        lines.push(format!("{noun} {}, unless {exist}", buckets.join(", ")));
    }
    if !definition.inputs.is_empty() {
        lines.push("permission for S3 to invoke it, and a notification for each input".into());
    }
    if definition.join.is_some() || definition.pack.is_some() {
        let line = "permission for S3 to invoke it, and a notification of the home bucket for its start markers (a bucket has at \
                    most 100 notifications)";
        lines.push(line.into());
    }
    if let Some(role) = &definition.role {
        lines.push(format!("it runs as {role}"));
    }
    lines
}
