//! `input` and `output` of a function.

use super::fields::Fields;
use super::problem::{Position, Report};
use super::providers::{self, Providers, Storage};
use super::{Definition, InputRule, place, selection, templates};
use throng_contract::{OutputRule, ProviderInput, Selection};

const INPUT: &[&str] = &["storage_provider", "path", "prefix", "suffix", "exclude", "min_size", "newer"];

/// Reads what starts the function, or is given to it by `throng run`, and says where each entry stands.
pub(super) fn inputs(
    lambda: &Fields<'_>,
    declared: &Providers,
    definition: &mut Definition,
    report: &mut Report,
) -> Vec<Position> {
    let mut positions = Vec::new();
    for (node, key) in lambda.list("input") {
        let fields = Fields::new(node, &key, INPUT, report);
        let suffixes = fields.texts("suffix", report);
        let rules = selection::read(&fields, report);
        let provider = providers::of_place(&fields, node.at, declared, report);
        let of_webdav = provider.as_ref().is_some_and(Storage::is_webdav);
        let Some((bucket, path)) = place::bucket_path(&fields, node.at, of_webdav, report) else { continue };
        let at = fields.node("path").map_or(node.at, |path| path.at);
        templates::note_input(&path, at, &fields.key("path"), report);
        let Some(provider) = provider else { continue };
        let mut entry = Selection { bucket: bucket.clone(), path: path.clone(), ..rules };
        if let Storage::Provider(provider) = provider {
            entry.provider = Some(provider.clone());
            definition.selections.push(entry);
            definition.provider_inputs.push(ProviderInput { provider, bucket, path });
            continue;
        }
        let prefix = selection::common_prefix(&entry.prefix);
        definition.selections.push(entry);
        let rule = |suffix: &str| InputRule {
            bucket: bucket.clone(),
            path: path.clone(),
            prefix: prefix.clone(),
            suffix: suffix.to_owned(),
        };
        if suffixes.is_empty() {
            definition.inputs.push(rule(""));
            positions.push(node.at);
        }
        for suffix in suffixes {
            definition.inputs.push(rule(&suffix.value));
            positions.push(suffix.at);
        }
    }
    selection::check_length(&definition.selections, lambda, report);
    positions
}

/// Reads where results go, and says where each entry stands.
pub(super) fn outputs(
    lambda: &Fields<'_>,
    declared: &Providers,
    definition: &mut Definition,
    report: &mut Report,
) -> Vec<Position> {
    let mut positions = Vec::new();
    for (node, key) in lambda.list("output") {
        let fields = Fields::new(node, &key, &["storage_provider", "path", "prefix", "suffix"], report);
        let texts = |name: &str, report: &mut Report| {
            fields
                .texts(name, report)
                .into_iter()
                .map(|text| text.value)
                .filter(|text| !text.is_empty())
                .collect()
        };
        let (prefix, suffix) = (texts("prefix", report), texts("suffix", report));
        let provider = providers::of_place(&fields, node.at, declared, report);
        let of_webdav = provider.as_ref().is_some_and(Storage::is_webdav);
        let Some((bucket, path)) = place::bucket_path(&fields, node.at, of_webdav, report) else { continue };
        let at = fields.node("path").map_or(node.at, |path| path.at);
        // Variables of the script may stand in paths: a run may give them other values.
        let declared: Vec<&str> = definition
            .env
            .keys()
            .chain(definition.sweep.iter().map(|(name, _)| name))
            .map(String::as_str)
            .collect();
        let grouped = definition.join.as_ref().is_some_and(|join| join.by.is_some());
        templates::check(&path, (&declared, grouped), at, &fields.key("path"), report);
        let provider = match provider {
            None => continue,
            Some(Storage::Own) => None,
            Some(Storage::Provider(name)) => Some(name),
        };
        definition.outputs.push(OutputRule { provider, bucket, path, prefix, suffix });
        positions.push(node.at);
    }
    positions
}
