//! Whether what a function stores starts a function.

use super::InputRule;
use throng_contract::OutputRule;

/// How an output can hit a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hit {
    /// No file can.
    Never,
    /// Only a file that the script writes into a folder of the trigger's name.
    ByFolder,
    /// Files with ordinary names do.
    Plainly,
}

/// Whether files stored by `output` can fire `input`.
pub(super) fn hit(output: &OutputRule, input: &InputRule) -> Hit {
    let ends = |suffix: &str| suffix.ends_with(&input.suffix) || input.suffix.ends_with(suffix);
    let elsewhere = output.provider.is_some() || output.bucket != input.bucket;
    if elsewhere || !(output.suffix.is_empty() || output.suffix.iter().any(|s| ends(s))) {
        return Hit::Never;
    }
    let folder = if output.path.is_empty() { String::new() } else { format!("{}/", output.path) };
    let trigger = input.key_prefix();
    let one = |prefix: &str| {
        let key = format!("{folder}{prefix}");
        if key.starts_with(&trigger) {
            Hit::Plainly
        } else if trigger.starts_with(&key) {
            Hit::ByFolder
        } else {
            Hit::Never
        }
    };
    let none = [String::new()];
    let prefixes = if output.prefix.is_empty() { &none[..] } else { &output.prefix[..] };
    prefixes.iter().map(|prefix| one(prefix)).max().unwrap_or(Hit::Never)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(place: &str, prefix: &[&str], suffix: &[&str]) -> OutputRule {
        let (bucket, path) = place.split_once('/').unwrap_or((place, ""));
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        OutputRule {
            provider: None,
            bucket: bucket.into(),
            path: path.into(),
            prefix: own(prefix),
            suffix: own(suffix),
        }
    }

    fn input(place: &str, suffix: &str) -> InputRule {
        let (bucket, path) = place.split_once('/').unwrap_or((place, ""));
        InputRule { bucket: bucket.into(), path: path.into(), prefix: String::new(), suffix: suffix.into() }
    }

    #[test]
    fn filters_decide_whether_an_output_hits_a_trigger() {
        let cases = [
            (output("b/out", &[], &[]), input("b/in", ""), Hit::Never),
            (output("b/in", &[], &[]), input("b/in", ""), Hit::Plainly),
            (output("b/in/deep", &[], &[]), input("b/in", ""), Hit::Plainly),
            (output("b/input", &[], &[]), input("b/in", ""), Hit::Never),
            (output("b", &[], &[]), input("b", ""), Hit::Plainly),
            (output("b", &[], &[]), input("b/in", ""), Hit::ByFolder),
            (output("b", &["in/"], &[]), input("b/in", ""), Hit::Plainly),
            (output("b", &["result"], &[]), input("b/in", ""), Hit::Never),
            (output("b/in", &[], &["png"]), input("b/in", ".jpg"), Hit::Never),
            (output("b/in", &[], &["g"]), input("b/in", ".jpg"), Hit::Plainly),
            (output("b/in", &[], &["png", "x.jpg"]), input("b/in", ".jpg"), Hit::Plainly),
            (output("c/in", &[], &[]), input("b/in", ""), Hit::Never),
            (
                OutputRule { provider: Some("minio.lab".into()), ..output("b/in", &[], &[]) },
                input("b/in", ""),
                Hit::Never,
            ),
        ];
        for (output, input, expected) in cases {
            assert_eq!(hit(&output, &input), expected, "{output:?} {input:?}");
        }
    }
}
