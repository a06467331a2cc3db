//! Joins: who finishes the last task before one starts it, and what it gets.

use crate::rig::{Answer, Rig, function};
use serde_json::json;
use throng_contract::barrier::{BarrierPlan, BarrierStage, Join, Stored, When};
use throng_contract::{FailureClass, FunctionConfig, OutputRule, TaskId, TaskState};

const RUN: &str = "20261130-183000123-k3x9";
const MARKER: &str = "start/f/20261130-183000123-k3x9.1.join.0";

/// The launched function is `first`; `f`, which is the name of the rig's, waits for it.
fn plan(tasks: u64, when: When, stage_in: bool) -> String {
    let stage = |function: &str| BarrierStage {
        function: function.into(),
        retries: 0,
        starts: Vec::new(),
        from: Vec::new(),
        outputs: vec![Stored { bucket: "out".into(), prefix: "results/".into(), suffix: String::new() }],
        join: None,
    };
    let join = Join { task: TaskId::join(0), depth: 1, when, stage_in, grouped: false };
    let stages = vec![stage("first"), BarrierStage { from: vec![0], join: Some(join), ..stage("f") }];
    serde_json::to_string(&BarrierPlan { version: 1, tasks, groups: 0, stages }).unwrap()
}

fn barrier() -> String {
    format!("home/runs/{RUN}/barrier.json")
}

fn named(name: &str) -> FunctionConfig {
    FunctionConfig { name: name.into(), ..function(true) }
}

/// One task of the run, as a launch sends it.
fn work(rig: &mut Rig, task: u64, text: &str) -> Answer {
    work_in("all", rig, task, text)
}

fn work_in(group: &str, rig: &mut Rig, task: u64, text: &str) -> Answer {
    let key = format!("{task}.txt");
    rig.put(&format!("in/{key}"), text.as_bytes());
    rig.invoke(&json!({
        "throng": {"version": 2, "run": RUN, "task": task.to_string()}, "group": group, "bucket": "in", "key": key,
    }))
}

fn start(rig: &mut Rig) -> Answer {
    start_by(rig, MARKER)
}

fn start_by(rig: &mut Rig, marker: &str) -> Answer {
    rig.invoke(&json!({"Records": [{"eventSource": "aws:s3", "s3": {
        "bucket": {"name": "home"}, "object": {"key": marker, "size": 0, "sequencer": "1"}}}]}))
}

/// Moves what `first` has left into the cloud of the rig that joins.
fn hand_over(from: &Rig, to: &Rig) {
    let lists = ["home/l/", "out/", "home/runs/"].map(|prefix| from.list(prefix));
    for key in lists.into_iter().flatten() {
        to.put(&key, &from.get(&key).unwrap());
    }
}

#[test]
fn the_last_task_starts_the_join_and_no_other() {
    let mut first = Rig::start(&named("first"), Some("[ \"$(cat $INPUT_FILE_PATH)\" != bad ]"), &[]);
    first.put(&barrier(), plan(3, When::AllSucceeded, true).as_bytes());
    for task in [2, 0] {
        assert!(work(&mut first, task, "good").ok);
        assert_eq!(first.list("home/start/"), Vec::<String>::new());
    }
    assert!(work(&mut first, 1, "good").ok);
    assert_eq!(first.list("home/start/"), [format!("home/{MARKER}")]);
    // Once more, delivered twice: the marker is somebody else's success.
    assert!(work(&mut first, 1, "good").ok);
    assert_eq!(first.list("home/start/").len(), 1);
    let plans = first.requests().iter().filter(|request| request.contains("barrier.json")).count();
    assert_eq!(plans, 1, "an environment reads once what a run waits for");
}

#[test]
fn what_failed_holds_a_join_back_unless_it_waits_for_ends() {
    for (when, starts) in [(When::AllSucceeded, 0), (When::AllEnded, 1)] {
        let mut first = Rig::start(&named("first"), Some("[ \"$(cat $INPUT_FILE_PATH)\" != bad ]"), &[]);
        first.put(&barrier(), plan(2, when, true).as_bytes());
        assert!(!work(&mut first, 0, "bad").ok);
        assert!(work(&mut first, 1, "good").ok);
        assert_eq!(first.list("home/start/").len(), starts, "{when}");
    }
}

#[test]
fn runs_without_joins_ask_for_nothing() {
    let mut first = Rig::start(&named("first"), Some("true"), &[]);
    first.put("in/x", b"");
    assert!(
        first
            .invoke(&json!({"throng": {"version": 2, "run": RUN, "task": "0"}, "bucket": "in", "key": "x"}))
            .ok
    );
    assert!(
        !first.requests().iter().any(|request| request.contains("barrier") || request.contains("list-type"))
    );
    // A barrier that cannot be read fails no task: it is said in the log.
    first.fault(&barrier(), 403);
    assert!(work(&mut first, 0, "good").ok);
    assert!(first.printed().iter().any(|line| line.contains("not known whether joins of the run may begin")));
}

fn joined(script: &str, stage_in: bool) -> Rig {
    let outputs = vec![OutputRule {
        provider: None,
        bucket: "out".into(),
        path: "results".into(),
        prefix: Vec::new(),
        suffix: Vec::new(),
    }];
    let config = FunctionConfig { outputs, ..named("first") };
    let script_of_first = "mkdir $TMP_OUTPUT_DIR/sub; cp $INPUT_FILE_PATH $TMP_OUTPUT_DIR/sub/\n\
                           case $INPUT_FILE_PATH in *1.txt) printf x > $TMP_OUTPUT_DIR/extra;; esac";
    let mut first = Rig::start(&config, Some(script_of_first), &[]);
    first.put(&barrier(), plan(2, When::AllSucceeded, stage_in).as_bytes());
    assert!(work(&mut first, 0, "zero").ok && work(&mut first, 1, "one").ok);
    let rig = Rig::with_script(script);
    hand_over(&first, &rig);
    rig.put(&format!("home/{MARKER}"), b"");
    rig
}

#[test]
fn a_join_gets_the_list_and_the_files_with_their_folders() {
    let mut rig = joined(
        "[ \"$INPUT_LIST\" = \"$INPUT_FILE_PATH\" ] && [ -z \"$STORAGE_OBJECT_KEY\" ] || exit 9\n\
         cp $INPUT_LIST $TMP_OUTPUT_DIR/list; cd $TMP_INPUT_DIR; find . -type f | sort; cat sub/0.txt sub/1.txt extra",
        true,
    );
    let answer = start(&mut rig);
    assert!(answer.ok, "{answer:?}");
    assert_eq!(rig.printed(), ["./extra", "./sub/0.txt", "./sub/1.txt", "zeroonex"]);
    let list = String::from_utf8(rig.get("out/results/list").unwrap()).unwrap();
    let sha = "b2c9ea4e0af2ca6e47ff65a2d0fdbd7a6b34bbc1e1a9f3db4ef8c3e2d2a8dd6e".len();
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    let told: Vec<_> = lines.iter().map(|line| (line[0], line[1], line[3], line[4], line[5])).collect();
    assert_eq!(
        told,
        [
            ("results/sub/0.txt", "4", "0", "sub/0.txt", "out"),
            ("results/extra", "1", "1", "extra", "out"),
            ("results/sub/1.txt", "3", "1", "sub/1.txt", "out"),
        ]
    );
    assert!(lines.iter().all(|line| line[2].len() == sha));
    let record = rig.records().into_iter().find(|record| record.function == "f").unwrap();
    let task = record.task.unwrap();
    assert_eq!((task.run.as_str(), task.stage, task.task.as_str()), (RUN, 1, "join"));
    assert_eq!(
        (record.state, record.bytes_in, record.group.as_deref()),
        (TaskState::Succeeded, 8, Some("all"))
    );
    assert_eq!((record.bucket.as_str(), record.key.as_str()), ("home", MARKER));

    // S3 tells of a marker more than once: it is done once.
    let before = rig.printed().len();
    assert!(start(&mut rig).ok);
    assert_eq!(rig.printed()[before..], ["the join has succeeded already: its script was not started again"]);
    assert_eq!(rig.records().len(), 3);
}

#[test]
fn a_join_can_do_without_the_files() {
    let mut rig = joined("ls -A $TMP_INPUT_DIR; cut -f 1,5 $INPUT_LIST", false);
    assert!(start(&mut rig).ok);
    assert_eq!(rig.printed(), ["results/sub/0.txt\t", "results/extra\t", "results/sub/1.txt\t"]);
    assert!(!rig.requests().iter().any(|request| request.starts_with("GET out/")));
}

#[test]
fn what_tmp_cannot_hold_is_refused_before_the_first_byte() {
    let mut rig = joined("true", true);
    let records = rig.list("home/l/");
    let record = records.iter().find(|key| key.contains("/0_")).unwrap();
    let mut told: serde_json::Value = serde_json::from_slice(&rig.get(record).unwrap()).unwrap();
    told["outputs"][0]["size"] = json!(1_u64 << 60);
    rig.put(record, told.to_string().as_bytes());
    assert!(!start(&mut rig).ok);
    let record = rig.records().into_iter().find(|record| record.function == "f").unwrap();
    assert_eq!(record.class, Some(FailureClass::Storage));
    assert!(
        record.error.as_deref().is_some_and(|error| error.contains("stage_in: false")),
        "{:?}",
        record.error
    );
    assert!(!rig.requests().iter().any(|request| request.starts_with("GET out/")));
}

#[test]
fn a_marker_of_another_function_is_an_object_like_any() {
    let mut rig = joined("echo $STORAGE_OBJECT_KEY", true);
    let other = MARKER.replace("/f/", "/g/");
    rig.put(&format!("home/{other}"), b"");
    let event = json!({"Records": [{"eventSource": "aws:s3", "s3": {
        "bucket": {"name": "home"}, "object": {"key": other, "sequencer": "1"}}}]});
    assert!(rig.invoke(&event).ok);
    assert_eq!(rig.printed(), [other]);
}

/// Two tasks of subject 1, one of subject 2: each has a join of its own, with what is its subject's alone.
#[test]
fn a_join_starts_for_each_group_and_gets_what_is_its_own() {
    let outputs = |path: &str| {
        let provider = None;
        vec![OutputRule {
            provider,
            bucket: "out".into(),
            path: path.into(),
            prefix: Vec::new(),
            suffix: Vec::new(),
        }]
    };
    let config = FunctionConfig { outputs: outputs("results"), ..named("first") };
    let script = "[ \"$(cat $INPUT_FILE_PATH)\" != bad ] && cp $INPUT_FILE_PATH $TMP_OUTPUT_DIR/";
    let mut first = Rig::start(&config, Some(script), &[]);
    let mut plan: BarrierPlan = serde_json::from_str(&plan(4, When::AllSucceeded, true)).unwrap();
    (plan.version, plan.groups) = (BarrierPlan::VERSION, 3);
    plan.stages[1].join.as_mut().unwrap().grouped = true;
    first.put(&barrier(), serde_json::to_string(&plan).unwrap().as_bytes());
    let names = json!([{"first": 0, "count": 2, "name": "sub-01/a%20b"}, {"first": 2, "count": 1, "name": "."},
        {"first": 3, "count": 1, "name": "sub-03"}]);
    first.put(&format!("home/runs/{RUN}/manifest/groups/000000.json"), names.to_string().as_bytes());

    let marker = |group: u64| format!("start/f/{RUN}.1.join-g{group}.0");
    assert!(work_in("1-2-1", &mut first, 2, "two").ok);
    assert_eq!(first.list("home/start/"), [format!("home/{}", marker(1))], "it waits for no other group");
    assert!(!work_in("2-3-1", &mut first, 3, "bad").ok);
    assert!(work_in("0-0-2", &mut first, 1, "one").ok && work_in("0-0-2", &mut first, 0, "zero").ok);
    assert_eq!(
        first.list("home/start/"),
        [0, 1].map(|group| format!("home/{}", marker(group))),
        "not for what failed"
    );

    let config = FunctionConfig { outputs: outputs("joined/{group}"), ..named("f") };
    let mut rig = Rig::start(
        &config,
        Some("cat $TMP_INPUT_DIR/*.txt > $TMP_OUTPUT_DIR/all; echo group $JOIN_GROUP"),
        &[],
    );
    hand_over(&first, &rig);
    for group in [1, 0] {
        rig.put(&format!("home/{}", marker(group)), b"");
        let answer = start_by(&mut rig, &marker(group));
        assert!(answer.ok, "{answer:?}");
    }
    assert_eq!(rig.printed(), ["group .", "group sub-01/a%20b"]);
    assert_eq!(rig.get("out/joined/sub-01/a%20b/all").unwrap(), b"zeroone");
    assert_eq!(rig.get("out/joined/all").unwrap(), b"two", "a group without a folder has none");
    let record = rig.records().into_iter().find(|record| record.key == marker(0)).unwrap();
    assert_eq!((record.group.as_deref(), record.task.unwrap().task.as_str()), (Some("0-0-2"), "join-g0"));
    assert!(rig.printed().iter().all(|line| !line.contains("no such join")));
}

/// S3 tells of a marker twice, and the first invocation still works on it: the second leaves it to that, unless its time is over
/// or somebody sends the join again.
#[test]
fn a_marker_that_is_delivered_twice_starts_its_script_once() {
    let mut rig = joined("echo joined", true);
    let begun = format!("home/runs/{RUN}/barrier/join/begun.0");
    let claim = |until_ms: u64| json!({"request_id": "another", "until_ms": until_ms}).to_string();
    rig.put(&begun, claim(u64::MAX).as_bytes());
    assert!(start(&mut rig).ok);
    assert_eq!(rig.records().len(), 2, "those before it alone");
    assert!(rig.printed()[0].contains("another invocation is at work on this join"));
    // Sent again by a person: an event of ours.
    let task = json!({"version": 2, "run": RUN, "stage": 1, "task": "join"});
    assert!(rig.invoke(&json!({"throng": task, "bucket": "home", "key": MARKER, "group": "all"})).ok);
    assert_eq!(rig.printed().last().map(String::as_str), Some("joined"));

    let mut rig = joined("echo joined; exit $(cat $TMP_INPUT_DIR/extra | wc -c)", true);
    rig.put(&begun, claim(1).as_bytes());
    assert!(!start(&mut rig).ok, "the time of the first was over, and the script says 1");
    // That attempt has ended: the next does it again.
    assert!(!start(&mut rig).ok);
    assert_eq!(rig.records().len(), 4);
    let claimed = String::from_utf8(rig.get(&begun).unwrap()).unwrap();
    assert!(!claimed.contains("another"), "{claimed}");
}

/// What was before it was done again: the next generation begins although the first has succeeded, and once, too.
#[test]
fn each_generation_of_a_join_begins_once() {
    let mut rig = joined("echo joined", true);
    let next = MARKER.replace(".join.0", ".join.1");
    for (marker, records) in [(MARKER, 3), (MARKER, 3), (&next, 4), (&next, 4), (MARKER, 4)] {
        assert!(start_by(&mut rig, marker).ok);
        assert_eq!(rig.records().len(), records, "{marker}");
    }
    let joins = rig
        .records()
        .into_iter()
        .filter(|record| record.task.as_ref().is_some_and(|task| task.task == TaskId::join(0)));
    assert_eq!(joins.count(), 2, "both are attempts of one task");
}
