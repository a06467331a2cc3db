//! Tags of what throng deploys.

use crate::model::Place;
use std::collections::BTreeMap;

/// Says that throng made it.
pub(super) const CREATED_BY: &str = "createdby";
/// Value of [`CREATED_BY`].
pub(super) const THRONG: &str = "throng";
/// Name of the function that something was made for.
pub(super) const FUNCTION: &str = "throng:function";
/// Digest of the definition.
pub(super) const DEFINITION: &str = "throng:definition";
/// Places where outputs go, with a space between them.
pub(super) const OUTPUT: &str = "throng:output";
/// Longest value of a tag (Lambda, `TagResource`).
const LONGEST: usize = 256;

/// Whether throng deployed what has these tags.
#[must_use]
pub fn is_ours(tags: &BTreeMap<String, String>) -> bool {
    tags.get(CREATED_BY).is_some_and(|value| value == THRONG)
}

/// The tags of something that throng makes, with the context's own.
pub(super) fn made(context: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut tags = context.clone();
    tags.insert(CREATED_BY.into(), THRONG.into());
    tags
}

/// As [`made`], for one function.
pub(super) fn made_for(context: &BTreeMap<String, String>, function: &str) -> BTreeMap<String, String> {
    let mut tags = made(context);
    tags.insert(FUNCTION.into(), function.into());
    tags
}

/// Where the outputs of a function with these tags go, as far as the tags say.
#[must_use]
pub fn outputs_of(tags: &BTreeMap<String, String>) -> Vec<Place> {
    let places = tags.get(OUTPUT).map(String::as_str).unwrap_or_default().split(' ');
    let place = |text: &str| {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        Place { bucket: bucket.to_owned(), prefix: prefix.to_owned() }
    };
    places.filter(|text| !text.is_empty()).map(place).collect()
}

/// The value of [`OUTPUT`]: as many places as a tag can hold.
pub(super) fn output_tag(places: &[Place]) -> Option<String> {
    // Lambda allows letters, numbers, space and these.
    let plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || "+-=._:/@".contains(c));
    let mut value = String::new();
    for place in places {
        let place = place.to_string();
        if plain(&place) && value.len() + place.len() < LONGEST {
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(&place);
        }
    }
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_round_trip_through_a_tag() {
        let place = |bucket: &str, prefix: &str| Place { bucket: bucket.into(), prefix: prefix.into() };
        let places = [place("a", ""), place("b", "x/y")];
        let tags = BTreeMap::from([(OUTPUT.to_owned(), output_tag(&places).unwrap_or_default())]);
        assert_eq!(outputs_of(&tags), places);
        assert_eq!(output_tag(&[place("a", "with space")]), None);
        assert_eq!(outputs_of(&BTreeMap::new()), []);
    }
}
