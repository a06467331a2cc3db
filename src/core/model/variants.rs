//! How the variant of a function is called that is made for one run.

/// What the names of variants begin with. A role may have Lambda store failed events of these.
const PREFIX: &str = "throng-run-";

/// The function that is made for a run, beside the one that others use: 34 characters of the 64 that Lambda allows.
#[must_use]
pub fn variant_of(run: &str) -> String {
    format!("{PREFIX}{run}")
}

/// The run that a function was made for; `None` for any other function.
#[must_use]
pub fn run_of_variant(function: &str) -> Option<&str> {
    let run = function.strip_prefix(PREFIX)?;
    let day = run.split('-').next()?;
    let is_run = day.len() == 8 && day.bytes().all(|digit| digit.is_ascii_digit());
    (is_run && throng_contract::is_id(run)).then_some(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_told_from_functions_of_people() {
        let run = "20261201-030630153-jp4m";
        let name = variant_of(run);
        assert_eq!((run_of_variant(&name), name.len()), (Some(run), 34));
        for other in [
            "throng-run-",
            "throng-run-mine",
            "fit",
            "throng-run-2026",
            "x-throng-run-20261201-030630153-jp4m",
        ] {
            assert_eq!(run_of_variant(other), None, "{other}");
        }
    }
}
