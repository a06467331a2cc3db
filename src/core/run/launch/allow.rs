//! What a launch may be: everything that refuses it before its inputs are looked at.

use super::chain::{Behind, behind};
use super::pack_size::wanted;
use super::{Inputs, LaunchRequest, by_group, changed, facts_of, limits, refuse_other_contract};
use crate::model::{PackSize, Sets};
use crate::run::cloud::{FunctionFacts, TriggerPlace};
use crate::run::{RunContext, RunError};
use throng_contract::InputPlace;

/// A launch that may be, as far as its inputs do not tell.
pub(super) struct Allowed {
    pub facts: FunctionFacts,
    /// What its outputs start.
    pub behind: Behind,
    /// Its input places.
    pub places: Vec<(Option<String>, InputPlace)>,
    /// That the definition's values are taken, in a sentence.
    pub swept: Option<String>,
    /// How its tasks are packed.
    pub packs: Option<PackSize>,
}

/// Looks at the function and what is behind it, and adds what its definition says of values.
///
/// # Errors
/// The launch is refused; nothing was written.
pub(super) async fn allow(context: &RunContext, request: &mut LaunchRequest) -> Result<Allowed, RunError> {
    let mut facts = facts_of(context, &request.function).await?;
    refuse_other_contract(&request.function, &facts)?;
    let behind = behind(context, &request.function, &facts).await?;
    let places = by_group::places(&facts);
    let swept = with_sweep(request, &facts)?;
    changed::refuse(request, &facts, &behind.stages)?;
    request.sets.check(&request.parameters)?;
    let packs = wanted(request, &facts)?;
    if let Some(by) = behind.by.as_deref() {
        by_group::refuse(by, packs.is_some())?;
    }
    limits::refuse(request, &facts, packs.is_some())?;
    if behind.by.is_some() || !request.is_plain() || packs.is_some() || facts.grouping.is_some() {
        refuse_trigger_place(request, &facts)?;
        facts.triggers.clear();
    }
    Ok(Allowed { facts, behind, places, swept, packs })
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
