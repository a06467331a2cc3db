//! Where inputs come from, and their folders below it.

use super::{ProviderInput, keys};
use serde::{Deserialize, Serialize};

/// A place whose objects start a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPlace {
    /// The bucket.
    pub bucket: String,
    /// Folder within the bucket, without slashes at either end; may be empty.
    #[serde(default)]
    pub path: String,
}

/// The folder that an input is in, below the input place that holds it (the deepest, when several do), without slashes at
/// either end. Of a file that a launch stored beside the run (in `home`, when that is known) it is the folder below that. When
/// no place holds the input, it is its whole folder: nothing that tells two inputs apart is lost.
#[must_use]
pub fn folder_below<'k>(
    (inputs, providers): (&[InputPlace], &[ProviderInput]),
    home: Option<&str>,
    (provider, bucket, key): (Option<&str>, &str, &'k str),
) -> &'k str {
    let folder = key.trim_end_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder);
    let own = inputs.iter().filter(|place| provider.is_none() && place.bucket == bucket);
    let remote =
        providers.iter().filter(|place| provider == Some(place.provider.as_str()) && place.bucket == bucket);
    let paths = own.map(|place| place.path.as_str()).chain(remote.map(|place| place.path.as_str()));
    let deepest = paths.filter_map(|path| below(folder, path)).min_by_key(|rest| rest.len());
    let beside = || {
        let run = keys::inputs_run(key).filter(|_| provider.is_none() && home == Some(bucket))?;
        below(folder, &keys::inputs_folder(run))
    };
    deepest.or_else(beside).unwrap_or(folder)
}

/// A folder without that of the run, which stages of a chain put in front so that two runs do not mix.
#[must_use]
pub fn without_run<'k>(folder: &'k str, run: &str) -> &'k str {
    if run.is_empty() { folder } else { below(folder, run).unwrap_or(folder) }
}

/// What follows `path` in a folder that is or is below it.
fn below<'k>(folder: &'k str, path: &str) -> Option<&'k str> {
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Some(folder);
    }
    let rest = folder.strip_prefix(path)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_run_is_none_of_the_inputs() {
        for (folder, expected) in [
            ("r-1/sub-01/anat", "sub-01/anat"),
            ("r-1", ""),
            ("r-12/x", "r-12/x"),
            ("x/r-1", "x/r-1"),
            ("", ""),
        ] {
            assert_eq!(without_run(folder, "r-1"), expected, "{folder}");
        }
        assert_eq!(without_run("a/b", ""), "a/b");
    }

    #[test]
    fn folders_are_those_below_the_input_place() {
        let place = |path: &str| InputPlace { bucket: "b".into(), path: path.into() };
        let inputs = [place("in"), place("in/deep")];
        let lab = ProviderInput { provider: "minio.lab".into(), bucket: "b".into(), path: "x".into() };
        let of = |provider, bucket, key| {
            folder_below((&inputs, std::slice::from_ref(&lab)), Some("home"), (provider, bucket, key))
        };
        for (provider, bucket, key, expected) in [
            (None, "b", "in/a.txt", ""),
            (None, "b", "in/sub-01/anat/a.txt", "sub-01/anat"),
            (None, "b", "in/deep/s/a.txt", "s"),
            (None, "b", "input/s/a.txt", "input/s"),
            (None, "c", "in/s/a.txt", "in/s"),
            (None, "b", "a.txt", ""),
            (Some("minio.lab"), "b", "x/s/a.txt", "s"),
            (Some("minio.lab"), "b", "in/s/a.txt", "in/s"),
            (None, "home", "inputs/20261123-214500123-k3x9/d/e/a.txt", "d/e"),
            (None, "home", "inputs/20261123-214500123-k3x9/a.txt", ""),
            (None, "b", "inputs/20261123-214500123-k3x9/d/a.txt", "inputs/20261123-214500123-k3x9/d"),
            (None, "b", "in/folder/", ""),
        ] {
            assert_eq!(of(provider, bucket, key), expected, "{bucket}/{key}");
        }
        let all = [InputPlace { bucket: "b".into(), path: String::new() }];
        assert_eq!(folder_below((&all, &[]), None, (None, "b", "s/a.txt")), "s");
    }
}
