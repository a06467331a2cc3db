//! Standing runs: what arrived outside any launch, per function and UTC day. Their header is an object that the first runtime
//! of the day writes; what they have is what lies in their folders.

use super::follow::closed;
use super::launch::behind;
use super::{LaterStage, RunContext, RunError, RunHeader, StartedBy};
use crate::dataset::objects::{List, each_page, read};
use crate::model::Millis;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use throng_contract::keys::first::{LOOSE, loose_prefix};
use throng_contract::keys::{DAYS, RecordName, day_id, day_key, day_of, days_prefix, parse_day};
use throng_contract::versions;

/// Days that are listed of each function.
const LISTED_DAYS: i64 = 30;
/// After a day has ended its tasks may still begin and end: an event waits six hours at most (Lambda, "Asynchronous
/// invocation"), and runs a quarter of one.
const CLOSES_AFTER_MS: Millis = 7 * 3_600_000;
const DAY_MS: Millis = 86_400_000;

/// `days/<function>/<yyyymmdd>.json`
#[derive(Debug, Deserialize)]
struct DayHeader {
    version: u32,
    id: String,
    function: String,
    #[serde(default)]
    started_ms: Millis,
}

/// When nothing more of a standing run can come; `None` when its id is none.
pub(super) fn open_until(run: &str) -> Option<Millis> {
    Some(times_of(run)?.end + CLOSES_AFTER_MS)
}

/// The day of a standing run, in milliseconds since 1970; `None` when its id is none.
pub(super) fn times_of(run: &str) -> Option<Range<Millis>> {
    let day = jiff::civil::Date::strptime("%Y%m%d", day_of(run)?).ok()?;
    let begin = jiff::tz::Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()?;
    let begin = u64::try_from(begin.as_millisecond()).ok()?;
    Some(begin..begin + DAY_MS)
}

/// Refuses what can only be done to a run that was launched.
///
/// # Errors
/// It is a standing run.
pub fn refuse_standing(run: &str, done: &str, instead: &str) -> Result<(), RunError> {
    if day_of(run).is_none() {
        return Ok(());
    }
    Err(RunError::Refused(format!(
        "`{run}` is what arrived on a day by itself, and cannot be {done}: {instead}"
    )))
}

/// The ids of the standing runs of the last days, of every function.
///
/// # Errors
/// The cloud does not answer.
pub(super) async fn ids(context: &RunContext, now_ms: Millis) -> Result<Vec<String>, RunError> {
    let now = jiff::Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or(0)).unwrap_or_default();
    let first = now.saturating_sub(jiff::SignedDuration::from_hours(24 * LISTED_DAYS)).unwrap_or(now);
    let first = first.strftime("%Y%m%d").to_string();
    let mut ids = Vec::new();
    for function in functions(context).await? {
        let prefix = days_prefix(&function);
        let start_after = Some(format!("{prefix}{first}"));
        let list = List { bucket: context.home.clone(), prefix, start_after, ..List::default() };
        each_page(context.store.as_ref(), list, |page| {
            let days = page.objects.iter().filter_map(|object| parse_day(&object.key));
            ids.extend(days.filter(|(_, ended)| !ended).map(|(day, _)| day_id(&function, day)));
            true
        })
        .await?;
    }
    for function in folders(context, LOOSE).await? {
        ids.extend(loose_days(context, &function, &first).await?);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The standing runs of what the first contract started outside any launch, from a day on.
async fn loose_days(context: &RunContext, function: &str, first: &str) -> Result<Vec<String>, RunError> {
    let prefix = loose_prefix(function);
    let mut from = times_of(&day_id(function, first)).map_or(0, |times| times.start);
    let mut ids = Vec::new();
    // One list for each day that has some.
    while let Some(at) = first_loose(context, &prefix, from).await? {
        let time =
            jiff::Timestamp::from_millisecond(i64::try_from(at).unwrap_or(i64::MAX)).unwrap_or_default();
        let id = day_id(function, &time.strftime("%Y%m%d").to_string());
        let Some(times) = times_of(&id).filter(|times| times.contains(&at)) else { break };
        ids.push(id);
        from = times.end;
    }
    Ok(ids)
}

/// The time of the first record in a folder that ended then or later.
async fn first_loose(context: &RunContext, prefix: &str, from: Millis) -> Result<Option<Millis>, RunError> {
    let start_after = Some(format!("{prefix}{from:013}"));
    let list =
        List { bucket: context.home.clone(), prefix: prefix.to_owned(), start_after, ..List::default() };
    let mut found = None;
    each_page(context.store.as_ref(), list, |page| {
        let names = page.objects.iter().filter_map(|object| RecordName::parse(&object.key));
        found = names.map(|name| name.ended_ms()).next();
        found.is_none()
    })
    .await?;
    Ok(found)
}

/// Functions that have standing runs.
async fn functions(context: &RunContext) -> Result<Vec<String>, RunError> {
    folders(context, DAYS).await
}

/// Functions that have a folder below a prefix.
async fn folders(context: &RunContext, prefix: &str) -> Result<Vec<String>, RunError> {
    let list = List { bucket: context.home.clone(), prefix: prefix.into(), folders: true, ..List::default() };
    let mut functions = Vec::new();
    let outcome = each_page(context.store.as_ref(), list, |page| {
        let name = |folder: &String| folder.strip_prefix(prefix)?.strip_suffix('/').map(str::to_owned);
        functions.extend(page.folders.iter().filter_map(name));
        true
    })
    .await;
    match outcome {
        // Before the first deployment there is no home bucket.
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        outcome => outcome.map(|()| functions).map_err(Into::into),
    }
}

/// The header of a standing run, with the stages that its outputs start as they are deployed now.
///
/// # Errors
/// There is no such run, or the cloud does not answer.
pub(super) async fn header(context: &RunContext, run: &str) -> Result<RunHeader, RunError> {
    let none = || RunError::NoRun(run.to_owned());
    let day = day_of(run).ok_or_else(none)?;
    let is_it = |function: &String| day_id(function, day) == run;
    let mut function = functions(context).await?.into_iter().find(is_it);
    if function.is_none() {
        function = folders(context, LOOSE).await?.into_iter().find(is_it);
    }
    let function = function.ok_or_else(none)?;
    let body = read(context.store.as_ref(), &context.home, &day_key(&function, day)).await?;
    let damaged = |what: String| RunError::Damaged { run: run.to_owned(), what };
    let told: DayHeader = match body {
        Some(body) => serde_json::from_slice(&body)
            .map_err(|error| damaged(format!("its header cannot be read: {error}")))?,
        // The first contract wrote none.
        None => loose_header(context, run, &function).await?.ok_or_else(none)?,
    };
    if told.version > versions::LEDGER {
        return Err(damaged("it was begun by a newer throng: update this one".into()));
    }
    if told.id != run || told.function != function {
        return Err(damaged("its header is about something else".into()));
    }
    let Deployed { image, retries, overwrites, stages } = deployed(context, run, &function, day).await?;
    Ok(RunHeader {
        version: versions::LEDGER,
        id: run.to_owned(),
        function,
        image,
        parameters: BTreeMap::new(),
        overwrites,
        group: None,
        join_groups: None,
        sets: None,
        without_inputs: false,
        groups: None,
        skipped: None,
        unselected: 0,
        pack: None,
        started_ms: told.started_ms,
        tasks: 0,
        bytes: 0,
        source: Vec::new(),
        bucket: String::new(),
        provider: None,
        files: false,
        reused: crate::model::Reuse::default(),
        fingerprint: String::new(),
        overrides: crate::model::Overrides::default(),
        started_by: StartedBy::Trigger,
        retries: Some(retries),
        throng: String::new(),
        stages,
    })
}

/// The header of a standing run of the first contract, when it has any record.
async fn loose_header(
    context: &RunContext,
    run: &str,
    function: &str,
) -> Result<Option<DayHeader>, RunError> {
    let Some(times) = times_of(run) else { return Ok(None) };
    let first = first_loose(context, &loose_prefix(function), times.start).await?;
    Ok(first.filter(|first| times.contains(first)).map(|_| DayHeader {
        version: versions::LEDGER,
        id: run.to_owned(),
        function: function.to_owned(),
        started_ms: times.start,
    }))
}

/// What a function and those behind it are, or were.
struct Deployed {
    image: String,
    retries: u32,
    overwrites: bool,
    stages: Vec<LaterStage>,
}

/// What is deployed now; of a day that was closed what was deployed then, for which nobody is asked.
async fn deployed(context: &RunContext, run: &str, function: &str, day: &str) -> Result<Deployed, RunError> {
    if open_until(run).is_some_and(|until| crate::cloud::now_ms() > until)
        && let Some(closed) = closed(context, function, day).await?
    {
        return Ok(Deployed {
            image: closed.image,
            retries: closed.retries,
            overwrites: closed.overwrites,
            stages: closed.stages,
        });
    }
    let facts = context.functions.facts(function).await?.unwrap_or_default();
    // A chain that could not be launched now still shows what its first function did.
    let stages = behind(context, function, &facts).await.map(|behind| behind.stages).unwrap_or_default();
    Ok(Deployed {
        image: facts.image,
        retries: facts.retries,
        overwrites: facts.overwrites,
        stages: without_joins(stages),
    })
}

/// The stages that arrivals start: a join waits for the end of a launch, which a standing run has not, and so does all behind it.
fn without_joins(stages: Vec<LaterStage>) -> Vec<LaterStage> {
    let mut kept: Vec<LaterStage> = Vec::new();
    // Where each stage is now; the launched one stays.
    let mut places = vec![Some(0)];
    for stage in stages {
        let from: Vec<usize> =
            stage.from.iter().filter_map(|from| places.get(*from).copied().flatten()).collect();
        let stays = stage.join.is_none() && !from.is_empty();
        places.push(stays.then_some(kept.len() + 1));
        if stays {
            kept.push(LaterStage { from, ..stage });
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use throng_contract::TaskId;
    use throng_contract::barrier::{Join, When};

    #[test]
    fn what_waits_for_a_launch_is_no_stage_of_a_day() {
        let stage = |function: &str, from: &[usize]| LaterStage {
            function: function.into(),
            from: from.to_vec(),
            ..LaterStage::default()
        };
        let join =
            Join { task: TaskId::number(0), depth: 1, when: When::default(), stage_in: true, grouped: false };
        let join = LaterStage { join: Some(join), ..stage("join", &[0]) };
        let kept = without_joins(vec![join, stage("after", &[1]), stage("count", &[0]), stage("mark", &[3])]);
        let kept: Vec<_> = kept.into_iter().map(|stage| (stage.function, stage.from)).collect();
        assert_eq!(kept, [("count".to_owned(), vec![0]), ("mark".to_owned(), vec![1])]);
    }

    #[test]
    fn a_day_is_open_until_its_last_event_is_gone() {
        let day = 1_795_392_000_000; // 2026-11-23, midnight in UTC
        assert_eq!(open_until("day-20261123-0123abcd"), Some(day + DAY_MS + CLOSES_AFTER_MS));
        for other in ["day-20261399-0123abcd", "20261123-214500123-k3x9", ""] {
            assert_eq!(open_until(other), None, "{other}");
        }
    }
}
