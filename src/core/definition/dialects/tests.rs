//! Files of every dialect. The examples of SCAR's repository stand for what people have.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::super::{
    Definition, DefinitionErrors, Document, Environment, InputRule, load, migrate_text, parse,
};
mod oscar;

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/scar")
}

fn secrets(name: &str) -> Option<String> {
    name.ends_with("_TOKEN")
        .then(|| "s3cret".to_owned())
        .or_else(|| name.ends_with("LICENCE").then(|| "s3cret".into()))
}

fn read(text: &str) -> Result<Document, DefinitionErrors> {
    parse(text, &fixtures().join("test.yaml"), Environment(&secrets))
}

fn fixture(name: &str) -> Document {
    let path = fixtures().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    parse(&text, &path, Environment(&secrets)).unwrap_or_else(|errors| panic!("{errors}"))
}

/// One function of the form of SCAR v1 to v3.
fn old(lines: &str) -> String {
    let mut text = String::from("functions:\n  f:\n    image: a/b\n");
    for line in lines.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}

fn one(text: &str) -> Definition {
    read(text).unwrap_or_else(|errors| panic!("{text}\n{errors}")).definitions.remove(0)
}

fn ends(definition: &Definition) -> (Vec<String>, Vec<String>) {
    let join = |bucket: &str, path: &str| format!("{bucket}/{path}");
    (
        definition.inputs.iter().map(|rule| join(&rule.bucket, &rule.path)).collect(),
        definition.outputs.iter().map(|rule| join(&rule.bucket, &rule.path)).collect(),
    )
}

fn notes(document: &Document, index: usize) -> String {
    document.origins[index].notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn scar_v2_keeps_its_folders() {
    let document = fixture("darknet-v2.yaml");
    let definition = &document.definitions[0];
    assert_eq!(document.origins[0].dialect, Dialect::ScarV2);
    assert_eq!((definition.name.as_str(), definition.image.as_str()), ("scar-darknet-s3", "grycap/darknet"));
    assert_eq!((definition.memory_mb, definition.timeout_s, definition.timeout_threshold_s), (2048, 300, 10));
    assert_eq!(definition.env["THRESHOLD"], "0.5");
    assert_eq!(definition.script, Some(fixtures().join("yolo.sh")));
    let (inputs, outputs) = ends(definition);
    assert_eq!(
        (inputs, outputs),
        (vec!["scar-darknet-bucket/pictures".into()], vec!["scar-darknet-results/found/{request_id}".into()])
    );
    let notes = notes(&document, 0);
    for part in
        ["time: 300 → timeout: 300", "deployment_bucket", "a folder for each invocation", "profile: research"]
    {
        assert!(notes.contains(part), "{part}\n{notes}");
    }
    assert!(!notes.contains("0.5"), "values of variables stay out\n{notes}");
    assert_eq!(document.warnings.len(), 1);
    let warning = document.warnings[0].to_string();
    assert!(
        warning.contains(":21:5: functions.scar-darknet-s3.tme") && warning.contains("`time`"),
        "{warning}"
    );
}

#[test]
fn default_folders_are_named_after_the_function() {
    let (inputs, outputs) = ends(&one(&old("s3: {input_bucket: bbb}")));
    assert_eq!(
        (inputs, outputs),
        (vec!["bbb/f/input".to_owned()], vec!["bbb/f/output/{request_id}".to_owned()])
    );
    let (inputs, outputs) =
        ends(&one(&old("s3: {input_bucket: bbb, output_bucket: ccc, input_folder: x/y/}")));
    assert_eq!((inputs, outputs), (vec!["bbb/x/y".to_owned()], vec!["ccc/f/output/{request_id}".to_owned()]));
    let (inputs, outputs) = ends(&one(&old("s3: {input_bucket: bbb, output_folder: z}")));
    assert_eq!((inputs, outputs), (vec!["bbb/f/input".to_owned()], vec!["bbb/z/{request_id}".to_owned()]));
    let (inputs, outputs) = ends(&one(&old("s3: {output_bucket: ccc}")));
    assert_eq!((inputs, outputs), (vec![], vec!["ccc/f/output/{request_id}".to_owned()]));
    assert_eq!(ends(&one(&old(""))), (vec![], vec![]));
}

#[test]
fn scar_v3_has_the_folder_with_the_bucket() {
    let document = fixture("darknet-v3.yaml");
    let definition = &document.definitions[0];
    assert_eq!(document.origins[0].dialect, Dialect::ScarV3);
    let (inputs, outputs) = ends(definition);
    assert_eq!((inputs, outputs), (vec!["scar-darknet/pictures".into()], vec!["scar-darknet/found".into()]));
    assert_eq!(definition.lambda_env["STAGE"], "test");
    assert_eq!(
        (definition.lambda_env["TOKEN"].as_str(), definition.secrets["TOKEN"].as_str()),
        ("s3cret", "${DARKNET_TOKEN}")
    );
    assert!(definition.env.is_empty());
    assert!(
        document.warnings[0].to_string().contains("functions.scar-darknet.layers: not used"),
        "{:?}",
        document.warnings
    );

    // SCAR stored outputs among the inputs here, for ever.
    let (inputs, outputs) = ends(&one(&old("s3: {input_bucket: bbb/in}")));
    assert_eq!((inputs, outputs), (vec!["bbb/in".to_owned()], vec!["bbb/f/output".to_owned()]));
    let (inputs, outputs) = ends(&one(&old("layers: []\ns3: {input_bucket: bbb, output_bucket: ccc/o/p/}")));
    assert_eq!((inputs, outputs), (vec!["bbb/f/input".to_owned()], vec!["ccc/o/p".to_owned()]));
}

#[test]
fn every_function_of_a_file_is_read() {
    let document = fixture("video-process.yaml");
    let names: Vec<_> = document.definitions.iter().map(|definition| definition.name.as_str()).collect();
    assert_eq!(names, ["scar-ffmpeg-split", "scar-lambda-darknet"]);
    assert_eq!(document.definitions[1].inputs[0].path, "scar-ffmpeg-split/video-output");
    let outputs = [0, 1].map(|index: usize| document.definitions[index].outputs[0].path.as_str());
    assert_eq!(
        outputs,
        ["scar-ffmpeg-split/video-output/{run}/{task}", "scar-ffmpeg-split/image-output/{request_id}"],
        "between stages a folder for each task"
    );
    assert!(notes(&document, 0).contains("{run}/{task} (a folder for each task: SCAR made one"));
    assert!(notes(&document, 1).contains("SCAR used only the first"));
    assert!(!notes(&document, 0).contains("SCAR used only the first"));
}

#[test]
fn problems_are_told_in_the_words_of_the_file() {
    let text = old(
        "time: 1000\nmemory: 64\ninit_script: gone.sh\ns3: {input_bucket: Bad_Name}\nenvironment: {'1A': x}",
    );
    let problems = read(&text).expect_err("wrong").problems;
    let found: Vec<_> = problems.iter().map(|problem| (problem.at.line, problem.key.as_str())).collect();
    let expected = [
        (4, "functions.f.time"),
        (5, "functions.f.memory"),
        (6, "functions.f.init_script"),
        (7, "functions.f.s3.input_bucket"),
        (7, "functions.f.s3.input_bucket"),
        (8, "functions.f.environment.1A"),
    ];
    assert_eq!(found, expected, "{problems:#?}");
    let again =
        read(&old("s3: {input_bucket: bbb, input_folder: x, output_folder: x/y}")).expect_err("a loop");
    let message = again.to_string();
    assert!(
        message.contains("functions.f.s3: outputs in bbb/x/y/{request_id} would start the function again"),
        "{message}"
    );
    let none = read("functions:\n  f: {memory: 512}\n").expect_err("no image").to_string();
    assert!(none.contains("test.yaml:2:6: functions.f.image: is missing"), "{none}");
}

#[test]
fn batch_is_refused_unless_it_is_an_unused_block() {
    let path = fixtures().join("plant-classification.yaml");
    let error = load(&path).expect_err("batch").to_string();
    assert!(
        error.contains("plant-classification.yaml:5:21: functions.scar-plants.execution_mode"),
        "{error}"
    );
    assert!(error.contains("`batch` is not possible yet"), "{error}");
    assert!(read(&old("batch: {vcpus: 2}\nexecution_mode: lambda")).is_ok());
    assert!(read(&old("execution_mode: lambda-batch")).is_err());
}

#[test]
fn slips_of_scar_v4_are_mended() {
    let document = fixture("spectacle.yaml");
    let definition = &document.definitions[0];
    assert_eq!((definition.image.as_str(), definition.timeout_threshold_s), ("sourcey/spectacle", 20));
    assert_eq!(definition.env["LOGO"], "none");
    assert_eq!(definition.outputs.len(), 2);
    assert_eq!(document.warnings, []);
    let notes = notes(&document, 0);
    for part in
        ["image: sourcey/spectacle → container.image", "timeout_threshold\": 20", "environment.variables"]
    {
        assert!(notes.contains(part), "{part}\n{notes}");
    }
    let error =
        read("functions:\n  aws:\n  - lambda: {name: f, image: 'a b'}\n").expect_err("image").to_string();
    assert!(error.contains(":3:30: functions.aws[0].lambda.image: "), "{error}");
}

#[test]
fn services_of_oscar_become_functions() {
    let document = fixture("mask-detector.yaml");
    let names: Vec<_> = document.definitions.iter().map(|definition| definition.name.as_str()).collect();
    assert_eq!(names, ["mask-detector", "blurry-faces"]);
    let service = &document.definitions[1];
    assert_eq!((service.memory_mb, service.timeout_s), (1024, 900));
    assert_eq!(ends(service), (vec!["blurry-faces/input".into()], vec!["mask-detector/frames".into()]));
    assert_eq!(document.origins[1].dialect, Dialect::Oscar);
    assert!(notes(&document, 1).contains("cluster my_oscar"));

    let document = fixture("oscar-service.yaml");
    let service = &document.definitions[0];
    assert_eq!((service.name.as_str(), service.memory_mb), ("grayify", 512));
    assert_eq!(service.env["QUALITY"], "80");
    assert_eq!(service.script_secrets["LICENCE"].value, "s3cret");
    assert!(service.env.len() == 1 && service.lambda_env.is_empty(), "secrets stay out of the image");
    assert_eq!(ends(service), (vec!["grayify/input".into()], vec!["grayify/output".into()]));
    assert!(document.warnings[0].to_string().contains("enable_gpu: not possible: Lambda has no GPU"));
}

#[test]
fn what_a_service_cannot_share_is_said() {
    let service = |lines: &str| format!("name: serve\nimage: a/b\n{lines}\n");
    let definition = one(&service("memory: 64Mi"));
    assert_eq!(definition.memory_mb, 128);
    assert_eq!(one(&service("")).memory_mb, 256);
    for (lines, key, word) in [
        ("memory: much", "memory", "256Mi"),
        ("memory: 16Gi", "memory", "16Gi is more than Lambda has"),
        ("script: \"#!/bin/sh\\r\\ntrue\\r\\n\"", "script", "DOS line ends"),
        ("input: [{storage_provider: rucio.x, path: a/b}]", "input[0].storage_provider", "rucio download"),
        ("input: [{storage_provider: onedata.x, path: a/b}]", "input[0].storage_provider", "onedata"),
        ("input: [{storage_provider: minio.default, path: a}]\nname2: x", "", ""),
    ] {
        let result = read(&service(lines));
        if word.is_empty() {
            assert!(result.unwrap_or_else(|e| panic!("{e}")).warnings[0].to_string().contains("name2"));
            continue;
        }
        let error = result.expect_err(lines).to_string();
        assert!(error.contains(&format!(" {key}: ")) && error.contains(word), "{error}");
    }
    for lines in ["expose: {api_port: 80}", "mount: {path: x}", "volume: {size: 1Gi}", "file_stage_in: true"]
    {
        let document = read(&service(lines)).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(document.warnings[0].message.contains("not possible"), "{lines}");
    }
    assert!(read(&service("enable_gpu: false")).unwrap().warnings.is_empty());
}

#[test]
fn what_is_written_in_todays_form_means_the_same() {
    for name in [
        "imagemagick",
        "ffmpeg",
        "darknet-v2",
        "darknet-v3",
        "video-process",
        "spectacle",
        "mask-detector",
        "oscar-service",
        "oscar-clusters",
        "function_config",
    ] {
        let path = fixtures().join(format!("{name}.yaml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let migration = migrate_text(&text, &path, Environment(&secrets)).unwrap_or_else(|e| panic!("{e}"));
        let again = parse(&migration.yaml, &path, Environment(&secrets))
            .unwrap_or_else(|e| panic!("{e}\n{}", migration.yaml));
        assert_eq!(again.definitions, fixture(&format!("{name}.yaml")).definitions, "{}", migration.yaml);
        assert!(again.origins.iter().all(|origin| *origin == Origin::default()), "{}", migration.yaml);
        assert!(!migration.yaml.contains("s3cret"), "{}", migration.yaml);
        let twice = migrate_text(&migration.yaml, &path, Environment(&secrets)).unwrap();
        let body =
            |yaml: &str| yaml.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        assert_eq!(body(&twice.yaml), body(&migration.yaml));
    }
}

#[test]
fn secrets_need_not_be_set_to_migrate() {
    let text = old("environment: {TOKEN: '${NOT_SET}'}\niam: {role: '${ROLE}'}")
        + "storage_providers:\n  s3:\n    lab: {access_key: '${KEY}', secret_key: '${SECRET}', region: us-east-1}\n";
    let path = fixtures().join("x.yaml");
    let migration = migrate_text(&text, &path, Environment(&|_| None)).unwrap_or_else(|e| panic!("{e}"));
    for written in ["TOKEN: \"${NOT_SET}\"", "role: \"${ROLE}\"", "secret_key: \"${SECRET}\""] {
        assert!(migration.yaml.contains(written), "{}", migration.yaml);
    }
    assert!(parse(&text, &path, Environment(&|_| None)).is_err(), "to deploy they must be");
}

/// A bucket, and a folder in it.
type BucketEnd = Option<(String, Option<String>)>;
/// Name, memory, time, variables, input, output, and whether folders stand with buckets as in v3.
type Function = (String, Option<u32>, Option<u32>, BTreeMap<String, String>, BucketEnd, BucketEnd, bool);

/// Files of SCAR v1 to v3 that are right.
fn right() -> impl Strategy<Value = String> {
    let word = "[a-z]{3,8}";
    let folder = "[a-z]{1,4}(/[a-z]{1,4})?";
    let value = "[ -~]{0,20}|\\PC{0,8}".prop_map(|text| text.replace('{', "("));
    let function = (
        word,
        proptest::option::of(128u32..=10_240),
        proptest::option::of(20u32..=900),
        proptest::collection::btree_map("[A-Z][A-Z_]{1,6}X", value, 0..4),
        proptest::option::of((word, proptest::option::of(folder))),
        proptest::option::of((word, proptest::option::of(folder))),
        any::<bool>(),
    );
    proptest::collection::vec(function, 1..3).prop_map(|functions| {
        let functions: BTreeMap<String, String> =
            functions.into_iter().map(|function| (function.0.clone(), written(&function))).collect();
        format!("functions:\n{}", functions.into_values().collect::<String>())
    })
}

fn written((name, memory, time, env, input, output, v3): &Function) -> String {
    let mut text = format!("  {name}:\n    image: a/b\n");
    if let Some(memory) = memory {
        let _ = writeln!(text, "    memory: {memory}");
    }
    if let Some(time) = time {
        let _ = writeln!(text, "    time: {time}");
    }
    if !env.is_empty() {
        text.push_str("    environment:\n");
    }
    for (name, value) in env {
        let _ = writeln!(text, "      {name}: {}", serde_json::Value::from(value.as_str()));
    }
    text.push_str("    s3:\n");
    for (side, end) in [("input", input), ("output", output)] {
        let Some((bucket, folder)) = end else { continue };
        // Buckets of one side only, so that nothing starts itself.
        let bucket = format!("{side}-{bucket}-{name}");
        let _ = match folder {
            Some(folder) if *v3 => writeln!(text, "      {side}_bucket: {bucket}/{folder}"),
            Some(folder) => writeln!(text, "      {side}_bucket: {bucket}\n      {side}_folder: {folder}"),
            None => writeln!(text, "      {side}_bucket: {bucket}"),
        };
    }
    text
}

const PIECES: &str = "([ \\-\\[\\]{}:,&*!|>'\"#%@`?<~\n\t]|functions|aws|oscar|lambda|name|image|s3|input_bucket|input_folder|time|environment|variables|secrets|memory|script|input|output|path|storage_provider|minio|256Mi|f|1|\\$\\{|\n  |\n    |\n      ){0,60}";

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn migrating_changes_no_function(text in right()) {
        let path = fixtures().join("generated.yaml");
        let before = read(&text).map_err(|errors| TestCaseError::fail(format!("{errors}\n{text}")))?;
        let migration = migrate_text(&text, &path, Environment(&secrets)).map_err(|errors| TestCaseError::fail(format!("{errors}\n{text}")))?;
        let after = parse(&migration.yaml, &path, Environment(&secrets)).map_err(|errors| TestCaseError::fail(format!("{errors}\n{}", migration.yaml)))?;
        prop_assert_eq!(&after.definitions, &before.definitions, "{}", migration.yaml);
        prop_assert_eq!(after.warnings.len(), before.warnings.len());
    }

    #[test]
    fn hostile_files_never_panic(text in PIECES) {
        for head in ["", "functions:\n  f:\n    image: a/b\n    ", "functions:\n  oscar:\n  - c:\n      name: f\n      ", "name: f\nimage: a/b\n"] {
            let whole = format!("{head}{text}");
            let _ = read(&whole);
            let _ = migrate_text(&whole, Path::new("x.yaml"), Environment(&|_| None));
        }
    }

    #[test]
    fn damaged_files_never_panic(at in 0usize..900, with in "\\PC{0,3}|\n|: |- ", cut in 0usize..20, which in 0usize..4) {
        let name = ["darknet-v2", "darknet-v3", "mask-detector", "oscar-service"][which];
        let text = std::fs::read_to_string(fixtures().join(format!("{name}.yaml"))).unwrap();
        let chars: Vec<char> = text.chars().collect();
        let at = at.min(chars.len());
        let end = (at + cut).min(chars.len());
        let text: String = chars[..at].iter().copied().chain(with.chars()).chain(chars[end..].iter().copied()).collect();
        let _ = read(&text);
        let _ = migrate_text(&text, Path::new("x.yaml"), Environment(&|_| None));
    }
}

#[test]
fn nothing_is_taken_for_another_dialect() {
    for (text, word) in [
        ("functions: {}", "no function"),
        ("functions: []", "must be a map"),
        ("functions: {awss: [{lambda: {name: f}}]}", "no function"),
        ("functions: {oscar: nothing}", "must be a list"),
        ("functions: {oscar: [nothing]}", "must be `cluster: service`"),
        ("name: f", "no function"),
        ("~", "no function"),
        ("!s", "no function"),
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
    let rule: InputRule =
        one("functions: {aws: {lambda: {name: f, image: a/b, input: {storage_provider: s3, path: bbb}}}}")
            .inputs
            .remove(0);
    assert_eq!(rule.bucket, "bbb");
}
