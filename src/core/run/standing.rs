//! Standing runs: what arrived outside any launch, per function and UTC day. Their header is an object that the first runtime
//! of the day writes; what they have is what lies in their folders.

use super::launch::behind;
use super::{LaterStage, RunContext, RunError, RunHeader, StartedBy};
use crate::dataset::objects::{List, each_page, read};
use crate::model::Millis;
use serde::Deserialize;
use std::collections::BTreeMap;
use throng_contract::keys::{DAYS, day_id, day_key, day_of, days_prefix, parse_day};
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
    let day = jiff::civil::Date::strptime("%Y%m%d", day_of(run)?).ok()?;
    let begin = jiff::tz::Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()?;
    let begin = begin.as_millisecond();
    Some(u64::try_from(begin).ok()? + DAY_MS + CLOSES_AFTER_MS)
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
    Ok(ids)
}

/// Functions that have standing runs.
async fn functions(context: &RunContext) -> Result<Vec<String>, RunError> {
    let list = List { bucket: context.home.clone(), prefix: DAYS.into(), folders: true, ..List::default() };
    let mut functions = Vec::new();
    let outcome = each_page(context.store.as_ref(), list, |page| {
        let name = |folder: &String| folder.strip_prefix(DAYS)?.strip_suffix('/').map(str::to_owned);
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
    let function = functions(context).await?.into_iter().find(|function| day_id(function, day) == run);
    let function = function.ok_or_else(none)?;
    let body =
        read(context.store.as_ref(), &context.home, &day_key(&function, day)).await?.ok_or_else(none)?;
    let damaged = |what: String| RunError::Damaged { run: run.to_owned(), what };
    let told: DayHeader = serde_json::from_slice(&body)
        .map_err(|error| damaged(format!("its header cannot be read: {error}")))?;
    if told.version > versions::LEDGER {
        return Err(damaged("it was begun by a newer throng: update this one".into()));
    }
    if told.id != run || told.function != function {
        return Err(damaged("its header is about something else".into()));
    }
    let facts = context.functions.facts(&function).await?.unwrap_or_default();
    // A chain that could not be launched now still shows what its first function did.
    let stages = behind(context, &function, &facts).await.map(|behind| behind.stages).unwrap_or_default();
    let stages = without_joins(stages);
    Ok(RunHeader {
        version: versions::LEDGER,
        id: run.to_owned(),
        function,
        image: facts.image,
        parameters: BTreeMap::new(),
        overwrites: facts.overwrites,
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
        retries: Some(facts.retries),
        throng: String::new(),
        stages,
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
