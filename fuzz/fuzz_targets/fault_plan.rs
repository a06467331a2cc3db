//! Fault plans of the local cloud: a wrong one is refused with its line, a right one has a share between 0 and 1.
#![cfg_attr(feature = "libfuzzer", no_main)]

use throng_fuzz::fuzz_target;
use throng_local::faults::Plan;

fuzz_target!(|text: &str| {
    match Plan::parse(text, "plan.toml") {
        Ok(plan) => {
            let again = Plan::parse(text, "plan.toml");
            assert_eq!(again.as_ref(), Ok(&plan), "the same text, another plan");
        }
        Err(error) => {
            let line = error.place.strip_prefix("plan.toml:").and_then(|line| line.parse().ok());
            let lines = text.split('\n').count();
            assert!(line.is_some_and(|line: usize| (1..=lines).contains(&line)), "{error}");
            assert!(!error.what.is_empty());
        }
    }
});
