//! Dropped and pasted text, in the engine and on the screen: only files that exist are taken, and names that a shell
//! quotes come back.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::path::{Path, PathBuf};
use throng_core::dataset::{NoDrop, parse_drop};
use throng_fuzz::fuzz_target;
use throng_tui::fuzzing;

fuzz_target!(|text: &str| {
    // Some paths exist and some do not; the text decides.
    let exists = |path: &Path| path.as_os_str().len() % 3 != 0;
    match parse_drop(text, &exists) {
        Ok(found) => {
            assert!(!found.paths.is_empty());
            assert!(found.paths.iter().all(|path| exists(path)), "{found:?}");
        }
        Err(NoDrop::Missing(paths)) => {
            assert!(!paths.is_empty());
            let shown = NoDrop::Missing(paths).to_string();
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
        Err(_) => {}
    }
    let _ = fuzzing::parse_drop(text);
    quoted_names_come_back(text);
});

fn quoted_names_come_back(text: &str) {
    let names = text.lines().take(5).filter(|name| !name.is_empty() && !name.chars().any(char::is_control));
    let paths: Vec<String> = names.map(|name| format!("/d/{}", name.trim_end())).collect();
    let Ok(line) = shlex::try_join(paths.iter().map(String::as_str)) else { return };
    if paths.is_empty() {
        return;
    }
    let exists = |path: &Path| paths.iter().any(|file| Path::new(file) == path);
    let found = parse_drop(&line, &exists).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(found.paths, paths.iter().map(PathBuf::from).collect::<Vec<_>>(), "{line}");
}
