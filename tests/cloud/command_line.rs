//! What the command line says and does not do: refusals, hints, exit codes.

use crate::support::Home;
use crate::support::screen::Screen;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Output;

/// Everything that a verb printed.
fn printed(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// Runs a verb that must end with this code; gives all that it printed.
fn ends(home: &Home, code: i32, arguments: &[&str]) -> String {
    let output = home.run(arguments);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(code), "throng {arguments:?}: {text}");
    text
}

#[test]
fn a_read_only_local_context_is_not_emptied() {
    let home = Home::new();
    home.write("a.txt", "kept");
    home.ok(&["put", "a.txt", "data/in"]);
    let config = home.write("home/config/config.toml", "[contexts.local]\nread_only = true\n");
    let said = ends(&home, 2, &["local", "reset", "--yes"]);
    assert!(said.contains("`local` is read-only"), "{said}");
    assert!(home.ok(&["ls", "data/in/"]).contains("in/a.txt"));
    std::fs::rename(&config, home.path().join("other.toml")).unwrap();
    ends(&home, 2, &["--config", "other.toml", "local", "reset", "--yes"]);
    home.ok(&["local", "reset", "--yes"]);
    assert!(home.ok(&["ls"]).contains("No buckets"));
}

#[test]
fn files_that_are_there_are_not_written_over() {
    let home = Home::new();
    for name in ["f1.txt", "f2.txt"] {
        home.write(&format!("set/{name}"), name);
    }
    home.ok(&["put", "set", "pics/out"]);
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    let own = home.write("f2.txt", "OTHER");
    let said = ends(&home, 1, &["get", "pics/out/set/f2.txt"]);
    assert!(said.contains("`./f2.txt` is there already and differs") && said.contains("--force"), "{said}");
    assert_eq!(read("f2.txt"), "OTHER");
    let said = home.ok(&["get", "pics/out/set/f2.txt", "--force"]);
    assert!(said.contains("1 object is here: ./f2.txt"), "{said}");
    assert_eq!(read("f2.txt"), "f2.txt");
    // What is there with the same content counts as there, and the folder's name is told.
    home.write("copy/out/set/f1.txt", "f1.txt");
    let said = home.ok(&["get", "pics/out", "copy"]);
    assert!(said.contains("2 objects are in the folder copy/out"), "{said}");
    std::fs::write(own, "edited").unwrap();
    ends(&home, 1, &["get", "pics/out/set/f2.txt"]);
    assert_eq!(read("f2.txt"), "edited");
}

#[test]
fn only_a_deployment_needs_the_secrets_of_a_definition() {
    let home = Home::new();
    let more = "      input: [{storage_provider: minio.lab, path: pictures/in}]\nstorage_providers:\n  minio:\n    \
                lab: {endpoint: 'http://127.0.0.1:9', access_key: '${LAB_KEY}', secret_key: '${LAB_SECRET}'}\n";
    let yaml = home.function("prov", "#!/bin/sh\n", more);
    let said = ends(&home, 0, &["check", &yaml]);
    let warning = "the environment variable `LAB_KEY` is not set; `throng deploy` needs it";
    assert!(said.contains(warning) && said.contains("minio.lab is http://127.0.0.1:9"), "{said}");
    assert!(said.contains("throng run prov minio.lab://pictures/in/"), "{said}");
    for verb in [&["logs"][..], &["functions"], &["invoke"], &["rm", "function", "--yes", "--definition"]] {
        let said = ends(&home, 1, &[verb, &[&yaml]].concat());
        assert!(said.contains("there is no function `prov` in this context"), "{said}");
        assert!(!said.contains("LAB_KEY"), "{said}");
    }
    let said = ends(&home, 2, &["run", &yaml, "minio.lab://pictures/in/"]);
    assert!(said.contains("`throng run prov …` runs what is deployed already"), "{said}");
    let said = ends(&home, 2, &["deploy", &yaml]);
    assert!(said.contains("prov.yaml:") && said.contains("`LAB_KEY` is not set"), "{said}");
}

#[test]
fn what_is_not_there_is_said_in_the_same_words_everywhere() {
    let home = Home::new();
    home.write("in/a.txt", "a");
    let same = "there is no function `scary` in this context; run `throng functions` to list them";
    for verb in [
        &["functions", "scary"][..],
        &["invoke", "scary"],
        &["invoke", "scary", "--async"],
        &["logs", "scary"],
        &["rm", "function", "scary", "--yes"],
        &["run", "scary", "in"],
    ] {
        let said = ends(&home, 1, verb);
        assert!(said.contains(same) && !said.contains("arn:") && !said.contains("request"), "{said}");
    }
    for verb in [
        &["run", "nope.yaml", "."][..],
        &["run", "nope.yaml"],
        &["functions", "nope.yaml"],
        &["invoke", "nope.yaml"],
        &["logs", "nope.yaml"],
        &["rm", "function", "nope.yaml", "--yes"],
    ] {
        let said = ends(&home, 2, verb);
        assert!(said.contains("there is no file nope.yaml"), "{said}");
    }
    let said = ends(&home, 2, &["run", "./in", "--wait"]);
    assert!(said.contains("./in is not a definition") && !said.contains("invoke"), "{said}");
    let said = ends(&home, 1, &["runs", "nosuch"]);
    assert!(said.contains("there is no run `nosuch`"), "{said}");
    let said = ends(&home, 1, &["image", "inspect", "nosuch"]);
    assert!(said.contains("there is no image nosuch; run `throng image ls` to list"), "{said}");
}

#[test]
fn places_at_a_storage_provider_are_refused_where_its_keys_are_not() {
    let home = Home::new();
    home.write("a.txt", "a");
    for verb in [
        &["ls", "minio.lab://pictures/"][..],
        &["get", "minio.lab://pictures/out/", "o2"],
        &["put", "a.txt", "minio.lab://pictures/x"],
        &["rm", "object", "minio.lab://pictures/x", "--yes"],
    ] {
        let said = ends(&home, 2, verb);
        assert!(said.contains("storage provider minio.lab") && said.contains("--wait --to"), "{said}");
    }
    assert!(home.ok(&["ls"]).contains("No buckets"));
    let said = ends(&home, 2, &["put", "a.txt", "/lead/ing"]);
    assert!(said.contains("take the first `/` away"), "{said}");
}

/// Answers every request the same. Its address.
fn always(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 16384]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn an_endpoint_that_is_not_aws_is_called_that() {
    let page = "<html>Log in to the WiFi</html>";
    let endpoint = always(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{page}",
        page.len()
    ));
    let home = Home::in_context("cafe", &format!("endpoint = \"{endpoint}\""));
    let said = ends(&home, 4, &["functions"]);
    assert!(said.contains("not AWS's protocol (HTTP status 200, text/html)"), "{said}");
    assert!(!said.contains("permission"), "{said}");
}

#[test]
fn wrong_keys_for_the_local_cloud_are_called_that() {
    let there = Home::new();
    there.ok(&["local", "start"]);
    let endpoint = there.json(&["local", "status"])["endpoint"].as_str().unwrap().to_owned();
    let home = Home::in_context("other", &format!("endpoint = \"{endpoint}\""));
    let said = ends(&home, 4, &["functions"]);
    assert!(
        said.contains("does not accept the credentials") && said.contains("InvalidClientTokenId"),
        "{said}"
    );
    assert!(!said.contains("permission"), "{said}");
}

const V4: &str = "functions:
  aws:
  - boto_profile: research
    lambda:
      name: grayify
      boto_profile: research
      runtime: python3.7
      log_level: DEBUG
      execution_mode: lambda
      asynchronous: false
      layers: ['arn:aws:lambda:us-east-1:1:layer:x:1']
      run_script: gray.sh
      supervisor: {version: 1.4.2}
      environment: {Variables: {UDOCKER_BIN: /opt/udocker, STAGE: test}}
      container:
        image: 'scratch:tool=/tool'
        create_image: true
      memory: 256
    ecr: {delete_image: true}
    batch: {vcpus: 1}
    api_gateway: {name: gray}
scar: {config_version: 1.0.0}
";

#[test]
fn migrate_says_what_became_of_each_setting_of_scar_v4_and_leaves_out_what_has_no_effect() {
    let home = Home::new();
    for name in ["tool", "gray.sh"] {
        home.write(name, "#!/bin/sh\n");
    }
    home.write("v4.yaml", V4);
    let settings = [
        "boto_profile: research",
        "runtime: python3.7",
        "log_level: DEBUG",
        "execution_mode: lambda",
        "asynchronous: false",
        "layers",
        "run_script: gray.sh",
        "supervisor",
        "environment.Variables.UDOCKER_BIN: /opt/udocker",
        "container.create_image: true",
        "ecr",
        "batch",
        "api_gateway",
        "scar",
    ];
    let (yaml, checked) = (home.ok(&["migrate", "v4.yaml"]), home.ok(&["check", "v4.yaml"]));
    assert!(
        yaml.contains("# grayify was SCAR v4:") && checked.contains("was        SCAR v4"),
        "{yaml}{checked}"
    );
    for setting in settings {
        let note = format!(" {setting} \u{2192} ");
        assert!(yaml.contains(&note) && checked.contains(&note), "{setting}: {yaml}{checked}");
    }
    let written: Vec<_> = yaml.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        written,
        [
            "functions:",
            "  aws:",
            "  - lambda:",
            "      name: grayify",
            "      environment:",
            "        Variables:",
            "          STAGE: test",
            "      container:",
            "        image: scratch:tool=/tool",
            "      memory: 256",
            "      init_script: gray.sh",
        ]
    );
    home.ok(&["migrate", "v4.yaml", "--in-place"]);
    assert_eq!(home.ok(&["check", "v4.yaml"]).lines().filter(|line| line.contains("SCAR")).count(), 0);
    let again = printed(&home.run(&["migrate", "v4.yaml", "--in-place"]));
    assert!(again.contains("nothing to do"), "{again}");
}

#[test]
fn another_region_than_the_contexts_is_told_with_its_line() {
    let home = Home::in_context("mini", "endpoint = \"http://127.0.0.1:9\"\nhome_bucket = \"h\"");
    home.write("tool", "x");
    let yaml = "functions:\n  aws:\n  - lambda:\n      name: f\n      region: eu-west-1\n      container: {image: 'scratch:tool=/tool'}\n";
    home.write("f.yaml", yaml);
    let words = "f.yaml:5:15: functions.aws[0].lambda.region: is eu-west-1, but the context mini is in us-east-1: take it out";
    for (code, verb) in [(0, "check"), (2, "deploy")] {
        let said = ends(&home, code, &[verb, "f.yaml"]);
        assert!(said.contains(words), "{said}");
    }
    let local = ends(&home, 0, &["-c", "local", "check", "f.yaml"]);
    assert!(!local.contains("us-east-1, but"), "{local}");
}

#[test]
fn a_person_who_waits_is_told_for_whom() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    // Takes what is sent and says nothing.
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    let home = Home::in_context("slow", &format!("endpoint = \"http://{address}\"\nhome_bucket = \"h\""));
    let screen = Screen::open(&home, 24, 100, &["functions"]);
    screen.wait_for(&format!("waiting for {address}"));
}

#[test]
fn options_and_values_that_are_wrong_are_answered_with_what_is_valid() {
    let home = Home::in_context(
        "lab",
        "endpoint = \"http://127.0.0.1:9\"\nhome_bucket = \"h\"\ncolor = \"blurple\"",
    );
    for (verb, words) in [
        (&["tasks", "last", "bad.txt"][..], "a task is a number"),
        (&["tasks", "last", "--state", "bogus"], "timed-out"),
        (&["runs", "-n", "0"], "0 is not in 1.."),
        (&["run", "--resume", "last", "in"], "leave them out"),
        (&["doctor", "--bucket", "bar_X", "--policy", "person"], "`bar_X` is not a bucket name"),
    ] {
        let said = ends(&home, 2, verb);
        assert!(said.contains(words), "{verb:?}: {said}");
    }
    home.write("script.sh", "#!/bin/sh\necho hello\n");
    let said = ends(&home, 2, &["-c", "local", "check", "script.sh"]);
    assert!(said.contains("config.toml:5: contexts.lab.color is `blurple`, which is not a colour"), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains("script.sh")).count(), 1, "{said}");
    home.ok(&["-c", "local", "put", "script.sh", "pictures/x"]);
    let said = ends(&home, 4, &["-c", "local", "rm", "bucket", "pictures", "--yes"]);
    assert!(said.contains("`throng rm object pictures/FOLDER/`"), "{said}");
}

#[test]
fn a_context_without_a_region_is_wrong_usage_and_doctor_says_where_it_is() {
    let mut home = Home::in_context("lab", "endpoint = \"http://127.0.0.1:9\"");
    let said = ends(&home, 3, &["doctor"]);
    assert!(said.contains("lab at http://127.0.0.1:9 in us-east-1: "), "{said}");
    home.write("home/config/config.toml", "[contexts.lab]\nhome_bucket = \"h\"\n");
    home.set("AWS_CONFIG_FILE", "/nonexistent");
    home.set("AWS_REGION", "");
    home.set("AWS_DEFAULT_REGION", "");
    let said = ends(&home, 2, &["functions"]);
    assert!(said.contains("no region"), "{said}");
}
