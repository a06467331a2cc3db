//! The inputs of a run: files found, objects listed, groups made.

use super::groups::{Groups, Others, Roots, by_folder, by_partner};
use super::inputs::{list_objects, scan_files};
use super::rerun::unsuccessful;
use super::select::Sieve;
use super::{Inputs, LaunchRequest};
use crate::dataset::FileList;
use crate::deploy::Unreadable;
use crate::model::Place;
use crate::run::cloud::FunctionFacts;
use crate::run::{RunContext, RunError, Store, Stores};
use std::collections::{HashMap, HashSet};
use throng_contract::keys::inputs_folder;
use tokio_util::sync::CancellationToken;

/// The inputs of a run, and where they are.
pub(super) struct Fixed {
    pub inputs: FileList,
    /// Which of them are a task together.
    pub groups: Option<Groups>,
    /// Where their dataset may begin; empty where nobody knows.
    pub roots: Roots,
    /// How many fit no group.
    pub outside: u64,
    /// What a person should know of these.
    pub told: Option<String>,
    pub provider: Option<String>,
    pub place: Place,
    /// Whether they are files, to be uploaded.
    pub files: bool,
    pub absent: u64,
    pub doubt: Option<String>,
    /// How many tasks there are without inputs.
    pub without: Option<u64>,
    /// `ETag`s of objects by key, where it is asked what changed.
    pub etags: HashMap<String, String>,
}

impl Fixed {
    fn at(inputs: FileList, bucket: String) -> Self {
        let place = Place { bucket, prefix: String::new() };
        let (groups, provider, told, doubt, without) = (None, None, None, None, None);
        let (files, outside, absent, etags) = (false, 0, 0, HashMap::new());
        let roots = Roots::default();
        Self { inputs, groups, roots, outside, told, provider, place, files, absent, doubt, without, etags }
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
        self.roots = roots;
        let Some(rule) = &facts.grouping else { return Ok(self) };
        let groups = if rule.folder.is_some() {
            let (groups, outside, told) = by_folder(&mut self.inputs, rule, &self.roots)?;
            (self.outside, self.told) = (outside, told);
            groups
        } else {
            let (inputs, groups) = by_partner(&self.inputs, rule, &self.roots, others, store).await?;
            self.inputs = inputs;
            groups
        };
        self.groups = Some(groups);
        Ok(self)
    }
}

/// Finds the inputs of a run. The sets of parameters that tasks of another run had are put into the request.
pub(super) async fn fix(
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
            let (groups, provider, absent) = (found.groups, found.provider, found.absent);
            Ok(Fixed { groups, provider, absent, without, ..Fixed::at(found.inputs, found.bucket) })
        }
    }
}

/// The files of a list by their names.
fn known(list: &FileList) -> Others {
    let bases = (0..list.len()).map(|at| list.base_of(at).unwrap_or(0));
    list.iter().zip(bases).map(|(file, base)| (file.name.to_owned(), (base, file.size))).collect()
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
