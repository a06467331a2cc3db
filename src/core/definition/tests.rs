//! Whole definitions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod providers;
mod surroundings;
mod sweep;

use super::*;
use crate::model::FunctionForm;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use tempfile::TempDir;

/// A folder with a script and an image to name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::write(folder.path().join("prog"), "x").unwrap();
    folder
}

fn read_with(
    text: &str,
    folder: &Path,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Document, DefinitionErrors> {
    parse(text, &folder.join("f.yaml"), Environment(lookup))
}

fn read(text: &str) -> Result<Document, DefinitionErrors> {
    let folder = folder();
    read_with(text, folder.path(), &|name| (name == "TOKEN").then(|| "s3cret".to_owned()))
}

/// The lines of a `lambda` block in a whole file.
fn lambda(lines: &str) -> String {
    let mut text = String::from("functions:\n  aws:\n  - lambda:\n      name: f\n");
    if !lines.contains("container") {
        text.push_str("      container: {image: 'scratch:prog'}\n");
    }
    for line in lines.lines() {
        let _ = writeln!(text, "      {line}");
    }
    text
}

fn one(lines: &str) -> Definition {
    match read(&lambda(lines)) {
        Ok(document) => document.definitions.into_iter().next().unwrap(),
        Err(errors) => panic!("{errors}"),
    }
}

fn errors(lines: &str) -> Vec<Problem> {
    match read(&lambda(lines)) {
        Ok(_) => panic!("no error: {lines}"),
        Err(errors) => errors.problems,
    }
}

fn warnings(lines: &str) -> Vec<Problem> {
    read(&lambda(lines)).unwrap_or_else(|errors| panic!("{errors}")).warnings
}

const WHOLE: &str = r#"
functions:
  aws:
  - lambda:
      name: grayify
      description: "gray: pictures"
      memory: 1024
      timeout: 120
      ephemeral_storage: 1024
      retries: 1
      concurrency: 50
      on_failure: keep
      expect: {files: 2, suffix: [.csv, .png], min_bytes: 10}
      workdir: /work
      files: [prog]
      architectures: [arm64]
      runtime: image
      execution_mode: lambda
      init_script: run.sh
      container:
        image: scratch:prog=/bin/prog
        timeout_threshold": 20
        environment:
          Variables: {ITERATIONS: 200, EMPTY: , TOKEN: "${TOKEN}", LITERAL: "$${X}"}
      environment:
        variables: {PLAIN: yes}
      input:
      - storage_provider: s3
        path: /pictures/in/
        prefix: [p-1, p-2]
        suffix: [.jpg, .png]
        exclude: ["*_mask.*", old/**]
        min_size: 1KiB
        newer: 2026-01-01
      output:
      - storage_provider: s3.store
        path: pictures/out
        prefix: [a, b]
        suffix: .gif
      tags: {project: x}
    iam: {role: "arn:aws:iam::123456789012:role/lambda"}
    cloudwatch: {log_retention_policy_in_days: 7}
    ecr: {delete_image: true}
storage_providers:
  s3:
    store: {access_key: "AK", secret_key: "${TOKEN}", region: us-east-1}
"#;

#[test]
fn rules_of_inputs_are_read_and_told_and_wrong_ones_refused() {
    let input = |rules: &str| format!("input: [{{storage_provider: s3, path: bucket/in, {rules}}}]");
    let definition = one(&input("prefix: sub-, exclude: ['*_mask.nii'], min_size: 1KiB, newer: 7d"));
    let told = explain(&definition).to_string();
    let line = "new objects in s3://bucket/in/ beginning with `sub-`, without `*_mask.nii`, of at least 1.0 KiB, not older than 7d";
    assert!(told.contains(line), "{told}");
    assert_eq!(definition.inputs[0].key_prefix(), "in/sub-");
    for (rules, word) in [
        ("exclude: '[a'", "not a pattern"),
        ("min_size: big", "64KiB"),
        ("newer: soon", "7d"),
        (&*format!("exclude: ['{}']", "x".repeat(1500)), "1500 are allowed"),
    ] {
        assert!(errors(&input(rules))[0].message.contains(word), "{rules}");
    }
}

#[test]
fn a_whole_definition_is_read() {
    let folder = folder();
    let text = WHOLE.replace("path: /pictures", "path: pictures");
    let document =
        read_with(&text, folder.path(), &|_| Some("s3cret".into())).unwrap_or_else(|e| panic!("{e}"));
    let definition = &document.definitions[0];
    assert_eq!(definition.name, "grayify");
    assert_eq!((definition.memory_mb, definition.timeout_s, definition.tmp_mb), (1024, 120, 1024));
    assert_eq!((definition.retries, definition.concurrency), (1, Some(50)));
    assert_eq!(definition.timeout_threshold_s, 20, "with SCAR's stray quote");
    assert_eq!(definition.architecture, Architecture::Arm64);
    assert_eq!(definition.on_failure, OnFailure::Keep);
    assert_eq!(definition.script, Some(folder.path().join("run.sh")));
    let rule = |suffix: &str| InputRule {
        bucket: "pictures".into(),
        path: "in".into(),
        prefix: "p-".into(),
        suffix: suffix.into(),
    };
    assert_eq!(definition.inputs, [rule(".jpg"), rule(".png")]);
    assert_eq!(definition.outputs[0].suffix, [".gif"]);
    assert_eq!(definition.env["ITERATIONS"], "200");
    assert_eq!(definition.env["EMPTY"], "");
    assert_eq!(definition.env["LITERAL"], "${X}");
    assert!(!definition.env.contains_key("TOKEN"), "secrets stay out of the image");
    assert_eq!(definition.lambda_env["TOKEN"], "s3cret");
    assert_eq!(definition.lambda_env["PLAIN"], "yes");
    assert_eq!(definition.log_retention_days, 7);
    assert_eq!(definition.role.as_deref(), Some("arn:aws:iam::123456789012:role/lambda"));
    let shown = format!("{definition:?} {document:?} {}", explain(definition));
    assert!(!shown.contains("s3cret") && !shown.contains("\"AK\""), "{shown}");
}

#[test]
fn what_is_written_reads_back() {
    let folder = folder();
    let text = WHOLE.replace("path: /pictures", "path: pictures").replace("s3.store", "s3");
    let read = |text: &str| {
        read_with(text, folder.path(), &|_| Some("s3cret".into())).unwrap_or_else(|e| panic!("{e}"))
    };
    let before = read(&text).definitions;
    let written = to_yaml(&before[0]);
    assert!(!written.contains("s3cret"), "{written}");
    let again = read(&written);
    assert_eq!(again.definitions, before, "{written}");
    assert_eq!(again.warnings, [], "{written}");
}

#[test]
fn defaults_are_those_of_scar() {
    let definition = one("");
    assert_eq!((definition.memory_mb, definition.timeout_s, definition.tmp_mb), (512, 300, 512));
    assert_eq!(definition.timeout_threshold_s, 10);
    assert_eq!(definition.retries, 0);
    assert_eq!(definition.log_retention_days, 30);
    assert_eq!(definition.architecture, Architecture::X86_64);
    assert!(definition.inputs.is_empty() && definition.outputs.is_empty());
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let found =
        errors("memory: 64\ntimeout: soon\ntmp: 99999\ninit_script: gone.sh\nretries: 3\non_failure: cry");
    let lines: Vec<_> = found.iter().map(|problem| problem.at.line).collect();
    assert_eq!(lines, [6, 7, 8, 9, 10, 11], "{found:#?}");
    assert!(found[0].message.contains("\"64\"") && found[0].message.contains("128 to 10240"), "{}", found[0]);
    assert_eq!(found[0].at.column, 15);
    assert_eq!(found[0].key, "functions.aws[0].lambda.memory");
    assert!(found[1].message.contains("\"soon\""), "{}", found[1]);
    assert!(found[3].message.contains("gone.sh"), "{}", found[3]);
    assert!(found[5].message.contains("discard or keep"), "{}", found[5]);
    let shown = found[0].to_string();
    assert!(shown.contains("f.yaml:6:15: functions.aws[0].lambda.memory: "), "{shown}");
}

#[test]
fn unknown_keys_are_warnings_with_a_guess() {
    let found = warnings("memroy: 512\nbanana: 1");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].message.contains("did you mean `memory`?"), "{}", found[0]);
    assert_eq!(found[0].at.line, 6);
    assert!(found[1].message.contains("known keys"), "{}", found[1]);
}

#[test]
fn an_output_that_starts_the_function_again_is_refused() {
    let rules = |output: &str| format!("input: [{{storage_provider: s3, path: b00/in}}]\noutput: [{output}]");
    for output in [
        "{storage_provider: s3, path: b00/in}",
        "{storage_provider: s3, path: b00/in/deeper}",
        "{storage_provider: s3, path: b00, prefix: [in/x]}",
    ] {
        let found = errors(&rules(output));
        assert!(found[0].message.contains("start the function again"), "{output}: {}", found[0]);
        assert_eq!(found[0].at.line, 7);
    }
    assert!(warnings(&rules("{storage_provider: s3, path: b00/in2}")).is_empty());
    assert_eq!(warnings(&rules("{storage_provider: s3, path: b00}")).len(), 1);
    let split = "input: {storage_provider: s3, path: b00/x, suffix: .jpg}\n\
                 output: {storage_provider: s3, path: b00/x, suffix: [.png]}";
    assert!(warnings(split).is_empty());
}

#[test]
fn words_in_output_paths_are_known_or_refused_where_they_stand() {
    let kept = one("output: {storage_provider: s3, path: 'bout/{run}/{dir}'}");
    assert!(keeps_apart(&kept));
    assert!(!keeps_apart(&one("output: {storage_provider: s3, path: 'bout/{stem}'}")));
    let problems = errors("output: {storage_provider: s3, path: 'bout/{input}'}");
    assert_eq!((problems.len(), problems[0].at.line, problems[0].at.column), (1, 6, 44));
    assert!(problems[0].key.ends_with("output.path"), "{}", problems[0]);
    assert!(problems[0].message.contains("`{input}` is not known: {run} {task}"), "{}", problems[0]);
    let warned = warnings("input: {storage_provider: s3, path: 'bin/{dir}'}");
    assert!(warned[0].message.contains("taken as they stand"), "{warned:?}");
}

#[test]
fn words_of_attempts_do_not_stand_between_stages() {
    let chain = |word: &str| {
        let function = |name: &str, input: &str, output: &str| {
            format!(
                "  - lambda:\n      name: {name}\n      container: {{image: 'scratch:prog'}}\n      \
                 input: {{storage_provider: s3, path: {input}}}\n      output: {{storage_provider: s3, path: '{output}'}}\n"
            )
        };
        let (a, b) = (
            function("a", "b00/in", &format!("b00/mid/{word}")),
            function("b", "b00/mid", "b00/out/{attempt}"),
        );
        read(&format!("functions:\n  aws:\n{a}{b}"))
    };
    for word in ["{attempt}", "{request_id}", "x-{attempt}"] {
        let refused = chain(word).unwrap_err().to_string();
        assert!(
            refused.contains("is another at every attempt") && refused.contains("starts `b`"),
            "{refused}"
        );
    }
    assert!(chain("{run}/{task}").is_ok(), "and the last stage may have them");
}

#[test]
fn what_is_expected_is_read_written_and_explained() {
    let definition = one("expect: {suffix: .nii.gz, min_bytes: 1}");
    let expect = throng_contract::Expect { files: 1, suffix: vec![".nii.gz".into()], min_bytes: 1 };
    assert_eq!(definition.expect.as_ref(), Some(&expect));
    assert!(to_yaml(&definition).contains("expect:\n        files: 1\n        suffix: [\".nii.gz\"]\n"));
    let said = explain(&definition).to_string();
    assert!(
        said.contains("leaves less than 1 file ending with `.nii.gz` of 1 B or more has failed"),
        "{said}"
    );
    assert_eq!(one("memory: 512").expect, None);
    assert!(errors("expect: {files: 0}")[0].message.contains("1 to 1000000"));
    assert!(warnings("expect: {file: 2}")[0].message.contains("did you mean `files`?"));
}

#[test]
fn functions_that_start_each_other_for_ever_are_refused() {
    let function = |name: &str, from: &str, to: &str| {
        format!(
            "  - lambda: {{name: {name}, container: {{image: 'scratch:prog'}}, \
             input: [{{storage_provider: s3, path: {from}}}], output: [{{storage_provider: s3, path: {to}}}]}}\n"
        )
    };
    let file = |parts: &[String]| format!("functions:\n  aws:\n{}", parts.concat());
    let chain = [function("a", "one", "two"), function("b", "two", "three")];
    assert!(read(&file(&chain)).is_ok());
    let circle = [function("a", "one", "two"), function("b", "two", "three"), function("c", "three", "one")];
    let found = read(&file(&circle)).expect_err("a circle").problems;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("a → b → c → a"), "{}", found[0]);
    let twice = [function("a", "one", "two"), function("a", "one/in", "three")];
    let found = read(&file(&twice)).expect_err("twice").to_string();
    assert!(found.contains("is also the function of line 3") && found.contains("one trigger"), "{found}");
}

#[test]
fn a_missing_secret_is_named_and_no_secret_is_shown() {
    let found = errors("environment: {Variables: {A: \"${TOKEN}${NOPE}\"}}\nmemory: 1");
    let text: String = found.iter().map(ToString::to_string).collect();
    assert!(text.contains("`NOPE`") && !text.contains("s3cret"), "{text}");
    assert_eq!(found.len(), 2);
}

#[test]
fn places_and_providers_are_checked() {
    let with = |provider: &str, path: &str| {
        errors(&format!("output: [{{storage_provider: {provider}, path: {path}}}]"))
    };
    assert!(with("minio", "bucket")[0].message.contains("no storage provider"));
    assert!(with("s3.nope", "bucket")[0].message.contains("no storage provider"));
    assert!(with("ftp", "bucket")[0].message.contains("not a storage provider"));
    assert!(with("s3", "Bad_Bucket/x")[0].message.contains("not a bucket name"));
    assert!(errors("output: [{path: bucket}]")[0].message.contains("is missing"));
}

#[test]
fn what_this_release_cannot_do_is_refused_clearly() {
    for (lines, word) in [
        ("execution_mode: batch", "Lambda only"),
        ("execution_mode: lambda-batch", "Lambda only"),
        ("runtime: nodejs22", "image"),
        ("architectures: [x86_64, arm64]", "one architecture"),
        ("container: {}", "is missing"),
        ("container: {image: 'scratch:prog', image_file: x}", "not both"),
        ("container: {image_file: gone.tar}", "gone.tar"),
        ("timeout: 5\ncontainer: {image: 'scratch:prog', timeout_threshold: 5}", "no time"),
        ("environment: {Variables: {AWS_REGION: x}}", "Lambda sets itself"),
    ] {
        let found = errors(lines);
        assert!(found.iter().any(|problem| problem.message.contains(word)), "{lines}: {found:?}");
    }
    assert!(warnings("runtime: python3.8\nvpc: {SubnetIds: [], SecurityGroupIds: []}").is_empty());
    assert_eq!(warnings("layers: [a]").len(), 1);
}

#[test]
fn the_explanation_says_what_would_be_made() {
    let definition = one("init_script: run.sh\ninput: {storage_provider: s3, path: bin/in, suffix: .x}\n\
                          output: {storage_provider: s3, path: bout, suffix: [.y]}");
    let text = explain(&definition).to_string();
    for part in [
        "function f",
        "run.sh runs for each input",
        "new objects in s3://bin/in/ ending with `.x`",
        "files ending with `.y` go to s3://bout/",
        "512 MiB memory",
        "/aws/lambda/f",
        "290 s for the script",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_form_is_checked_like_a_file() {
    let folder = folder();
    let form = FunctionForm {
        name: "f".into(),
        image: "scratch:prog".into(),
        script: "run.sh".into(),
        memory_mb: 256,
        input: "bin/in".into(),
        output: "s3://bout/x/".into(),
        ..FunctionForm::default()
    };
    let definition = from_form(&form, folder.path()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((definition.memory_mb, definition.timeout_s), (256, 300));
    assert_eq!(definition.outputs[0].path, "x");
    assert_eq!(definition.architecture, Architecture::host());
    let bad = FunctionForm {
        name: "f f".into(),
        script: "gone".into(),
        memory_mb: 1,
        input: "bbb/in".into(),
        output: "bbb/in".into(),
        ..FunctionForm::default()
    };
    let found = from_form(&bad, folder.path()).expect_err("bad").problems;
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["name", "image", "script", "memory", "output"], "{found:?}");
}

#[test]
fn a_missing_or_empty_file_is_explained() {
    let error = load(Path::new("/nonexistent/f.yaml")).expect_err("missing").to_string();
    assert!(error.contains("/nonexistent/f.yaml") && error.contains("cannot read"), "{error}");
    assert!(read("").expect_err("empty").to_string().contains("empty"));
    assert!(read("functions: {aws: []}").expect_err("none").to_string().contains("no function"));
    let error = read("functions:\n  aws: [\n").expect_err("broken");
    assert!(error.to_string().contains("not YAML") && error.problems[0].at.line > 0, "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        let _ = parse(&text, Path::new("f.yaml"), Environment(&|_| None));
    }

    #[test]
    fn arbitrary_yaml_never_panics(text in "([ \\-\\[\\]{}:,&*!|>'\"#%@`?<~\n\t]|lambda|name|functions|aws|a|1|\\$\\{){0,80}") {
        let _ = parse(&text, Path::new("f.yaml"), Environment(&|_| None));
        let whole = format!("functions:\n  aws:\n  - lambda:\n      {}", text.replace('\n', "\n      "));
        let _ = parse(&whole, Path::new("f.yaml"), Environment(&|_| None));
    }

    #[test]
    fn a_damaged_definition_never_panics(at in 0usize..1500, with in "\\PC{0,3}", cut in 0usize..20) {
        let chars: Vec<char> = WHOLE.chars().collect();
        let at = at.min(chars.len());
        let end = (at + cut).min(chars.len());
        let text: String = chars[..at].iter().chain(&with.chars().collect::<Vec<_>>()).chain(&chars[end..]).collect();
        let _ = parse(&text, Path::new("f.yaml"), Environment(&|_| None));
    }
}
