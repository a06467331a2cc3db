//! Words in braces in the paths of outputs: a path is refused at a place in it, or no value of a word gets out of its part.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::collections::BTreeMap;
use throng_contract::{Template, Values, folder_below, stem_and_ext};
use throng_fuzz::{fuzz_target, line_and_rest};

fuzz_target!(|data: &[u8]| {
    let (path, key) = line_and_rest(data);
    let (path, key) = (String::from_utf8_lossy(path), String::from_utf8_lossy(key));
    let template = match Template::parse(&path) {
        Ok(template) => template,
        Err(error) => {
            assert!(path.get(error.at..).is_some_and(|rest| rest.starts_with(&error.what)), "{error}");
            return;
        }
    };
    let name = key.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let dir = folder_below((&[], &[]), Some("home"), (None, "home", &key));
    assert!(key.contains(dir));
    let (stem, ext) = stem_and_ext(name);
    assert!(stem.len() + ext.len() <= name.len());
    let variables = BTreeMap::from([("X".to_owned(), name.to_owned())]);
    let values = Values {
        run: "run",
        stage: 1,
        task: "7",
        attempt: "a.1",
        request_id: "a",
        dir,
        name,
        group: Some("sub%2001/a"),
        variables: &variables,
    };
    let Ok(out) = template.expand(&values) else { return };
    let (begin, _) = template.beginning();
    assert!(format!("{out}/").starts_with(&begin) && begin.starts_with(&template.fixed()));
    assert!(out.starts_with(&template.shared(&values).expect("a part of what can be made")));
    let counted = |word: &str| path.split('/').filter(|part| *part == word).count();
    let (dirs, groups) = (counted("{dir}"), counted("{group}"));
    let own = path.split('/').filter(|part| !part.is_empty()).count() - dirs - groups;
    let folders = dir.split('/').filter(|folder| !folder.is_empty()).count();
    let parts = out.split('/').filter(|part| !part.is_empty()).count();
    assert_eq!(parts, own + dirs * folders + groups * 2, "{path} {out}");
});
