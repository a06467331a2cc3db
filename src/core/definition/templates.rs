//! Words in braces in the paths of outputs ([`throng_contract::Template`]).

use super::problem::{Position, Report, closest};
use super::{Definition, Document, Problem, ProblemKind};
use throng_contract::{OutputRule, Template, Word};

/// Words that are another at every attempt: a task of the next stage could not be told to be the same.
const OF_ATTEMPTS: [Word; 2] = [Word::Attempt, Word::RequestId];

/// Checks an output's path. `declared` are the variables that tasks of the function have; `grouped` says that it is a join with
/// groups.
pub(super) fn check(
    path: &str,
    (declared, grouped): (&[&str], bool),
    at: Position,
    key: &str,
    report: &mut Report,
) {
    let template = match Template::parse(path) {
        Ok(template) => template,
        Err(error) => {
            let meant = error.what.strip_prefix('{').and_then(|word| word.strip_suffix('}')).and_then(guess);
            let meant = meant.map(|word| format!("; did you mean `{{{word}}}`?")).unwrap_or_default();
            return report.error(at, key, format!("{error}{meant}"));
        }
    };
    if !grouped && template.has(&Word::Group) {
        report.error(at, key, "`{group}` is for a join that says with `by` what it starts for");
    }
    for name in template.variables().filter(|name| !declared.contains(name)) {
        let message = format!(
            "`{{{name}}}` is not known: tasks of this function have no variable of this name, and no word is written so"
        );
        report.error(at, key, message);
    }
}

fn guess(word: &str) -> Option<&'static str> {
    closest(word, &["run", "task", "attempt", "dir", "name", "stem", "ext", "stage", "request_id", "group"])
}

/// Warns of braces in an input's path, which mean nothing there.
pub(super) fn note_input(path: &str, at: Position, key: &str, report: &mut Report) {
    if path.contains(['{', '}']) {
        report.warn(
            at,
            key,
            "the braces are taken as they stand: words such as {dir} are for the paths of outputs",
        );
    }
}

/// The word of an output's path that is another at every attempt.
pub(super) fn of_attempt(output: &OutputRule) -> Option<Word> {
    let template = output.template();
    OF_ATTEMPTS.into_iter().find(|word| template.has(word))
}

/// Whether no two tasks of a run store the same key though their inputs, in different folders, have one name.
#[must_use]
pub fn keeps_apart(definition: &Definition) -> bool {
    definition.outputs.iter().all(|output| output.template().keeps_apart())
}

/// Whether every path has the run's id in it.
#[must_use]
pub fn keeps_runs_apart(definition: &Definition) -> bool {
    definition.outputs.iter().all(|output| output.template().has(&Word::Run))
}

impl Document {
    /// What `message` says of every function whose paths do not keep inputs of equal names apart.
    #[must_use]
    pub fn not_kept_apart(&self, message: &str) -> Vec<Problem> {
        let problem = |definition: &Definition| Problem {
            file: self.path.clone(),
            at: Position::default(),
            key: format!("the output of {}", definition.name),
            message: message.to_owned(),
            kind: ProblemKind::Content,
        };
        let plain = self.definitions.iter().filter(|definition| definition.grouping.is_none());
        plain.filter(|definition| !keeps_apart(definition) && !definition.overwrites).map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, declared: &[&str]) -> String {
        let mut report = Report::default();
        check(path, (declared, false), Position { line: 3, column: 9 }, "output.path", &mut report);
        report.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn words_are_known_or_refused_with_a_guess() {
        assert_eq!(said("out/{run}/{dir}/{stem}", &[]), "");
        assert_eq!(said("out/{ALPHA}", &["ALPHA"]), "");
        let refused = said("out/{input}", &[]);
        assert!(refused.contains("`{input}` is not known: {run} {task}"), "{refused}");
        assert!(said("out/{Dir}", &[]).ends_with("did you mean `{dir}`?"));
        assert!(said("out/{BETA}", &["ALPHA"]).contains("no variable of this name"));
        assert!(said("out/x{", &[]).contains("no `}`"));
        assert!(said("out/{group}", &[]).contains("`by`"));
    }
}
