//! What a job tells while it goes on, drawn as a status line.

use super::fail::Fail;
use super::print::{self, StatusLine};
use super::session::{STATUS, Session};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use throng_core::dataset::Meter;
use throng_core::deploy::DeployProgress;
use throng_core::image::{LayerProgress, LayerState};
use throng_core::jobs::{JobError, JobEvent, NotDone, Observer};
use throng_core::model::{Progress, ProgressState};
use throng_core::words::{self, Clean, Lines};
use throng_core::{clean, lines};

/// Shows what a job tells until it ends. `also` hears every event, with no status line in its way.
pub async fn watched<T, Work>(
    session: &Session,
    also: impl Fn(&JobEvent) + Send + Sync + 'static,
    job: impl FnOnce(Observer) -> Work,
) -> Result<T, Fail>
where
    Work: Future<Output = Result<T, JobError>>,
{
    let shown = Arc::new(Mutex::new(Shown::default()));
    let hearing = shown.clone();
    let observer = Observer::new(session.interrupt.clone(), move |event| {
        let mut shown = lock(&hearing);
        shown.hear(&event, &also);
        shown.draw();
    });
    let work = job(observer);
    tokio::pin!(work);
    let mut ticks = tokio::time::interval(STATUS);
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => {
                lock(&shown).line.clear();
                return Ok(outcome?);
            }
            _ = ticks.tick() => lock(&shown).draw(),
        }
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is on the status line.
#[derive(Debug)]
struct Shown {
    line: StatusLine,
    label: String,
    meter: Option<Arc<Meter>>,
    deploying: Option<DeployProgress>,
    /// Layers that were told.
    told: HashSet<String>,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            line: StatusLine::new(),
            label: String::new(),
            meter: None,
            deploying: None,
            told: HashSet::new(),
        }
    }
}

impl Shown {
    fn hear(&mut self, event: &JobEvent, also: impl Fn(&JobEvent)) {
        match event {
            JobEvent::Doing(what) => {
                self.label.clone_from(what);
                (self.meter, self.deploying) = (None, None);
            }
            JobEvent::Counting(meter) => self.meter = Some(meter.clone()),
            JobEvent::BucketMade(bucket) => self.note(lines!("created the bucket {bucket}")),
            JobEvent::Starts { function, files } => {
                self.note(lines!("→ starts {function} on {}", words::plural(*files, "file")));
            }
            JobEvent::Deploying { progress, .. } => {
                let done: Vec<_> = progress.layers.iter().filter_map(layer).collect();
                for line in done.into_iter().filter(|_| print::notes_are_seen()) {
                    if self.told.insert(line.clone()) {
                        self.note(line);
                    }
                }
                self.deploying = Some(progress.clone());
            }
            // They are told to a person, with no status line in the way.
            JobEvent::Planned(_) | JobEvent::Deployed(_) => self.line.clear(),
        }
        also(event);
    }

    fn note(&mut self, text: impl Into<Lines>) {
        self.line.clear();
        print::note(text);
    }

    fn draw(&mut self) {
        let text = match (&self.deploying, &self.meter) {
            (Some(progress), _) => deploying(progress),
            (None, Some(meter)) => progress(&meter.progress(0, &self.label, ProgressState::Active)).into(),
            (None, None) => Clean::new(&self.label),
        };
        if !text.is_empty() {
            self.line.show(text);
        }
    }
}

/// Says on standard error what was not done, each in a line that begins with `how`.
pub fn not_done(how: &str, all: &[NotDone]) {
    for NotDone { what, reason } in all {
        print::note(lines!("{how}: {what}: {reason}"));
    }
}

fn deploying(progress: &DeployProgress) -> Clean {
    let DeployProgress { label, step, steps, bytes, bytes_total, layers } = progress;
    let sent = match *bytes_total {
        0 => String::new(),
        total => format!(" {} of {}", words::bytes(*bytes), words::bytes(total)),
    };
    let there = match (layers.iter().filter_map(layer).count(), layers.len()) {
        (_, 0) => String::new(),
        (done, all) => format!(", {done} of {all} layers there"),
    };
    clean!("{} {step}/{steps} {label}{sent}{there}", print::bar(*step, *steps, 20))
}

/// A layer that is where it should be, in words.
fn layer(layer: &LayerProgress) -> Option<String> {
    let how = match layer.state {
        LayerState::Waiting | LayerState::Moving => return None,
        LayerState::There => "was there",
        LayerState::Sent => "sent",
    };
    let digest = layer.digest.get(..19).unwrap_or(&layer.digest);
    Some(format!("  layer {digest} {}: {how}", words::bytes(layer.size)))
}

/// One line: bar, counts, bytes, rate, time left.
pub fn progress(progress: &Progress) -> String {
    let bar = match (progress.bytes_total, progress.items_total) {
        (Some(total), _) if total > 0 => print::bar(progress.bytes, total, 20),
        (_, Some(total)) => print::bar(progress.items, total, 20),
        _ => String::new(),
    };
    let of = |total: Option<String>| total.map(|total| format!("/{total}")).unwrap_or_default();
    let noun = if progress.items_total.unwrap_or(progress.items) == 1 { "file" } else { "files" };
    let items =
        format!("{}{} {noun}", words::count(progress.items), of(progress.items_total.map(words::count)));
    let bytes = format!("{}{}", words::bytes(progress.bytes), of(progress.bytes_total.map(words::bytes)));
    let held = match progress.held {
        0 => String::new(),
        held => format!(", {} held back until others have ended", words::count(held)),
    };
    let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
    let (rate, eta) = (
        words::bytes_per_second(progress.rate.max(0.0)),
        progress.eta_s.map(|eta| format!(", {} left", words::seconds(eta))),
    );
    format!("{} {bar} {items}, {bytes}, {rate}{failed}{held}{}", progress.label, eta.unwrap_or_default())
}
