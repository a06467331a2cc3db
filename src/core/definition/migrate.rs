//! Writes a file of any dialect in today's form.

use super::dialects::Translated;
use super::document::{Document, finish, read_text, translate};
use super::problem::{Position, Report, Unset};
use super::{DefinitionErrors, Environment, Origin, emit};
use std::fmt::Write as _;
use std::path::Path;

/// A file in today's form, and what was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Migration {
    /// The new file, with notes of what became of each setting on top. `${NAME}` stands as it was written.
    pub yaml: String,
    /// The old file, read.
    pub document: Document,
}

/// Brings a file into today's form. Variables that `${NAME}` names need not be set.
///
/// # Errors
/// Everything that is wrong with it.
pub fn migrate(path: &Path) -> Result<Migration, DefinitionErrors> {
    migrate_text(&read_text(path)?, path, Environment(&|name| std::env::var(name).ok()))
}

/// As [`migrate`], for a text. `path` names the file in messages, and its folder is where relative paths start.
///
/// # Errors
/// Everything that is wrong with it.
pub fn migrate_text(
    text: &str,
    path: &Path,
    environment: Environment<'_>,
) -> Result<Migration, DefinitionErrors> {
    let (translated, document) = read(text, path, environment)?;
    let body = translated.map(|translated| emit::yaml(&translated.without_ignored())).unwrap_or_default();
    let yaml = heading(&document) + &body;
    // What is written must mean what was read; if it ever does not, nothing is written.
    let (_, again) = read(&yaml, path, environment)?;
    if again.definitions != document.definitions {
        let mut report = Report::new(path.to_owned());
        let message = "cannot be written in today's form: it would mean something else";
        report.error(Position::default(), "", message);
        return Err(DefinitionErrors { problems: report.errors, warnings: Vec::new() });
    }
    Ok(Migration { yaml, document })
}

fn read(
    text: &str,
    path: &Path,
    environment: Environment<'_>,
) -> Result<(Option<Translated>, Document), DefinitionErrors> {
    let mut report = Report { unset: Unset::Fine, ..Report::new(path.to_owned()) };
    let translated = translate(text, &mut report);
    let document = finish(translated.as_ref(), path, environment, report)?;
    Ok((translated, document))
}

/// The notes, as comments.
fn heading(document: &Document) -> String {
    let name = document.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut out = String::new();
    let mut line = |text: &str| {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(out, "# {}", text.trim_end());
    };
    line(&format!("Written by `throng migrate` from {name}."));
    for (definition, origin) in document.definitions.iter().zip(&document.origins) {
        if *origin == Origin::default() {
            continue;
        }
        line(&format!("{} was {}:", definition.name, origin.dialect));
        for note in &origin.notes {
            line(&format!("  {note}"));
        }
    }
    out
}
