//! Calls a function once.

use super::{Job, JobContext, JobError, Observer};
use crate::cloud::{CloudError, Invoked};

/// What a function gets when nothing is sent to it, as from the tools of AWS.
const NOTHING: &[u8] = b"{}";

/// Calls a function and waits for its answer. That the function failed is an answer.
///
/// # Errors
/// There is no such function, or it was not called.
pub async fn invoke(
    context: &JobContext,
    function: &str,
    payload: Vec<u8>,
    observer: &Observer,
) -> Result<Invoked, JobError> {
    context.permit(Job::Invoke)?;
    let call = context.cloud().lambda();
    let call = async {
        call.invoke_sync(function, body(payload).into()).await.map_err(|error| told(function, error))
    };
    observer.until_cancelled(call).await
}

/// Puts an event on a function's queue; gives the request's id.
///
/// # Errors
/// There is no such function, or it was not called.
pub async fn invoke_async(
    context: &JobContext,
    function: &str,
    payload: Vec<u8>,
) -> Result<String, JobError> {
    context.permit(Job::Invoke)?;
    let queued = context.cloud().lambda().invoke_async(function, body(payload).into()).await;
    queued.map_err(|error| told(function, error))
}

fn body(payload: Vec<u8>) -> Vec<u8> {
    if payload.is_empty() { NOTHING.to_vec() } else { payload }
}

fn told(function: &str, error: CloudError) -> JobError {
    if error.is_not_found() { JobError::no_function(function) } else { error.into() }
}
