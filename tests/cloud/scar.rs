//! What users of SCAR have: their definitions, their scripts, their command lines.

use crate::support::Home;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scar")
}

/// What a verb prints about a fixture, standard error below standard output.
fn said(arguments: &[&str]) -> String {
    let home = Home::new();
    let output = home
        .command(arguments)
        .current_dir(fixtures())
        .env("DARKNET_TOKEN", "s3cret")
        .env("GRAYIFY_LICENCE", "s3cret")
        .output()
        .expect("throng runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = text(&output.stdout) + &text(&output.stderr);
    assert!(!all.contains("s3cret"), "{all}");
    all.replace(&fixtures().display().to_string(), "<here>")
}

#[test]
fn check_says_what_each_setting_became() {
    for name in [
        "imagemagick",
        "darknet-v2",
        "darknet-v3",
        "video-process",
        "spectacle",
        "mask-detector",
        "oscar-service",
        "oscar-clusters",
        "function_config",
    ] {
        insta::assert_snapshot!(format!("check_{name}"), said(&["check", &format!("{name}.yaml")]));
    }
    insta::assert_snapshot!("check_openfaas-stack", said(&["check", "openfaas-stack.yml"]));
    insta::assert_snapshot!("check_plant-classification", said(&["check", "plant-classification.yaml"]));
    let json: Value = {
        let text = said(&["check", "ffmpeg.yaml", "-j"]);
        serde_json::from_str(&text[..=text.rfind('}').expect("a document")]).expect("JSON")
    };
    let origin = &json["functions"][0]["origin"];
    assert_eq!(origin["dialect"], "SCAR v1, v2 or v3");
    let notes = origin["notes"].as_array().expect("notes");
    let time = notes.iter().find(|note| note["was"] == "time: 300").expect("the time");
    assert_eq!((&time["became"], &time["line"]), (&"timeout: 300".into(), &5.into()));
}

/// A function that is for a VPC with a file system is tried here without them, and its script may stand in the definition.
#[test]
fn what_only_aws_has_is_left_out_here_and_said() {
    let home = Home::new();
    let script = "      init_script: |\n        #!/bin/sh\n        ls /mnt/atlas 2> /dev/null || echo \"no atlas\" > \"$TMP_OUTPUT_DIR/said\"\n";
    let network = "      vpc: {SubnetIds: [subnet-0a], SecurityGroupIds: [sg-0a]}\n      file_system:\n      - Arn: arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0\n        LocalMountPath: /mnt/atlas\n";
    let yaml = home.function(
        "f",
        "unused",
        &(network.to_owned() + &crate::support::between("atlas-data/in", "atlas-data/out")),
    );
    let text = std::fs::read_to_string(home.path().join(&yaml)).unwrap();
    home.write(&yaml, &text.replace("      init_script: f.sh\n", script));
    let checked = home.ok(&["check", &yaml]);
    assert!(
        checked.contains("on AWS: in the VPC of subnet-0a, with sg-0a")
            && checked.contains("neither is applied"),
        "{checked}"
    );
    let deployed = home.ok(&["deploy", &yaml]);
    assert!(
        deployed.contains("not applied in the local context")
            && deployed.contains("finds no folder /mnt/atlas"),
        "{deployed}"
    );
    assert!(home.ok(&["deploy", &yaml]).contains("Nothing had to be"));
    home.write("one.txt", "x");
    let run = home.json(&["run", "f", "one.txt", "--wait", "--to", "back"]);
    assert_eq!(run["counts"]["succeeded"], 1, "{run}");
    assert_eq!(crate::providers::files_with(&home.path().join("back"), "no atlas").len(), 1);
}

#[test]
fn migrate_writes_what_reads_the_same() {
    insta::assert_snapshot!("migrate_darknet-v3", said(&["migrate", "darknet-v3.yaml"]));
    let home = Home::new();
    for file in ["darknet-v2.yaml", "yolo.sh"] {
        home.write(file, &std::fs::read_to_string(fixtures().join(file)).unwrap());
    }
    let sections = |file: &str| home.json(&["check", file])["functions"][0]["sections"].clone();
    let before = sections("darknet-v2.yaml");
    home.ok(&["migrate", "darknet-v2.yaml", "--to", "new.yaml"]);
    assert_eq!(sections("new.yaml"), before);
    let again = home.run(&["migrate", "darknet-v2.yaml", "--to", "new.yaml"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    home.ok(&["migrate", "darknet-v2.yaml", "--to", "new.yaml", "--force"]);

    std::fs::create_dir(home.path().join("elsewhere")).unwrap();
    let moved = home.run(&["migrate", "darknet-v2.yaml", "--to", "elsewhere/new.yaml"]);
    assert_eq!(moved.status.code(), Some(2));
    assert!(!home.path().join("elsewhere/new.yaml").exists());

    let old = std::fs::read_to_string(home.path().join("darknet-v2.yaml")).unwrap();
    home.ok(&["migrate", "darknet-v2.yaml", "--in-place"]);
    assert_eq!(std::fs::read_to_string(home.path().join("darknet-v2.yaml.bak")).unwrap(), old);
    assert_eq!(sections("darknet-v2.yaml"), before);
    let said = home.run(&["migrate", "darknet-v2.yaml", "--in-place", "--force"]);
    assert!(said.status.success() && String::from_utf8_lossy(&said.stderr).contains("nothing to do"));
    home.write("darknet-v2.yaml", &old);
    let kept = home.run(&["migrate", "darknet-v2.yaml", "--in-place", "--force"]);
    assert_eq!(kept.status.code(), Some(2), "the old file that was kept stays");
    assert_eq!(std::fs::read_to_string(home.path().join("darknet-v2.yaml.bak")).unwrap(), old);
    let broken = home.write("broken.yaml", "functions:\n  f: {image: a/b, time: 1000}\n");
    assert_eq!(home.run(&["migrate", "broken.yaml", "--in-place"]).status.code(), Some(2));
    assert!(std::fs::read_to_string(broken).unwrap().contains("time: 1000"), "nothing was written");
}

#[test]
fn options_without_a_counterpart_end_with_a_sentence() {
    let home = Home::new();
    let output = home.run(&["init", "-n", "f", "-i", "ubuntu", "-g"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("`-g` of SCAR has no counterpart: functions run on Lambda only"), "{text}");
    // What a definition only warns of does not end the command either.
    home.write("tool", "x");
    let layer = ["-l", "arn:aws:lambda:layer", "-ep", "payload"];
    let output =
        home.run(&[&["init", "-n", "f", "-i", "scratch:tool=/tool"][..], &layer, &["--dry-run"]].concat());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("warning: ") && text.contains("no layers"), "{text}");
    let output = home.run(&["init", "-n", "f", "-i", "scratch:gone=/gone", "-m", "1", "-e", "1A=x"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("--memory: \"1\" is not allowed") && text.contains("--environment 1A: "), "{text}");
    let output = home.run(&["ls", "-pf", "research"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("no context uses the AWS profile `research`"), "{text}");
}

/// Needs a kernel that allows user namespaces; `throng doctor` says how to get one.
#[cfg(target_os = "linux")]
mod cloud {
    use super::*;
    use crate::support::{shell_root, wait_for};

    const OLD_SCRIPT: &str = "#!/bin/sh\n\
        [ \"$SCAR_INPUT_FILE\" = \"/tmp/$REQUEST_ID/input/note.txt\" ] || exit 3\n\
        echo \"$MODE $THRESHOLD\"\n\
        tr a-z A-Z < \"$SCAR_INPUT_FILE\" > \"$SCAR_OUTPUT_DIR/loud.txt\"\n\
        cat \"/tmp/$REQUEST_ID/event.json\" > \"/tmp/$REQUEST_ID/output/event.json\"\n";

    fn home() -> Home {
        let home = Home::new();
        shell_root(&home.path().join("root"));
        home
    }

    #[test]
    fn an_old_file_and_an_old_script_go_from_init_to_a_result() {
        let home = home();
        home.write("old.sh", OLD_SCRIPT);
        home.write(
            "old.yaml",
            "functions:\n  shout:\n    image: 'rootfs:root'\n    memory: 256\n    time: 20\n    timeout_threshold: 2\n    \
             init_script: old.sh\n    environment: {MODE: old, THRESHOLD: 0}\n    s3:\n      input_bucket: shout-data\n      \
             output_folder: results\n",
        );
        home.write("note.txt", "hello");
        assert!(home.ok(&["init", "-f", "old.yaml"]).contains("Deployed"));
        // SCAR's way in: a file in the input folder starts the function.
        home.ok(&["put", "-b", "shout-data/shout/input", "-p", "note.txt"]);
        wait_for("the result", || home.ok(&["ls", "-b", "shout-data/results"]).contains("loud.txt"));
        home.ok(&["get", "-b", "shout-data/results", "-p", "fetched"]);
        // A folder for each invocation, as SCAR made it.
        let folders = std::fs::read_dir(home.path().join("fetched/results")).unwrap();
        let folder = folders.flatten().map(|entry| entry.path()).next().expect("a folder of the request id");
        assert_eq!(std::fs::read_to_string(folder.join("loud.txt")).unwrap(), "HELLO");
        let event = std::fs::read_to_string(folder.join("event.json")).unwrap();
        assert!(event.contains("shout/input/note.txt"), "{event}");
        // The objects that are there, as a run.
        let run = home.json(&["run", "-f", "old.yaml"]);
        let summary = home.json(&["runs", run["id"].as_str().expect("an id"), "--wait"]);
        assert_eq!(
            (&summary["counts"]["succeeded"], &summary["counts"]["total"]),
            (&1.into(), &1.into()),
            "{summary}"
        );
        wait_for("the log", || home.ok(&["log", "-f", "old.yaml"]).contains("old 0"));
        home.ok(&["rm", "-f", "old.yaml"]);
        assert_eq!(home.json(&["functions"]), serde_json::json!([]));
        assert!(home.ok(&["ls", "-b", "shout-data"]).contains("loud.txt"), "data stays");
    }

    #[test]
    fn a_function_of_options_is_run_and_invoked_as_scar_does_it() {
        let home = home();
        home.write(
            "say.sh",
            "#!/bin/sh\necho \"$GREETING from say.sh; $CONT_VAR_who $(cat \"$INPUT_FILE_PATH\")\"\n",
        );
        home.write("other.sh", "echo \"other $GREETING\"\n");
        home.write("body.bin", "body");
        home.ok(&[
            "init",
            "-n",
            "say",
            "-i",
            "rootfs:root",
            "-s",
            "say.sh",
            "-m",
            "256",
            "-t",
            "20",
            "-tt",
            "0",
            "-e",
            "GREETING=a=b",
        ]);
        let answer = home.ok(&["invoke", "-n", "say", "-db", "body.bin", "-p", "{\"who\": \"me\"}"]);
        assert_eq!(answer, "a=b from say.sh; me body\n");
        home.ok(&["invoke", "-n", "say", "-jd", "{\"k\": 1}", "-o", "answer.txt"]);
        assert_eq!(
            std::fs::read_to_string(home.path().join("answer.txt")).unwrap(),
            "a=b from say.sh;  {\"k\": 1}\n"
        );
        assert_eq!(home.ok(&["run", "-n", "say", "-s", "other.sh"]), "other a=b\n");
        let answer = home.ok(&["run", "-n", "say", "/bin/sh", "-c", "echo $0 \"$1\"", "x", "y z"]);
        assert_eq!(answer, "x y z\n");
        assert!(
            home.run(&["rm", "-a"]).status.code() == Some(2),
            "everything is not removed without being asked"
        );
        home.ok(&["rm", "-a", "--yes"]);
        assert_eq!(home.json(&["functions"]), serde_json::json!([]));
    }
}
