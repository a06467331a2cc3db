//! `local`: the embedded cloud as a process.

use crate::args::{Format, Global, Local};
use crate::fail::{CliResult, Fail, SOME_FAILED, UNREACHABLE};
use crate::print;
use crate::session::{confirm, dirs};
use crate::waiting::patiently;
use crate::{EmbeddedCloud, ServeFailure, ServeRequest};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use throng_contract::local as contract;
use throng_core::config::{Config, LOCAL, Overrides};
use throng_core::dirs::Dirs;
use throng_core::jobs::{self, Job, permit};
use throng_core::lines;
use throng_core::words::{self, Lines};

pub fn control(verb: &Local, global: &Global, cloud: &dyn EmbeddedCloud) -> CliResult {
    let dirs = dirs()?;
    let (folder, format) = (dirs.local_cloud(), global.output);
    match *verb {
        Local::Serve { port, time_scale, idle_minutes, detach, ref faults } => {
            let config = Config::load(&dirs, &Overrides::default()).map_err(Fail::usage)?.local;
            let minutes = idle_minutes.unwrap_or_else(|| u64::from(config.idle_minutes));
            let request = ServeRequest {
                folder,
                port: port.or((config.port != 0).then_some(config.port)),
                time_scale: 1.0 / time_scale.max(0.001),
                // "Never" is a hundred years.
                idle: Duration::from_secs(60 * if minutes == 0 { 52_560_000 } else { minutes }),
                max_environments: (config.max_environments != 0).then_some(config.max_environments),
                network: config.sandbox_network,
                ports: config.sandbox_ports,
                detach,
                log_bytes_per_function: u64::from(config.log_mb_per_function) << 20,
                log_bytes: u64::from(config.log_mb) << 20,
                faults: faults.clone(),
            };
            cloud.serve(&request).map_err(|failure| match failure {
                ServeFailure::Request(why) => Fail::usage(why),
                ServeFailure::Cloud(why) => unreachable(why),
            })
        }
        Local::Start => {
            let endpoint = start(cloud, &folder)?;
            print::result(format, &endpoint, || {
                lines!("The local cloud listens at {} (process {}).\n", endpoint.endpoint, endpoint.pid)
            });
            Ok(())
        }
        Local::Stop => {
            let stopped = stop(cloud, &folder)?;
            print::result(format, &json!({ "stopped": stopped }), || {
                if stopped { "Stopped.\n" } else { "It was not running.\n" }
            });
            Ok(())
        }
        Local::Status { env } => status(cloud, &folder, env, format),
        Local::Gc { days } => {
            permit_here(global, &dirs, Job::Collect)?;
            start(cloud, &folder)?;
            let what = "waiting for the local cloud to remove what nothing needs …";
            let there =
                patiently(what, || cloud.collect(&folder, days.saturating_mul(24))).map_err(unreachable)?;
            let here = jobs::collect(&dirs, Duration::from_hours(24 * u64::from(days)));
            collected(format, &there, &here);
            Ok(())
        }
        Local::Reset { yes } => {
            permit_here(global, &dirs, Job::Reset)?;
            let question = format!("Delete every object, function, run and log in {}?", folder.display());
            if !yes && !confirm(&question)? {
                return Ok(());
            }
            stop(cloud, &folder)?;
            cloud.reset(&folder).map_err(unreachable)?;
            print::note("the local cloud is empty");
            Ok(())
        }
    }
}

/// Whether the local context, as configured, permits a job.
fn permit_here(global: &Global, dirs: &Dirs, job: Job) -> CliResult {
    let overrides = Overrides { file: global.config.clone(), context: Some(LOCAL.to_owned()) };
    let config = Config::load(dirs, &overrides).map_err(Fail::usage)?;
    Ok(permit(config.context(None).map_err(Fail::usage)?, job)?)
}

fn start(cloud: &dyn EmbeddedCloud, folder: &Path) -> Result<contract::LocalEndpoint, Fail> {
    let arguments = ["local", "serve", "--detach"].map(str::to_owned);
    cloud.start(folder, &arguments).map_err(unreachable)
}

/// Says what was removed, there and on this machine.
fn collected(format: Format, there: &Value, here: &jobs::Collected) {
    let number = |name: &str| there.get(name).and_then(Value::as_u64).unwrap_or(0);
    let document = json!({
        "image_bytes": number("imageBytes"),
        "uploads": number("uploads"),
        "journals": here.journals,
        "launches": here.launches,
        "cached_layers": here.layers,
        "cached_bytes": here.bytes,
    });
    print::result(format, &document, || {
        lines!(
            "Removed from the local cloud: {} of image layers that nothing needs, {}.\n\
             Removed from this machine: {} of transfers, {} of runs, {} of images ({}).\n",
            words::bytes(number("imageBytes")),
            words::plural(number("uploads"), "broken upload"),
            words::plural(here.journals, "journal"),
            words::plural(here.launches, "plan"),
            words::plural(here.layers, "cached layer"),
            words::bytes(here.bytes),
        )
    });
}

fn stop(cloud: &dyn EmbeddedCloud, folder: &Path) -> Result<bool, Fail> {
    let what = "waiting for the local cloud to end what is under way …";
    patiently(what, || cloud.stop(folder)).map_err(unreachable)
}

fn unreachable(why: String) -> Fail {
    Fail::new(UNREACHABLE, why)
}

fn status(cloud: &dyn EmbeddedCloud, folder: &Path, env: bool, format: Format) -> CliResult {
    let Some((endpoint, status)) = cloud.status(folder) else {
        let document = json!({ "running": false, "endpoint": null, "pid": null, "version": null,
            "started_ms": null, "status": null });
        print::result(
            format,
            &document,
            || "The local cloud is not running. `throng local start` starts it; other verbs do it by themselves.\n",
        );
        return Err(Fail::silent(UNREACHABLE));
    };
    if env {
        let credentials = cloud
            .credentials(folder)
            .map_err(|error| Fail::new(SOME_FAILED, format!("the local cloud's credentials: {error}")))?;
        let contract::AccessKey { access_key_id, secret_access_key } = credentials.user;
        let mut text = Lines::default();
        for (name, value) in variables(&endpoint.endpoint, &access_key_id, &secret_access_key) {
            text.push(&lines!("export {name}={value}\n"));
        }
        text.push(&lines!("unset {}\n", STRONGER.join(" ")));
        print::out(text);
        return Ok(());
    }
    let document = json!({ "running": true, "endpoint": endpoint.endpoint, "pid": endpoint.pid,
        "version": endpoint.version, "started_ms": endpoint.started_ms, "status": status });
    print::result(format, &document, || {
        let mut text = lines!(
            "The local cloud listens at {} (process {}, throng {}, since {}).\n",
            endpoint.endpoint,
            endpoint.pid,
            endpoint.version,
            words::local_time(endpoint.started_ms)
        );
        for (name, value) in facts(&status) {
            let _ = writeln!(text, "  {name:<20} {value}");
        }
        text.push(&"Other programs: eval \"$(throng local status --env)\"\n".into());
        text
    });
    Ok(())
}

/// What would win over what is set here, or send requests elsewhere: of AWS's command line and SDKs
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>), and of rclone.
const STRONGER: [&str; 17] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_ECR",
    "RCLONE_S3_ACCESS_KEY_ID",
    "RCLONE_S3_SECRET_ACCESS_KEY",
    "RCLONE_S3_SESSION_TOKEN",
    "RCLONE_S3_PROFILE",
];

/// What other programs read: AWS's command line and its SDKs the first ones, s5cmd `S3_ENDPOINT_URL`, rclone the rest, for
/// its remotes of S3 (`rclone ls :s3:BUCKET`) and for one that is named `throng:`.
fn variables<'v>(endpoint: &'v str, id: &'v str, secret: &'v str) -> Vec<(String, &'v str)> {
    let mut all = Vec::new();
    let mut set = |name: &str, value| all.push((name.to_owned(), value));
    for (name, value) in [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", contract::REGION),
        ("AWS_DEFAULT_REGION", contract::REGION),
        ("S3_ENDPOINT_URL", endpoint),
        ("RCLONE_CONFIG_THRONG_TYPE", "s3"),
    ] {
        set(name, value);
    }
    for prefix in ["RCLONE_S3", "RCLONE_CONFIG_THRONG"] {
        for (name, value) in [
            ("PROVIDER", "Other"),
            ("ENV_AUTH", "true"),
            ("ENDPOINT", endpoint),
            ("REGION", contract::REGION),
            ("FORCE_PATH_STYLE", "true"),
        ] {
            set(&format!("{prefix}_{name}"), value);
        }
    }
    all
}

/// What a daemon says of itself, for people, beside what names it.
fn facts(status: &Value) -> Vec<(&'static str, String)> {
    let number = |name: &str| status.get(name).and_then(Value::as_u64);
    let running = status.pointer("/lambda/running").and_then(Value::as_array).map(Vec::len);
    let mut facts = Vec::new();
    facts.extend(number("uptimeMs").map(|ms| ("up for", words::duration(ms))));
    facts.extend(number("memoryBytes").map(|bytes| ("memory", words::bytes(bytes))));
    facts.extend(number("requests").map(|count| ("requests answered", count.to_string())));
    // This one is open, too.
    facts.extend(
        number("openRequests").map(|open| ("requests under way", open.saturating_sub(1).to_string())),
    );
    facts.extend(running.map(|count| ("running invocations", count.to_string())));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_words_and_units() {
        let status = json!({"version": "0.1.0", "pid": 7, "uptimeMs": 245_000, "requests": 12,
            "openRequests": 1, "memoryBytes": 47_185_920, "lambda": {"running": [{}, {}]}});
        let text: Vec<_> =
            facts(&status).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            text,
            [
                "up for: 4m05s",
                "memory: 45 MiB",
                "requests answered: 12",
                "requests under way: 0",
                "running invocations: 2"
            ]
        );
    }
}
