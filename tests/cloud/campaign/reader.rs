//! Counts of a run, read all the time while processes are killed: at every reading the states add up to the manifest, and what
//! has succeeded never becomes less.

use super::site::Site;
use crate::support::Home;
use serde_json::Value;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

pub const STATES: [&str; 7] =
    ["pending", "running", "succeeded", "failed", "timed-out", "expired", "cancelled"];

#[derive(Default)]
struct Shared {
    run: Mutex<Option<String>>,
    stop: AtomicBool,
}

/// What was read.
#[derive(Default)]
struct Readings {
    read: u64,
    succeeded: u64,
    wrong: Vec<String>,
}

pub struct Reader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Readings>>,
}

fn count(counts: &Value, state: &str) -> u64 {
    counts[state].as_u64().unwrap_or_else(|| panic!("no {state} in {counts}"))
}

/// What is wrong with the counts of a run with so many tasks.
pub fn breach(counts: &Value, tasks: u64) -> Option<String> {
    let sum: u64 = STATES.iter().map(|state| count(counts, state)).sum();
    (sum != tasks || count(counts, "total") != tasks).then(|| format!("{tasks} tasks, counted {counts}"))
}

impl Readings {
    /// One reading. That the daemon is away, or that a request goes wrong on purpose, is no reading.
    fn add(&mut self, output: &Output, tasks: u64) {
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            if !matches!(output.status.code(), Some(3 | 4)) {
                self.wrong.push(format!("a reading ended with {}: {said}", output.status));
            }
            return;
        }
        let Ok(run) = serde_json::from_slice::<Value>(&output.stdout) else {
            return self.wrong.push(format!("not JSON: {}", String::from_utf8_lossy(&output.stdout)));
        };
        let counts = &run["counts"];
        self.wrong.extend(breach(counts, tasks));
        let now = count(counts, "succeeded");
        if now < self.succeeded {
            self.wrong.push(format!("{} had succeeded, now {now}: {run}", self.succeeded));
        }
        self.succeeded = self.succeeded.max(now);
        self.read += 1;
    }
}

impl Reader {
    /// Reads a run with so many tasks, as soon as it is told which.
    pub fn start(home: &Arc<Home>, tasks: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let (told, home) = (shared.clone(), home.clone());
        let thread = std::thread::spawn(move || {
            let mut readings = Readings::default();
            while !told.stop.load(Ordering::Relaxed) {
                let run = told.run.lock().expect("the run").clone();
                if let Some(run) = run {
                    readings.add(&home.run(&["runs", &run, "--output", "json"]), tasks);
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            readings
        });
        Self { shared, thread: Some(thread) }
    }

    pub fn tell(&self, run: &str) {
        *self.shared.run.lock().expect("the run") = Some(run.to_owned());
    }

    /// Ends it; checks what it saw. Gives how many succeeded by the last reading.
    pub fn end(mut self, site: &mut Site) -> u64 {
        let Some(readings) = self.join() else { return 0 };
        site.check(readings.wrong.is_empty(), || format!("readings: {:#?}", readings.wrong));
        site.tell(format!("{} readings", readings.read));
        readings.succeeded
    }

    fn join(&mut self) -> Option<Readings> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(|thread| thread.join().expect("the reader"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.join();
    }
}
