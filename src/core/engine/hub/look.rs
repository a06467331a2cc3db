//! What is looked at: its tasks are begun, and the snapshot says that it is being read.

use super::Hub;
use crate::engine::command::Scope;
use crate::engine::snapshot::{Listing, ListingState, ObjectsView, Snapshot, TaskView};
use crate::engine::{listings, runs, survey};
use crate::model::TaskName;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;

impl Hub {
    pub(super) fn look(&mut self, scope: Scope) {
        if scope == self.state.snap.scope && self.scope_generation > 0 && !self.scope_token.is_cancelled() {
            return self.refresh.notify_one();
        }
        self.scope_token.cancel();
        self.scope_token = self.context_token.child_token();
        self.scope_generation += 1;
        self.refresh = Arc::default();
        self.state.snap.scope = scope.clone();
        self.state.dirty = true;
        let ctx = self.scope_ctx();
        let snap = &mut self.state.snap;
        match scope {
            Scope::Functions => {
                reading(&mut snap.functions);
                ctx.spawn(listings::functions(ctx.clone(), self.cache.clone()));
            }
            Scope::Buckets => {
                reading(&mut snap.buckets);
                ctx.spawn(listings::buckets(ctx.clone(), self.cache.clone()));
            }
            Scope::Objects { bucket, prefix } => {
                let (more, asked) = mpsc::unbounded_channel();
                self.more = more;
                show_folder(snap, &bucket, &prefix);
                ctx.spawn(listings::objects(ctx.clone(), bucket, prefix, asked));
            }
            Scope::Runs => {
                reading(&mut snap.runs);
                ctx.spawn(survey::runs(ctx.clone(), self.memory.clone(), self.survey.clone()));
            }
            Scope::Run { run } => {
                if snap.run.as_ref().is_some_and(|view| view.summary.id != run) {
                    snap.run = None;
                }
                snap.unreadable = None;
                ctx.spawn(runs::open(ctx.clone(), self.memory.clone(), run));
            }
            Scope::Task { run, task } => {
                show_task(snap, &run, &task);
                ctx.spawn(runs::task(ctx.clone(), self.memory.clone(), run, task));
            }
            Scope::Running => {
                reading(&mut snap.running);
                ctx.spawn(survey::running(ctx.clone(), self.memory.clone(), self.survey.clone()));
            }
            Scope::Logs => {}
        }
    }
}

fn reading<T>(listing: &mut Listing<T>) {
    listing.state = ListingState::Reading;
}

fn show_folder(snap: &mut Snapshot, bucket: &str, prefix: &str) {
    let same = snap.objects.as_ref().is_some_and(|view| view.bucket == bucket && view.prefix == prefix);
    if !same {
        snap.objects = Some(ObjectsView {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            listing: Listing::default(),
            more: false,
        });
    }
    if let Some(view) = &mut snap.objects {
        reading(&mut view.listing);
    }
}

fn show_task(snap: &mut Snapshot, run: &str, task: &TaskName) {
    let row = snap.run.as_ref().filter(|view| view.summary.id == run);
    let row = row.and_then(|view| view.find(task).cloned());
    let mut records = Listing::default();
    reading(&mut records);
    snap.task = Some(TaskView {
        run: run.to_owned(),
        row,
        files: None,
        children: Vec::new(),
        generation: 0,
        variables: BTreeMap::new(),
        records,
    });
}
