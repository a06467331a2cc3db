//! `sweep`: the values with which each input is processed when a launch names none.

use super::Definition;
use super::fields::Fields;
use super::node::Value;
use super::problem::{Position, Report};
use crate::model::{Axis, Sets, check_value, read_values};
use crate::words::plural;

/// What all of it has room for, in bytes of JSON: it travels in tags of the function, six of 256 characters.
const BYTES: usize = 1100;

/// Reads it. A notification has no room for values: nothing starts such a function but a launch.
pub(super) fn read(
    lambda: &Fields<'_>,
    positions: &mut Vec<Position>,
    definition: &mut Definition,
    report: &mut Report,
) {
    let Some(node) = lambda.node("sweep") else { return };
    let key = lambda.key("sweep");
    let Value::Map(entries) = &node.value else {
        let message =
            "must be a map of variables and their values, such as `{ALPHA: [0.1, 0.2], SEED: \"1:10\"}`";
        report.error(node.at, &key, message);
        return;
    };
    let fields = lambda.map("sweep", &[], &mut Report::new(std::path::PathBuf::new()));
    let mut axes: Vec<Axis> = Vec::new();
    for (name, _) in entries {
        let key = format!("{key}.{}", name.text);
        let values = match lambda.node("sweep").and_then(|map| map.get(&name.text)).map(|node| &node.value) {
            Some(Value::List(_)) => {
                fields.texts(&name.text, report).into_iter().map(|text| text.value).collect()
            }
            _ => match fields.text(&name.text, report).map(|text| read_values(text.value.trim())) {
                Some(Ok(values)) => values,
                Some(Err(why)) => {
                    report.error(name.at, &key, why);
                    continue;
                }
                None => continue,
            },
        };
        if values.is_empty() {
            report.error(name.at, &key, "names no values");
        }
        if let Some(why) = values.iter().find_map(|value| check_value(&name.text, value).err()) {
            report.error(name.at, &key, why);
        }
        axes.push((name.text.clone(), values));
    }
    if let Err(why) = Sets::grid(axes.clone()) {
        report.error(node.at, &key, why);
    }
    let length = serde_json::to_string(&axes).map_or(0, |text| text.len());
    if length > BYTES {
        let message = format!(
            "has {length} bytes: {BYTES} are allowed. `throng run … --params FILE.csv` takes as many sets as there are lines"
        );
        report.error(node.at, &key, message);
    }
    for (setting, what) in
        [("after", "gets what others have stored"), ("trigger_on", "is started by objects")]
    {
        if let Some(other) = lambda.node(setting) {
            let message =
                format!("a function with `{setting}` {what}, which bring no values: take `sweep` out");
            report.error(other.at, &lambda.key(setting), message);
        }
    }
    definition.inputs.clear();
    positions.clear();
    definition.sweep = axes;
}

/// What it does, in words.
pub(super) fn lines(sweep: &[Axis]) -> Vec<String> {
    if sweep.is_empty() {
        return Vec::new();
    }
    let sets = sweep.iter().map(|(_, values)| values.len() as u64).product();
    let names: Vec<_> = sweep.iter().map(|(name, values)| format!("{name} ({})", values.len())).collect();
    vec![format!(
        "each input is a task with each of {} of values: {}; only `throng run` starts them",
        plural(sets, "set"),
        names.join(", ")
    )]
}

/// As YAML.
pub(super) fn yaml(sweep: &[Axis], quote: impl Fn(&str) -> String) -> Vec<String> {
    if sweep.is_empty() {
        return Vec::new();
    }
    let line = |(name, values): &Axis| {
        let values: Vec<_> = values.iter().map(|value| quote(value)).collect();
        format!("  {}: [{}]", quote(name), values.join(", "))
    };
    std::iter::once("sweep:".to_owned()).chain(sweep.iter().map(line)).collect()
}
