//! A file of definitions, read into them.

use super::problem::{self, Unset};
use super::{
    Definition, DefinitionErrors, Environment, Origin, Position, Problem, ProblemKind, aws, dialect,
    dialects, node,
};
use crate::regular;
use std::path::{Path, PathBuf};

/// A file of definitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its functions, in order. At least one.
    pub definitions: Vec<Definition>,
    /// In which words each was written, and what they became. As many as definitions.
    pub origins: Vec<Origin>,
    /// What a person should know: unknown keys, settings that have no effect.
    pub warnings: Vec<Problem>,
    /// The file.
    pub path: PathBuf,
    /// Where each definition's region stands.
    regions: Vec<Option<aws::SettingPosition>>,
}

impl Document {
    /// Functions that are for another region than the context's, which is not an error before they are deployed there.
    #[must_use]
    pub fn elsewhere(&self, context: &str, region: &str) -> Vec<Problem> {
        let other = |(definition, place): (&Definition, &Option<aws::SettingPosition>)| {
            let wanted = definition.region.as_deref().filter(|wanted| *wanted != region)?;
            let place = place.as_ref()?;
            let message = format!(
                "is {wanted}, but the context {context} is in {region}: take it out, or use a context that is in {wanted} \
                 (--context)"
            );
            Some(Problem {
                file: self.path.clone(),
                at: place.at,
                key: place.key.clone(),
                message,
                kind: ProblemKind::Content,
            })
        };
        self.definitions.iter().zip(&self.regions).filter_map(other).collect()
    }
}

/// The largest file of definitions that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads a file of definitions, with the process's environment for `${NAME}`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Document, DefinitionErrors> {
    parse(&read_text(path)?, path, Environment(&|name| std::env::var(name).ok()))
}

/// As [`load`], for everything but a deployment: variables that `${NAME}` names need not be set, and are told as warnings.
/// In their place the definitions have what is written.
///
/// # Errors
/// Everything else that is wrong with it.
pub fn look(path: &Path) -> Result<Document, DefinitionErrors> {
    let mut report = problem::Report { unset: Unset::Warning, ..problem::Report::new(path.to_owned()) };
    let translated = translate(&read_text(path)?, &mut report);
    finish(translated.as_ref(), path, Environment(&|name| std::env::var(name).ok()), report)
}

/// The names of the functions of a file. Variables that `${NAME}` names need not be set.
///
/// # Errors
/// Everything else that is wrong with it.
pub fn names(path: &Path) -> Result<Vec<String>, DefinitionErrors> {
    let mut report = problem::Report { unset: Unset::Fine, ..problem::Report::new(path.to_owned()) };
    let translated = translate(&read_text(path)?, &mut report);
    let document = finish(translated.as_ref(), path, Environment(&|name| std::env::var(name).ok()), report)?;
    Ok(document.definitions.into_iter().map(|definition| definition.name).collect())
}

/// Reads definitions. `path` names the file in messages, and its folder is where relative paths start.
///
/// # Errors
/// Everything that is wrong with them.
pub fn parse(text: &str, path: &Path, environment: Environment<'_>) -> Result<Document, DefinitionErrors> {
    let mut report = problem::Report::new(path.to_owned());
    let translated = translate(text, &mut report);
    finish(translated.as_ref(), path, environment, report)
}

/// The text of a file.
pub(super) fn read_text(path: &Path) -> Result<String, DefinitionErrors> {
    regular::read_text(path, MAX_BYTES, "a definition").map_err(|error| {
        let mut report = problem::Report::new(path.to_owned());
        report.error(Position::default(), "", format!("cannot read the definition: {error}"));
        DefinitionErrors { problems: report.errors, warnings: Vec::new() }
    })
}

/// The file's tree in today's form; `None` when it is no YAML, which is reported.
pub(super) fn translate(text: &str, report: &mut problem::Report) -> Option<dialects::Translated> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match node::parse(text) {
        Ok(Some(root)) => dialects::translate(&root, report),
        Ok(None) => {
            report.error(
                Position::default(),
                "",
                "the file is empty: it needs `functions: aws:` with a list",
            );
            None
        }
        Err(error) => {
            report.error(error.at, "", error.message);
            None
        }
    }
}

/// Reads a tree in today's form.
pub(super) fn finish(
    translated: Option<&dialects::Translated>,
    path: &Path,
    environment: Environment<'_>,
    mut report: problem::Report,
) -> Result<Document, DefinitionErrors> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let base = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let (mut definitions, mut origins, mut regions) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(translated) = translated {
        // What the translation said has the file's own names already.
        let mut reading = problem::Report { unset: report.unset, ..problem::Report::new(path.to_owned()) };
        let read = dialect::read(&translated.root, &base, environment, &mut reading);
        (definitions, regions) = read.into_iter().unzip();
        reading.rename(&translated.renames);
        report.errors.append(&mut reading.errors);
        report.warnings.append(&mut reading.warnings);
        origins.clone_from(&translated.origins);
        origins.resize_with(definitions.len(), Origin::default);
    }
    let (definitions, warnings) = report.finish(definitions)?;
    Ok(Document { definitions, origins, warnings, path: path.to_owned(), regions })
}
