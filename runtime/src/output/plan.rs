//! What goes where.

use super::find::{Found, Names, others};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use throng_contract::{Expect, OutputRule, TaskRule};

/// S3's longest key, in bytes.
const LONGEST_KEY: usize = 1024;

/// One object to make.
pub struct Upload<'a> {
    /// The storage provider; the function's own storage when `None`.
    pub provider: Option<&'a str>,
    pub bucket: &'a str,
    pub key: String,
    /// The folder that all tasks store such outputs in.
    pub place: &'a str,
    pub file: &'a Found,
    pub lineage: Option<String>,
}

/// Everything that goes somewhere, in order of provider, bucket and key. No object is made twice: where two rules say the same,
/// one upload is enough.
///
/// # Errors
/// A sentence: two files would become one object, or a key is too long.
pub fn plan<'a>(
    files: &'a [Found],
    rules: &'a [TaskRule],
    failed: Option<&str>,
) -> Result<Vec<Upload<'a>>, String> {
    let mut uploads: BTreeMap<_, (&Found, &str)> = BTreeMap::new();
    for TaskRule { rule, place } in rules {
        for file in files {
            let Some(key) = key(rule, file, failed) else { continue };
            if key.len() > LONGEST_KEY {
                return Err(format!(
                    "the output `{}` cannot be stored: its key `{key}` would have {} bytes, and S3 takes {LONGEST_KEY}",
                    file.name,
                    key.len()
                ));
            }
            let target = (rule.provider.as_deref(), rule.bucket.as_str(), key);
            if let Some((other, _)) = uploads.get(&target).filter(|(other, _)| other.path != file.path) {
                return Err(format!(
                    "two outputs would become the object {}/{}: {} and {}; give them other names",
                    target.1,
                    target.2,
                    other.path.display(),
                    file.path.display()
                ));
            }
            uploads.entry(target).or_insert((file, place));
        }
    }
    let upload = |((provider, bucket, key), (file, place))| Upload {
        provider,
        bucket,
        key,
        place,
        file,
        lineage: None,
    };
    Ok(uploads.into_iter().map(upload).collect())
}

/// The key of a file; `failed` is the request id of a failed task, whose outputs are kept apart.
fn key(rule: &OutputRule, file: &Found, failed: Option<&str>) -> Option<String> {
    let key = rule.key_for(&file.name)?;
    Some(match (failed, rule.path.trim_matches('/')) {
        (None, _) => key,
        (Some(id), "") => format!("failed/{id}/{key}"),
        (Some(id), path) => format!("{path}/failed/{id}{}", key.strip_prefix(path).unwrap_or(&key)),
    })
}

/// Files that no rule takes.
pub fn untaken(files: &[Found], uploads: &[Upload<'_>]) -> Names {
    let taken: HashSet<&Path> = uploads.iter().map(|upload| upload.file.path.as_path()).collect();
    others(files, &taken)
}

/// What a task that left these files lacks, in a sentence; `None` when it left what is expected. Of a function with rules only
/// files count that one of them takes.
pub fn lacks(files: &[Found], rules: &[OutputRule], expect: &Expect) -> Option<String> {
    let stored =
        |file: &&Found| rules.is_empty() || rules.iter().any(|rule| rule.key_for(&file.name).is_some());
    let size = |file: &Found| fs::metadata(&file.path).map_or(0, |data| data.len());
    let counts = |file: &&Found| expect.counts(&file.name, size(file));
    let found = files.iter().filter(stored).filter(counts).count();
    if found >= usize::try_from(expect.files).unwrap_or(usize::MAX) {
        return None;
    }
    let mut what = if expect.files == 1 { "1 file".to_owned() } else { format!("{} files", expect.files) };
    if !expect.suffix.is_empty() {
        let endings: Vec<_> = expect.suffix.iter().map(|suffix| format!("`{suffix}`")).collect();
        what = format!("{what} ending with {}", endings.join(" or "));
    }
    if expect.min_bytes > 0 {
        let bytes =
            if expect.min_bytes == 1 { "1 byte".to_owned() } else { format!("{} bytes", expect.min_bytes) };
        what = format!("{what} of {bytes} or more");
    }
    let mut names = Names::default();
    for file in files {
        names.push(|| format!("`{}` ({} bytes)", file.name, size(file)));
    }
    let left = names.listed().unwrap_or_else(|| "nothing".into());
    Some(format!(
        "the script ended with 0 but left less than is expected: {what} (`expect` in the definition), and there {} {found}. \
         It left {left}",
        if found == 1 { "is" } else { "are" }
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(path: &str, suffix: &[&str]) -> TaskRule {
        let rule = OutputRule {
            provider: None,
            bucket: "b".into(),
            path: path.into(),
            prefix: Vec::new(),
            suffix: suffix.iter().map(ToString::to_string).collect(),
        };
        TaskRule { rule, place: path.trim_matches('/').into() }
    }

    fn found(name: &str) -> Found {
        Found { name: name.into(), path: name.into() }
    }

    fn keys(rules: &[TaskRule], failed: Option<&str>) -> Vec<String> {
        let files = [found("a.txt"), found("sub/b.png")];
        plan(&files, rules, failed).unwrap().into_iter().map(|upload| upload.key).collect()
    }

    fn refused(files: &[Found]) -> String {
        plan(files, &[rule("out", &[])], None).err().unwrap_or_default()
    }

    #[test]
    fn every_rule_takes_its_files_and_equal_targets_are_one() {
        let rules = [rule("out/", &[]), rule("out", &[".png"]), rule("", &[".txt"])];
        assert_eq!(keys(&rules, None), ["a.txt", "out/a.txt", "out/sub/b.png"]);
    }

    #[test]
    fn equal_names_at_different_providers_are_two_objects() {
        let mut lab = rule("out", &[".txt"]);
        lab.rule.provider = Some("minio.lab".into());
        assert_eq!(keys(&[rule("out", &[".txt"]), lab.clone(), lab], None), ["out/a.txt", "out/a.txt"]);
    }

    #[test]
    fn outputs_of_failed_tasks_are_kept_apart() {
        assert_eq!(keys(&[rule("out", &[])], Some("id")), ["out/failed/id/a.txt", "out/failed/id/sub/b.png"]);
        assert_eq!(keys(&[rule("", &[".txt"])], Some("id")), ["failed/id/a.txt"]);
    }

    #[test]
    fn two_latin_1_names_never_become_one_object() {
        // One name's bytes as they were, the other's written out by somebody before.
        let bytes = Found { path: "caf\u{fffd}".into(), ..found("caf%E9.txt") };
        let error = refused(&[bytes, found("caf%E9.txt")]);
        assert!(error.contains("b/out/caf%E9.txt") && error.contains("give them other names"), "{error}");
    }

    #[test]
    fn a_key_that_s3_does_not_take_is_named() {
        let name = |length: usize| "n".repeat(length);
        assert_eq!(refused(&[found(&name(LONGEST_KEY - 4))]), "");
        let error = refused(&[found(&name(LONGEST_KEY - 3))]);
        assert!(error.contains("would have 1025 bytes") && error.contains("`nnn"), "{error}");
    }

    #[test]
    fn what_no_rule_takes_is_named() {
        let files = [found("a.txt"), found("b.png")];
        let rules = [rule("out", &[".png"])];
        let uploads = plan(&files, &rules, None).unwrap();
        assert_eq!(untaken(&files, &uploads).listed().as_deref(), Some("`a.txt`"));
    }

    #[test]
    fn a_task_that_left_less_than_is_expected_is_told_what() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            Found { name: name.into(), path }
        };
        let files = [file("a.nii.gz", ""), file("b.nii.gz", "x"), file("log.txt", "long")];
        let expect = |files, suffix: &[&str], min_bytes| Expect {
            files,
            suffix: suffix.iter().map(ToString::to_string).collect(),
            min_bytes,
        };
        assert_eq!(lacks(&files, &[], &expect(1, &[".nii.gz"], 1)), None);
        assert_eq!(lacks(&files, &[], &expect(3, &[], 0)), None);
        let said = lacks(&files, &[], &expect(2, &[".nii.gz"], 1)).unwrap();
        assert!(said.contains("2 files ending with `.nii.gz` of 1 byte or more"), "{said}");
        assert!(said.contains("there is 1. It left `a.nii.gz` (0 bytes)"), "{said}");
        let said = lacks(&files, &[rule("out", &[".png"]).rule], &expect(1, &[], 0)).unwrap();
        assert!(said.contains("there are 0"), "{said}");
        assert!(lacks(&[], &[], &expect(1, &[], 0)).unwrap().ends_with("It left nothing"));
    }
}
