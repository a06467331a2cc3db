//! What comes of each command, once the read-only gate has let it through.

use super::Hub;
use crate::engine::command::{Command, DeployRequest};
use crate::engine::context::Ctx;
use crate::engine::sending::{self, Source};
use crate::engine::snapshot::PlanView;
use crate::engine::{actions, deploying, follow_logs, transfers};
use crate::jobs::{FetchRequest, permit};
use crate::model::Place;
use crate::run::Inputs;

impl Hub {
    pub(super) fn command(&mut self, command: Command) {
        if let Err(refusal) = permit(&self.context, command.job()) {
            return self.state.error("Read-only context", &refusal);
        }
        match command {
            Command::Look(scope) => self.look(scope),
            Command::Refresh => {
                self.cache.clear();
                self.refresh.notify_one();
            }
            Command::MoreObjects => {
                let _ = self.more.send(());
            }
            Command::SwitchContext(name) => self.switch(&name),
            Command::Dismiss(id) => self.state.dismiss(id),
            Command::CancelProgress(id) => self.state.cancel(id),
            Command::ClosePreview => {
                self.state.snap.preview = None;
                self.state.dirty = true;
            }
            Command::ClosePlan => {
                self.plan_token.cancel();
                self.state.snap.plan = None;
                self.state.dirty = true;
            }
            Command::Plan(request) => {
                self.plan_token.cancel();
                self.plan_token = self.context_token.child_token();
                self.state.snap.plan = Some(PlanView::Making);
                self.state.dirty = true;
                let ctx = Ctx { token: self.plan_token.clone(), ..self.context_ctx() };
                ctx.spawn(deploying::plan(ctx.clone(), request));
            }
            Command::StopLogs => {
                self.logs_token.cancel();
                self.state.snap.logs = None;
                self.state.dirty = true;
            }
            Command::FollowLogs(query) => {
                self.logs_token.cancel();
                self.logs_token = self.context_token.child_token();
                let ctx = Ctx { token: self.logs_token.clone(), ..self.context_ctx() };
                ctx.spawn(follow_logs::follow(ctx.clone(), query, self.options.config.logs.clone()));
            }
            other => self.action(other),
        }
    }

    fn launch(&mut self, function: String, wanted: Source) {
        let ctx = self.action_ctx();
        let progress = self.state.begin(format!("run {function}"));
        ctx.spawn(sending::launch(ctx.clone(), progress, function, wanted, self.memory.clone()));
    }

    fn deploy(&mut self, shown: String, request: DeployRequest) {
        let ctx = self.action_ctx();
        let progress = self.state.begin(format!("deploy {shown}"));
        ctx.spawn(deploying::deploy(ctx.clone(), progress, shown, request));
    }

    /// What takes a while and goes on whatever is looked at.
    fn action(&mut self, command: Command) {
        let ctx = self.action_ctx();
        let state = &mut self.state;
        match command {
            Command::WhatStarts { paths, to } => ctx.spawn(transfers::what_starts(ctx.clone(), paths, to)),
            Command::Preview(place) => {
                transfers::begin_preview(&mut state.snap, place.clone());
                state.dirty = true;
                ctx.spawn(transfers::preview(ctx.clone(), place));
            }
            Command::Download { from, bucket, keys, to } => {
                let progress = state.begin(format!("download from {bucket} to {}", to.display()));
                let request = FetchRequest { from, bucket, keys, to, force: false };
                ctx.spawn(transfers::download(ctx.clone(), progress, request));
            }
            Command::DownloadRun { run, to } => {
                let progress = state.begin(format!("download the results of run {run} to {}", to.display()));
                ctx.spawn(transfers::download_run(ctx.clone(), progress, run, to));
            }
            Command::DeleteObjects { bucket, keys } => {
                let progress = state.begin(format!("delete from {bucket}"));
                ctx.spawn(actions::delete_objects(ctx.clone(), progress, bucket, keys));
            }
            Command::CreateBucket(bucket) => ctx.spawn(actions::create_bucket(ctx.clone(), bucket)),
            Command::DeleteBucket(bucket) => ctx.spawn(actions::delete_bucket(ctx.clone(), bucket)),
            Command::Invoke { function, payload } => {
                let progress = state.begin(format!("invoke {function}"));
                ctx.spawn(actions::invoke(ctx.clone(), progress, function, payload));
            }
            Command::DeployForm(form) => self.deploy(form.name.clone(), DeployRequest::Form(form)),
            Command::DeployFile(path) => self.deploy(path.display().to_string(), DeployRequest::File(path)),
            Command::DeleteFunction(name) => {
                let progress = state.begin(format!("delete function {name}"));
                ctx.spawn(deploying::remove(ctx.clone(), progress, name));
            }
            Command::Upload { paths, bucket, prefix } => {
                let to = Place { bucket, prefix };
                let progress = state.begin(format!("upload to {to}"));
                ctx.spawn(transfers::upload(ctx.clone(), progress, paths, to));
            }
            Command::RunFiles { function, paths } => {
                self.launch(function, Source::Of(Inputs::Files { paths, dest: None }));
            }
            Command::RunObjects { function, bucket, keys } => {
                let inputs = Inputs::Objects { provider: None, bucket, keys };
                self.launch(function, Source::Of(inputs));
            }
            Command::RunAgain { function, run } => self.launch(function, Source::Again(run)),
            Command::CancelRun(run) => ctx.spawn(sending::cancel(ctx.clone(), run)),
            Command::ResumeRun(run) => {
                let progress = state.begin(format!("send again for run {run}"));
                ctx.spawn(sending::resume(ctx.clone(), progress, run, self.memory.clone()));
            }
            Command::Look(_)
            | Command::Refresh
            | Command::MoreObjects
            | Command::SwitchContext(_)
            | Command::Dismiss(_)
            | Command::CancelProgress(_)
            | Command::ClosePreview
            | Command::Plan(_)
            | Command::ClosePlan
            | Command::StopLogs
            | Command::FollowLogs(_) => {}
        }
    }
}
