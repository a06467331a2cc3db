//! Calls with a deadline, and answers that say that there is nothing.

use super::error::{CloudError, ErrorKind};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::time::Duration;

/// Deadline of a small call, with its retries.
pub(crate) const SMALL: Duration = Duration::from_secs(30);

/// Gives a call a deadline.
pub(crate) async fn within<T>(
    deadline: Duration,
    action: &'static str,
    call: impl Future<Output = Result<T, CloudError>>,
) -> Result<T, CloudError> {
    match tokio::time::timeout(deadline, call).await {
        Ok(result) => result,
        Err(_) => Err(CloudError::new(
            ErrorKind::Unreachable,
            action,
            "",
            format!("no answer within {} s", deadline.as_secs()),
        )),
    }
}

/// A small call about `what` as it is sent: it has a deadline, and its error is told in our words.
pub(super) fn small<T, E>(
    action: &'static str,
    what: &str,
    sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> impl Future<Output = Result<T, CloudError>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // The SDK's futures are large: they stay out of those that await them.
    let sent = Box::pin(sent);
    within(
        SMALL,
        action,
        async move { sent.await.map_err(|error| CloudError::from_sdk(action, what, &error)) },
    )
}

/// Whether what was to be deleted was there.
pub(super) fn existed<T>(result: Result<T, CloudError>) -> Result<bool, CloudError> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What was asked for; `None` when there is none.
pub(super) fn found<T>(result: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
