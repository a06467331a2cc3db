//! What is refused for a while: a new role, a new permission, another change that is under way.

use super::DeployError;
use crate::cloud::{Cloud, CloudError, ErrorKind};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A new role or a new permission is not seen everywhere at once.
pub(super) const SETTLES_WITHIN: Duration = Duration::from_secs(40);
/// Changes are refused while another one is under way.
pub(super) const FREE_WITHIN: Duration = Duration::from_mins(1);

/// Repeats a call while `passes` says so of its error. The local cloud needs little of it.
pub(super) async fn repeated<F, C>(
    cloud: &Cloud,
    token: &CancellationToken,
    within: Duration,
    passes: impl Fn(&CloudError) -> bool,
    call: F,
) -> Result<(), DeployError>
where
    F: Fn() -> C,
    C: Future<Output = Result<(), CloudError>>,
{
    let deadline = Instant::now() + if cloud.is_local() { Duration::from_secs(5) } else { within };
    let mut pause = Duration::from_millis(if cloud.is_local() { 50 } else { 1000 });
    loop {
        match call().await {
            Ok(()) => return Ok(()),
            Err(error) if passes(&error) && Instant::now() < deadline => {}
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = token.cancelled() => return Err(DeployError::Cancelled),
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// Whether a role or a permission may not have arrived everywhere yet.
pub(super) fn is_settling(error: &CloudError) -> bool {
    let message = error.message.as_str();
    message.contains("cannot be assumed by Lambda")
        || message.contains("execution role does not have permissions")
        || message.contains("configure access to your environment variables because the KMS key is invalid")
        || is_busy(error)
}

/// Whether another change of the function is under way.
pub(super) fn is_busy(error: &CloudError) -> bool {
    error.kind == ErrorKind::Conflict
        && (error.message.contains("in progress") || error.is_operation_aborted())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lambda's words about a role that IAM has made a moment ago.
    #[test]
    fn what_has_not_arrived_everywhere_yet_is_tried_again() {
        let error =
            |message: &str| CloudError::new(ErrorKind::Invalid, "lambda:CreateFunction", "f", message);
        for message in [
            "The role defined for the function cannot be assumed by Lambda.",
            "The function's execution role does not have permissions to call PutObject on S3",
            "Lambda was unable to configure access to your environment variables because the KMS key is invalid for \
             CreateGrant. Please check your KMS key settings.",
        ] {
            let unfolded = message.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(is_settling(&error(&unfolded)), "{message}");
        }
        assert!(!is_settling(&error("1 validation error detected: memorySize")));
    }
}
