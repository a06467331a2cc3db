//! `doctor`: whether this machine and the context can do the job, and what to change.

use crate::args::{self, Format, Policy};
use crate::fail::{CliResult, Fail, SOME_FAILED, UNREACHABLE};
use crate::print;
use crate::session::Session;
use std::fmt::Write as _;
use throng_core::cloud::Cloud;
use throng_core::definition;
use throng_core::doctor::{self, Check};
use throng_core::image::Programs;
use throng_core::jobs::Job;
use throng_core::lines;
use throng_core::policies;
use throng_core::private;
use throng_core::words::{self, Clean, Lines};

pub async fn examine(session: &Session, args: &args::Doctor) -> CliResult {
    let context = session.context()?;
    for bucket in &args.buckets {
        if let Err(why) = definition::bucket_name(bucket) {
            return Err(Fail::usage(format!("--bucket: `{bucket}` is not a bucket name: {why}")));
        }
    }
    if let Some(policy) = args.policy {
        let job = session.job(Job::Look).await?;
        return print_policy(job.cloud(), policy, &args.buckets).await;
    }
    let mut checks = vec![folders(session), runtime(session.programs)];
    if context.is_local() {
        checks.extend(session.embedded_cloud.check_sandbox());
    }
    let cloud = match Cloud::connect(context, &session.dirs).await {
        Ok(cloud) => {
            let endpoint = cloud.endpoint().map_or_else(String::new, |endpoint| format!(" at {endpoint}"));
            checks.push(Check::good("context", format!("{} ({}){endpoint}", context.name, cloud.region())));
            checks.extend(Box::pin(doctor::examine(&cloud, &args.buckets)).await);
            Some(cloud)
        }
        Err(error) => {
            let where_is =
                [("at", &context.endpoint), ("in", &context.region), ("of profile", &context.profile)];
            let where_is =
                where_is.iter().filter_map(|(word, value)| Some(format!(" {word} {}", value.as_ref()?)));
            let where_is: String = where_is.collect();
            let mut check = Check::failed("context", &error);
            check.found = format!("{}{where_is}: {}", context.name, check.found);
            checks.push(check);
            None
        }
    };
    print::result(session.format, &checks, || text(&checks));
    if cloud.is_some_and(|cloud| !cloud.is_local()) && session.format == Format::Table {
        print::out(
            "Least privilege: `throng doctor --policy person` prints a policy for whoever deploys and runs,\n`--policy \
             function` one for a function's role, each for the buckets that --bucket names.\n",
        );
    }
    let bad = checks.iter().filter(|check| !check.ok).count();
    let code = if checks.iter().any(|check| check.unreachable) { UNREACHABLE } else { SOME_FAILED };
    match (bad, session.format) {
        (0, _) => Ok(()),
        (_, Format::Json) => Err(Fail::silent(code)),
        (bad, Format::Table) => {
            Err(Fail::new(code, format!("{bad} of {} failed", words::how_many(checks.len(), "check"))))
        }
    }
}

async fn print_policy(cloud: &Cloud, policy: Policy, buckets: &[String]) -> CliResult {
    let scope = doctor::policy_scope(cloud, buckets).await?;
    let document = match policy {
        Policy::Person => policies::person(&scope),
        Policy::Function => policies::function(&scope),
    };
    print::out(lines!("{document}\n"));
    Ok(())
}

pub(crate) fn text(checks: &[Check]) -> Lines {
    let mut text = Lines::default();
    for check in checks {
        let mark = match (check.ok, check.advice.is_empty()) {
            (true, true) => "ok  ",
            (true, false) => "note",
            (false, _) => "FAIL",
        };
        let _ = writeln!(text, "{mark}  {:<18} {}", check.what, Clean::new(&check.found));
        for line in check.advice.lines() {
            let _ = writeln!(text, "      {:<18} {}", "", Clean::new(line));
        }
    }
    text
}

fn folders(session: &Session) -> Check {
    let dirs = &session.dirs;
    for folder in [&dirs.state, &dirs.cache, &dirs.data] {
        if let Err(error) = private::folder(folder) {
            return Check::bad(
                "folders",
                format!("{}: {error}", folder.display()),
                "Make it writable, or set THRONG_HOME to a folder that is.",
            );
        }
    }
    Check::good("folders", format!("data in {}", dirs.data.display()))
}

fn runtime(programs: Programs) -> Check {
    use throng_core::model::Architecture;
    let built: Vec<_> = [Architecture::X86_64, Architecture::Arm64]
        .into_iter()
        .filter(|architecture| (programs.runtime)(*architecture).is_some())
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
