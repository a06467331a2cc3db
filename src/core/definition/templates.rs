//! Words in braces in the paths of outputs ([`throng_contract::Template`]).

use super::aws::ParsedFunction;
use super::overlap::{Hit, hit};
use super::problem::{Position, Report, closest};
use super::{Definition, Document, Problem, ProblemKind};
use crate::dataset::FileList;
use throng_contract::{OutputRule, Template, Word};

/// Words that are another at every attempt: a task of the next stage could not be told to be the same.
const OF_ATTEMPTS: [Word; 2] = [Word::Attempt, Word::RequestId];

/// Checks an output's path. `declared` are the variables that tasks of the function have.
pub(super) fn check(path: &str, declared: &[&str], at: Position, key: &str, report: &mut Report) {
    let template = match Template::parse(path) {
        Ok(template) => template,
        Err(error) => {
            let meant = error.what.strip_prefix('{').and_then(|word| word.strip_suffix('}')).and_then(guess);
            let meant = meant.map(|word| format!("; did you mean `{{{word}}}`?")).unwrap_or_default();
            return report.error(at, key, format!("{error}{meant}"));
        }
    };
    for name in template.variables().filter(|name| !declared.contains(name)) {
        let message = format!(
            "`{{{name}}}` is not known: tasks of this function have no variable of this name, and no word is written so"
        );
        report.error(at, key, message);
    }
}

fn guess(word: &str) -> Option<&'static str> {
    closest(word, &["run", "task", "attempt", "dir", "name", "stem", "ext", "stage", "request_id"])
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

/// Refuses words of attempts in paths whose objects start a function of the file.
pub(super) fn between_stages(functions: &[ParsedFunction], report: &mut Report) {
    for from in functions {
        for (output, at) in from.definition.outputs.iter().zip(&from.outputs) {
            let Some(word) = of_attempt(output) else { continue };
            let next = functions.iter().find(|to| {
                to.definition.name != from.definition.name
                    && to.definition.inputs.iter().any(|input| hit(output, input) == Hit::Plainly)
            });
            if let Some(next) = next {
                let message = format!(
                    "`{word}` is another at every attempt, and what is stored here starts `{}`: a task that is tried again \
                     would start it twice. Write {{run}}/{{task}} in its place",
                    next.definition.name
                );
                report.error(*at, &format!("{}.lambda.output", from.key), message);
            }
        }
    }
}

fn of_attempt(output: &OutputRule) -> Option<Word> {
    let template = output.template();
    OF_ATTEMPTS.into_iter().find(|word| template.has(word))
}

/// Whether no two tasks of a run store the same key though their inputs, in different folders, have one name.
#[must_use]
pub fn keeps_apart(definition: &Definition) -> bool {
    definition.outputs.iter().all(|output| output.template().keeps_apart())
}

/// What of these inputs would overwrite each other's results, in a sentence for people; `None` when nothing would.
#[must_use]
pub fn overwritten_by(inputs: &FileList) -> Option<String> {
    let equal = inputs.equal_names()?;
    Some(format!(
        "{} the name of another (such as {} and {}), and nothing in the output path differs between them: results that are named \
         after their inputs overwrite each other. `{{dir}}` in the path of `output` keeps the inputs' folders",
        if equal.count == 1 { "1 input has".to_owned() } else { format!("{} inputs have", equal.count) },
        equal.first,
        equal.second,
    ))
}

impl Document {
    /// What a run of these inputs would overwrite, for each function of which that is so.
    #[must_use]
    pub fn overwritten(&self, inputs: &FileList) -> Vec<Problem> {
        let Some(message) = overwritten_by(inputs) else { return Vec::new() };
        let problem = |definition: &Definition| Problem {
            file: self.path.clone(),
            at: Position::default(),
            key: format!("the output of {}", definition.name),
            message: message.clone(),
            kind: ProblemKind::Content,
        };
        self.definitions.iter().filter(|definition| !keeps_apart(definition)).map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn said(path: &str, declared: &[&str]) -> String {
        let mut report = Report::default();
        check(path, declared, Position { line: 3, column: 9 }, "output.path", &mut report);
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
    }

    #[test]
    fn equal_names_are_told_with_two_of_them() {
        let mut list = FileList::default();
        let base = list.add_base("data".into());
        list.push(base, "sub-01/t1.nii", 1);
        list.push(base, "sub-01/t2.nii", 1);
        assert_eq!(overwritten_by(&list), None);
        list.push(base, "sub-02/t1.nii", 1);
        let said = overwritten_by(&list).unwrap();
        assert!(
            said.starts_with("1 input has the name of another (such as sub-01/t1.nii and sub-02/t1.nii)"),
            "{said}"
        );
    }
}
