//! Reads definitions, says what deploying them would do, deploys and removes functions.

use super::command::DeployRequest;
use super::context::Ctx;
use super::observe::{finish, observer};
use super::progress::ProgressHandle;
use super::snapshot::{PlanView, PlannedFunction, Severity};
use crate::definition;
use crate::deploy::RemoveOptions;
use crate::jobs::{self, Definitions, JobError, JobErrorKind, Observer};
use crate::model::ProgressState;
use std::path::PathBuf;

/// Says what deploying would do.
pub(super) async fn plan(mut ctx: Ctx, request: DeployRequest) {
    let planned = async {
        let definitions = read(request).await?;
        let observer = Observer::silent(ctx.token.clone());
        jobs::plan(&ctx.job().await?, &definitions, &observer).await
    };
    let view = match planned.await {
        Ok(plans) => {
            let plans: Vec<_> = plans.iter().map(|plan| PlannedFunction::from(&**plan)).collect();
            PlanView::Ready(plans.into())
        }
        Err(error) => PlanView::Failed(error.sentence()),
    };
    ctx.show(move |snap| snap.plan = Some(view));
}

/// Reads a request. Relative paths of a form start at the working folder.
async fn read(request: DeployRequest) -> Result<Definitions, JobError> {
    let read = move || match request {
        DeployRequest::Form(form) => {
            let base = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
            definition::from_form(&form, &base).map(|definition| Definitions::Form(Box::new(definition)))
        }
        DeployRequest::File(path) => definition::load(&path).map(Definitions::File),
    };
    let read = tokio::task::spawn_blocking(read).await;
    Ok(read.map_err(|error| JobError::new(JobErrorKind::Failed, error.to_string()))??)
}

/// Deploys every function of a request, which people know as `shown`, when all of them can be.
pub(super) async fn deploy(mut ctx: Ctx, progress: ProgressHandle, shown: String, request: DeployRequest) {
    let observer = observer(&ctx, &progress);
    let result = async {
        let definitions = read(request).await?;
        for warning in definitions.warnings() {
            let text = warning.to_string();
            ctx.update(|state| state.notice(Severity::Warning, "Definition", text));
        }
        let job = ctx.job().await?;
        let plans = jobs::plan(&job, &definitions, &observer).await?;
        jobs::apply(&job, &plans, &observer).await
    }
    .await;
    progress.relabel(format!("deploy {shown}"));
    if let Err(error) = &result
        && error.is_interrupted()
    {
        let (title, text) = (format!("{shown}: cancelled"), error.to_string());
        ctx.update(move |state| state.notice(Severity::Warning, title, text));
    }
    finish(&ctx, &progress, format!("{shown} was not deployed"), &result.map(drop));
    ctx.refresh.notify_one();
}

/// Removes a function.
pub(super) async fn remove(mut ctx: Ctx, progress: ProgressHandle, name: String) {
    let removed = async { jobs::remove(&ctx.job().await?, &name, RemoveOptions::default()).await }.await;
    match removed {
        Ok(removed) => {
            progress.end(ProgressState::Done);
            let detail = format!("left: {}", removed.left.join(", "));
            ctx.update(move |state| state.notice(Severity::Info, format!("{name} is deleted"), detail));
        }
        Err(error) => finish(&ctx, &progress, format!("{name} was not deleted"), &Err(error)),
    }
    ctx.refresh.notify_one();
}
