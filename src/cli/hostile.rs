//! Hostile text in every field of what verbs print: nothing of it is obeyed, in tables, texts, notes and JSON.

use crate::print::Table;
use crate::verbs::{doctor, functions, invoke, logs, objects, runs};
use crate::{print, transfer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use throng_contract::{BackEnd, EventRef, Requests, TaskRef};
use throng_core::doctor::Check;
use throng_core::logs::{Parser, RawEvent};
use throng_core::model::*;
use throng_core::run::ReusedTask;
use throng_core::words::{Clean, Lines, is_hostile};
use throng_core::{clean, lines};

/// Sequences, whole and cut short, controls of both sets, marks that reorder and that are not seen.
const EVIL: &str =
    "e\x1b]0;owned\x07\x1b[41m\x1bPq\x1b\\\u{9b}31m\u{202e}v\u{2066}i\r\u{200d}\x08\t\u{85}l\x7f\x1b[2";

fn evil() -> String {
    EVIL.to_owned()
}

/// Nothing but the ends of lines is left of what a terminal obeys, and the evil text is not gone altogether.
#[track_caller]
fn checked(text: impl Into<Lines>) {
    let text = text.into();
    assert!(!text.contains(|char| char != '\n' && is_hostile(char)), "{text:?}");
    assert!(!text.contains("]0;owned") && text.contains("·v·i·"), "{text:?}");
}

/// No field of these is left out by `..`: one that is added does not compile until it is hostile, too.
fn function() -> FunctionInfo {
    let place = || Place { bucket: evil(), prefix: evil() };
    FunctionInfo {
        name: evil(),
        arn: evil(),
        state: evil(),
        state_reason: evil(),
        image: evil(),
        memory_mb: 1,
        timeout_s: 1,
        tmp_mb: 1,
        architecture: evil(),
        modified_ms: Some(1),
        log_group: evil(),
        description: evil(),
        managed: true,
        inputs: vec![place()],
        outputs: vec![place()],
    }
}

pub(crate) fn run() -> RunSummary {
    RunSummary {
        id: evil(),
        function: evil(),
        image: evil(),
        started_ms: 1,
        ended_ms: None,
        counts: Counts { failed: 1, ..Counts::default() },
        classes: BTreeMap::from([(FailureClass::Script, 1)]),
        cancelled: false,
        rate: 1.0,
        eta_s: Some(1.0),
        unsent: 1,
        held: 1,
        stalled_ms: Some(90_000),
        settled: false,
        waiting: 0,
        standing: false,
        stages: vec![
            StageSummary { function: evil(), ..StageSummary::default() },
            StageSummary { function: evil(), from: vec![0], ..StageSummary::default() },
        ],
        collisions: 1,
        collided: vec![Collision { bucket: evil(), key: evil(), tasks: vec![0.into()], provider: None }],
        overrides: Overrides { timeout_s: Some(1), concurrency: Some(1), memory_mb: Some(1) },
        reused: Reuse { tasks: 1, runs: vec![evil()] },
        resent: 0,
        reading: false,
        trouble: Some(throng_core::model::RunTrouble { damaged: true, why: evil() }),
    }
}

fn task() -> TaskRow {
    TaskRow {
        task: 0.into(),
        bucket: EVIL.into(),
        key: EVIL.into(),
        size: 1,
        files: 0,
        state: TaskState::Failed,
        class: Some(FailureClass::Script),
        attempts: 1,
        depth: 0,
        told: Told::from(Facts {
            duration_ms: Some(1),
            peak_memory: Some(1),
            ended_ms: Some(1),
            request_id: Some(EVIL.into()),
            record_key: Some(EVIL.into()),
            waiting: None,
        }),
    }
}

fn record() -> AttemptRecord {
    AttemptRecord {
        version: 1,
        function: evil(),
        task: Some(TaskRef::launched(&evil(), 0)),
        bucket: evil(),
        key: evil(),
        provider: Some(evil()),
        request_id: evil(),
        state: TaskState::Failed,
        class: Some(FailureClass::Script),
        exit_code: Some(1),
        signal: Some(9),
        error: Some(evil()),
        started_ms: 1,
        ended_ms: 2,
        phases: Phases { init_ms: 1.0, stage_in_ms: 1.0, run_ms: 1.0, stage_out_ms: 1.0 },
        cold: true,
        bytes_in: 1,
        bytes_out: 1,
        outputs: vec![OutputObject {
            bucket: evil(),
            key: evil(),
            size: 1,
            sha256: evil(),
            provider: Some(evil()),
            place: Some(evil()),
        }],
        peak_memory: 1,
        log_group: evil(),
        log_stream: evil(),
        stderr_tail: vec![evil(), evil()],
        event: Some(EventRef { id: evil(), retries: Some(1) }),
        parent: Some(evil()),
        group: Some(evil()),
        parameters: Some(evil()),
        back_end: BackEnd::Lambda,
        memory_mb: 1,
        architecture: evil(),
        tmp_mb: 1,
        requests: Requests { write: 1, read: 1 },
        log_bytes: 1,
        fingerprint: Some(evil()),
    }
}

fn reused() -> ReusedTask {
    ReusedTask {
        run: evil(),
        task: 0,
        provider: Some(evil()),
        bucket: evil(),
        key: evil(),
        size: 1,
        variables: BTreeMap::from([(evil(), evil())]),
        outputs: record().outputs,
    }
}

#[test]
fn records_are_neutral_in_every_printer() {
    checked(functions::table(&[function()]));
    checked(functions::one(&function()));
    let object = objects::Object::from(ObjectInfo {
        key: evil(),
        folder: false,
        size: 1,
        modified_ms: Some(1),
        etag: evil(),
    });
    checked(objects::table(&[object]));
    checked(runs::show::one(&run()));
    checked(runs::show::table(&[run()]));
    checked(runs::tasks::task_text(Some(EVIL), &task(), EVIL, &[record()], Some(1)));
    checked(runs::reused::table(&[reused()]));
    checked(runs::reasons::reason(&record(), None));
    checked(runs::follow::stalled(&run()).unwrap());
    let check = Check { what: evil(), ok: false, found: evil(), advice: evil(), unreachable: false };
    checked(doctor::text(&[check]));
    let progress = Progress {
        id: 1,
        label: evil(),
        bytes: 1,
        bytes_total: Some(2),
        items: 1,
        items_total: Some(2),
        failed: 1,
        held: 1,
        rate: 1.0,
        eta_s: Some(1.0),
        state: ProgressState::Failed(evil()),
    };
    checked(Clean::from(transfer::progress(&progress)));
}

#[test]
fn lines_of_logs_are_neutral_whoever_wrote_them() {
    let mut parser = Parser::default();
    let json = [
        json!({"level": EVIL, "requestId": EVIL, "message": EVIL}),
        json!({"level": EVIL, "message": EVIL, "timestamp": EVIL, "stream": EVIL, "run": EVIL}),
        json!({"time": EVIL, "type": format!("platform.{EVIL}"), "record": {"requestId": EVIL, "status": EVIL}}),
        json!({"level": EVIL, "request_id": EVIL, "run": EVIL, "task": 1, "stream": "stdout", "message": EVIL}),
    ];
    for message in json.iter().map(Value::to_string).chain([evil(), format!("REPORT RequestId: {EVIL}")]) {
        let event = RawEvent { time_ms: 0, stream: evil(), message: message.clone(), id: None };
        checked(logs::words(&parser.entry(EVIL, &event)));
        checked(lines!("the function failed: {}", invoke::tail(EVIL, &message)));
    }
    // The fault as it was found: a terminal's title and colours from a field that nobody looked at.
    let found = r#"{"level":"\u001b]0;X\u0007\u001b[41m","message":"x"}"#;
    let event = RawEvent { time_ms: 0, stream: String::new(), message: found.to_owned(), id: None };
    assert_eq!(logs::words(&parser.entry("f", &event)), "f -              x");
}

#[test]
fn errors_and_answers_are_neutral() {
    checked(Lines::new(&invoke::reason(
        json!({"errorMessage": EVIL, "errorType": EVIL}).to_string().as_bytes(),
    )));
    checked(Lines::new(&invoke::reason(EVIL.as_bytes())));
    checked(lines!("throng: {}", crate::fail::Fail::no_function(EVIL).message));
    checked(clean!("{} [y/N] ", EVIL));
}

#[test]
fn documents_keep_their_values_and_escape_them() {
    for value in [
        json!(record()),
        runs::document(&run()),
        runs::tasks::task_document(Some(EVIL), &task()),
        json!({EVIL: EVIL}),
    ] {
        for json in [Lines::json(&value).unwrap(), Lines::json_line(&value).unwrap()] {
            assert!(!json.contains(|char| char != '\n' && is_hostile(char)), "{json}");
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        }
    }
}

#[test]
fn whatever_is_put_into_a_table_is_neutral() {
    let mut table = Table::new(&["A", ">B"]);
    table.row([evil(), format!("{EVIL}\n{EVIL}")]);
    checked(table.render());
    assert_eq!(table.render().lines().count(), 2, "no cell makes a row");
    assert_eq!(print::LogWriter.write(b"").unwrap(), 0);
}
