//! Limits of a run instead of its function's own: refused where they cannot be kept, and explained.

use super::LaunchRequest;
use crate::definition;
use crate::model::Overrides;
use crate::run::RunError;
use crate::run::cloud::FunctionFacts;
use crate::run::header::LaterStage;

/// Limits that no function can have, or that this one cannot be given for a run.
pub(super) fn refuse(request: &LaunchRequest, facts: &FunctionFacts, packed: bool) -> Result<(), RunError> {
    let Overrides { timeout_s, concurrency, memory_mb } = request.overrides;
    let refuse = |why: String| Err(RunError::Refused(why));
    if let Some(seconds) = timeout_s {
        if !definition::TIMEOUT_S.contains(&seconds) {
            let (least, most) = (definition::TIMEOUT_S.start(), definition::TIMEOUT_S.end());
            return refuse(format!("--timeout {seconds}: {least} to {most} seconds"));
        }
        if facts.timeout_s > 0 && seconds >= facts.timeout_s {
            return refuse(format!(
                "--timeout {seconds}: the function `{}` itself ends after {} s, and a run can only have less: deploy it with a longer `timeout`",
                request.function, facts.timeout_s
            ));
        }
    }
    if let Some(mb) = memory_mb {
        let (least, most) = (definition::MEMORY_MB.start(), definition::MEMORY_MB.end());
        if !definition::MEMORY_MB.contains(&mb) {
            return refuse(format!("--memory {mb}: {least} to {most} MiB"));
        }
        if packed {
            let why = "what a pack leaves is started by its notification, at the function that others use";
            return refuse(format!("--memory: {why}: leave it out, or launch without packs (--pack 1)"));
        }
    }
    match concurrency {
        Some(_) if packed => refuse(
            "--concurrency counts tasks, and these would share invocations: leave it out, or launch without packs (--pack 1)".to_owned(),
        ),
        Some(most) if !definition::CONCURRENCY.contains(&most) => {
            let (least, largest) = (definition::CONCURRENCY.start(), definition::CONCURRENCY.end());
            refuse(format!("--concurrency {most}: {least} to {largest} tasks at a time"))
        }
        _ => Ok(()),
    }
}

/// What a person should know of a run's own limits.
pub(super) fn told(request: &LaunchRequest, later: &[LaterStage]) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(most) = request.overrides.concurrency {
        told.push(format!(
            "at most {most} at a time: tasks are sent as others end. When throng is ended before, the rest stays pending, and \
             `throng run --resume` on this machine sends it"
        ));
    }
    if let Some(mb) = request.overrides.memory_mb {
        told.push(format!(
            "with {mb} MiB: a function of its own is made for this run, and deleted when it has ended; `{}` stays as it is",
            request.function
        ));
    }
    if let (Some(first), false) = (later.first(), request.overrides.is_none()) {
        told.push(format!(
            "the run's own limits hold for {} alone, not for {} and what else is behind it",
            request.function, first.function
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::run::Inputs;

    fn request(timeout_s: Option<u32>, concurrency: Option<u32>) -> LaunchRequest {
        let overrides = Overrides { timeout_s, concurrency, memory_mb: None };
        LaunchRequest { overrides, ..LaunchRequest::new("f", Inputs::Nothing { tasks: 1 }) }
    }

    #[test]
    fn a_run_has_less_than_its_function_and_says_what_it_does() {
        let facts = FunctionFacts { timeout_s: 60, ..FunctionFacts::default() };
        let refused =
            |timeout, most| refuse(&request(timeout, most), &facts, false).map_err(|error| error.to_string());
        assert_eq!(refused(Some(59), Some(1)), Ok(()));
        for (timeout, most, words) in [
            (Some(60), None, "ends after 60 s"),
            (Some(0), None, "1 to 900 seconds"),
            (None, Some(0), "1 to 100000 tasks"),
        ] {
            let said = refused(timeout, most).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
        let later = [LaterStage { function: "g".into(), ..LaterStage::default() }];
        assert!(told(&request(None, None), &later).is_empty());
        let said = told(&request(Some(5), Some(2)), &later).join(" ");
        assert!(said.contains("at most 2 at a time") && said.contains("not for g"), "{said}");
    }
}
