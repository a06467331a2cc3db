//! Says what deploying would do.

use super::EngineOptions;
use super::command::Wish;
use super::context::{Ctx, sentence};
use super::snapshot::{PlanView, PlannedFunction};
use crate::definition::{self, Definition, DefinitionErrors, Problem};
use crate::deploy::{self, DeployOptions};
use std::path::PathBuf;
use std::sync::Arc;

/// Plans every function of a wish.
pub(super) async fn plan(mut ctx: Ctx, wish: Wish, options: Arc<EngineOptions>) {
    let view = match all(&mut ctx, wish, &options).await {
        Ok(plans) => PlanView::Ready(plans.into()),
        Err(why) => PlanView::Failed(why),
    };
    ctx.show(move |snap| snap.plan = Some(view));
}

async fn all(ctx: &mut Ctx, wish: Wish, options: &EngineOptions) -> Result<Vec<PlannedFunction>, String> {
    let wanted = read(wish).await?;
    let cloud = ctx.cloud_now().await.map_err(|error| sentence(&error))?;
    let options = DeployOptions::new(&options.dirs, options.programs.runtime);
    let mut plans = Vec::new();
    for definition in &wanted.definitions {
        let plan = deploy::plan(&cloud, definition, &options, &ctx.token).await;
        let plan = plan.map_err(|error| match error.cloud() {
            Some(cloud) => sentence(cloud),
            None => error.to_string(),
        })?;
        plans.push(plan.into());
    }
    Ok(plans)
}

/// What a wish says.
pub(super) struct Wanted {
    pub definitions: Vec<Definition>,
    pub warnings: Vec<Problem>,
}

/// Reads a wish. Relative paths of a form start at the working folder.
pub(super) async fn read(wish: Wish) -> Result<Wanted, String> {
    let read = move || match wish {
        Wish::Form(form) => {
            let base = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
            let definition = definition::from_form(&form, &base)?;
            Ok(Wanted { definitions: vec![definition], warnings: Vec::new() })
        }
        Wish::File(path) => definition::load(&path)
            .map(|document| Wanted { definitions: document.definitions, warnings: document.warnings }),
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read.map_err(|errors: DefinitionErrors| errors.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
