//! What a task's results are called, and whether they are what is expected.

use crate::event::{Input, Job};
use crate::logs::Log;
use crate::outcome::Failure;
use crate::output::{self, Found};
use crate::stage::Folders;
use crate::task::{Attempt, Worker};
use throng_contract::{
    AttemptId, AttemptRecord, FailureClass, Lineage, OnFailure, TaskFiles, TaskRef, TaskRule, Values,
    folder_below, without_run,
};

/// What a script has left.
pub struct Left<'a> {
    pub attempt: &'a Attempt<'a>,
    pub job: &'a Job,
    pub folders: &'a Folders,
    /// Its files, when it has several.
    pub files: Option<&'a TaskFiles>,
    /// The name of the group that a join starts for.
    pub group: Option<&'a str>,
    /// Whether it failed.
    pub failed: bool,
}

impl Worker<'_> {
    /// Stores what a script has left by the function's rules. Nothing of it is passed over in silence: what is not stored is
    /// named in the log. `files` gets what was found.
    pub fn stage_out(
        &self,
        left: &Left<'_>,
        log: &mut Log<'_>,
        record: &mut AttemptRecord,
        files: &mut Vec<Found>,
    ) -> Result<(), Failure> {
        let function = &self.settings.function;
        let of_output = |message: String| Failure::new(FailureClass::Output, message);
        if left.failed && function.on_failure == OnFailure::Discard {
            return Ok(());
        }
        let contents = output::contents(&left.folders.output, &self.settings.tmp)
            .map_err(|error| of_output(format!("the output folder cannot be read: {error}")))?;
        if let Some(names) = contents.left_out.listed() {
            log.note("WARN", &format!("left out of the outputs: {names}"));
        }
        if let Some(names) = contents.renamed.listed() {
            let what = "outputs whose names are no UTF-8: their other bytes are written as % and two digits";
            log.note("WARN", &format!("{what}: {names}"));
        }
        *files = contents.files;
        let expected = function.expect.as_ref().filter(|_| !left.failed);
        let lacks =
            expected.and_then(|expect| output::lacks(files, &function.outputs, expect)).map(of_output);
        if let Some(lacks) = lacks {
            if function.on_failure == OnFailure::Keep
                && let Err(also) = self.store(&Left { failed: true, ..*left }, log, record, files)
            {
                log.note("WARN", &also.message);
            }
            return Err(lacks);
        }
        self.store(left, log, record, files)
    }

    fn store(
        &self,
        left: &Left<'_>,
        log: &mut Log<'_>,
        record: &mut AttemptRecord,
        files: &[Found],
    ) -> Result<(), Failure> {
        let of_output = |message: String| Failure::new(FailureClass::Output, message);
        let rules = self.rules(left, record).map_err(of_output)?;
        let kept = left.failed.then_some(left.attempt.request_id);
        let uploads = output::plan(files, &rules, kept).map_err(of_output)?;
        if !rules.is_empty()
            && let Some(names) = output::untaken(files, &uploads).listed()
        {
            log.note("INFO", &format!("not stored, because no `output` of the definition takes it: {names}"));
        }
        let lineage = |ordinal| if left.failed { None } else { lineage_of(record, ordinal) };
        let stored = output::store(uploads, lineage, self.stores, left.attempt.end);
        record.bytes_out = stored.objects.iter().map(|object| object.size).sum();
        record.outputs = stored.objects;
        stored.failure.map_or(Ok(()), |(class, message)| Err(Failure::new(class, message)))
    }

    /// The function's rules, with this task's values in their paths.
    fn rules(&self, left: &Left<'_>, record: &AttemptRecord) -> Result<Vec<TaskRule>, String> {
        let function = &self.settings.function;
        let request_id = left.attempt.request_id;
        let attempt = AttemptId::new(&record.request_id, record.started_ms).to_string();
        let task = record.task.as_ref();
        let run = task.map_or("", |task| &task.run);
        let mut variables = function.env.clone();
        variables.extend(left.job.variables.clone());
        let (made, inside);
        // A group is called as its folder.
        let group = left.files.filter(|files| !files.folder.is_empty());
        let group = group.map(|files| format!("{}{}", files.root, files.folder));
        let (dir, name) = match &left.job.input {
            Input::Object { bucket, key } => {
                let places = (&function.inputs[..], &function.provider_inputs[..]);
                inside = group.as_ref().map_or_else(|| key.clone(), |folder| format!("{folder}/-"));
                let object = (record.provider.as_deref(), bucket.as_str(), inside.as_str());
                let dir = folder_below(places, self.settings.home_bucket.as_deref(), object);
                let named = group.as_ref().unwrap_or(key);
                (dir, named.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
            }
            Input::Bytes(_) | Input::Nothing => {
                made = format!("event-file-{request_id}");
                ("", made.as_str())
            }
        };
        let values = Values {
            run,
            stage: task.map_or(0, |task| task.stage),
            task: task.map_or("", |task| task.task.as_str()),
            attempt: &attempt,
            request_id,
            dir: without_run(dir, run),
            name,
            group: left.group,
            variables: &variables,
        };
        function.outputs.iter().map(|rule| rule.for_task(&values)).collect()
    }
}

/// Where an output comes from.
fn lineage_of(record: &AttemptRecord, ordinal: u32) -> Option<Lineage> {
    let TaskRef { run, stage, task, version } = record.task.clone()?;
    let attempt = AttemptId::new(&record.request_id, record.started_ms);
    let group = record.group.clone();
    (version > 1).then_some(Lineage { run, stage, task, output: Some((attempt, ordinal)), group })
}
