//! `sweep` of a function.

use super::*;

#[test]
fn values_are_a_list_or_counted_and_stand_in_paths() {
    let definition = one(
        "sweep: {ALPHA: [0.1, 10], SEED: \"1:3\"}\ninput: [{storage_provider: s3, path: data/in}]\noutput: [{storage_provider: s3, path: 'data/out/{ALPHA}/{SEED}'}]",
    );
    let axis = |name: &str, values: &[&str]| {
        (name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(definition.sweep, [axis("ALPHA", &["0.1", "10"]), axis("SEED", &["1", "2", "3"])]);
    assert!(definition.inputs.is_empty(), "no trigger: a notification has no values");
    assert_eq!(definition.selections.len(), 1, "the place is one of inputs all the same");
    let said = explain(&definition).to_string();
    assert!(said.contains("6 sets of values: ALPHA (2), SEED (3)") && !said.contains("start it"), "{said}");
    let yaml = to_yaml(&definition);
    assert!(yaml.contains("sweep:") && yaml.contains("SEED: [\"1\", \"2\", \"3\"]"), "{yaml}");
}

#[test]
fn what_no_launch_could_do_is_an_error() {
    for (lines, words) in [
        ("sweep: [1, 2]", "must be a map"),
        ("sweep: {A: []}", "no values"),
        ("sweep: {A: {b: c}}", "must be one value"),
        ("sweep: {A: \"1:5:-1\"}", "no step"),
        ("sweep: {A-B: [1]}", "not a variable name"),
        ("sweep: {API_KEY: [x]}", "looks like a secret"),
        ("sweep: {A: \"1:2000\", B: \"1:2000\"}", "more than 1000000 sets"),
        ("sweep: {A: \"1:900\"}", "--params"),
        ("sweep: {A: [1]}\nafter: other", "bring no values"),
    ] {
        let problems = errors(lines);
        assert!(problems.iter().any(|problem| problem.message.contains(words)), "{lines}: {problems:?}");
    }
}
