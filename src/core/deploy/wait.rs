//! Waits until a function can be used.

use super::DeployError;
use super::reasons::explain;
use crate::cloud::{Cloud, FunctionDetail, FunctionState};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Lambda takes a few seconds for an image, up to a minute for a large one.
const LONGEST: Duration = Duration::from_mins(5);

/// Waits until the function is active and its last change is done. Returns it.
pub(super) async fn active(
    cloud: &Cloud,
    name: &str,
    token: &CancellationToken,
) -> Result<FunctionDetail, DeployError> {
    let detail = settled(cloud, name, token).await?;
    match problem(name, &detail.state) {
        Some(problem) => Err(DeployError::NotActive(problem)),
        None => Ok(detail),
    }
}

/// Waits until nothing is under way any more, be it that the function can be used or not: its image can be changed in
/// either case.
pub(super) async fn settled(
    cloud: &Cloud,
    name: &str,
    token: &CancellationToken,
) -> Result<FunctionDetail, DeployError> {
    let deadline = Instant::now() + LONGEST;
    let mut pause = Duration::from_millis(if cloud.is_local() { 20 } else { 500 });
    loop {
        if token.is_cancelled() {
            return Err(DeployError::Cancelled);
        }
        let Some(detail) = cloud.lambda().get(name).await? else {
            return Err(DeployError::NotActive(format!("function {name} is gone: somebody deleted it")));
        };
        let ready = matches!(detail.state.state.as_str(), "Active" | "Inactive")
            && detail.state.update != "InProgress";
        if ready || has_failed(&detail.state) {
            return Ok(detail);
        }
        if Instant::now() > deadline {
            return Err(DeployError::NotActive(format!(
                "function {name} is still {} after {} s; deploy again to go on waiting",
                detail.state.state,
                LONGEST.as_secs()
            )));
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = token.cancelled() => {}
        }
        pause = (pause * 3 / 2).min(Duration::from_secs(2));
    }
}

/// Whether a function, or its last change, has failed.
pub(super) fn has_failed(state: &FunctionState) -> bool {
    state.state == "Failed" || state.update == "Failed"
}

/// Why a function cannot be used, when it cannot.
fn problem(name: &str, state: &FunctionState) -> Option<String> {
    let (code, reason) = if state.state == "Failed" {
        (&state.state_code, &state.state_reason)
    } else if state.update == "Failed" {
        (&state.update_code, &state.update_reason)
    } else {
        return None;
    };
    let advice = explain(code);
    let mut text = format!("function {name} cannot be used: {reason}");
    if !code.is_empty() {
        let _ = write!(text, " ({code})");
    }
    if !advice.is_empty() {
        text.push_str(". ");
        text.push_str(advice);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_state_and_of_update_are_explained() {
        let failed = FunctionState {
            state: "Failed".into(),
            state_code: "ImageDeleted".into(),
            state_reason: "no image".into(),
            ..FunctionState::default()
        };
        let text = problem("f", &failed).unwrap_or_default();
        assert!(text.contains("no image (ImageDeleted)") && text.contains("deploy again"), "{text}");
        let update = FunctionState {
            state: "Active".into(),
            update: "Failed".into(),
            update_code: "InvalidImage".into(),
            update_reason: "bad layer".into(),
            ..FunctionState::default()
        };
        assert!(problem("f", &update).unwrap_or_default().contains("bad layer"));
        let fine =
            FunctionState { state: "Active".into(), update: "Successful".into(), ..FunctionState::default() };
        assert_eq!(problem("f", &fine), None);
    }
}
