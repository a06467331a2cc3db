//! Reads one entry of `functions.aws`.

use super::fields::{Fields, Spanned, show};
use super::node::Node;
use super::problem::{Position, Report};
use super::providers::{self, Providers};
use super::secrets::{Environment, expand};
use super::{
    Architecture, Definition, OnFailure, expect, files, flows, groups, joins, limits, network, pack, script,
    shared_memory, sweep, variables,
};
use crate::image::Source;
use std::path::Path;
use throng_contract::Credentials;

const ENTRY: &[&str] = &["lambda", "iam", "s3", "api_gateway", "cloudwatch", "batch", "ecr", "boto_profile"];
const LAMBDA: &[&str] = &[
    "boto_profile",
    "region",
    "name",
    "memory",
    "timeout",
    "timeout_threshold",
    "execution_mode",
    "log_level",
    "description",
    "runtime",
    "layers",
    "invocation_type",
    "asynchronous",
    "log_type",
    "environment",
    "deployment",
    "container",
    "init_script",
    "run_script",
    "extra_payload",
    "input",
    "output",
    "preheat",
    "supervisor",
    "vpc",
    "file_system",
    "architectures",
    "tags",
    "ephemeral_storage",
    "tmp",
    "retries",
    "pack",
    "task_timeout",
    "concurrency",
    "on_failure",
    "on_collision",
    "credentials",
    "expect",
    "secrets",
    "workdir",
    "files",
    "after",
    "when",
    "by",
    "stage_in",
    "group",
    "with",
    "trigger_on",
    "sweep",
];
const CONTAINER: &[&str] =
    &["image", "image_file", "environment", "timeout_threshold", "alpine", "create_image"];
const IAM: &[&str] = &["boto_profile", "role"];
const S3: &[&str] = &["boto_profile", "region"];
const ECR: &[&str] = &["boto_profile", "region", "delete_image"];
const CLOUDWATCH: &[&str] = &["boto_profile", "region", "log_retention_policy_in_days"];
const API_GATEWAY: &[&str] = &[
    "name",
    "boto_profile",
    "region",
    "parameters",
    "data_binary",
    "json_data",
    "endpoint",
    "request_parameters",
    "http_method",
    "method",
    "integration",
    "path_part",
    "stage_name",
    "service_id",
    "source_arn_testing",
    "source_arn_invocation",
    "max_request_payload",
];
const BATCH: &[&str] = &[
    "boto_profile",
    "region",
    "vcpus",
    "memory",
    "enable_gpu",
    "state",
    "type",
    "environment",
    "compute_resources",
    "service_role",
    "multi_node_parallel",
];

/// What reading needs to know besides the YAML.
pub(super) struct Context<'a> {
    /// The YAML's folder.
    pub base: &'a Path,
    /// Where `${NAME}` comes from.
    pub environment: Environment<'a>,
    /// Known storage providers.
    pub providers: &'a Providers,
}

/// A definition and where its parts stand, for the checks that follow.
pub(super) struct ParsedFunction {
    pub definition: Definition,
    pub key: String,
    pub at: Position,
    pub inputs: Vec<Position>,
    pub outputs: Vec<Position>,
    /// Of each function that it waits for.
    pub after: Vec<Position>,
    /// Of `region`.
    pub region: Option<SettingPosition>,
}

/// A setting's place in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SettingPosition {
    pub at: Position,
    pub key: String,
}

/// Reads one entry. What is wrong is reported; the rest is read on, so that one pass finds everything.
pub(super) fn read(node: &Node, key: &str, context: &Context<'_>, report: &mut Report) -> ParsedFunction {
    let entry = Fields::new(node, key, ENTRY, report);
    if entry.node("lambda").is_none() {
        report.error(node.at, key, "has no `lambda`: the function's settings go there");
    }
    let lambda = entry.map("lambda", LAMBDA, report);
    let container = lambda.map("container", CONTAINER, report);
    let at = lambda.node("name").map_or(node.at, |name| name.at);

    let mut definition = Definition::named(read_name(&lambda, node.at, report), context.base);
    if let Some(text) = lambda.text("description", report) {
        definition.description = limits::description(text, &lambda.key("description"), report);
    }
    read_resources(&lambda, &container, &mut definition, report);
    read_image(&lambda, &container, node.at, &mut definition, report);
    read_script(&lambda, &mut definition, report);
    definition.files = files::read(&lambda, context.base, report);
    variables::read(&lambda, &container, context.environment, &mut definition, report);
    network::read(&lambda, &mut definition, report);
    read_rest(&entry, &lambda, context, &mut definition, report);
    definition.expect = expect::read(&lambda, report);
    note_unused(&entry, &lambda, &container, report);
    let mut inputs = flows::inputs(&lambda, context.providers, &mut definition, report);
    groups::read(&lambda, &mut inputs, &mut definition, report);
    sweep::read(&lambda, &mut inputs, &mut definition, report);
    let after = joins::read(&lambda, &mut definition, report);
    pack::read(&lambda, &mut definition, report);
    let outputs = flows::outputs(&lambda, context.providers, &mut definition, report);
    definition.providers =
        providers::used(context.providers, &definition.provider_inputs, &definition.outputs);
    let region = lambda.node("region").map(|node| SettingPosition { at: node.at, key: lambda.key("region") });
    ParsedFunction { definition, key: key.to_owned(), at, inputs, outputs, after, region }
}

fn read_name(lambda: &Fields<'_>, at: Position, report: &mut Report) -> String {
    let key = lambda.key("name");
    let Some(name) = lambda.text("name", report) else {
        if lambda.node("name").is_none() {
            report.error(at, &key, format!("is missing; {}", limits::NAME_RULE));
        }
        return String::new();
    };
    limits::name(name, &key, report)
}

fn read_resources(
    lambda: &Fields<'_>,
    container: &Fields<'_>,
    definition: &mut Definition,
    report: &mut Report,
) {
    let mut set = |name: &str, range, unit, target: &mut u32| {
        if let Some(number) = lambda.number(name, range, unit, report) {
            *target = number.value;
        }
    };
    set("memory", limits::MEMORY_MB, "MiB", &mut definition.memory_mb);
    set("timeout", limits::TIMEOUT_S, "seconds", &mut definition.timeout_s);
    set("ephemeral_storage", limits::TMP_MB, "MiB", &mut definition.tmp_mb);
    set("tmp", limits::TMP_MB, "MiB", &mut definition.tmp_mb);
    if let (Some(_), Some(node)) = (lambda.node("ephemeral_storage"), lambda.node("tmp")) {
        report.error(
            node.at,
            &lambda.key("tmp"),
            "is another name for `ephemeral_storage`: give one of them",
        );
    }
    if let Some(retries) = lambda.number("retries", limits::RETRIES, "", report) {
        definition.retries = u8::try_from(retries.value).unwrap_or(0);
    }
    definition.concurrency =
        lambda.number("concurrency", limits::CONCURRENCY, "", report).map(|number| number.value);
    let threshold = [container, lambda]
        .into_iter()
        .find_map(|fields| fields.number("timeout_threshold", 0..=899, "seconds", report));
    definition.timeout_threshold_s = limits::default_threshold(definition.timeout_s);
    if let Some(threshold) = threshold {
        definition.timeout_threshold_s = threshold.value;
        if threshold.value >= definition.timeout_s {
            let message = format!(
                "{} leaves the script no time: it must be less than `timeout` ({} s)",
                threshold.value, definition.timeout_s
            );
            report.error(threshold.at, &container.key("timeout_threshold"), message);
        }
    }
    read_architecture(lambda, definition, report);
    if let Some(folder) = lambda.text("workdir", report) {
        definition.workdir = limits::workdir(&folder, &lambda.key("workdir"), report);
    }
    let words = [("discard", OnFailure::Discard), ("keep", OnFailure::Keep)];
    if let Some(word) = lambda.word("on_failure", &words, report) {
        definition.on_failure = word.value;
    }
    if let Some(word) = lambda.word("on_collision", &[("fail", false), ("overwrite", true)], report) {
        definition.overwrites = word.value;
    }
    let words = [
        ("ask", Credentials::Ask),
        ("env", Credentials::Env),
        ("none", Credentials::None),
        ("role", Credentials::Role),
    ];
    if let Some(word) = lambda.word("credentials", &words, report) {
        definition.credentials = word.value;
        if word.value == Credentials::Role {
            let message = "scripts get the credentials of the function's role, by which they could write records of runs: \
                           `ask` gives them the same without the home bucket";
            report.warn(word.at, &lambda.key("credentials"), message);
        }
    }
}

fn read_architecture(lambda: &Fields<'_>, definition: &mut Definition, report: &mut Report) {
    let key = lambda.key("architectures");
    let list = lambda.texts("architectures", report);
    if let [_, second, ..] = &list[..] {
        report.error(second.at, &key, "Lambda runs a function on one architecture: give x86_64 or arm64");
    }
    let Some(first) = list.first() else { return };
    match first.value.as_str() {
        "x86_64" => definition.architecture = Architecture::X86_64,
        "arm64" => definition.architecture = Architecture::Arm64,
        other => {
            report.error(first.at, &key, format!("{} is not allowed: x86_64 or arm64", show(other)));
        }
    }
}

fn read_image(
    lambda: &Fields<'_>,
    container: &Fields<'_>,
    at: Position,
    definition: &mut Definition,
    report: &mut Report,
) {
    let image = container.text("image", report).filter(|text| !text.value.trim().is_empty());
    let file = container.text("image_file", report).filter(|text| !text.value.trim().is_empty());
    let (key, spec) = match (image, file) {
        (Some(_), Some(file)) => {
            let message = "give `image` or `image_file`, not both";
            return report.error(file.at, &container.key("image_file"), message);
        }
        (Some(image), None) => (container.key("image"), image),
        (None, Some(file)) => {
            let value = match file.value.split_once(':') {
                Some((scheme, _)) if scheme.ends_with("-archive") => file.value,
                _ => format!("docker-archive:{}", file.value),
            };
            (container.key("image_file"), Spanned { at: file.at, value })
        }
        (None, None) => {
            let message = "is missing: an image reference such as `ubuntu:22.04`, or one of \
                 docker-archive:, oci-archive:, oci:, rootfs:, scratch: with a path";
            let at = lambda.node("container").map_or(at, |node| node.at);
            return report.error(at, &container.key("image"), message);
        }
    };
    if let Err(error) = Source::parse(&spec.value, &definition.base).and_then(|source| source.check_files()) {
        report.error(spec.at, &key, format!("{} is not an image: {error}", show(&spec.value)));
    }
    definition.image = spec.value;
}

fn read_script(lambda: &Fields<'_>, definition: &mut Definition, report: &mut Report) {
    let init = lambda.text("init_script", report);
    let run = lambda.text("run_script", report);
    let (name, script) = match (init, run) {
        (Some(init), run) => {
            if let Some(run) = run {
                let message = "not used: `init_script` is what runs for each input";
                report.warn(run.at, &lambda.key("run_script"), message);
            }
            ("init_script", init)
        }
        (None, Some(run)) => ("run_script", run),
        (None, None) => return,
    };
    if script::is_inline(&script.value) {
        script::inline(&script, &lambda.key(name), report);
        if let Some(wanted) = shared_memory::wanted_by(&script.value) {
            report.warn(script.at, &lambda.key(name), wanted);
        }
        definition.inline_script = Some(script.value);
        return;
    }
    let path = script::existing(&script, &definition.base, &lambda.key(name), report);
    if let Some(wanted) = shared_memory::wanted(&path) {
        report.warn(script.at, &lambda.key(name), wanted);
    }
    definition.script = Some(path);
}

fn read_rest(
    entry: &Fields<'_>,
    lambda: &Fields<'_>,
    context: &Context<'_>,
    definition: &mut Definition,
    report: &mut Report,
) {
    let logs = entry.map("cloudwatch", CLOUDWATCH, report);
    if let Some(days) = logs.number("log_retention_policy_in_days", 1..=3653, "days", report) {
        definition.log_retention_days =
            limits::retention(&days, &logs.key("log_retention_policy_in_days"), report);
    }
    let iam = entry.map("iam", IAM, report);
    if let Some(role) = iam.text("role", report) {
        let key = iam.key("role");
        let at = role.at;
        if let Some(expanded) = expand(&role, &context.environment, &key, report) {
            definition.role = if expanded.unset {
                Some(expanded.text)
            } else {
                limits::role(&Spanned { at, value: expanded.text }, &role.value, &key, report)
            };
        }
    }
    if let Some(region) = lambda.text("region", report) {
        definition.region = Some(limits::region(&region, &region.value, &lambda.key("region"), report));
    }
    for (name, value) in lambda.pairs("tags", report) {
        if matches!(name.as_str(), "createdby" | "owner") {
            continue; // SCAR writes these itself
        }
        limits::tag(&name, &value, &lambda.key("tags"), report);
        definition.tags.insert(name, value.value);
    }
    entry.map("s3", S3, report);
    entry.map("ecr", ECR, report);
    entry.map("api_gateway", API_GATEWAY, report);
    entry.map("batch", BATCH, report);
}

fn note_unused(entry: &Fields<'_>, lambda: &Fields<'_>, container: &Fields<'_>, report: &mut Report) {
    if let Some(mode) = lambda.text("execution_mode", report) {
        let key = lambda.key("execution_mode");
        match mode.value.as_str() {
            "lambda" => {}
            "lambda-batch" | "batch" => report.error(
                mode.at,
                &key,
                format!(
                    "`{}` is not possible yet: this release runs functions on Lambda only. Write `lambda` if \
                     each input is done within 15 minutes and 10 GiB of memory; else keep using SCAR for it",
                    mode.value
                ),
            ),
            other => {
                let message = format!("{} is not allowed: lambda, lambda-batch or batch", show(other));
                report.error(mode.at, &key, message);
            }
        }
    }
    if let Some(runtime) = lambda.text("runtime", report)
        && runtime.value != "image"
        && !runtime.value.starts_with("python3.")
    {
        let message =
            format!("{} is not allowed: image (every function runs from its image)", show(&runtime.value));
        report.error(runtime.at, &lambda.key("runtime"), message);
    }
    let mut warn = |fields: &Fields<'_>, name: &str, why: &str| {
        if let Some(node) = fields.node(name).filter(|node| !node.says_nothing()) {
            report.warn(node.at, &fields.key(name), format!("not used: {why}"));
        }
    };
    warn(
        lambda,
        "layers",
        "a function that is made of an image has no layers on Lambda; put what is in them into the image, below /opt",
    );
    warn(lambda, "preheat", "the first tasks of a run warm the function up");
    warn(lambda, "boto_profile", "the context says which AWS profile is used");
    warn(entry, "boto_profile", "the context says which AWS profile is used");
    warn(entry, "api_gateway", "this release makes no HTTP endpoints; use `throng invoke`");
    for (fields, names) in [(container, &["alpine", "create_image"][..]), (lambda, &["asynchronous"][..])] {
        for name in names {
            fields.flag(name, report);
        }
    }
}
