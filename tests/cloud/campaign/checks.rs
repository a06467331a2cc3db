//! What must hold of a run when it has ended, and of the home at the end.

use super::client::Client;
use super::dice::Dice;
use super::reader::{STATES, breach};
use super::site::{FUNCTION, RETRIES, Site, Victim};
use crate::support::wait_for;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use throng_contract::TaskState;
use throng_contract::keys::RecordName;

/// A run that has ended, and what it was made of.
pub struct Expected {
    pub run: String,
    /// Name of the input → lines of the output.
    pub inputs: BTreeMap<String, u64>,
    /// What had succeeded when it was read last.
    pub succeeded: u64,
}

/// A task as it is listed.
struct Row {
    name: String,
    state: String,
    request: String,
    text: String,
}

pub fn of_run(site: &mut Site, dice: &mut Dice, expected: &Expected) {
    let tasks = expected.inputs.len() as u64;
    let run = site.json(&["runs", &expected.run]);
    let counts = &run["counts"];
    if let Some(breach) = breach(counts, tasks) {
        site.check(false, || breach);
    }
    let is_over = counts["pending"] == 0 && counts["running"] == 0;
    site.check(is_over && counts["succeeded"].as_u64() >= Some(expected.succeeded), || {
        format!("{} had succeeded, and the run has ended: {run}", expected.succeeded)
    });
    let rows = rows(site, expected);
    for state in STATES {
        let listed = rows.values().filter(|row| row.state == state).count() as u64;
        site.check(counts[state] == listed, || format!("{listed} tasks are {state}, counted {counts}"));
    }
    let succeeded: BTreeSet<u64> =
        rows.iter().filter(|(_, row)| row.state == "succeeded").map(|(task, _)| *task).collect();
    of_failures(site, &rows);
    of_ledger(site, &expected.run, &succeeded);
    of_outputs(site, dice, expected, &rows);
    of_database(site);
    site.tell(format!("{} of {tasks} succeeded", succeeded.len()));
}

/// Every task of the manifest once, in one final state.
fn rows(site: &Site, expected: &Expected) -> BTreeMap<u64, Row> {
    let listed = site.json(&["tasks", &expected.run]);
    let listed = listed.as_array().expect("a list");
    let row = |task: &Value| {
        let key = task["key"].as_str().expect("a key");
        let row = Row {
            name: key.rsplit('/').next().unwrap_or_default().to_owned(),
            state: task["state"].as_str().expect("a state").to_owned(),
            request: task["request_id"].as_str().unwrap_or("no request").to_owned(),
            text: task.to_string(),
        };
        (task["task"].as_u64().expect("a number"), row)
    };
    let rows: BTreeMap<u64, Row> = listed.iter().map(row).collect();
    let names: BTreeSet<&String> = rows.values().map(|row| &row.name).collect();
    let whole = names.into_iter().eq(expected.inputs.keys()) && rows.len() == listed.len();
    site.check(whole, || format!("{} tasks listed, {} were launched", listed.len(), expected.inputs.len()));
    rows
}

/// Only a task may have failed whose event was killed at each of Lambda's tries: then Lambda has given up on it, and says so.
fn of_failures(site: &mut Site, rows: &BTreeMap<u64, Row>) {
    let bad: Vec<_> = rows.values().filter(|row| row.state != "succeeded").collect();
    if bad.is_empty() {
        return;
    }
    let (place, to) = (format!("throng-home/aws/lambda/async/{FUNCTION}/"), format!("gave-up{}", site.round));
    until_it_succeeds(site, &["get", &place, &to]);
    let given_up = walk(&site.home.path().join(to));
    for row in &bad {
        let told = given_up.iter().find(|(name, _)| name.ends_with(&row.request));
        let told = told.and_then(|(_, body)| serde_json::from_slice::<Value>(body).ok()).unwrap_or_default();
        let tries = told["requestContext"]["approximateInvokeCount"].as_u64();
        site.check(row.state == "failed" && tries > Some(RETRIES), || {
            format!("it was not killed each time: {}; Lambda says {told}", row.text)
        });
    }
    let kills = site.environments_killed;
    site.check((bad.len() as u64) * (RETRIES + 1) <= kills, || {
        format!("{kills} environments were killed, and {} tasks failed for it", bad.len())
    });
}

/// By the ledger alone, without what counts in the product: what has a record of success has succeeded, nothing else.
fn of_ledger(site: &Site, run: &str, succeeded: &BTreeSet<u64>) {
    let listed = site.json(&["ls", "throng-home/l/", "-r"]);
    let keys = listed.as_array().expect("a list").iter().filter_map(|object| object["key"].as_str());
    let records: Vec<_> =
        keys.filter(|key| key.split('/').any(|part| part == run)).filter_map(RecordName::parse).collect();
    let recorded: BTreeSet<u64> = records
        .iter()
        .filter(|record| record.state == TaskState::Succeeded)
        .filter_map(|record| record.task.as_ref()?.as_number())
        .collect();
    site.check(recorded == *succeeded, || {
        let differ: Vec<_> = recorded.symmetric_difference(succeeded).collect();
        format!("of the tasks {differ:?} the ledger says something else than the count")
    });
}

/// Every success has its output, whole. An output of a task that has not succeeded is one that was killed when it had stored
/// it and had not said so.
fn of_outputs(site: &mut Site, dice: &mut Dice, expected: &Expected, rows: &BTreeMap<u64, Row>) {
    let place = format!("count-data/out/r{}/", site.round);
    let to = format!("results{}", site.round);
    get_through_kills(site, dice, &place, &to, 2);
    let found = walk(&site.home.path().join(&to));
    let names: BTreeSet<_> = found.keys().cloned().collect();
    for row in rows.values() {
        let has = names.contains(&row.name);
        site.check(has || row.state != "succeeded", || format!("its output is not there: {}", row.text));
    }
    for (name, bytes) in &found {
        let lines = expected.inputs.get(name);
        let whole = lines.is_some_and(|lines| *bytes == counted(*lines));
        site.check(whole, || format!("{name} has {} bytes, and should have {lines:?} lines", bytes.len()));
    }
}

/// What `seq 1 LINES` says.
fn counted(lines: u64) -> Vec<u8> {
    (1..=lines).fold(Vec::new(), |mut text, line| {
        text.extend(format!("{line}\n").bytes());
        text
    })
}

/// Files below a folder by their names.
pub fn walk(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries =
        walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file());
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).expect("a file"))
        })
        .collect()
}

/// Downloads, is killed so many times, and downloads the rest.
pub fn get_through_kills(site: &mut Site, dice: &mut Dice, place: &str, to: &str, kills: u64) {
    for _ in 0..kills {
        let mut client = Client::start(site, &["get", place, to]);
        dice.moment(250);
        let victim = if dice.chance(60) { Victim::Client } else { Victim::Daemon };
        site.kill(victim, Some(&mut client), dice);
        client.end(site);
    }
    let verb = ["get", place, to];
    until_it_succeeds(site, &verb);
}

/// Runs a verb until it succeeds: requests go wrong on purpose.
pub fn until_it_succeeds(site: &mut Site, verb: &[&str]) {
    for _ in 0..5 {
        if Client::start(site, verb).end(site).code == Some(0) {
            return;
        }
    }
    site.check(false, || format!("throng {verb:?} does not succeed"));
}

fn of_database(site: &Site) {
    for name in ["cloud.db", "logs/logs.db"] {
        let path = site.home.path().join("home/data/local/data").join(name);
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(&path, flags).expect("the database opens");
        database.busy_timeout(std::time::Duration::from_secs(10)).expect("waits");
        let said: String =
            database.query_row("PRAGMA quick_check", [], |row| row.get(0)).expect("the database is read");
        site.check(said == "ok", || format!("{}: {said}", path.display()));
    }
}

/// Nothing of all this is left: no process, no half file, and nothing that the daemon wrote beside another file.
pub fn at_the_end(site: &mut Site) {
    site.faults("");
    site.home.ok(&["local", "stop"]);
    let mut left = Vec::new();
    wait_for("no process is left", || {
        left = site.left();
        if !left.is_empty() {
            eprintln!("still there: {left:?}");
        }
        left.is_empty()
    });
    of_database(site);
    let files: Vec<_> = walkdir::WalkDir::new(site.home.path())
        .into_iter()
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "part" || ending == "tmp"))
        .map(|entry| entry.path().to_owned())
        .collect();
    site.check(files.is_empty(), || format!("left behind: {files:?}"));
}
