//! What a join must be allowed: to read what the functions before it have stored.

use super::{DeployError, tags};
use crate::cloud::Cloud;
use crate::definition::Definition;
use crate::model::Place;
use std::collections::BTreeMap;
use throng_contract::Selection;

/// The definition with the places that a join reads among its inputs, for its role; and what a person should know of them.
/// `together` has the places of functions that are deployed with it.
pub(super) async fn reader(
    cloud: &Cloud,
    definition: &Definition,
    together: &BTreeMap<String, Vec<Place>>,
) -> Result<(Definition, Vec<String>), DeployError> {
    let (mut reader, mut notes) = (definition.clone(), Vec::new());
    for name in definition.join.iter().flat_map(|join| &join.after) {
        let places = if let Some(places) = together.get(name) {
            places.clone()
        } else if let Some(found) = cloud.lambda().get(name).await? {
            tags::outputs_of(&found.tags)
        } else {
            notes.push(format!(
                "there is no function {name} yet, which this join waits for: deploy {} again after it, so that it may read what \
                 {name} stores",
                definition.name
            ));
            continue;
        };
        let entry =
            |place: Place| Selection { bucket: place.bucket, path: place.prefix, ..Selection::default() };
        reader.selections.extend(places.into_iter().map(entry));
    }
    Ok((reader, notes))
}
