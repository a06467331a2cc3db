//! `functions`.

use super::deploy::only_name;
use crate::args;
use crate::fail::{CliResult, Fail};
use crate::print::{self, Table};
use crate::session::Session;
use serde::Serialize;
use std::fmt::Write as _;
use throng_core::jobs::Job;
use throng_core::model::FunctionInfo;
use throng_core::words::{self, Clean, Lines};

/// A function as `--output json` prints it.
#[derive(Serialize)]
struct Shown<'f> {
    name: &'f str,
    arn: &'f str,
    state: &'f str,
    state_reason: Option<&'f str>,
    image: Option<&'f str>,
    memory_mb: u32,
    timeout_s: u32,
    tmp_mb: u32,
    architecture: &'f str,
    log_group: &'f str,
    description: &'f str,
    managed: bool,
    modified_ms: Option<u64>,
}

/// Lists do not tell everything.
fn known(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl<'f> From<&'f FunctionInfo> for Shown<'f> {
    fn from(info: &'f FunctionInfo) -> Self {
        Self {
            name: &info.name,
            arn: &info.arn,
            state: &info.state,
            state_reason: known(&info.state_reason),
            image: known(&info.image),
            memory_mb: info.memory_mb,
            timeout_s: info.timeout_s,
            tmp_mb: info.tmp_mb,
            architecture: &info.architecture,
            log_group: &info.log_group,
            description: &info.description,
            managed: info.managed,
            modified_ms: info.modified_ms,
        }
    }
}

pub async fn list(session: &Session, args: args::Functions) -> CliResult {
    let name = args.name.as_deref().map(only_name).transpose()?;
    let job = session.job(Job::Look).await?;
    let cloud = job.cloud();
    let Some(name) = name else {
        let mut functions = cloud.lambda().list().await?;
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        let shown: Vec<_> = functions.iter().map(Shown::from).collect();
        print::result(session.format, &shown, || table(&functions));
        return Ok(());
    };
    let Some(detail) = cloud.lambda().get(&name).await? else {
        return Err(Fail::no_function(&name));
    };
    print::result(session.format, &Shown::from(&detail.info), || one(&detail.info));
    Ok(())
}

pub(crate) fn table(functions: &[FunctionInfo]) -> Lines {
    if functions.is_empty() {
        return "No functions. `throng deploy FILE` makes one.\n".into();
    }
    let mut table = Table::new(&["NAME", "STATE", ">MEMORY", ">TIMEOUT", "ARCH", "MODIFIED"]);
    for function in functions {
        table.row([
            function.name.clone(),
            function.state.clone(),
            format!("{} MiB", function.memory_mb),
            format!("{} s", function.timeout_s),
            function.architecture.clone(),
            function.modified_ms.map(words::local_time).unwrap_or_default(),
        ]);
    }
    table.render()
}

pub(crate) fn one(info: &FunctionInfo) -> Lines {
    let mut text = Lines::default();
    for (name, value) in [
        ("name", info.name.clone()),
        ("state", info.state.clone()),
        ("reason", info.state_reason.clone()),
        ("image", info.image.clone()),
        ("memory", format!("{} MiB", info.memory_mb)),
        ("timeout", format!("{} s", info.timeout_s)),
        ("/tmp", format!("{} MiB", info.tmp_mb)),
        ("architecture", info.architecture.clone()),
        ("modified", info.modified_ms.map(words::local_time).unwrap_or_default()),
        ("log group", info.log_group.clone()),
        ("description", info.description.clone()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<13} {}", Clean::new(&value));
        }
    }
    text
}
