//! `barrier.json`: what joins of a run wait for, written where its tasks find it.

use crate::dataset::objects::Put;
use crate::dataset::pace::Pace;
use crate::model::Place;
use crate::run::cloud::TriggerPlace;
use crate::run::header::RunHeader;
use crate::run::{RunContext, RunError};
use throng_contract::barrier::{BarrierPlan, BarrierStage, Stored, barrier_key};

/// Writes it for a run that has joins. `stored` tells where the stages store their outputs.
pub(super) async fn write(
    context: &RunContext,
    header: &RunHeader,
    stored: &[Vec<Place>],
) -> Result<(), RunError> {
    if header.group.is_none() {
        return Ok(());
    }
    let body = serde_json::to_vec(&plan(header, stored)).map_err(|error| RunError::Io(error.to_string()))?;
    let put = Put {
        bucket: context.home.clone(),
        key: barrier_key(&header.id),
        body: body.into(),
        ..Put::default()
    };
    Pace::new(1).insist(|| context.store.put(put.clone())).await?;
    Ok(())
}

fn plan(header: &RunHeader, stored: &[Vec<Place>]) -> BarrierPlan {
    let outputs = |at: usize| stored.get(at).into_iter().flatten().map(below).collect();
    let first = BarrierStage {
        function: header.function.clone(),
        retries: header.retries.unwrap_or(0),
        starts: Vec::new(),
        from: Vec::new(),
        outputs: outputs(0),
        join: None,
    };
    let later = (1..).zip(&header.stages).map(|(at, stage)| BarrierStage {
        function: stage.function.clone(),
        retries: stage.retries,
        starts: stage.starts.iter().map(start).collect(),
        from: stage.from.clone(),
        outputs: outputs(at),
        join: stage.join.clone(),
    });
    let stages = std::iter::once(first).chain(later).collect();
    let groups = header.join_groups.as_ref().map_or(0, |groups| groups.count);
    let version = if groups > 0 { BarrierPlan::VERSION } else { BarrierPlan::WITHOUT_GROUPS };
    BarrierPlan { version, tasks: header.tasks, groups, stages }
}

fn start(place: &TriggerPlace) -> Stored {
    let TriggerPlace { bucket, prefix, suffix } = place.clone();
    Stored { bucket, prefix, suffix }
}

/// Everything below a place.
fn below(place: &Place) -> Stored {
    let prefix = match place.prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    Stored { bucket: place.bucket.clone(), prefix, suffix: String::new() }
}
