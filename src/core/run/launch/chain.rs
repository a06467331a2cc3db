//! What the outputs of a launched function start: the stages behind it, as they are deployed now.

use super::{LaunchRequest, are_too_new, refuse_other_contract};
use crate::cloud::{CloudError, ErrorKind};
use crate::model::{Place, RunSummary};
use crate::run::cloud::{FunctionFacts, TriggerPlace};
use crate::run::header::LaterStage;
use crate::run::{Lister, RunContext, RunError};
use std::collections::{BTreeMap, BTreeSet};
use throng_contract::TaskId;
use throng_contract::barrier::Join;
use throng_contract::keys::STARTS;

/// Most stages of a chain: more is a mistake, or somebody else's notifications.
const MOST: usize = 64;

/// The functions that outputs of a launched one start, those that theirs do, and the joins that wait for them.
#[derive(Debug, Default)]
pub(in crate::run) struct Behind {
    /// In an order in which each comes after those that start it.
    pub stages: Vec<LaterStage>,
    /// Where the stages store their outputs, the launched one first.
    pub stored: Vec<Vec<Place>>,
    /// Functions whose triggers are so new that S3 may not act on them yet.
    pub too_new: Vec<String>,
    /// A function whose outputs start another under keys that two runs share.
    pub mixes: Option<String>,
    /// What names the group of a task, when joins start once for each.
    pub by: Option<String>,
}

/// Runs that are looked at for one of the same chain that is open.
const LOOKED_AT: usize = 50;

impl Behind {
    /// Refuses a launch beside an open run of the chain, where the outputs of both would have the same keys between stages.
    ///
    /// # Errors
    /// [`RunError::Refused`]; the cloud does not answer.
    pub async fn refuse_mixing(&self, context: &RunContext, request: &LaunchRequest) -> Result<(), RunError> {
        let Some(mixes) = self.mixes.as_ref().filter(|_| !request.options.force) else { return Ok(()) };
        let function = &request.function;
        let runs = Lister::new(context.clone()).list(LOOKED_AT).await?;
        let of_chain = |run: &RunSummary| {
            run.is_of(function) || self.stages.iter().any(|stage| run.is_of(&stage.function))
        };
        let is_open = |run: &&RunSummary| !run.standing && run.ended_ms.is_none() && run.trouble.is_none();
        let Some(open) = runs.iter().filter(is_open).find(|run| of_chain(run)) else { return Ok(()) };
        Err(RunError::Refused(format!(
            "run `{}` of this chain is open, and what `{mixes}` stores between the stages has no {{run}} in its path: the two \
             runs would overwrite each other's. Wait for its end (`throng runs {} --wait`), put {{run}} into the path and deploy, \
             or launch with --force",
            open.id, open.id
        )))
    }

    /// Whether a stage is a join.
    pub fn has_joins(&self) -> bool {
        self.stages.iter().any(|stage| stage.join.is_some())
    }
}

/// A function of the chain.
struct Node {
    function: String,
    facts: FunctionFacts,
    /// Whose outputs start it, and in which places; of a join, whom it waits for.
    started: BTreeMap<usize, Vec<TriggerPlace>>,
    /// Whether it is started as a join. Launched or started by objects, a join's function does its work like any.
    joins: bool,
}

impl Node {
    /// What names its groups, when it is started as a join of groups.
    fn by(&self) -> Option<&str> {
        self.facts.join.as_ref().filter(|_| self.joins)?.by.as_deref()
    }
}

/// Looks for them.
///
/// # Errors
/// A function of the chain starts one before it, or was deployed by an older throng; the cloud does not answer.
pub(in crate::run) async fn behind(
    context: &RunContext,
    function: &str,
    facts: &FunctionFacts,
) -> Result<Behind, RunError> {
    let first = node(function, facts.clone(), false);
    let (mut nodes, mut started) = (vec![first], Started::default());
    let mut joins = deployed_joins(context, &mut started).await?;
    let mut at = 0;
    while nodes.len() <= MOST {
        if at == nodes.len() {
            // What waits for the functions that are known now is one of them, and its outputs may start more.
            let before = nodes.len();
            add_joins(&mut nodes, &mut joins)?;
            if nodes.len() == before {
                break;
            }
            continue;
        }
        let outputs = nodes[at].facts.outputs.clone();
        for output in &outputs {
            for (name, place) in started.in_bucket(context, &output.bucket).await? {
                let known = nodes.iter().position(|node| node.function == name);
                let hit = hit(output, &place);
                match hit {
                    Hit::Never => continue,
                    // A script could write into its own input folder: that is no chain.
                    Hit::ByFolder if known == Some(at) => continue,
                    Hit::ByFolder | Hit::Surely => {}
                }
                let to = if let Some(to) = known {
                    to
                } else {
                    // Who was deleted is started by nobody.
                    let Some(facts) = context.functions.facts(&name).await? else { continue };
                    refuse_other_contract(&name, &facts)?;
                    nodes.push(node(&name, facts, false));
                    nodes.len() - 1
                };
                // Who is before this function already is not started by a chance.
                if hit == Hit::ByFolder && is_before(&nodes, to, at) {
                    continue;
                }
                let places = nodes[to].started.entry(at).or_default();
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        at += 1;
    }
    let order = in_order(&nodes)?;
    let by = grouping(&nodes)?;
    Ok(Behind { by, ..behind_first(&nodes, &order) })
}

/// What names the groups of the joins of a chain: the manifest is sorted by it, so that there is but one.
fn grouping(nodes: &[Node]) -> Result<Option<String>, RunError> {
    let mut first: Option<(&str, &str)> = None;
    for (at, node) in nodes.iter().enumerate() {
        let Some(by) = node.by() else { continue };
        let (other, known) = *first.get_or_insert((&node.function, by));
        if known != by {
            return Err(RunError::Refused(format!(
                "the joins `{other}` (by {known}) and `{}` (by {by}) of one chain have different groups: give both the same \
                 `by`, or launch them in runs of their own",
                node.function
            )));
        }
        let is_whole = |before: &usize| nodes[*before].joins && nodes[*before].by().is_none();
        if let Some(whole) = before(nodes, at).iter().find(|before| is_whole(before)) {
            return Err(RunError::Refused(format!(
                "`{}` starts once for each group ({by}), and waits for `{}`, which joins everything: give that one the same \
                 `by`, or take it from this one",
                node.function, nodes[*whole].function
            )));
        }
    }
    Ok(first.map(|(_, by)| by.to_owned()))
}

/// The nodes that lead to one, up to joins.
fn before(nodes: &[Node], of: usize) -> BTreeSet<usize> {
    let (mut seen, mut rest) = (BTreeSet::new(), nodes[of].started.keys().copied().collect::<Vec<_>>());
    while let Some(at) = rest.pop() {
        if seen.insert(at) && !nodes[at].joins {
            rest.extend(nodes[at].started.keys());
        }
    }
    seen
}

/// Whether outputs of a node lead to another, as far as is known.
fn is_before(nodes: &[Node], first: usize, other: usize) -> bool {
    let (mut seen, mut rest) = (BTreeSet::from([other]), vec![other]);
    while let Some(node) = rest.pop().and_then(|at| nodes.get(at)) {
        rest.extend(node.started.keys().copied().filter(|from| seen.insert(*from)));
    }
    seen.contains(&first)
}

fn node(function: &str, facts: FunctionFacts, joins: bool) -> Node {
    Node { function: function.to_owned(), facts, started: BTreeMap::new(), joins }
}

/// The joins of the context: the functions that start markers in the home bucket start, with what they wait for.
async fn deployed_joins(
    context: &RunContext,
    started: &mut Started,
) -> Result<BTreeMap<String, FunctionFacts>, RunError> {
    let mut joins = BTreeMap::new();
    for (name, place) in started.in_bucket(context, &context.home).await? {
        if place.prefix != format!("{STARTS}{name}/") || joins.contains_key(&name) {
            continue;
        }
        if let Some(facts) = context.functions.facts(&name).await?.filter(|facts| facts.join.is_some()) {
            joins.insert(name, facts);
        }
    }
    Ok(joins)
}

/// Adds the joins of which every function is there that they wait for.
fn add_joins(nodes: &mut Vec<Node>, joins: &mut BTreeMap<String, FunctionFacts>) -> Result<(), RunError> {
    let names: Vec<String> = joins.keys().cloned().collect();
    for name in names {
        let Some(facts) = joins.get(&name) else { continue };
        let after = facts.join.iter().flat_map(|join| &join.after);
        let places: Option<Vec<usize>> =
            after.map(|after| nodes.iter().position(|node| node.function == *after)).collect();
        // Who was launched, or is started by objects, is not started a second time.
        let is_known = nodes.iter().any(|node| node.function == name);
        let Some(places) = places.filter(|places| !places.is_empty() && !is_known) else { continue };
        let Some(facts) = joins.remove(&name) else { continue };
        refuse_other_contract(&name, &facts)?;
        let started = places.into_iter().map(|from| (from, Vec::new())).collect();
        nodes.push(Node { started, ..node(&name, facts, true) });
    }
    Ok(())
}

fn behind_first(nodes: &[Node], order: &[usize]) -> Behind {
    let stored = order.iter().map(|at| nodes[*at].facts.outputs.clone()).collect();
    let mut behind = Behind { stored, ..Behind::default() };
    let mut deepest: Vec<u32> = vec![0];
    let mut joins = 0;
    let starts_others = |at: &usize| nodes.iter().any(|node| node.started.contains_key(at));
    let mixing = |at: &&usize| !nodes[**at].facts.keeps_runs_apart && starts_others(at);
    behind.mixes = order.iter().find(mixing).map(|at| nodes[*at].function.clone());
    for at in order.iter().skip(1) {
        let Node { function, facts, started, .. } = &nodes[*at];
        let mut starts: Vec<TriggerPlace> = Vec::new();
        for place in started.values().flatten() {
            if !starts.contains(place) {
                starts.push(place.clone());
            }
        }
        let from = started.keys().filter_map(|from| order.iter().position(|at| at == from));
        let from: Vec<usize> = from.collect();
        let before = from.iter().filter_map(|from| deepest.get(*from)).max().copied().unwrap_or(0);
        deepest.push(before + 1);
        let rule = facts.join.as_ref().filter(|_| nodes[*at].joins);
        let join = rule.map(|rule| Join {
            task: TaskId::join(joins),
            depth: before + 1,
            when: rule.when,
            stage_in: rule.stage_in,
            grouped: rule.by.is_some(),
        });
        joins += usize::from(join.is_some());
        behind.stages.push(LaterStage {
            function: function.clone(),
            image: facts.image.clone(),
            retries: facts.retries,
            overwrites: facts.overwrites,
            starts,
            // Of a function of groups it is the file that completes one, which need not be an input.
            selections: if facts.grouping.is_none() { facts.selections.clone() } else { Vec::new() },
            from,
            join,
        });
        if are_too_new(facts) {
            behind.too_new.push(function.clone());
        }
    }
    behind
}

/// The nodes in an order in which each comes after those that start it.
fn in_order(nodes: &[Node]) -> Result<Vec<usize>, RunError> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < nodes.len() {
        let is_next =
            |at: &usize| !order.contains(at) && nodes[*at].started.keys().all(|from| order.contains(from));
        match (0..nodes.len()).find(is_next) {
            Some(next) => order.push(next),
            None => return Err(RunError::Refused(loop_of(nodes, &order))),
        }
    }
    Ok(order)
}

/// Says which functions start each other.
fn loop_of(nodes: &[Node], order: &[usize]) -> String {
    let open: BTreeSet<usize> = (0..nodes.len()).filter(|at| !order.contains(at)).collect();
    let mut way = Vec::new();
    let mut at = open.first().copied();
    while let Some(now) = at {
        if let Some(begin) = way.iter().position(|seen| *seen == now) {
            way.drain(..begin);
            break;
        }
        way.push(now);
        at = nodes[now].started.keys().find(|from| open.contains(from)).copied();
    }
    way.reverse();
    let names: Vec<_> = way.iter().chain(way.first()).map(|at| nodes[*at].function.as_str()).collect();
    format!(
        "the outputs of these functions start each other: {}. A chain must end: change the output place of one of them and \
         deploy it again",
        names.join(" → ")
    )
}

/// Whether files that go to a place start a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hit {
    /// None does.
    Never,
    /// Those that the script, or words in braces in the path, put into a folder of the trigger's name.
    ByFolder,
    /// All do that have its suffix.
    Surely,
}

fn hit(output: &Place, trigger: &TriggerPlace) -> Hit {
    let folder = match output.prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    if folder.starts_with(&trigger.prefix) {
        Hit::Surely
    } else if trigger.prefix.starts_with(&folder) {
        Hit::ByFolder
    } else {
        Hit::Never
    }
}

/// What buckets start, each asked once.
#[derive(Default)]
struct Started(BTreeMap<String, Vec<(String, TriggerPlace)>>);

impl Started {
    async fn in_bucket(
        &mut self,
        context: &RunContext,
        bucket: &str,
    ) -> Result<Vec<(String, TriggerPlace)>, CloudError> {
        if let Some(known) = self.0.get(bucket) {
            return Ok(known.clone());
        }
        let started = match context.functions.started_in(bucket).await {
            // A bucket that is not there, or that a person may not look into, starts nobody as far as is known.
            Err(error) if error.is_not_found() || error.kind == ErrorKind::Denied => {
                tracing::info!(%error, bucket, "not known what its objects start");
                Vec::new()
            }
            started => started?,
        };
        self.0.insert(bucket.to_owned(), started.clone());
        Ok(started)
    }
}

#[cfg(test)]
mod tests;
