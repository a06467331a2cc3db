//! A run is made: its inputs are fixed, then the plan, the manifest and run.json are written.

use super::by_group;
use super::chain::behind;
use super::groups::{Groups, Others, Roots, by_folder, by_partner};
use super::inputs::{list_objects, scan_files};
use super::pack_size::{choose, wanted};
use super::rerun::unsuccessful;
use super::select::Sieve;
use super::skip::skip;
use super::{Inputs, Launch, LaunchRequest, are_too_new, changed, facts_of, limits, refuse_other_contract};
use crate::cloud::now_ms;
use crate::dataset::FileList;
use crate::dataset::objects::Put;
use crate::dataset::pace::Pace;
use crate::definition::counted;
use crate::deploy::Unreadable;
use crate::model::{Place, Sets};
use crate::private;
use crate::run::cloud::{FunctionFacts, TriggerPlace};
use crate::run::header::{RunHeader, StartedBy, new_run_id};
use crate::run::manifest::write_manifest;
use crate::run::{RunContext, RunError, Store, Stores, Unchanged, plan, reused};
use crate::words::plural;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use throng_contract::barrier::ALL;
use throng_contract::keys::{inputs_folder, run_key};
use throng_contract::versions;
use tokio_util::sync::CancellationToken;

/// Fixes the inputs of a run and writes its manifest and run.json: afterwards the run exists.
///
/// # Errors
/// [`RunError`]; no run exists then.
pub async fn prepare(
    context: &RunContext,
    mut request: LaunchRequest,
    cancel: &CancellationToken,
) -> Result<Launch, RunError> {
    let mut facts = facts_of(context, &request.function).await?;
    refuse_other_contract(&request.function, &facts)?;
    let behind = behind(context, &request.function, &facts).await?;
    let places = by_group::places(&facts);
    let swept = with_sweep(&mut request, &facts)?;
    changed::refuse(&request, &facts, &behind.stages)?;
    request.sets.check(&request.parameters)?;
    let packs = wanted(&request, &facts)?;
    if let Some(by) = behind.by.as_deref() {
        by_group::refuse(by, &facts, packs.is_some())?;
    }
    limits::refuse(&request, &facts, packs.is_some())?;
    if behind.by.is_some() || !request.is_plain() || packs.is_some() || facts.grouping.is_some() {
        refuse_trigger_place(&request, &facts)?;
        facts.triggers.clear();
    }
    let started_ms = now_ms();
    let id = new_run_id(started_ms);
    let source = source_of(&request.inputs);
    let mut sieve = Sieve::of(&facts, request.options.everything, started_ms);
    let fixed = fix(context, &mut request, &facts, &id, &mut sieve, cancel).await?;
    let Fixed {
        mut inputs,
        mut groups,
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
    let (skipped, mut told) = skip(&mut inputs, &mut groups, &facts, request.options)?;
    let groups = groups.map(|(groups, _)| groups);
    told.extend(grouped);
    told.extend(
        groups.as_ref().map(|groups| counted(&groups.rule, groups.len() as u64, inputs.len() as u64)),
    );
    // Last of what refuses a launch: it looks at many runs.
    if !request.options.force {
        behind.refuse_mixing(context, &request.function).await?;
    }
    told.extend(swept);
    told.extend(sieve.told());
    let join_groups = match &behind.by {
        Some(by) => {
            let at = by_group::At {
                places,
                provider: provider.as_deref(),
                place: &place,
                home: &context.home,
                files,
            };
            let groups = by_group::sort(by, &mut inputs, &mut request, &at, without)?;
            told.push(format!("{} by {}: a join starts for each", plural(groups.count, "group"), groups.by));
            Some(groups)
        }
        None => None,
    };
    let place = Place { prefix: place.prefix.trim_matches('/').to_owned(), ..place };
    let at = (&place, provider.as_deref(), (!files).then_some(&etags));
    let left_out = changed::leave_out(context, &mut request, &facts, &mut inputs, at, cancel).await?;
    let (reuse, reused) = left_out.into_parts(&mut told);
    if inputs.is_empty() && !reused.is_empty() {
        let (function, tasks) = (request.function, reused);
        return Err(RunError::Unchanged(Box::new(Unchanged { function, reuse, tasks, notes: told })));
    }
    let count = groups.as_ref().map_or(inputs.len(), Groups::len) as u64;
    let tasks = request.sets.tasks(without.unwrap_or(count));
    refuse_count(tasks)?;
    let pack = match packs {
        Some(size) => {
            let (pack, why) = choose(context, (&request.function, &facts), size, tasks).await;
            told.extend(why);
            pack
        }
        None => None,
    };
    told.extend(limits::told(&request, &behind.stages));
    let whole = groups.as_ref().map(|groups| groups.as_files(&inputs));
    let named = whole.as_ref().unwrap_or(&inputs);
    let equal =
        (facts.keeps_apart == Some(false) && !facts.overwrites).then(|| named.equal_names()).flatten();
    told.extend(equal.map(|equal| equal.to_string()));
    let mut launch = Launch {
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
        triggers: facts.triggers,
        stored: behind.stored,
        later_too_new: behind.too_new,
        absent,
        reused,
        told,
        doubt,
        claim: None,
    };
    let folder = context.folder(&launch.header.id);
    private::folder(&folder).map_err(|error| RunError::Io(format!("{}: {error}", folder.display())))?;
    launch.claim = plan::claim(&folder)?;
    let triggered = launch.inputs.iter().all(|file| launch.is_triggered(&launch.key(file.name)));
    if !files || !triggered {
        launch.header.started_by = StartedBy::Invoke;
    }
    launch.write().await?;
    Ok(launch)
}

/// Adds the values of the function's `sweep`, but for variables that the launch gives itself. Says so.
fn with_sweep(request: &mut LaunchRequest, facts: &FunctionFacts) -> Result<Option<String>, RunError> {
    // What did not succeed brings the sets along that it had.
    if request.options.no_sweep || matches!(request.inputs, Inputs::Unsuccessful { .. }) {
        return Ok(None);
    }
    let given = |name: &String| request.parameters.contains_key(name) || request.sets.names.contains(name);
    let axes: Vec<_> = facts.sweep.iter().filter(|(name, _)| !given(name)).cloned().collect();
    if axes.is_empty() {
        return Ok(None);
    }
    let names: Vec<_> = axes.iter().map(|(name, _)| name.as_str()).collect();
    let told =
        format!("swept over {}, as the function's definition says (--no-sweep: not)", names.join(", "));
    let sweep = Sets::grid(axes).map_err(RunError::Refused)?;
    request.sets = sweep.times(std::mem::take(&mut request.sets)).map_err(RunError::Refused)?;
    Ok(Some(told))
}

/// The inputs of a run, and where they are.
struct Fixed {
    inputs: FileList,
    /// Which of them are a task together, and where their dataset begins.
    groups: Option<(Groups, Roots)>,
    /// How many fit no group.
    outside: u64,
    /// What a person should know of these.
    told: Option<String>,
    provider: Option<String>,
    place: Place,
    /// Whether they are files, to be uploaded.
    files: bool,
    absent: u64,
    doubt: Option<String>,
    /// How many tasks there are without inputs.
    without: Option<u64>,
    /// `ETag`s of objects by key, where it is asked what changed.
    etags: HashMap<String, String>,
}

impl Fixed {
    fn at(inputs: FileList, bucket: String) -> Self {
        let place = Place { bucket, prefix: String::new() };
        let (groups, provider, told, doubt, without) = (None, None, None, None, None);
        let (files, outside, absent, etags) = (false, 0, 0, HashMap::new());
        Self { inputs, groups, outside, told, provider, place, files, absent, doubt, without, etags }
    }

    /// Puts what belongs together into groups, as the function asks for it. `others` are files that are no inputs, and may be
    /// partners; `store` has objects.
    async fn grouped(
        mut self,
        facts: &FunctionFacts,
        roots: Roots,
        others: Others,
        store: Option<(&Store, &str)>,
    ) -> Result<Self, RunError> {
        let Some(rule) = &facts.grouping else { return Ok(self) };
        let groups = if rule.folder.is_some() {
            let (groups, outside, told) = by_folder(&mut self.inputs, rule, &roots)?;
            (self.outside, self.told) = (outside, told);
            groups
        } else {
            let (inputs, groups) = by_partner(&self.inputs, rule, &roots, others, store).await?;
            self.inputs = inputs;
            groups
        };
        self.groups = Some((groups, roots));
        Ok(self)
    }
}

/// Finds the inputs of a run. The sets of parameters that tasks of another run had are put into the request.
async fn fix(
    context: &RunContext,
    request: &mut LaunchRequest,
    facts: &FunctionFacts,
    id: &str,
    sieve: &mut Sieve,
    cancel: &CancellationToken,
) -> Result<Fixed, RunError> {
    let looks_for_partners = facts.grouping.as_ref().is_some_and(|rule| !rule.with.is_empty());
    match std::mem::replace(&mut request.inputs, Inputs::Nothing { tasks: 0 }) {
        Inputs::Files { paths, dest } => {
            let roots = Roots::of_paths(&paths);
            let mut list = scan_files(paths, cancel).await?;
            let others = if looks_for_partners { known(&list) } else { Others::new() };
            let place = dest.unwrap_or_else(|| destination(context, facts, id));
            sieve.sift(&mut list, &place);
            sieve.refuse_nothing(&list)?;
            let fixed = Fixed { place, files: true, ..Fixed::at(list, String::new()) };
            fixed.grouped(facts, roots, others, None).await
        }
        Inputs::Objects { provider, bucket, keys } => {
            let store = Stores::of(context, &request.function).get(provider.as_deref()).await?;
            let at = (provider.as_deref(), bucket.as_str());
            sieve.aside = looks_for_partners.then(Vec::new);
            let mut etags = request.options.changed.then(HashMap::new);
            let list = list_objects(&store, at, &keys, sieve, etags.as_mut(), cancel).await?;
            let others =
                sieve.aside.take().into_iter().flatten().map(|(key, size)| (key, (0, size))).collect();
            let roots = Roots::of_keys(&keys, facts, &bucket);
            let fixed = Fixed { provider, ..Fixed::at(list, bucket.clone()) };
            let fixed = fixed.grouped(facts, roots, others, Some((&store, &bucket))).await?;
            let doubt = match fixed.provider {
                None => readable(context, &request.function, facts, &bucket, &fixed.inputs).await?,
                Some(_) => None,
            };
            Ok(Fixed { doubt, etags: etags.unwrap_or_default(), ..fixed })
        }
        Inputs::Nothing { tasks } => {
            Ok(Fixed { without: Some(tasks), ..Fixed::at(FileList::default(), context.home.clone()) })
        }
        Inputs::Unsuccessful { run } => {
            let found = unsuccessful(context, &run, cancel).await?;
            let without = found.without_inputs.then_some(found.inputs.len() as u64);
            request.sets = found.sets;
            let (provider, absent) = (found.provider, found.absent);
            let groups = found.groups.map(|groups| (groups, Roots::default()));
            Ok(Fixed { groups, provider, absent, without, ..Fixed::at(found.inputs, found.bucket) })
        }
    }
}

/// The files of a list by their names.
fn known(list: &FileList) -> Others {
    let bases = (0..list.len()).map(|at| list.base_of(at).unwrap_or(0));
    list.iter().zip(bases).map(|(file, base)| (file.name.to_owned(), (base, file.size))).collect()
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

/// What an event of our own starts must not be started by a trigger as well.
fn refuse_trigger_place(request: &LaunchRequest, facts: &FunctionFacts) -> Result<(), RunError> {
    let Inputs::Files { dest: Some(place), .. } = &request.inputs else { return Ok(()) };
    let hit =
        |trigger: &TriggerPlace| trigger.bucket == place.bucket && place.key("").starts_with(&trigger.prefix);
    if facts.triggers.iter().any(hit) {
        return Err(RunError::Refused(format!(
            "objects in {place} start the function by themselves, without what this launch asks for: leave the place out"
        )));
    }
    Ok(())
}

/// Objects that are asked about: a role's rights end with folders, not with each object.
const ASKED: usize = 50;

/// Refuses objects that the function's role may not read: each of its tasks would fail. Where that is not sure, it is said.
async fn readable(
    context: &RunContext,
    function: &str,
    facts: &FunctionFacts,
    bucket: &str,
    list: &FileList,
) -> Result<Option<String>, RunError> {
    let mut folders = HashSet::new();
    let folder = |key: &str| key.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let first = list.iter().filter(|file| folders.insert(folder(file.name)));
    let objects: Vec<_> = first.take(ASKED).map(|file| format!("{bucket}/{}", file.name)).collect();
    match context.functions.unreadable(function, &facts.role, &objects).await {
        Ok(None) => Ok(None),
        Ok(Some(Unreadable { object, role, sure: false })) => Ok(Some(format!(
            "the function may not be able to read s3://{object}: IAM's simulation says that its role {role} is not allowed \
             s3:GetObject there (a policy of the bucket may allow it)"
        ))),
        Ok(Some(Unreadable { object, role, .. })) => Err(RunError::Refused(format!(
            "the function `{function}` may not read s3://{object}: its role {role} does not allow s3:GetObject there, and nothing was sent. Add the place \
             to the `input` of its definition and deploy it again, or give the role that permission"
        ))),
        // Few may ask; the tasks will tell.
        Err(error) => {
            tracing::info!(%error, function, "not known whether it may read its inputs");
            Ok(None)
        }
    }
}

/// Where files go when nobody says: to the function's first trigger, else beside the run.
fn destination(context: &RunContext, facts: &FunctionFacts, id: &str) -> Place {
    match facts.triggers.first() {
        Some(trigger) => {
            // A prefix that does not end a folder still says which folder.
            let folder = trigger.prefix.rfind('/').map_or("", |slash| &trigger.prefix[..slash]);
            Place { bucket: trigger.bucket.clone(), prefix: folder.to_owned() }
        }
        None => Place { bucket: context.home.clone(), prefix: inputs_folder(id) },
    }
}

/// Sources that run.json names.
pub const SOURCES: usize = 100;

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
