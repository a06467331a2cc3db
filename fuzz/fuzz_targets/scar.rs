//! Command lines of SCAR, brought into ours: nothing that a person typed is lost without a word, and what stands behind
//! `--` stays as it is.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::ffi::OsString;
use throng_cli::fuzzing::translate;
use throng_fuzz::fuzz_target;

/// Words that become others.
const VERBS: [&str; 5] = ["update", "run", "invoke", "rm", "log"];

fuzz_target!(|text: &str| {
    let Some(words) = shlex::split(text) else { return };
    let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    let translated = match translate(arguments) {
        Ok(translated) => translated,
        Err(sentence) => {
            assert!(sentence.len() > 10, "{sentence}");
            return;
        }
    };
    let ours: Vec<String> =
        translated.arguments.iter().map(|word| word.to_str().expect("UTF-8").to_owned()).collect();
    if let Some(at) = words.iter().position(|word| word == "--") {
        assert!(ours.ends_with(&words[at + 1..]), "{words:?} became {ours:?}");
    }
    if translated.warning.is_none() && once_each(&words) {
        let values = words.iter().filter(|word| !word.starts_with('-') && !VERBS.contains(&word.as_str()));
        for word in values {
            assert!(ours.iter().any(|ours| ours.contains(word.as_str())), "{word:?} of {words:?}: {ours:?}");
        }
    }
});

/// Of an option that is given twice the last counts, in SCAR too.
fn once_each(words: &[String]) -> bool {
    let options: Vec<_> = words
        .iter()
        .filter(|word| word.starts_with('-'))
        .map(|word| word.split('=').next().unwrap_or_default())
        .collect();
    let different: std::collections::HashSet<_> = options.iter().collect();
    // Both spellings of an option are one.
    options.len() == different.len() && options.iter().all(|option| !option.starts_with("--"))
}
