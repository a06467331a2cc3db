//! Two settings of a function, in words.

use crate::cloud::FunctionSettings;
use std::collections::BTreeMap;

/// What differs, in words; empty when nothing does. Images are compared by their digests, for the local cloud's port
/// in an image's name changes.
pub(super) fn settings(is: &FunctionSettings, wanted: &FunctionSettings) -> Vec<String> {
    let mut words = Vec::new();
    let mut number = |what: &str, a: u32, b: u32, unit: &str| {
        if a != b {
            words.push(format!("{what} {a} → {b} {unit}"));
        }
    };
    number("memory", is.memory_mb, wanted.memory_mb, "MiB");
    number("timeout", is.timeout_s, wanted.timeout_s, "s");
    number("/tmp", is.tmp_mb, wanted.tmp_mb, "MiB");
    if is.role != wanted.role {
        words.push(format!("role {} → {}", is.role, wanted.role));
    }
    if is.description != wanted.description {
        words.push("description".into());
    }
    if is.log_group != wanted.log_group {
        words.push(format!("log group {} → {}", is.log_group, wanted.log_group));
    }
    if is.log_json != wanted.log_json {
        words.push("log format → JSON".into());
    }
    let shown = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let mut list = |what: &str, a: &[String], b: &[String]| {
        if a != b {
            words.push(format!("{what} {} → {}", shown(a), shown(b)));
        }
    };
    list("subnets", &is.subnets, &wanted.subnets);
    list("security groups", &is.security_groups, &wanted.security_groups);
    let mounts = |all: &[(String, String)]| {
        all.iter().map(|(arn, path)| format!("{arn} at {path}")).collect::<Vec<_>>()
    };
    list("file systems", &mounts(&is.file_systems), &mounts(&wanted.file_systems));
    words.extend(variables(&is.env, &wanted.env));
    words
}

/// The names of variables that differ. Values may be secret.
fn variables(is: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let names = |filter: &dyn Fn(&String) -> bool, all: &BTreeMap<String, String>| {
        all.keys().filter(|name| filter(name)).cloned().collect::<Vec<_>>()
    };
    let mut words = Vec::new();
    let mut list = |what: &str, names: Vec<String>| {
        if !names.is_empty() {
            words.push(format!("variables {what}: {}", names.join(", ")));
        }
    };
    list("added", names(&|name| !is.contains_key(name), wanted));
    list("removed", names(&|name| !wanted.contains_key(name), is));
    list("changed", names(&|name| is.get(name).is_some_and(|value| wanted.get(name) != Some(value)), wanted));
    words
}

/// Whether both names are of the same image.
pub(super) fn same_image(is: &str, wanted: &str) -> bool {
    is == wanted || (!digest(is).is_empty() && digest(is) == digest(wanted))
}

/// The digest in an image's name; empty when there is none.
pub(super) fn digest(image: &str) -> &str {
    image.rsplit_once('@').map_or("", |(_, digest)| digest)
}

/// The first digits of a digest.
pub(super) fn short(image: &str) -> &str {
    let digest = digest(image);
    digest.get(.."sha256:".len() + 12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_settings_differ_in_nothing_and_secrets_are_not_told() {
        let is = FunctionSettings {
            memory_mb: 512,
            env: BTreeMap::from([("A".into(), "1".into()), ("GONE".into(), "x".into())]),
            ..FunctionSettings::default()
        };
        assert_eq!(settings(&is, &is), Vec::<String>::new());
        let wanted = FunctionSettings {
            memory_mb: 1024,
            env: BTreeMap::from([("A".into(), "secret".into()), ("NEW".into(), "secret".into())]),
            ..is.clone()
        };
        let words = settings(&is, &wanted).join("; ");
        assert_eq!(
            words,
            "memory 512 → 1024 MiB; variables added: NEW; variables removed: GONE; variables changed: A"
        );
    }

    #[test]
    fn networks_and_file_systems_are_told_with_their_ids() {
        let is = FunctionSettings::default();
        let wanted = FunctionSettings {
            subnets: vec!["subnet-a".into(), "subnet-b".into()],
            security_groups: vec!["sg-a".into()],
            file_systems: vec![("arn:x".into(), "/mnt/data".into())],
            ..is.clone()
        };
        assert_eq!(
            settings(&is, &wanted),
            [
                "subnets none → subnet-a, subnet-b",
                "security groups none → sg-a",
                "file systems none → arn:x at /mnt/data"
            ]
        );
        assert_eq!(settings(&wanted, &is)[0], "subnets subnet-a, subnet-b → none");
    }

    #[test]
    fn images_are_the_same_by_digest_whatever_the_port() {
        assert!(same_image("127.0.0.1:1/throng/f@sha256:ab", "127.0.0.1:2/throng/f@sha256:ab"));
        assert!(!same_image("h/f@sha256:ab", "h/f@sha256:cd"));
        assert!(!same_image("h/f:latest", "h/f:other"));
    }
}
