//! `doctor`: whether this machine and the context can do the job, and what to change.

use crate::cli::args::Format;
use crate::cli::fail::{Fail, Outcome, SOME_FAILED};
use crate::cli::print;
use crate::cli::session::Session;
use serde::Serialize;
use std::fmt::Write as _;
use throng::core::cloud::{Cloud, CloudError};
use throng::core::image::embedded;
use throng::local::sandbox::{self, Finding};

/// One thing that was looked at, as `--output json` prints it.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    ok: bool,
    /// What was found.
    found: String,
    /// What to change; empty when nothing has to be.
    advice: String,
}

impl Check {
    fn good(what: &str, found: impl Into<String>) -> Self {
        Self { what: what.to_owned(), ok: true, found: found.into(), advice: String::new() }
    }

    fn bad(what: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.to_owned(), ok: false, found: found.into(), advice: advice.into() }
    }

    fn of<T>(what: &str, outcome: Result<T, CloudError>, found: impl FnOnce(T) -> String) -> Self {
        match outcome {
            Ok(value) => Self::good(what, found(value)),
            Err(error) => Self::bad(what, error.to_string(), error.advice()),
        }
    }
}

pub async fn examine(session: &Session) -> Outcome {
    let mut checks = vec![folders(session), runtime()];
    let context = session.context()?;
    if context.is_local() {
        for finding in sandbox::check() {
            let ok = finding.level != sandbox::Level::Bad;
            let Finding { subject, detail, remedy, .. } = finding;
            checks.push(Check { what: subject, ok, found: detail, advice: remedy });
        }
    }
    match Cloud::connect(context, &session.dirs).await {
        Ok(cloud) => {
            let endpoint = cloud.endpoint().map_or_else(String::new, |endpoint| format!(" at {endpoint}"));
            checks.push(Check::good("context", format!("{} ({}){endpoint}", context.name, cloud.region())));
            checks.extend(Box::pin(services(&cloud)).await);
        }
        Err(error) => checks.push(Check::bad("context", error.to_string(), error.advice())),
    }
    print::result(session.format, &checks, || text(&checks));
    let bad = checks.iter().filter(|check| !check.ok).count();
    match (bad, session.format) {
        (0, _) => Ok(()),
        (_, Format::Json) => Err(Fail::silent(SOME_FAILED)),
        (bad, Format::Table) => {
            Err(Fail::new(SOME_FAILED, format!("{bad} of {} checks failed", checks.len())))
        }
    }
}

fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let mark = if check.ok { "ok  " } else { "FAIL" };
        let _ = writeln!(text, "{mark}  {:<18} {}", check.what, print::clean(&check.found));
        for line in check.advice.lines() {
            let _ = writeln!(text, "      {:<18} {}", "", print::clean(line));
        }
    }
    text
}

fn folders(session: &Session) -> Check {
    let dirs = &session.dirs;
    for folder in [&dirs.state, &dirs.cache, &dirs.data] {
        if let Err(error) = std::fs::create_dir_all(folder) {
            return Check::bad(
                "folders",
                format!("{}: {error}", folder.display()),
                "Make it writable, or set THRONG_HOME to a folder that is.",
            );
        }
    }
    Check::good("folders", format!("data in {}", dirs.data.display()))
}

fn runtime() -> Check {
    use throng::core::definition::Architecture;
    let built: Vec<_> = [Architecture::X86_64, Architecture::Arm64]
        .into_iter()
        .filter(|architecture| embedded::runtime(*architecture).is_some())
        .map(Architecture::as_aws)
        .collect();
    if built.is_empty() {
        return Check::bad(
            "runtime",
            "this throng was built without the program that runs inside functions",
            "Build it on Linux with static C libraries (Debian: libc6-dev; Fedora: glibc-static), or with\nTHRONG_RUNTIME_BINARY naming one.",
        );
    }
    Check::good("runtime", format!("for {}", built.join(", ")))
}

async fn services(cloud: &Cloud) -> Vec<Check> {
    let (s3, lambda, logs) = (cloud.s3(), cloud.lambda(), cloud.logs());
    let (buckets, functions, group) =
        tokio::join!(s3.list_buckets(), lambda.list_page(None), logs.group("/aws/lambda/throng-doctor"));
    let home = match cloud.home_bucket() {
        Ok(bucket) => Check::of("home bucket", cloud.s3().bucket_exists(bucket).await, |exists| {
            let note = if exists { "" } else { " (made by the first deployment)" };
            format!("{bucket}{note}")
        }),
        Err(error) => Check::bad("home bucket", error.to_string(), error.advice()),
    };
    let role = Check::of("role", cloud.role().map(str::to_owned), |role| role);
    vec![
        Check::of("S3", buckets, |buckets| format!("{} buckets", buckets.len())),
        Check::of("Lambda", functions, |(functions, more)| {
            format!("{}{} functions", functions.len(), if more.is_some() { "+" } else { "" })
        }),
        Check::of("CloudWatch Logs", group, |_| "answers".to_owned()),
        home,
        role,
    ]
}
