//! A definition as YAML, so that a form can be saved.

use super::{Architecture, Definition, OnFailure, ScriptSecret, expect, groups, selection, sweep};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use throng_contract::barrier::When;
use throng_contract::{Credentials, Protocol};

/// The definition as a file that reads back as itself. Secrets are written as `${NAME}`.
#[must_use]
pub fn to_yaml(definition: &Definition) -> String {
    let mut lambda = String::new();
    let mut line = |text: String| {
        let _ = writeln!(lambda, "      {text}");
    };
    line(format!("name: {}", quote(&definition.name)));
    if !definition.description.is_empty() {
        line(format!("description: {}", quote(&definition.description)));
    }
    if let Some(region) = &definition.region {
        line(format!("region: {}", quote(region)));
    }
    line(format!("memory: {}", definition.memory_mb));
    line(format!("timeout: {}", definition.timeout_s));
    line(format!("ephemeral_storage: {}", definition.tmp_mb));
    line(format!("retries: {}", definition.retries));
    if let Some(size) = definition.pack {
        line(format!("pack: {size}"));
    }
    if let Some(seconds) = definition.task_timeout_s {
        line(format!("task_timeout: {seconds}"));
    }
    if let Some(concurrency) = definition.concurrency {
        line(format!("concurrency: {concurrency}"));
    }
    if definition.overwrites {
        line("on_collision: overwrite".into());
    }
    if definition.on_failure == OnFailure::Keep {
        line("on_failure: keep".into());
    }
    if let Some(folder) = &definition.workdir {
        line(format!("workdir: {}", quote(folder)));
    }
    match definition.credentials {
        Credentials::Ask => {}
        Credentials::Env => line("credentials: env".into()),
        Credentials::None => line("credentials: none".into()),
        Credentials::Role => line("credentials: role".into()),
    }
    definition.expect.iter().flat_map(|expect| expect::yaml(expect, quote)).for_each(&mut line);
    definition.grouping.iter().flat_map(|grouping| groups::yaml(grouping, quote)).for_each(&mut line);
    sweep::yaml(&definition.sweep, quote).into_iter().for_each(&mut line);
    if let Some(join) = &definition.join {
        let after: Vec<_> = join.after.iter().map(|name| quote(name)).collect();
        line(format!("after: [{}]", after.join(", ")));
        if join.when != When::default() {
            line(format!("when: {}", join.when));
        }
        if let Some(by) = &join.by {
            line(format!("by: {}", quote(by)));
        }
        if !join.stage_in {
            line("stage_in: false".into());
        }
    }
    if definition.architecture == Architecture::Arm64 {
        line("architectures: [arm64]".into());
    }
    if let Some(script) = &definition.inline_script {
        line(format!("init_script: {}", quote(script)));
    }
    if let Some(script) = &definition.script {
        line(format!("init_script: {}", quote(&shorten(script, &definition.base))));
    }
    if !definition.files.is_empty() {
        let names = definition.files.iter().map(|path| quote(&shorten(path, &definition.base)));
        line(format!("files: [{}]", names.collect::<Vec<_>>().join(", ")));
    }
    line("container:".into());
    line(format!("  image: {}", quote(&definition.image)));
    line(format!("  timeout_threshold: {}", definition.timeout_threshold_s));
    for text in variables(&definition.env, definition) {
        line(format!("  {text}"));
    }
    for text in variables(&definition.lambda_env, definition) {
        line(text);
    }
    for text in secrets(definition) {
        line(text);
    }
    for text in network(definition) {
        line(text);
    }
    for text in pairs("tags", &definition.tags) {
        line(text);
    }
    for text in places(definition) {
        line(text);
    }
    let mut out = format!("functions:\n  aws:\n  - lambda:\n{lambda}");
    if let Some(role) = &definition.role {
        let _ = write!(out, "    iam:\n      role: {}\n", quote(role));
    }
    if definition.log_retention_days != 30 {
        let days = definition.log_retention_days;
        let _ = write!(out, "    cloudwatch:\n      log_retention_policy_in_days: {days}\n");
    }
    out.push_str(&providers(definition));
    out
}

/// Keys that stood in the file are not written into another one: they become `${MINIO_LAB_SECRET_KEY}`.
fn providers(definition: &Definition) -> String {
    let mut out = String::new();
    let mut kinds: BTreeMap<&str, Vec<(&str, &super::Provider)>> = BTreeMap::new();
    for (name, provider) in &definition.providers {
        let (kind, id) = name.split_once('.').unwrap_or((name, "default"));
        kinds.entry(kind).or_default().push((id, provider));
    }
    if !kinds.is_empty() {
        out.push_str("storage_providers:\n");
    }
    for (kind, providers) in kinds {
        let _ = writeln!(out, "  {kind}:");
        for (id, provider) in providers {
            let _ = writeln!(out, "    {}:", quote(id));
            let mut line = |key: &str, value: &str| {
                let _ = writeln!(out, "      {key}: {value}");
            };
            let webdav = provider.storage.protocol == Protocol::Webdav;
            if let Some(endpoint) = &provider.storage.endpoint {
                line(if webdav { "hostname" } else { "endpoint" }, &quote(&endpoint.replace("${", "$${")));
            }
            if !provider.storage.verify {
                line("verify", "false");
            }
            if !webdav {
                line("region", &quote(&provider.storage.region));
            }
            let keys: [Option<&str>; 2] = match (webdav, provider.keys.access_key.is_empty()) {
                (false, _) => [Some("access_key"), Some("secret_key")],
                (true, false) => [Some("login"), Some("password")],
                (true, true) => [None, Some("token")],
            };
            for (key, written) in keys.into_iter().zip(&provider.written) {
                let Some(key) = key else { continue };
                let variable = format!("{kind}_{id}_{key}").replace('-', "_").to_uppercase();
                let text = written.clone().unwrap_or_else(|| format!("${{{variable}}}"));
                line(key, &quote(&text));
            }
        }
    }
    out
}

/// A list where every secret has its own name in the environment.
fn secrets(definition: &Definition) -> Vec<String> {
    let all = &definition.script_secrets;
    let own = |name: &str| format!("${{{name}}}");
    let plain = |(name, secret): (&String, &ScriptSecret)| {
        secret.written.as_ref().is_none_or(|written| *written == own(name))
    };
    if all.is_empty() {
        return Vec::new();
    }
    if all.iter().all(plain) {
        return vec![format!("secrets: [{}]", all.keys().cloned().collect::<Vec<_>>().join(", "))];
    }
    let written = |(name, secret): (&String, &ScriptSecret)| {
        format!("  {name}: {}", quote(&secret.written.clone().unwrap_or_else(|| own(name))))
    };
    std::iter::once("secrets:".to_owned()).chain(all.iter().map(written)).collect()
}

fn network(definition: &Definition) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(network) = &definition.network {
        lines.push("vpc:".to_owned());
        lines.push(format!("  SubnetIds: [{}]", network.subnets.join(", ")));
        lines.push(format!("  SecurityGroupIds: [{}]", network.security_groups.join(", ")));
    }
    if !definition.file_systems.is_empty() {
        lines.push("file_system:".to_owned());
    }
    for file_system in &definition.file_systems {
        lines.push(format!("- Arn: {}", quote(&file_system.arn)));
        lines.push(format!("  LocalMountPath: {}", quote(&file_system.path)));
    }
    lines
}

fn variables(values: &BTreeMap<String, String>, definition: &Definition) -> Vec<String> {
    if values.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["environment:".to_owned(), "  Variables:".to_owned()];
    for (name, value) in values {
        // What is literally `${` must not be expanded when it is read back.
        let written = definition.secrets.get(name).cloned().unwrap_or_else(|| value.replace("${", "$${"));
        lines.push(format!("    {name}: {}", quote(&written)));
    }
    lines
}

fn pairs(title: &str, values: &BTreeMap<String, String>) -> Vec<String> {
    if values.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("{title}:")];
    lines.extend(values.iter().map(|(name, value)| format!("  {}: {}", quote(name), quote(value))));
    lines
}

fn places(definition: &Definition) -> Vec<String> {
    let path = |bucket: &str, path: &str| {
        if path.is_empty() { quote(bucket) } else { quote(&format!("{bucket}/{path}")) }
    };
    let list = |words: &[String]| words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    if !definition.selections.is_empty() {
        lines.push("input:".to_owned());
    }
    for input in &definition.selections {
        lines.push(format!("- storage_provider: {}", input.provider.as_deref().unwrap_or("s3")));
        lines.push(format!("  path: {}", path(&input.bucket, &input.path)));
        let lists = [("prefix", &input.prefix), ("suffix", &input.suffix), ("exclude", &input.exclude)];
        for (name, words) in lists.into_iter().filter(|(_, words)| !words.is_empty()) {
            lines.push(format!("  {name}: [{}]", list(words)));
        }
        if input.min_size > 0 {
            lines.push(format!("  min_size: {}", input.min_size));
        }
        if let Some(newer) = input.newer {
            lines.push(format!("  newer: {}", quote(&selection::written(newer))));
        }
    }
    if !definition.outputs.is_empty() {
        lines.push("output:".to_owned());
    }
    for output in &definition.outputs {
        lines.push(format!("- storage_provider: {}", output.provider.as_deref().unwrap_or("s3")));
        lines.push(format!("  path: {}", path(&output.bucket, &output.path)));
        for (name, words) in [("prefix", &output.prefix), ("suffix", &output.suffix)] {
            if !words.is_empty() {
                lines.push(format!("  {name}: [{}]", list(words)));
            }
        }
    }
    lines
}

/// A path below the definition's folder is written relative to it.
fn shorten(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

/// Plain where that is safe, else in double quotes with JSON's escapes, which YAML shares.
fn quote(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(safe)
        && !matches!(text.to_lowercase().as_str(), "null" | "true" | "false" | "yes" | "no" | "on" | "off");
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
