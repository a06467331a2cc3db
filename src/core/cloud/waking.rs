//! Functions that Lambda has put to sleep: after weeks without an invocation the first ones are refused, and wake it.

use super::error::{CloudError, ErrorKind};
use super::patience::Patience;
use super::waiting::Waiting;
use std::time::Duration;

/// Waking was seen to take 40 to 106 s.
const PATIENCE: Patience = Patience {
    longest: Duration::from_mins(4),
    first_pause: Duration::from_millis(250),
    longest_pause: Duration::from_secs(5),
};

/// Calls, and calls again while the function wakes.
///
/// # Errors
/// The call's; that it sleeps only when it does so for minutes.
pub(super) async fn once_awake<T, F>(function: &str, call: impl Fn() -> F) -> Result<T, CloudError>
where
    F: Future<Output = Result<T, CloudError>>,
{
    patiently(PATIENCE, function, call).await
}

async fn patiently<T, F>(patience: Patience, function: &str, call: impl Fn() -> F) -> Result<T, CloudError>
where
    F: Future<Output = Result<T, CloudError>>,
{
    let mut waiting = None;
    let passes = |error: &CloudError| {
        let wakes = is_waking(error);
        if wakes {
            tracing::info!(function, code = error.code, "Lambda wakes it");
            let told =
                || Waiting::of(&format!("function {function}, which was not used for long and wakes up"));
            waiting.get_or_insert_with(told);
        }
        wakes
    };
    patience.insist(passes, call).await
}

/// Whether a function cannot be invoked yet, but soon.
fn is_waking(error: &CloudError) -> bool {
    // `ResourceConflictException`: "The operation cannot be performed at this time. The function is currently in the following
    // state: Pending".
    let in_state = || ["state: Pending", "state: Inactive"].iter().any(|state| error.message.contains(state));
    match error.code.as_deref() {
        Some("CodeArtifactUserPendingException" | "ResourceNotReadyException") => true,
        _ => error.kind == ErrorKind::Conflict && in_state(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn told(kind: ErrorKind, code: &str, message: &str) -> CloudError {
        let error = CloudError::new(kind, "lambda:InvokeFunction", "gray", message);
        CloudError { code: Some(code.into()), ..error }
    }

    fn asleep() -> CloudError {
        let words = "The operation cannot be performed at this time. The function is currently in the following state: Pending";
        told(ErrorKind::Conflict, "ResourceConflictException", words)
    }

    const QUICK: Patience = Patience {
        longest: Duration::from_millis(60),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(5),
    };

    #[tokio::test]
    async fn a_sleeping_function_is_waited_for() {
        let calls = AtomicU32::new(0);
        let call = || async { if calls.fetch_add(1, Ordering::Relaxed) < 5 { Err(asleep()) } else { Ok(7) } };
        let patience = Patience { longest: Duration::from_mins(1), ..QUICK };
        assert_eq!(patiently(patience, "gray", call).await, Ok(7));
        assert_eq!(calls.load(Ordering::Relaxed), 6);
    }

    #[tokio::test]
    async fn one_that_never_wakes_is_told_in_the_clouds_words() {
        let ended = patiently(QUICK, "gray", || async { Err::<(), _>(asleep()) }).await;
        assert_eq!(ended, Err(asleep()));
    }

    #[tokio::test]
    async fn other_refusals_are_told_at_once() {
        let failed = "CodeArtifactUserFailedException";
        let busy = "The operation cannot be performed at this time. An update is in progress for resource";
        for error in [
            told(ErrorKind::Conflict, failed, "the image was deleted"),
            told(ErrorKind::Conflict, "ResourceConflictException", busy),
            told(ErrorKind::Denied, "AccessDeniedException", "no"),
        ] {
            let calls = AtomicU32::new(0);
            let call = || async {
                calls.fetch_add(1, Ordering::Relaxed);
                Err::<(), _>(error.clone())
            };
            assert_eq!(once_awake("gray", call).await, Err(error.clone()));
            assert_eq!(calls.load(Ordering::Relaxed), 1);
        }
    }
}
