//! `demo`: the main job on real data, with nothing that a user's own function could not use.

use super::{deploy, runs, tui};
use crate::args;
use crate::fail::{CliResult, Fail, SOME_FAILED};
use crate::print::{self, Table};
use crate::session::Session;
use include_dir::{Dir, include_dir};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use throng_core::dataset::Meter;
use throng_core::image::Programs;
use throng_core::jobs::{self, Definitions, Job, Launched, Observer, WhenInterrupted};
use throng_core::lines;
use throng_core::model::Architecture;
use throng_core::private;
use throng_core::run::{Inputs, LaunchRequest};
use throng_core::words;

/// The definition, the images and where they are from.
static ASSETS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../assets/demo");
/// The file name of the definition.
const DEFINITION: &str = "function.yaml";
/// The folder of the images.
const IMAGES: &str = "images";
/// The file name of the program that the definition's image is made of.
const PROGRAM: &str = "slices";

pub async fn run(session: &Session, args: args::Demo) -> CliResult {
    let folder = session.dirs.cache.join("demo");
    private::folder(&session.dirs.cache)?;
    unpack(&folder, session.programs)
        .map_err(|error| Fail::new(SOME_FAILED, format!("{}: {error}", folder.display())))?;
    print::note(lines!("the demo's files are in {}", folder.display()));
    let document = deploy::load(&folder.join(DEFINITION))?;
    let job = session.job(Job::Deploy).await?;
    let plans = deploy::plan(session, &job, &Definitions::File(document), false).await?;
    let Some(plan) = plans.first() else {
        return Err(Fail::new(SOME_FAILED, "the demo has no function"));
    };
    if !plan.is_empty() {
        print::note(lines!("deploying {}\n{plan}", plan.function));
        deploy::apply(session, &job, &plans, |_| {}).await?;
    }
    // The files of the folder, without its name before theirs.
    let inputs = Inputs::Files { paths: vec![folder.join(IMAGES).join(".")], dest: None };
    let request = LaunchRequest::new(plan.function.clone(), inputs);
    let observer = Observer::silent(session.interrupt.clone());
    let Launched::Run(launch) = jobs::launch(&job, request, &observer).await? else {
        return Err(Fail::usage("the demo has nothing to run"));
    };
    let launch = *launch;
    let id = launch.header().id.clone();
    if !args.no_tui {
        let sending = tokio::spawn(async move {
            jobs::send(launch, Arc::new(Meter::default()), WhenInterrupted::KeepRest, &observer).await
        });
        tui::open(session, Some(id)).await?;
        // A person who leaves at once leaves a whole run behind.
        return match sending.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(Fail::new(SOME_FAILED, error.to_string())),
        };
    }
    print::note(lines!("run {id}: {}", words::plural(launch.header().tasks, "image")));
    let summary = Box::pin(runs::through(session, launch, None)).await?;
    let results = runs::fetch_outputs(session, &job, &summary.id, &args.to).await?;
    let mut table = Table::new(&["IMAGE", "STATE", ">TOOK", ">MEMORY", "RESULTS"]);
    let mut shown = Vec::new();
    for (row, outputs) in &results {
        let outputs: Vec<_> = outputs.iter().map(|output| local_path(&args.to, &output.key)).collect();
        let paths: Vec<_> = outputs.iter().map(|path| path.display().to_string()).collect();
        shown.push(json!({"key": &*row.key, "state": row.state.as_str(), "duration_ms": row.duration_ms(),
            "peak_memory": row.peak_memory(), "results": paths}));
        table.row([
            row.key.rsplit('/').next().unwrap_or_default().to_owned(),
            row.state.to_string(),
            row.duration_ms().map(words::duration).unwrap_or_default(),
            row.peak_memory().map(words::bytes).unwrap_or_default(),
            paths.join(" "),
        ]);
    }
    print::result(session.format, &json!({"run": runs::document(&summary), "tasks": shown}), || {
        lines!(
            "{}\n{} of {} succeeded. The results are in {}.\n",
            table.render(),
            summary.counts.succeeded,
            summary.counts.total(),
            args.to.display()
        )
    });
    runs::verdict(&summary)
}

/// Where a download puts an object of a folder.
fn local_path(folder: &Path, key: &str) -> PathBuf {
    let name = key.rsplit('/').next().unwrap_or(key);
    folder.join(name)
}

/// Writes the demo's files and program to a folder where a person can look at them.
pub fn unpack(folder: &Path, programs: Programs) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(folder)?;
    ASSETS.extract(folder)?;
    let architecture = Architecture::host();
    let Some(program) = (programs.slices)(architecture) else {
        return Err(std::io::Error::other(
            "this throng was built without the demo's program; build it on Linux with static C libraries",
        ));
    };
    let path = folder.join(PROGRAM);
    std::fs::write(&path, program)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
}
