//! Deploys functions: plans everything, then applies everything. While one cannot be planned, none is changed.

use super::{Job, JobContext, JobError, JobEvent, Observer};
use crate::cloud::Cloud;
use crate::definition::{Definition, Document, Problem};
use crate::deploy::{self, Applied, DeployOptions, Plan};
use std::sync::Arc;

/// Functions to be deployed, as they were read.
#[derive(Clone, Debug)]
pub enum Definitions {
    /// All those of a file.
    File(Document),
    /// The one that a form describes.
    Form(Box<Definition>),
}

impl Definitions {
    /// The functions, in their order.
    #[must_use]
    pub fn functions(&self) -> &[Definition] {
        match self {
            Self::File(document) => &document.definitions,
            Self::Form(definition) => std::slice::from_ref(definition),
        }
    }

    /// What a person should know of them.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        match self {
            Self::File(document) => &document.warnings,
            Self::Form(_) => &[],
        }
    }

    /// Functions that are for another region than the context's.
    fn elsewhere(&self, cloud: &Cloud) -> Vec<Problem> {
        match self {
            Self::File(document) if !cloud.is_local() => {
                document.elsewhere(&cloud.context().name, cloud.region())
            }
            Self::File(_) | Self::Form(_) => Vec::new(),
        }
    }
}

/// Makes the images (on this machine only) and says what would be done, for every function. Nothing is changed.
///
/// # Errors
/// One of them cannot be deployed.
pub async fn plan(
    context: &JobContext,
    definitions: &Definitions,
    observer: &Observer,
) -> Result<Vec<Arc<Plan>>, JobError> {
    context.permit(Job::Plan)?;
    if let Some(problem) = definitions.elsewhere(context.cloud()).first() {
        return Err(JobError::usage(problem));
    }
    let functions = definitions.functions();
    let together = functions.iter().map(|definition| (definition.name.clone(), definition.own_places()));
    let options = DeployOptions { together: together.collect(), ..context.deploy() };
    let mut plans = Vec::new();
    for definition in functions {
        observer.doing(format!("deploy {}: make the image", definition.name));
        let planned = deploy::plan(context.cloud(), definition, &options, observer.token());
        let plan = observer.until_cancelled(planned).await;
        let plan = Arc::new(plan.map_err(|error| of_function(&definition.name, functions.len(), error))?);
        observer.tell(JobEvent::Planned(plan.clone()));
        plans.push(plan);
    }
    Ok(plans)
}

/// Does what plans say, in their order. It stops at the first that fails: deploying again goes on from there.
///
/// # Errors
/// What was done, and why the rest was not.
pub async fn apply(
    context: &JobContext,
    plans: &[Arc<Plan>],
    observer: &Observer,
) -> Result<Vec<Applied>, JobError> {
    context.permit(Job::Deploy)?;
    let mut all = Vec::new();
    for plan in plans {
        let function = &plan.function;
        observer.doing(format!("deploy {function}"));
        let told = |progress| observer.tell(JobEvent::Deploying { function: function.clone(), progress });
        let applied = deploy::apply(context.cloud(), plan, &told, observer.token()).await;
        let applied = applied.map_err(|error| of_function(function, plans.len(), error.into()))?;
        observer.tell(JobEvent::Deployed(applied.clone()));
        all.push(applied);
    }
    Ok(all)
}

/// Of several functions an error says which one it is about.
fn of_function(name: &str, functions: usize, error: JobError) -> JobError {
    if functions > 1 { error.about(&format!("function {name}")) } else { error }
}
