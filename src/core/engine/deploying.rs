//! Deploys and removes functions.

use super::command::Wish;
use super::context::Ctx;
use super::progress::ProgressHandle;
use super::snapshot::Severity;
use super::{EngineOptions, planning};
use crate::cloud::{Cloud, CloudError};
use crate::definition::Definition;
use crate::deploy::{self, DeployError, DeployOptions, DeployProgress, RemoveOptions};
use crate::image::LayerState;
use crate::model::ProgressState;
use crate::words::plural;
use std::sync::Arc;

/// Deploys every function of a wish, which people know as `shown`.
pub(super) async fn deploy(
    mut ctx: Ctx,
    progress: ProgressHandle,
    (shown, wish): (String, Wish),
    options: Arc<EngineOptions>,
) {
    match planning::read(wish).await {
        Ok(wanted) => {
            for warning in wanted.warnings {
                let text = warning.to_string();
                ctx.update(|state| state.notice(Severity::Warning, "Definition", text));
            }
            all(&mut ctx, &progress, wanted.definitions, &options).await;
        }
        Err(why) => refused(&ctx, &progress, format!("{shown} was not deployed"), why),
    }
}

fn refused(ctx: &Ctx, progress: &ProgressHandle, title: String, detail: String) {
    progress.end(ProgressState::Failed(detail.lines().next().unwrap_or_default().to_owned()));
    ctx.update(move |state| state.notice(Severity::Error, title, detail));
}

async fn all(
    ctx: &mut Ctx,
    progress: &ProgressHandle,
    definitions: Vec<Definition>,
    options: &EngineOptions,
) {
    let cloud = match ctx.cloud_now().await {
        Ok(cloud) => cloud,
        Err(error) => return super::actions::finish(ctx, progress, "Not deployed", &Err(error)),
    };
    let options = DeployOptions::new(&options.dirs, options.programs.runtime);
    for definition in definitions {
        let name = definition.name.clone();
        match one(&cloud, progress, &definition, &options).await {
            Ok(done) => {
                let detail = match done.len() {
                    0 => "nothing had to be changed".to_owned(),
                    steps => format!("{}\n{}", plural(steps as u64, "step"), done.join("\n")),
                };
                ctx.update(move |state| state.notice(Severity::Info, format!("{name} is deployed"), detail));
            }
            Err(error) if error.is_cancelled() => {
                progress.end(ProgressState::Cancelled);
                let text = error.to_string();
                ctx.update(move |state| state.notice(Severity::Warning, format!("{name}: cancelled"), text));
            }
            Err(error) => {
                if let Some(cloud) = error.cloud().cloned() {
                    ctx.update(move |state| state.answered(Err(&cloud)));
                }
                let advice = error.cloud().map(CloudError::advice).unwrap_or_default();
                let detail = format!("{error}\n{advice}").trim_end().to_owned();
                refused(ctx, progress, format!("{name} was not deployed"), detail);
            }
        }
        ctx.refresh.notify_one();
    }
    progress.end(ProgressState::Done);
}

async fn one(
    cloud: &Cloud,
    progress: &ProgressHandle,
    definition: &Definition,
    options: &DeployOptions,
) -> Result<Vec<String>, DeployError> {
    let name = &definition.name;
    progress.relabel(format!("deploy {name}: make the image"));
    let plan = tokio::select! {
        plan = deploy::plan(cloud, definition, options, &progress.token) => plan?,
        () = progress.token.cancelled() => return Err(CloudError::cancelled("deploy").into()),
    };
    let show = |step: DeployProgress| {
        let there =
            step.layers.iter().filter(|layer| matches!(layer.state, LayerState::There | LayerState::Sent));
        let layers = match (there.count(), step.layers.len()) {
            (_, 0) => String::new(),
            (there, all) => format!(", layer {} of {all}", (there + 1).min(all)),
        };
        progress.relabel(format!("deploy {name}: {}{layers}", step.label));
        progress.set(step.bytes, step.step, 0);
        progress.set_totals(step.bytes_total, step.steps);
    };
    let applied = deploy::apply(cloud, &plan, &show, &progress.token).await?;
    progress.relabel(format!("deploy {name}"));
    Ok(applied.done)
}

/// Removes a function.
pub(super) async fn remove(mut ctx: Ctx, progress: ProgressHandle, name: String) {
    let result = async {
        let cloud = ctx.cloud_now().await?;
        deploy::remove(&cloud, &name, RemoveOptions::default()).await
    }
    .await;
    match result {
        Ok(removed) => {
            progress.end(ProgressState::Done);
            let detail = format!("left: {}", removed.left.join(", "));
            ctx.update(move |state| state.notice(Severity::Info, format!("{name} is deleted"), detail));
        }
        Err(error) => refused(&ctx, &progress, format!("{name} was not deleted"), error.to_string()),
    }
    ctx.refresh.notify_one();
}
