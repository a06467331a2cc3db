//! Tags of what throng deploys.

use super::DeployError;
use crate::cloud::FunctionDetail;
use crate::definition::{Definition, JoinRule};
use crate::model::{Axis, Millis, PackSize, Place};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use throng_contract::barrier::When;
use throng_contract::layout::TAG_CONTRACT;
use throng_contract::{FunctionConfig, Grouping, Selection};

/// Says that throng made it.
pub(super) const CREATED_BY: &str = "createdby";
/// Value of [`CREATED_BY`].
pub(super) const THRONG: &str = "throng";
/// Name of the function that something was made for.
pub(super) const FUNCTION: &str = "throng:function";
/// Digest of the definition.
pub(super) const DEFINITION: &str = "throng:definition";
/// What decides the function's results ([`fingerprint_tag`]).
pub(super) const FINGERPRINT: &str = "throng:fingerprint";
/// Places where outputs go, with a space between them.
pub(super) const OUTPUT: &str = "throng:output";
/// Whether inputs of equal names have results of different names, whatever the script calls them.
pub(super) const NAMES: &str = "throng:names";
/// Says that every output path has the run's id in it.
pub(super) const RUNS: &str = "throng:runs";
/// Whether a task may store over what another of the run has stored.
pub(super) const COLLISIONS: &str = "throng:collisions";
/// Values of [`COLLISIONS`].
const MAY_OVERWRITE: [&str; 2] = ["fail", "overwrite"];
/// Values of [`NAMES`].
const APART: [&str; 2] = ["together", "apart"];
/// The functions that a join waits for, with a space between them; empty for a function that was one.
pub(super) const AFTER: &str = "throng:after";
/// What else there is to say of a join: `all-ended`, `list-only`.
pub(super) const JOIN: &str = "throng:join";
/// How many tasks share an invocation: a number, `auto`, or `none`. A function without it has a runtime that knows no packs.
pub(super) const PACK: &str = "throng:pack";
/// In [`PACK`]: each task has an invocation of its own, and no marker starts the function.
const NO_PACK: &str = "none";
/// When the function's triggers were last written, in seconds since 1970.
pub(super) const TRIGGERED: &str = "throng:triggered";
/// S3 may take five minutes to act on new notifications (S3 user guide, "Event notifications").
const TRIGGERS_APPLY_AFTER_S: u64 = 300;
/// What of its input places is an input: how many tags say it, a dot, base64 of JSON; `…-1` and so on go on with it.
const SELECT: &str = "throng:select";
/// How its inputs become tasks of several files, likewise.
const GROUP: &str = "throng:group";
/// With which values each input is processed, likewise.
const SWEEP: &str = "throng:sweep";
/// How many tags such a value may take: a definition says less.
const MOST_TAGS: usize = 8;
/// In [`JOIN`]: the join gets no files.
const LIST_ONLY: &str = "list-only";
/// In [`JOIN`]: base64 of what names its groups follows.
const BY: &str = "by=";
/// Longest value of a tag (Lambda, `TagResource`).
const LONGEST: usize = 256;

/// Whether throng deployed what has these tags.
#[must_use]
pub fn is_ours(tags: &BTreeMap<String, String>) -> bool {
    tags.get(CREATED_BY).is_some_and(|value| value == THRONG)
}

/// Which contract a function with these tags keeps. The first one was not written down; of what throng did not deploy it cannot
/// be known.
#[must_use]
pub fn contract_of(tags: &BTreeMap<String, String>) -> Option<u32> {
    match tags.get(TAG_CONTRACT) {
        Some(version) => version.parse().ok(),
        None => is_ours(tags).then_some(1),
    }
}

/// From when on the triggers of a function with these tags can be relied on, in milliseconds since 1970; 0 when that is not known.
#[must_use]
pub fn triggers_apply_from_ms(tags: &BTreeMap<String, String>) -> Millis {
    let written = tags.get(TRIGGERED).and_then(|value| value.parse::<u64>().ok());
    written.map_or(0, |seconds| seconds.saturating_add(TRIGGERS_APPLY_AFTER_S).saturating_mul(1000))
}

/// Whether throng made something with these tags for this function. Names of repositories and roles ignore case, so that those
/// of two functions can be the same.
pub(super) fn is_of(tags: &BTreeMap<String, String>, function: &str) -> bool {
    is_ours(tags) && tags.get(FUNCTION).is_none_or(|of| of == function)
}

/// Whether throng deployed a function.
///
/// # Errors
/// Its tags could not be read, so that it cannot be known.
pub(super) fn is_ours_for_sure(detail: &FunctionDetail) -> Result<bool, DeployError> {
    match &detail.tags_unknown {
        None => Ok(is_ours(&detail.tags)),
        Some(why) => Err(DeployError::Unfit(format!(
            "the tags of function {} cannot be read ({why}), so that it cannot be known whether throng made it: ask for the \
             permission lambda:ListTags (`throng doctor --policy person` prints all)",
            detail.settings.name
        ))),
    }
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

/// The value of [`FINGERPRINT`]: the digest of what its image does, a dot, and a digest of where results go and which are
/// expected. `None` when the image does not tell the former.
pub(super) fn fingerprint_tag(config: &FunctionConfig) -> Option<(String, String)> {
    let results = serde_json::to_vec(&(&config.outputs, &config.expect)).unwrap_or_default();
    let results = hex::encode(&Sha256::digest(results)[..8]);
    let known = !config.fingerprint.is_empty();
    known.then(|| (FINGERPRINT.to_owned(), format!("{}.{results}", config.fingerprint)))
}

/// What decides the results of a function with these tags: of equal ones the results of equal inputs are equal, and lie in the
/// same places. Empty when an older throng deployed it.
#[must_use]
pub fn fingerprint_of(tags: &BTreeMap<String, String>) -> String {
    tags.get(FINGERPRINT).cloned().unwrap_or_default()
}

/// Whether the paths of a function with these tags keep results of inputs of equal names apart; `None` when the tags do not say.
#[must_use]
pub fn keeps_apart(tags: &BTreeMap<String, String>) -> Option<bool> {
    let value = tags.get(NAMES)?;
    APART.iter().position(|word| word == value).map(|at| at == 1)
}

/// Whether results of two runs of a function with these tags never have the same keys.
#[must_use]
pub fn keeps_runs_apart(tags: &BTreeMap<String, String>) -> bool {
    tags.get(RUNS).is_some_and(|value| value == APART[1])
}

/// Whether tasks of a function with these tags may store over what others of the run have stored.
#[must_use]
pub fn overwrites(tags: &BTreeMap<String, String>) -> bool {
    tags.get(COLLISIONS).is_some_and(|value| value == MAY_OVERWRITE[1])
}

/// The value of [`COLLISIONS`].
pub(super) fn collisions_tag(overwrites: bool) -> String {
    MAY_OVERWRITE[usize::from(overwrites)].to_owned()
}

/// The value of [`NAMES`].
pub(super) fn names_tag(apart: bool) -> String {
    APART[usize::from(apart)].to_owned()
}

/// Tags by which a launch knows what is an input. More than they have room for is refused when a definition is read.
pub(super) fn select_tags(entries: &[Selection]) -> BTreeMap<String, String> {
    spread(SELECT, (!entries.is_empty()).then_some(entries))
}

/// Tags by which a launch knows how inputs become tasks of several files.
pub(super) fn group_tags(grouping: Option<&Grouping>) -> BTreeMap<String, String> {
    spread(GROUP, grouping)
}

/// Tags by which a launch knows with which values each input is processed.
pub(super) fn sweep_tags(sweep: &[Axis]) -> BTreeMap<String, String> {
    spread(SWEEP, (!sweep.is_empty()).then_some(sweep))
}

/// A value in as many tags as it needs. How many count stands in the first, so that what a former deployment left beside them
/// says nothing.
fn spread<T: Serialize + ?Sized>(name: &str, value: Option<&T>) -> BTreeMap<String, String> {
    let json = value.map_or_else(Vec::new, |value| serde_json::to_vec(value).unwrap_or_default());
    let text = URL_SAFE_NO_PAD.encode(json);
    let parts: Vec<&[u8]> = text.as_bytes().chunks(LONGEST - "8.".len()).collect();
    let part = |number: usize| String::from_utf8_lossy(parts.get(number).copied().unwrap_or_default());
    let mut tags = BTreeMap::from([(spread_tag(name, 0), format!("{}.{}", parts.len(), part(0)))]);
    tags.extend((1..parts.len()).map(|number| (spread_tag(name, number), part(number).into_owned())));
    tags
}

fn spread_tag(name: &str, number: usize) -> String {
    if number == 0 { name.to_owned() } else { format!("{name}-{number}") }
}

/// The text of a value that is spread over tags: empty when there is none. `None` when the tags do not say.
fn spread_text(tags: &BTreeMap<String, String>, name: &str) -> Option<Vec<u8>> {
    let (count, first) = tags.get(name)?.split_once('.')?;
    let count: usize = count.parse().ok().filter(|count| *count <= MOST_TAGS)?;
    let rest = (1..count).map(|number| tags.get(&spread_tag(name, number)).map(String::as_str));
    let text: String = std::iter::once(Some(first)).chain(rest).collect::<Option<_>>()?;
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// What of its input places is an input of a function with these tags: everything when the list is empty. `None` when they do
/// not say.
#[must_use]
pub fn selections_of(tags: &BTreeMap<String, String>) -> Option<Vec<Selection>> {
    let text = spread_text(tags, SELECT)?;
    if text.is_empty() { Some(Vec::new()) } else { serde_json::from_slice(&text).ok() }
}

/// How the inputs of a function with these tags become tasks of several files; `None` when each is a task.
#[must_use]
pub fn grouping_of(tags: &BTreeMap<String, String>) -> Option<Grouping> {
    serde_json::from_slice(&spread_text(tags, GROUP)?).ok()
}

/// With which values each input of a function with these tags is processed when a launch names none.
#[must_use]
pub fn sweep_of(tags: &BTreeMap<String, String>) -> Vec<Axis> {
    spread_text(tags, SWEEP).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
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

/// The tags of a join; none for any other function.
pub(super) fn of_join(join: Option<&JoinRule>) -> Vec<(String, String)> {
    let Some(join) = join else { return Vec::new() };
    let when = (join.when != When::default()).then_some(join.when.as_str());
    let mut words: Vec<_> = when.into_iter().chain((!join.stage_in).then_some(LIST_ONLY)).collect();
    // Tags take no braces.
    let by = join.by.as_ref().map(|by| format!("{BY}{}", URL_SAFE_NO_PAD.encode(by)));
    words.extend(by.as_deref());
    vec![(AFTER.to_owned(), join.after.join(" ")), (JOIN.to_owned(), words.join(" "))]
}

/// Whether start markers of packs start a function of this definition.
pub(super) const fn packs(definition: &Definition) -> bool {
    definition.pack.is_some()
}

/// The value of [`PACK`].
pub(super) fn pack_tag(definition: &Definition) -> String {
    definition.pack.map_or_else(no_pack, |size| size.to_string())
}

/// The value of [`PACK`] of a function whose definition is not known.
pub(super) fn no_pack() -> String {
    NO_PACK.to_owned()
}

/// What a function with these tags does about packs.
#[must_use]
pub fn packs_of(tags: &BTreeMap<String, String>) -> Packs {
    match tags.get(PACK).map(|value| value.parse()) {
        None => Packs::Unknown,
        Some(Ok(size)) => Packs::Of(size),
        Some(Err(_)) => Packs::Alone,
    }
}

/// What a deployed function does about packs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packs {
    /// Its runtime is of a throng that had none.
    #[default]
    Unknown,
    /// Each task has an invocation of its own. Nothing starts it when a pack has something left: whoever follows the run does.
    Alone,
    /// So many tasks share an invocation, and start markers start it.
    Of(PackSize),
}

/// What a function with these tags waits for, when it is a join.
#[must_use]
pub fn join_of(tags: &BTreeMap<String, String>) -> Option<JoinRule> {
    let after: Vec<String> = tags.get(AFTER)?.split_whitespace().map(str::to_owned).collect();
    let has =
        |word: &str| tags.get(JOIN).is_some_and(|words| words.split_whitespace().any(|known| known == word));
    let when = if has(When::AllEnded.as_str()) { When::AllEnded } else { When::AllSucceeded };
    let words = tags.get(JOIN).map(String::as_str).unwrap_or_default().split_whitespace();
    let by = words.filter_map(|word| word.strip_prefix(BY)).find_map(|by| URL_SAFE_NO_PAD.decode(by).ok());
    let by = by.and_then(|by| String::from_utf8(by).ok());
    (!after.is_empty()).then(|| JoinRule { after, when, stage_in: !has(LIST_ONLY), by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_known_is_not_somebody_elses() {
        let tags = BTreeMap::from([(CREATED_BY.to_owned(), THRONG.to_owned())]);
        let detail = |tags, tags_unknown: Option<&str>| FunctionDetail {
            info: crate::model::FunctionInfo::default(),
            settings: crate::cloud::FunctionSettings { name: "f".into(), ..Default::default() },
            tags,
            tags_unknown: tags_unknown.map(str::to_owned),
            concurrency: None,
            state: crate::cloud::FunctionState::default(),
            revision: String::new(),
        };
        assert_eq!(is_ours_for_sure(&detail(tags.clone(), None)).ok(), Some(true));
        assert_eq!(is_ours_for_sure(&detail(BTreeMap::new(), None)).ok(), Some(false));
        let unknown = is_ours_for_sure(&detail(BTreeMap::new(), Some("AccessDeniedException: no")));
        let said = unknown.map_err(|error| error.to_string()).err().unwrap_or_default();
        assert!(said.contains("lambda:ListTags") && said.contains("AccessDeniedException"), "{said}");
    }

    #[test]
    fn names_that_differ_in_case_alone_do_not_take_each_others_things() {
        let of_gray = made_for(&BTreeMap::new(), "gray");
        assert!(is_of(&of_gray, "gray") && !is_of(&of_gray, "Gray"));
        assert!(is_of(&made(&BTreeMap::new()), "Gray"), "of an older throng, which wrote no name");
    }

    #[test]
    fn whether_names_are_kept_apart_round_trips() {
        for apart in [true, false] {
            assert_eq!(keeps_apart(&BTreeMap::from([(NAMES.to_owned(), names_tag(apart))])), Some(apart));
        }
        assert_eq!(keeps_apart(&BTreeMap::new()), None, "an older throng did not say");
    }

    #[test]
    fn rules_of_inputs_round_trip_through_as_many_tags_as_they_need() {
        let entry =
            |path: String| Selection { bucket: "b".into(), path, min_size: 7, ..Selection::default() };
        for entries in [vec![entry("in".into())], (0..9).map(|n| entry(format!("é{n}").repeat(30))).collect()]
        {
            let tags = select_tags(&entries);
            assert!(tags.values().all(|value| value.len() <= LONGEST), "{tags:?}");
            assert_eq!(selections_of(&tags), Some(entries));
        }
        let mut left = select_tags(&[entry("x".repeat(400))]);
        left.extend(select_tags(&[]));
        assert_eq!(selections_of(&left), Some(Vec::new()), "what an earlier deployment left says nothing");
        assert_eq!(selections_of(&BTreeMap::new()), None);
    }

    #[test]
    fn groups_round_trip_through_tags() {
        let partner = |path: String| throng_contract::Partner { name: "mask".into(), path, optional: true };
        let long = Grouping { with: vec![partner("é/".repeat(300))], ..Grouping::default() };
        let folder = Grouping { folder: Some("sub-*".into()), ..Grouping::default() };
        for grouping in [folder, long] {
            let tags = group_tags(Some(&grouping));
            assert!(tags.values().all(|value| value.len() <= LONGEST), "{tags:?}");
            assert_eq!(grouping_of(&tags), Some(grouping));
        }
        assert_eq!((grouping_of(&group_tags(None)), grouping_of(&BTreeMap::new())), (None, None));
    }

    #[test]
    fn joins_round_trip_through_tags() {
        for (when, stage_in) in [(When::AllSucceeded, true), (When::AllEnded, false)] {
            let by = (!stage_in).then(|| "{dir}/é".to_owned());
            let join = JoinRule { after: vec!["a".into(), "B-2".into()], when, stage_in, by };
            assert_eq!(join_of(&of_join(Some(&join)).into_iter().collect()), Some(join));
        }
        assert_eq!(join_of(&BTreeMap::new()), None);
    }

    #[test]
    fn packs_round_trip_through_a_tag() {
        let mut definition = Definition::named("f", std::path::Path::new("/"));
        let tags = |definition: &Definition| BTreeMap::from([(PACK.to_owned(), pack_tag(definition))]);
        assert_eq!(packs_of(&tags(&definition)), Packs::Alone);
        for size in [PackSize::Auto, PackSize::Tasks(50)] {
            definition.pack = Some(size);
            assert_eq!(packs_of(&tags(&definition)), Packs::Of(size));
        }
        assert_eq!(packs_of(&BTreeMap::new()), Packs::Unknown);
    }

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
