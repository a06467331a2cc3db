//! Whether what a function stores starts a function.

use super::InputRule;
use throng_contract::{OutputRule, Template};

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
    let template = output.template();
    let trigger = input.key_prefix();
    [template.without_dir(), template]
        .iter()
        .map(|path| hit_at(path, output, &trigger))
        .max()
        .unwrap_or(Hit::Never)
}

fn hit_at(path: &Template, output: &OutputRule, trigger: &str) -> Hit {
    let (begin, whole) = path.beginning();
    if !whole {
        return hit_by_words(&begin, trigger);
    }
    let folder = if begin.is_empty() { String::new() } else { format!("{begin}/") };
    let one = |prefix: &str| {
        let key = format!("{folder}{prefix}");
        if key.starts_with(trigger) {
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

/// Of a path with words in braces, of which only the beginning is known. What follows is a value, which has no slash in
/// front.
fn hit_by_words(begin: &str, trigger: &str) -> Hit {
    if begin.starts_with(trigger) {
        return Hit::Plainly;
    }
    match trigger.strip_prefix(begin) {
        Some(rest) if !rest.starts_with('/') => Hit::ByFolder,
        _ => Hit::Never,
    }
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
            (output("b/in/{run}", &[], &[]), input("b/in", ""), Hit::Plainly),
            (output("b/in/{run}", &["x"], &[]), input("b", ""), Hit::Plainly),
            (output("b/{dir}", &[], &[]), input("b/in", ""), Hit::ByFolder),
            (output("b/{dir}/in", &[], &[]), input("b/in", ""), Hit::Plainly),
            (output("b/in{task}", &[], &[]), input("b/in", ""), Hit::Never),
            (output("b/in{task}", &[], &[]), input("b/in7", ""), Hit::ByFolder),
            (output("b/out/{dir}", &[], &[]), input("b/in", ""), Hit::Never),
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
