//! `upgrade`: today's runtime for functions that an older throng deployed.

use super::deploy::{apply, planned};
use super::{deploy, remove};
use crate::args::{Format, Upgrade};
use crate::fail::CliResult;
use crate::print;
use crate::session::Session;
use crate::transfer::watched;
use serde_json::json;
use throng_core::jobs::{self, Job};
use throng_core::lines;
use throng_core::words::Clean;

pub async fn upgrade(session: &Session, args: Upgrade) -> CliResult {
    let job = session.job(if args.dry_run { Job::Plan } else { Job::Deploy }).await?;
    let names = if args.all {
        remove::managed(job.cloud()).await?
    } else {
        args.names.iter().try_for_each(|name| deploy::named(name))?;
        args.names
    };
    let plan = async |observer| jobs::plan_upgrade(&job, &names, &observer).await;
    let plans = watched(session, |_| {}, plan).await?;
    let table = session.format == Format::Table;
    for plan in plans.iter().filter(|_| table) {
        let function = Clean::new(&plan.function);
        if plan.is_empty() {
            print::out(lines!("function {function}\nkeep    today's runtime\n"));
        } else {
            print::out(lines!("function {function}\n{plan}"));
        }
    }
    let (mut results, work): (Vec<_>, Vec<_>) = (
        plans.iter().map(|plan| planned(plan)).collect(),
        plans.iter().filter(|plan| !plan.is_empty()).cloned().collect(),
    );
    if !args.dry_run {
        let applied = apply(session, &job, &work, move |applied| {
            if table {
                print::out(lines!("Upgraded: {}.\n", Clean::new(&applied.function)));
            }
        });
        for applied in applied.await? {
            for result in results.iter_mut().filter(|result| result["function"] == applied.function.as_str())
            {
                (result["applied"], result["arn"]) = (json!(true), json!(applied.arn));
            }
        }
    }
    if session.format == Format::Json {
        print::result(session.format, &results, String::new);
    }
    Ok(())
}
