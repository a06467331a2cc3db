//! A function with other limits, for one run: the function that others use stays as it is.
//!
//! It has the same image, role, network and log group, is invoked by its name, and is deleted when its run has ended.

use super::{DeployError, wait};
use crate::cloud::{Cloud, CloudError, ErrorKind, FunctionDetail, FunctionSettings};
use crate::model::variant_of;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// The tag that says of which function it is a variant.
const OF: &str = "throng:variant-of";
/// The tag that says for which run it was made.
const RUN: &str = "throng:run";
const ACTION: &str = "lambda:CreateFunction";

/// Makes the variant of a function for a run, and waits until it can be invoked. One that is there is completed.
///
/// # Errors
/// There is no such function, or the cloud refuses; then a variant that was made is gone again.
pub(crate) async fn make(cloud: &Cloud, function: &str, run: &str, memory_mb: u32) -> Result<(), CloudError> {
    let lambda = cloud.lambda();
    let Some(base) = lambda.get(function).await? else {
        let gone = format!("there is no function `{function}` to make a variant of");
        return Err(CloudError::new(ErrorKind::NotFound, ACTION, function, gone));
    };
    let name = variant_of(run);
    let tags = [(OF, function), (RUN, run)].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let settings = settings(&base, name.clone(), memory_mb, run);
    let new = match lambda.create(&settings, &BTreeMap::from(tags)).await {
        Ok(()) => true,
        Err(error) if error.kind == ErrorKind::Conflict => false,
        Err(error) => return Err(error),
    };
    let made = complete(cloud, &base, &name).await;
    // One that was there may have tasks under way.
    if made.is_err() && new {
        let _ = lambda.delete(&name).await;
    }
    made
}

fn settings(base: &FunctionDetail, name: String, memory_mb: u32, run: &str) -> FunctionSettings {
    let description =
        format!("{} with {memory_mb} MiB, for run {run}; deleted when it has ended", base.settings.name);
    FunctionSettings { name, description, memory_mb, ..base.settings.clone() }
}

/// What a new function has not from its creation: Lambda treats its failed events, and how many run at once, as the other's.
async fn complete(cloud: &Cloud, base: &FunctionDetail, name: &str) -> Result<(), CloudError> {
    let lambda = cloud.lambda();
    wait::active(cloud, name, &CancellationToken::new()).await.map_err(|error| match error {
        DeployError::Cloud(error) => error,
        other => CloudError::new(ErrorKind::Other, ACTION, name, other.to_string()),
    })?;
    if let Some(events) = lambda.event_invoke(&base.settings.name).await? {
        lambda.set_event_invoke(name, &events).await?;
    }
    if base.concurrency.is_some() {
        lambda.set_concurrency(name, base.concurrency).await?;
    }
    Ok(())
}
