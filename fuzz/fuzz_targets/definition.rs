//! Definition files of every dialect: what is read stays within Lambda's limits, is written back as itself, keeps its
//! secrets, and `throng migrate` changes nothing, least of all when it runs again.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::path::Path;
use throng_core::definition::{Definition, Environment, explain, migrate_text, parse, to_yaml};
use throng_fuzz::fuzz_target;

const SECRET: &str = "hush-hush-7f3a";

fn environment() -> Environment<'static> {
    Environment(&|name| (name != "UNSET").then(|| SECRET.to_owned()))
}

fuzz_target!(|text: &str| {
    let path = Path::new("/fuzz/functions.yaml");
    let read = match parse(text, path, environment()) {
        Ok(document) => document,
        Err(errors) => {
            let shown = errors.to_string();
            assert!(
                !errors.problems.is_empty() && (text.contains(SECRET) || !shown.contains(SECRET)),
                "{shown}"
            );
            let _ = migrate_text(text, path, environment());
            return;
        }
    };
    assert!(!read.definitions.is_empty() && read.origins.len() == read.definitions.len());
    for definition in &read.definitions {
        check(definition, text, path);
    }
    let new =
        migrate_text(text, path, environment()).unwrap_or_else(|errors| panic!("not migrated: {errors}"));
    let again =
        parse(&new.yaml, path, environment()).unwrap_or_else(|errors| panic!("{errors}\n{}", new.yaml));
    assert_eq!(again.definitions, read.definitions, "{}", new.yaml);
    let second = migrate_text(&new.yaml, path, environment()).expect("what was migrated");
    let third = migrate_text(&second.yaml, path, environment()).expect("what was migrated twice");
    assert_eq!(second.yaml, third.yaml);
    assert!(text.contains(SECRET) || !new.yaml.contains(SECRET), "{}", new.yaml);
});

fn check(definition: &Definition, text: &str, path: &Path) {
    let Definition { name, memory_mb, timeout_s, tmp_mb, retries, .. } = definition;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    assert!((1..=64).contains(&name.len()) && name.bytes().all(good), "{name:?}");
    assert!((128..=10_240).contains(memory_mb) && (1..=900).contains(timeout_s), "{definition:?}");
    assert!((512..=10_240).contains(tmp_mb) && *retries <= 2, "{definition:?}");
    let shown = format!("{definition:?}{}", explain(definition));
    // Endpoints, regions and roles are no secrets, wherever they come from.
    let mut places = definition.providers.values().map(|provider| &provider.storage);
    let open = definition.role.as_ref().is_some_and(|role| role.contains(SECRET))
        || places.any(|place| format!("{place:?}").contains(SECRET));
    assert!(open || text.contains(SECRET) || !shown.contains(SECRET), "{shown}");
    let yaml = to_yaml(definition);
    let again = parse(&yaml, path, environment()).unwrap_or_else(|errors| panic!("{errors}\n{yaml}"));
    let [again] = &again.definitions[..] else { panic!("not one function:\n{yaml}") };
    if definition.providers.is_empty() {
        assert_eq!(again, definition, "{yaml}");
    } else {
        // Keys that stood in the file are written as variables.
        assert_eq!(again.outputs, definition.outputs, "{yaml}");
        assert!(again.providers.keys().eq(definition.providers.keys()), "{yaml}");
    }
}
