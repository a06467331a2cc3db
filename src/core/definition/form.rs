//! A definition from a form: the same checks as for a file, with the fields' names in the messages.

use super::fields::Spanned;
use super::overlap::{Hit, hit};
use super::problem::{Position, Report};
use super::{Architecture, Definition, DefinitionErrors, InputRule, limits, place, script, templates};
use crate::image::Source;
use crate::model::FunctionForm;
use std::path::{Path, PathBuf};
use throng_contract::{OutputRule, Selection};

/// Makes a definition of what a person typed. Relative paths start at `base`. Numbers that are 0 mean the default.
///
/// # Errors
/// Everything that is wrong with it; [`Problem::key`](super::Problem::key) is the field: `name`, `image`, `script`,
/// `memory`, `timeout`, `input` or `output`.
pub fn from_form(form: &FunctionForm, base: &Path) -> Result<Definition, DefinitionErrors> {
    let mut report = Report::new(PathBuf::new());
    let base = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
    let mut definition = Definition::named(limits::name(field(&form.name), "name", &mut report), &base);
    form.image.trim().clone_into(&mut definition.image);
    definition.architecture = form.architecture.unwrap_or(Architecture::host());
    read_image(&definition, &mut report);
    if !form.script.trim().is_empty() {
        definition.script = Some(script::existing(&field(&form.script), &base, "script", &mut report));
    }
    number(form.memory_mb, &limits::MEMORY_MB, "memory", "MiB", &mut definition.memory_mb, &mut report);
    number(form.timeout_s, &limits::TIMEOUT_S, "timeout", "seconds", &mut definition.timeout_s, &mut report);
    definition.timeout_threshold_s = limits::default_threshold(definition.timeout_s);
    if !form.input.trim().is_empty()
        && let Some((bucket, path)) = place::split(&field(&form.input), "input", &mut report)
    {
        let selection = Selection { bucket: bucket.clone(), path: path.clone(), ..Selection::default() };
        definition.selections.push(selection);
        definition.inputs.push(InputRule { bucket, path, prefix: String::new(), suffix: String::new() });
    }
    if !form.output.trim().is_empty()
        && let Some((bucket, path)) = place::split(&field(&form.output), "output", &mut report)
    {
        templates::check(&path, (&[], true), Position::default(), "output", &mut report);
        definition.outputs.push(OutputRule {
            provider: None,
            bucket,
            path,
            prefix: Vec::new(),
            suffix: Vec::new(),
        });
    }
    for output in &definition.outputs {
        if definition.inputs.iter().any(|input| hit(output, input) == Hit::Plainly) {
            let message =
                "outputs there would start the function again, for ever: use another folder or bucket";
            report.error(Position::default(), "output", message);
        }
    }
    report.finish(definition).map(|(definition, _)| definition)
}

fn field(text: &str) -> Spanned<String> {
    Spanned { at: Position::default(), value: text.trim().to_owned() }
}

fn read_image(definition: &Definition, report: &mut Report) {
    if definition.image.is_empty() {
        let message = "is missing: an image reference such as `ubuntu:22.04`, or the path of an image";
        return report.error(Position::default(), "image", message);
    }
    let checked = Source::parse(&definition.image, &definition.base).and_then(|source| source.check_files());
    if let Err(error) = checked {
        report.error(Position::default(), "image", error.to_string());
    }
}

fn number(
    value: u32,
    range: &std::ops::RangeInclusive<u32>,
    key: &str,
    unit: &str,
    target: &mut u32,
    report: &mut Report,
) {
    if value == 0 {
        return;
    }
    if range.contains(&value) {
        *target = value;
    } else {
        let message = format!("{value} is not allowed: from {} to {} {unit}", range.start(), range.end());
        report.error(Position::default(), key, message);
    }
}
