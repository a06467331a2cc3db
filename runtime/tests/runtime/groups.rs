//! Tasks of several files: said by the event, by the run's manifest, or completed by what arrives.

use crate::rig::{Answer, Rig, function, notification};
use serde_json::{Value, json};
use throng_contract::{FailureClass, FunctionConfig, Grouping, InputPlace, Partner, Selection};

const RUN: &str = "20261130-183000123-k3x9";
/// Tells everything that a script sees of its files.
const SCRIPT: &str = "cd $TMP_INPUT_DIR; echo dir ${INPUT_DIR#$TMP_INPUT_DIR} first ${INPUT_FILE_PATH#$TMP_INPUT_DIR} \
                      mask ${INPUT_MASK#$TMP_INPUT_DIR}; find . -type f | sort; cat \"$INPUT_FILE_PATH\"; echo; \
                      echo x > $TMP_OUTPUT_DIR/x";

fn launched(rig: &mut Rig, key: &str, files: &Value) -> Answer {
    rig.invoke(&json!({
        "throng": {"version": 2, "run": RUN, "task": "1"}, "bucket": "in", "key": key, "files": files,
    }))
}

fn named_by(outputs: &str) -> FunctionConfig {
    let mut function = function(true);
    function.outputs[0].path = outputs.into();
    function.inputs = vec![InputPlace { bucket: "in".into(), path: "study".into() }];
    function
}

#[test]
fn a_script_finds_all_files_of_its_group_with_their_folders() {
    let mut rig = Rig::start(&named_by("out/{dir}/{stem}"), Some(SCRIPT), &[]);
    rig.put("in/study/sub-01/anat/t1", b"one");
    rig.put("in/study/sub-01/func/bold 1", b"three");
    let files = json!({"root": "study/", "folder": "sub-01", "list": [["anat/t1", 3], ["func/bold 1", 5]]});
    assert!(launched(&mut rig, "study/sub-01/anat/t1", &files).ok);
    assert_eq!(
        rig.printed(),
        ["dir /sub-01 first /sub-01/anat/t1 mask", "./sub-01/anat/t1", "./sub-01/func/bold 1", "one"]
    );
    let record = rig.record();
    assert_eq!((record.bytes_in, record.key.as_str()), (8, "study/sub-01/anat/t1"));
    assert_eq!(record.outputs[0].key, "out/sub-01/sub-01/x", "a group is called as its folder");
    let before = record.fingerprint.clone();

    // The same input with one file less is another task; the same files again are not.
    assert!(launched(&mut rig, "study/sub-01/anat/t1", &files).ok);
    assert_eq!(rig.record().fingerprint, before);
    let less = json!({"root": "study/", "folder": "sub-01", "list": [["anat/t1", 3]]});
    assert!(launched(&mut rig, "study/sub-01/anat/t1", &less).ok);
    assert_ne!(rig.record().fingerprint, before);
    rig.assert_clean();
}

#[test]
fn the_manifest_says_the_files_for_which_an_event_has_no_room() {
    let mut rig = Rig::with_script(SCRIPT);
    rig.put("in/a", b"input");
    rig.put("in/masks/a", b"its mask");
    let lines = [
        json!({"task": 0, "bucket": "in", "key": "other", "size": 1}).to_string(),
        json!({"task": 1, "bucket": "in", "key": "a", "size": 13,
            "files": {"list": [["a", 5], ["masks/a", 8, "mask"]]}})
        .to_string(),
    ];
    rig.put(&format!("home/runs/{RUN}/manifest/000000.jsonl"), lines.join("\n").as_bytes());
    let slice = |offset: usize| json!({"part": 0, "offset": offset, "length": lines[1].len()});
    assert!(launched(&mut rig, "a", &slice(lines[0].len() + 1)).ok);
    assert_eq!(rig.printed(), ["dir first /a mask /masks/a", "./a", "./masks/a", "input"]);

    let wrong = launched(&mut rig, "a", &slice(3));
    assert!(
        !wrong.ok && wrong.body.to_string().contains("does not name the task's files"),
        "{:?}",
        wrong.body
    );
    assert_eq!(rig.record().class, Some(FailureClass::Input));
}

#[test]
fn what_is_missing_or_has_no_room_fails_before_the_script() {
    let mut rig = Rig::with_script(SCRIPT);
    rig.put("in/a", b"input");
    let files = json!({"list": [["a", 5], ["gone", 5]]});
    assert!(!launched(&mut rig, "a", &files).ok);
    let record = rig.record();
    assert_eq!(record.class, Some(FailureClass::Input));
    assert!(record.error.is_some_and(|error| error.contains("in/gone")));

    let asked = rig.requests().len();
    let large = json!({"list": [["a", 5], ["b", 1_u64 << 60]]});
    assert!(!launched(&mut rig, "a", &large).ok);
    let record = rig.record();
    assert_eq!(record.class, Some(FailureClass::Storage));
    assert!(record.error.is_some_and(|error| error.contains("the 2 files of this task")));
    let fetched = rig.requests()[asked..].iter().filter(|request| request.starts_with("GET in/")).count();
    assert_eq!(fetched, 0, "before the first byte");

    let twice = json!({"list": [["a", 5], ["./a", 5], ["_/a", 5]]});
    rig.put("in/./a", b"input");
    assert!(!launched(&mut rig, "a", &twice).ok);
    assert!(rig.record().error.is_some_and(|error| error.contains("would be one")));
}

#[test]
fn a_file_that_completes_a_group_starts_it() {
    let grouping =
        Grouping { folder: Some("sub-*".into()), trigger_on: Some("done.txt".into()), ..Grouping::default() };
    let nii = Selection {
        bucket: "in".into(),
        path: "study".into(),
        suffix: vec![".nii".into()],
        ..Selection::default()
    };
    let config = FunctionConfig { grouping: Some(grouping), selections: vec![nii], ..named_by("out/{dir}") };
    let mut rig = Rig::start(&config, Some(SCRIPT), &[]);
    for (key, body) in [("b.nii", "bb"), ("a/a.nii", "a"), ("notes.md", "no input"), ("done.txt", "")] {
        rig.put(&format!("in/study/sub-7/{key}"), body.as_bytes());
    }
    rig.put("in/study/sub-70/c.nii", b"another subject");
    assert!(rig.notify(&["study/sub-7/done.txt"]).ok);
    assert_eq!(
        rig.printed(),
        ["dir /sub-7 first /sub-7/a/a.nii mask", "./sub-7/a/a.nii", "./sub-7/b.nii", "a"]
    );
    assert_eq!(rig.record().outputs[0].key, "out/sub-7/x");

    for (key, why) in [
        ("study/done.txt", "fits `group: sub-*/`"),
        ("study/sub-7/b.nii", "nothing says that it completes it"),
    ] {
        assert!(!rig.notify(&[key]).ok);
        let record = rig.record();
        assert_eq!(record.class, Some(FailureClass::Input));
        assert!(record.error.as_ref().is_some_and(|error| error.contains(why)), "{:?}", record.error);
    }
}

#[test]
fn an_input_that_arrives_finds_its_partners() {
    let partner =
        |name: &str, path: &str, optional| Partner { name: name.into(), path: path.into(), optional };
    let with =
        vec![partner("mask", "{dir}/{stem}_mask.nii", false), partner("notes", "{dir}/{stem}.md", true)];
    let grouping = Grouping { with, trigger_on: Some("_t1.nii".into()), ..Grouping::default() };
    let config = FunctionConfig { grouping: Some(grouping), ..named_by("out/{dir}/{stem}") };
    let mut rig = Rig::start(&config, Some(SCRIPT), &[]);
    rig.put("in/study/s/a_t1.nii", b"image");
    let failed = rig.invoke(&notification(&["study/s/a_t1.nii"]));
    assert!(!failed.ok && failed.error_type == "Throng.Input", "{:?}", failed.body);
    let error = rig.record().error.unwrap();
    assert!(error.contains("the partner `mask`") && error.contains("in/study/s/a_t1_mask.nii"), "{error}");
    rig.put("in/study/s/a_t1_mask.nii", b"mask");
    assert!(rig.notify(&["study/s/a_t1.nii"]).ok);
    let printed = rig.printed();
    let seen = &printed[printed.len() - 4..];
    assert_eq!(seen[0], "dir first /s/a_t1.nii mask /s/a_t1_mask.nii");
    assert_eq!(rig.record().outputs[0].key, "out/s/a_t1/x");
}
