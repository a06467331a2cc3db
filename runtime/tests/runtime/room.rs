//! Room of a task's own: where scripts start, and what they can write into.

use crate::body;
use crate::rig::{Rig, function};

fn text(rig: &mut Rig) -> String {
    rig.put("in/a", b"data");
    let answer = rig.notify(&["a"]);
    assert!(answer.ok, "{answer:?}");
    String::from_utf8(body(&answer)).unwrap()
}

#[test]
fn a_script_starts_in_a_fresh_folder_that_it_can_write_to() {
    let script = "ls -A; echo result > here.txt; mkdir sub; cp here.txt \"$TMP_OUTPUT_DIR/\"; pwd";
    let mut rig = Rig::with_script(script);
    let first = text(&mut rig);
    let folder = rig.tmp.join("request-1/work");
    assert_eq!(first, format!("{}\n", folder.display()), "nothing in it at first");
    let second = text(&mut rig);
    assert_eq!(second.trim(), rig.tmp.join("request-2/work").to_str().unwrap(), "nor for the next task");
    assert_eq!(rig.get("out/results/here.txt").unwrap(), b"result\n");
    assert_eq!(rig.list("out/").len(), 1, "what it leaves where it starts is no output");
    rig.assert_clean();
}

#[test]
fn a_working_folder_of_the_image_is_kept_and_one_that_is_missing_is_told() {
    let mut own = function(true);
    own.workdir = "/usr".into();
    assert_eq!(text(&mut Rig::start(&own, Some("pwd"), &[])), "/usr\n");
    own.workdir = "/no/such/folder".into();
    let mut rig = Rig::start(&own, Some("pwd"), &[]);
    assert!(text(&mut rig).ends_with("/work\n"));
    let said = rig.printed();
    assert!(said.iter().any(|line| line.contains("/no/such/folder")), "{said:?}");
}

#[test]
fn home_and_caches_are_the_tasks_own_unless_the_images_can_be_written() {
    let names = "HOME TMPDIR XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR MPLCONFIGDIR NUMBA_CACHE_DIR";
    let script = format!(
        "for name in {names}; do eval folder=\\$$name; touch \"$folder/x\" || exit 1; echo \"$name=$folder\"; done; \
         stat -c mode=%a \"$XDG_RUNTIME_DIR\""
    );
    let image = tempfile::tempdir().unwrap();
    let mut own = function(true);
    let kept = image.path().join("home");
    std::fs::create_dir(&kept).unwrap();
    own.env.insert("HOME".into(), kept.display().to_string());
    own.env.insert("XDG_CACHE_HOME".into(), "/proc/nowhere".into());
    own.env.insert("MPLCONFIGDIR".into(), "/proc/sys".into());
    let mut rig = Rig::start(&own, Some(&script), &[]);
    let said = text(&mut rig);
    assert!(said.contains(&format!("HOME={}\n", kept.display())), "an image's own home stays: {said}");
    assert!(said.ends_with("mode=700\n"), "{said}");
    let task = rig.tmp.join("request-1");
    for name in names.split(' ').skip(1) {
        let line = said.lines().find(|line| line.starts_with(&format!("{name}="))).unwrap();
        assert!(line.contains(task.to_str().unwrap()), "{line}");
    }
    rig.assert_clean();
}

#[test]
fn a_script_that_cannot_write_is_told_where_it_can() {
    let failing = "echo \"OSError: [Errno 30] Read-only file system: 'fit.txt'\" >&2; exit 1";
    let mut own = function(true);
    for (workdir, words) in [("/usr", "`workdir: task`"), ("", "the folder it starts in")] {
        own.workdir = workdir.into();
        let mut rig = Rig::start(&own, Some(failing), &[]);
        rig.put("in/a", b"");
        assert!(!rig.notify(&["a"]).ok);
        let error = rig.record().error.unwrap();
        assert!(error.contains("exit code 1") && error.contains("$TMP_OUTPUT_DIR"), "{error}");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn files_of_the_definition_are_found_by_a_variable() {
    let script = "cat \"$FILES_DIR/atlas.txt\"; echo \"${FILES_DIR:-none}\"";
    let mut rig = Rig::with_script(script);
    rig.put("in/a", b"");
    assert_eq!(body(&rig.notify(&["a"])), b"none\n", "there are none");
    let image = tempfile::tempdir().unwrap();
    let (config, files) = (image.path().join("function.json"), image.path().join("files"));
    std::fs::write(&config, serde_json::to_vec(&function(true)).unwrap()).unwrap();
    std::fs::write(image.path().join("script"), script).unwrap();
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("atlas.txt"), "regions\n").unwrap();
    let mut rig = Rig::start(&function(true), None, &[("THRONG_CONFIG", config.to_str().unwrap())]);
    assert_eq!(text(&mut rig), format!("regions\n{}\n", files.display()));
}
