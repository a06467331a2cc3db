//! What is wrong with a definition, and where.

use std::fmt;
use std::path::PathBuf;

/// A position in a file, both counted from 1. Zero when the problem belongs to no line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// An error or a warning about a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named by the person; empty for a form.
    pub file: PathBuf,
    /// Where in the file.
    pub at: Position,
    /// The key, as a path: `functions.aws[0].lambda.memory`; of a form, the field.
    pub key: String,
    /// What is wrong, with the value, and what is allowed or what to do. Never holds a secret.
    pub message: String,
    /// What kind of problem it is.
    pub kind: ProblemKind,
}

/// What kind of problem it is, where that matters to whoever reads the definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProblemKind {
    /// Something in the file itself.
    #[default]
    Content,
    /// A variable of the environment is not set that `${NAME}` names: the file is right, and cannot be deployed from here.
    UnsetVariable,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}:", self.file.display())?;
            if self.at.line > 0 {
                write!(f, "{}:{}:", self.at.line, self.at.column)?;
            }
            f.write_str(" ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a file of definitions. Shown one problem per line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionErrors {
    /// Errors, in the order of the file. At least one.
    pub problems: Vec<Problem>,
    /// Warnings found on the way.
    pub warnings: Vec<Problem>,
}

impl fmt::Display for DefinitionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionErrors {}

impl DefinitionErrors {
    /// Whether a variable of the environment is not set that a deployment needs.
    #[must_use]
    pub fn misses_variables(&self) -> bool {
        self.problems.iter().any(|problem| problem.kind == ProblemKind::UnsetVariable)
    }
}

/// Collects problems while a definition is read.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub file: PathBuf,
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
    /// What a variable is that `${NAME}` names and that is not set here.
    pub unset: Unset,
}

/// What a variable of the environment is that is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unset {
    /// An error: the value is needed.
    #[default]
    Error,
    /// A warning. `${NAME}` stands as it was written.
    Warning,
    /// Nothing to be told. `${NAME}` stands as it was written.
    Fine,
}

impl Report {
    pub fn new(file: PathBuf) -> Self {
        Self { file, ..Self::default() }
    }

    fn problem(&self, at: Position, key: &str, message: String) -> Problem {
        Problem { file: self.file.clone(), at, key: key.to_owned(), message, kind: ProblemKind::Content }
    }

    pub fn error(&mut self, at: Position, key: &str, message: impl Into<String>) {
        let problem = self.problem(at, key, message.into());
        self.errors.push(problem);
    }

    /// A variable of the environment is not set.
    pub fn unset(&mut self, at: Position, key: &str, message: impl Into<String>) {
        let problem = self.problem(at, key, message.into());
        self.errors.push(Problem { kind: ProblemKind::UnsetVariable, ..problem });
    }

    pub fn warn(&mut self, at: Position, key: &str, message: impl Into<String>) {
        let problem = self.problem(at, key, message.into());
        self.warnings.push(problem);
    }

    /// Takes over what another report found: errors stay such when it `matters`, else they are warnings.
    pub fn take(&mut self, mut other: Self, matters: bool) {
        self.warnings.append(&mut other.warnings);
        if matters {
            self.errors.append(&mut other.errors);
            return;
        }
        let unused = |problem: Problem| Problem {
            message: format!("not used in this file, and {}", problem.message),
            ..problem
        };
        self.warnings.extend(other.errors.into_iter().map(unused));
    }

    /// Gives keys the names that the file has for them: `renames` maps paths to names, the longest path that fits
    /// counts.
    pub fn rename(&mut self, renames: &[(String, String)]) {
        for problem in self.errors.iter_mut().chain(&mut self.warnings) {
            let fits = |path: &str| {
                problem.key.strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let best = renames.iter().filter_map(|(path, name)| Some((path.len(), name, fits(path)?)));
            if let Some((_, name, rest)) = best.max_by_key(|(length, ..)| *length) {
                let key = format!("{name}{rest}");
                problem.key = key.strip_prefix('.').map(str::to_owned).unwrap_or(key);
            }
        }
    }

    /// The value when there was no error.
    pub fn finish<T>(mut self, value: T) -> Result<(T, Vec<Problem>), DefinitionErrors> {
        self.errors.sort_by_key(|problem| problem.at);
        self.warnings.sort_by_key(|problem| problem.at);
        if self.errors.is_empty() {
            Ok((value, self.warnings))
        } else {
            Err(DefinitionErrors { problems: self.errors, warnings: self.warnings })
        }
    }
}

/// The word of `known` that was probably meant, if any is close enough.
pub(super) fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).clamp(1, 3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edit distance with transpositions of neighbours, over at most the first 40 characters.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(40).collect();
    let b: Vec<char> = b.chars().take(40).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let known = ["memory", "timeout", "input", "output"];
        assert_eq!(closest("memroy", &known), Some("memory"));
        assert_eq!(closest("Memory", &known), Some("memory"));
        assert_eq!(closest("time_out", &known), Some("timeout"));
        assert_eq!(closest("inputs", &known), Some("input"));
        assert_eq!(closest("banana", &known), None);
        assert_eq!(closest("", &known), None);
    }
}
