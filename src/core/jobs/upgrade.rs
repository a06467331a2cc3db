//! Gives functions of an older throng today's runtime: plans all of them, then applies all.

use super::{Job, JobContext, JobError, Observer};
use crate::deploy::{self, Plan};
use std::sync::Arc;

/// Says what upgrading functions would do. Those that have today's runtime are left as they are.
///
/// # Errors
/// One of them cannot be upgraded; none is changed.
pub async fn plan_upgrade(
    context: &JobContext,
    functions: &[String],
    observer: &Observer,
) -> Result<Vec<Arc<Plan>>, JobError> {
    context.permit(Job::Plan)?;
    let options = context.deploy();
    let mut plans = Vec::new();
    for function in functions {
        observer.doing(format!("upgrade {function}: make the image"));
        let planned = deploy::upgrade(context.cloud(), function, &options, observer.token());
        let plan = observer.until_cancelled(planned).await;
        plans.push(Arc::new(plan.map_err(|error| error.about(&format!("function {function}")))?));
    }
    Ok(plans)
}
