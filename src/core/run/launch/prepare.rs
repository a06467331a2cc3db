//! A run is made: its inputs are fixed, then the plan, the manifest and run.json are written.

use super::allow::{Allowed, allow};
use super::fix::{Fixed, fix};
use super::groups::Groups;
use super::pacing::Pacing;
use super::pack_size::choose;
use super::select::Sieve;
use super::skip::skip;
use super::{Inputs, Launch, LaunchRequest, are_too_new, by_group, changed, limits};
use crate::cloud::now_ms;
use crate::dataset::FileList;
use crate::dataset::objects::Put;
use crate::dataset::pace::Pace;
use crate::definition::counted;
use crate::model::{Place, Reuse};
use crate::private;
use crate::run::cloud::FunctionFacts;
use crate::run::header::{RunHeader, StartedBy, new_run_id};
use crate::run::manifest::write_manifest;
use crate::run::{ReusedTask, RunContext, RunError, Unchanged, plan, reused, variant};
use std::sync::Arc;
use throng_contract::barrier::ALL;
use throng_contract::keys::run_key;
use throng_contract::versions;
use tokio_util::sync::CancellationToken;

/// Sources that run.json names.
pub const SOURCES: usize = 100;

/// Fixes the inputs of a run and writes its manifest and run.json: afterwards the run exists.
///
/// # Errors
/// [`RunError`]; no run exists then.
pub async fn prepare(
    context: &RunContext,
    mut request: LaunchRequest,
    cancel: &CancellationToken,
) -> Result<Launch, RunError> {
    let Allowed { facts, behind, places, swept, packs } = allow(context, &mut request).await?;
    let started_ms = now_ms();
    let id = new_run_id(started_ms);
    let source = source_of(&request.inputs);
    let mut sieve = Sieve::of(&facts, request.options.everything, started_ms);
    let fixed = fix(context, &mut request, &facts, &id, &mut sieve, cancel).await?;
    let Fixed {
        mut inputs,
        mut groups,
        roots,
        outside,
        told: grouped,
        provider,
        place,
        files,
        absent,
        doubt,
        without,
        etags,
    } = fixed;
    let (skipped, mut told) = skip(&mut inputs, (&mut groups, &roots), &facts, request.options)?;
    let count_of = |groups: &Groups| counted(&groups.rule, groups.len() as u64, inputs.len() as u64);
    told.extend([grouped, groups.as_ref().map(count_of), swept].into_iter().flatten());
    // Last of what refuses a launch: it looks at many runs.
    behind.refuse_mixing(context, &request).await?;
    told.extend(sieve.told());
    let from = provider.as_deref();
    let at = by_group::At { places, roots, provider: from, place: &place, home: &context.home, files };
    let (by, sorted) = (behind.by.as_deref(), (&mut inputs, groups.as_mut()));
    let join_groups = by_group::sort(by, sorted, &mut request, &at, without)?;
    told.extend(join_groups.as_ref().map(by_group::told));
    let place = Place { prefix: place.prefix.trim_matches('/').to_owned(), ..place };
    let at = (&place, provider.as_deref(), (!files).then_some(&etags));
    let left_out = changed::leave_out(context, &mut request, &facts, &mut inputs, at, cancel).await?;
    let (reuse, reused) = left_out.into_parts(&mut told);
    if inputs.is_empty() && !reused.is_empty() {
        return Err(unchanged(request.function, reuse, reused, told));
    }
    let count = groups.as_ref().map_or(inputs.len(), Groups::len) as u64;
    let tasks = request.sets.tasks(without.unwrap_or(count));
    refuse_count(tasks)?;
    let (pack, why) = choose(context, (&request.function, &facts), packs, tasks).await;
    told.extend(why.into_iter().chain(limits::told(&request, &behind.stages)));
    told.extend(would_overwrite(&facts, groups.as_ref(), &inputs));
    let launch = Launch {
        header: RunHeader {
            version: versions::LEDGER,
            id,
            function: request.function,
            image: facts.image.clone(),
            parameters: request.parameters,
            sets: request.sets.header(),
            without_inputs: without.is_some(),
            started_ms,
            tasks,
            bytes: inputs.bytes(),
            source,
            bucket: place.bucket.clone(),
            provider,
            files,
            groups: groups.as_ref().map(|groups| groups.header(&inputs)),
            skipped,
            unselected: sieve.left_out + outside,
            reused: reuse,
            fingerprint: facts.fingerprint.clone(),
            overrides: request.overrides,
            started_by: StartedBy::Trigger,
            retries: Some(facts.retries),
            throng: env!("CARGO_PKG_VERSION").to_owned(),
            overwrites: facts.overwrites,
            group: behind.has_joins().then(|| ALL.to_owned()),
            join_groups,
            stages: behind.stages,
            pack,
        },
        context: context.clone(),
        inputs: Arc::new(inputs),
        groups: groups.map(Arc::new),
        sets: Arc::new(request.sets),
        place,
        triggers_too_new: files && are_too_new(&facts),
        triggers: facts.triggers.clone(),
        stored: behind.stored,
        later_too_new: behind.too_new,
        absent,
        reused,
        told,
        doubt,
        pacing: None,
        claim: None,
    };
    begin(context, &facts, launch).await
}

/// Makes a run of a launch, and the function that it needs.
async fn begin(context: &RunContext, facts: &FunctionFacts, launch: Launch) -> Result<Launch, RunError> {
    let pacing = Pacing::of(context, &launch.header, facts).await;
    // What Lambda refuses is refused while there is no run.
    variant::first(context, &launch.header).await?;
    let header = launch.header.clone();
    let begun = Launch { pacing, ..launch }.begin().await;
    if begun.is_err() {
        variant::done(context, &header).await;
    }
    begun
}

/// There is no run: everything was done before.
fn unchanged(function: String, reuse: Reuse, tasks: Vec<ReusedTask>, notes: Vec<String>) -> RunError {
    RunError::Unchanged(Box::new(Unchanged { function, reuse, tasks, notes }))
}

/// That results would overwrite each other, as far as the function's paths and the inputs' names tell.
fn would_overwrite(facts: &FunctionFacts, groups: Option<&Groups>, inputs: &FileList) -> Option<String> {
    if facts.keeps_apart != Some(false) || facts.overwrites {
        return None;
    }
    let whole = groups.map(|groups| groups.as_files(inputs));
    whole.as_ref().unwrap_or(inputs).equal_names().map(|equal| equal.to_string())
}

/// Most tasks of a run.
const MOST_TASKS: u64 = 10_000_000;

fn refuse_count(tasks: u64) -> Result<(), RunError> {
    match tasks {
        0 => Err(RunError::Refused("there is nothing to run: no tasks were asked for".to_owned())),
        1..=MOST_TASKS => Ok(()),
        _ => Err(RunError::Refused(format!(
            "{tasks} tasks: a run has {MOST_TASKS} at most; make several runs of them"
        ))),
    }
}

fn source_of(inputs: &Inputs) -> Vec<String> {
    match inputs {
        Inputs::Files { paths, .. } => {
            paths.iter().map(|path| path.display().to_string()).take(SOURCES).collect()
        }
        Inputs::Objects { provider, bucket, keys } => {
            let scheme = provider.as_deref().unwrap_or("s3");
            keys.iter().map(|key| format!("{scheme}://{bucket}/{key}")).take(SOURCES).collect()
        }
        Inputs::Nothing { .. } => Vec::new(),
        Inputs::Unsuccessful { run } => vec![format!("what did not succeed of run {run}")],
    }
}

impl Launch {
    /// Writes all of it: afterwards the run exists.
    async fn begin(mut self) -> Result<Self, RunError> {
        let folder = self.context.folder(&self.header.id);
        private::folder(&folder).map_err(|error| RunError::Io(format!("{}: {error}", folder.display())))?;
        self.claim = plan::claim(&folder)?;
        let triggered = self.inputs.iter().all(|file| self.is_triggered(&self.key(file.name)));
        if !self.header.files || !triggered {
            self.header.started_by = StartedBy::Invoke;
        }
        self.write().await?;
        Ok(self)
    }

    async fn write(&self) -> Result<(), RunError> {
        let Self { context, header, .. } = self;
        if header.files {
            let (folder, inputs, place) =
                (context.folder(&header.id), self.inputs.clone(), self.place.clone());
            let write = move || plan::write(&folder, &place.bucket, &place.prefix, &inputs);
            tokio::task::spawn_blocking(write).await.map_err(|error| RunError::Io(error.to_string()))??;
        }
        self.sets.store(context, header).await?;
        reused::write(context, &header.id, &self.reused).await?;
        write_manifest(context, &header.id, header.tasks, |task| self.entry(task)).await?;
        super::barrier::write(context, header, &self.stored).await?;
        let body = serde_json::to_vec_pretty(header).map_err(|error| RunError::Io(error.to_string()))?;
        let put = Put {
            bucket: context.home.clone(),
            key: run_key(&header.id),
            body: body.into(),
            ..Put::default()
        };
        Pace::new(1).insist(|| context.store.put(put.clone())).await?;
        Ok(())
    }
}
