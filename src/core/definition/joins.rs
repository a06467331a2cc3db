//! `after`, `when`, `stage_in`: functions that start when others have ended.

use super::Definition;
use super::fields::{Fields, show};
use super::limits;
use super::problem::{Position, Report};
use throng_contract::barrier::When;

/// Most functions that a join waits for: their names are kept in a tag.
const MOST: usize = 8;

/// A join: it starts once, when every task of other functions of its run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRule {
    /// The functions it waits for, by name.
    pub after: Vec<String>,
    /// When it starts.
    pub when: When,
    /// Whether it gets their files, or only the list of them.
    pub stage_in: bool,
}

impl JoinRule {
    /// What it does, in words.
    pub(super) fn lines(&self) -> Vec<String> {
        let names = self.after.join(" and ");
        let when = match self.when {
            When::AllSucceeded => format!(
                "none: it waits for {names}, and starts once when every task before it has succeeded; else it is cancelled"
            ),
            When::AllEnded => {
                format!("none: it waits for {names}, and starts once when every task before it has ended")
            }
        };
        let gets = if self.stage_in {
            "it gets what they have stored: the files in TMP_INPUT_DIR, and the list of them in INPUT_LIST"
        } else {
            "it gets the list of what they have stored (INPUT_LIST), without the files"
        };
        vec![when, gets.to_owned()]
    }
}

/// Whether a function is a join that waits for another.
pub(super) fn waits_for(definition: &Definition, other: &str) -> bool {
    definition.join.as_ref().is_some_and(|join| join.after.iter().any(|name| name == other))
}

/// Reads what a function waits for, and says where each name stands.
pub(super) fn read(lambda: &Fields<'_>, definition: &mut Definition, report: &mut Report) -> Vec<Position> {
    let names = lambda.texts("after", report);
    let when =
        lambda.word("when", &[("all-succeeded", When::AllSucceeded), ("all-ended", When::AllEnded)], report);
    let stage_in = lambda.flag("stage_in", report);
    if names.is_empty() {
        for name in ["when", "stage_in"] {
            if let Some(node) = lambda.node(name) {
                let message =
                    "is of a join, and this function is none: name the function that it waits for in `after`";
                report.error(node.at, &lambda.key(name), message);
            }
        }
        return Vec::new();
    }
    if let Some(node) = lambda.node("input") {
        let message =
            "a function with `after` has no `input`: what the functions before it have stored is its input";
        report.error(node.at, &lambda.key("input"), message);
    }
    if let Some(name) = names.get(MOST) {
        report.error(name.at, &lambda.key("after"), format!("a join waits for {MOST} functions at most"));
    }
    let (mut after, mut positions): (Vec<String>, Vec<Position>) = (Vec::new(), Vec::new());
    for name in names {
        let at = name.at;
        let name = limits::name(name, &lambda.key("after"), report);
        if after.contains(&name) {
            report.warn(at, &lambda.key("after"), format!("{} stands here twice", show(&name)));
        } else {
            after.push(name);
            positions.push(at);
        }
    }
    definition.join = Some(JoinRule {
        after,
        when: when.map(|when| when.value).unwrap_or_default(),
        stage_in: stage_in.unwrap_or(true),
    });
    positions
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Environment, explain, parse, to_yaml};
    use super::*;
    use std::path::Path;

    fn functions(list: &[(&str, &str)]) -> String {
        let mut text = String::from("functions:\n  aws:\n");
        for (name, more) in list {
            let begin =
                format!("  - lambda:\n      name: {name}\n      container: {{image: ubuntu:22.04}}\n");
            text.push_str(&begin);
            if !more.is_empty() {
                text = format!("{text}      {more}\n");
            }
        }
        text
    }

    fn read(list: &[(&str, &str)]) -> Result<Vec<Definition>, String> {
        let document = parse(&functions(list), Path::new("/d/f.yaml"), Environment(&|_| None));
        document.map(|document| document.definitions).map_err(|errors| errors.to_string())
    }

    #[test]
    fn a_join_says_what_it_waits_for_and_is_written_as_it_was_read() {
        let functions = [
            ("detect", ""),
            ("m", "after: detect"),
            ("n", "after: [detect, m]\n      when: all-ended\n      stage_in: false"),
        ];
        let all = read(&functions).unwrap();
        let join = |at: usize| all[at].join.clone().unwrap();
        assert_eq!(all[0].join, None);
        assert_eq!(
            join(1),
            JoinRule { after: vec!["detect".into()], when: When::AllSucceeded, stage_in: true }
        );
        let last =
            JoinRule { after: vec!["detect".into(), "m".into()], when: When::AllEnded, stage_in: false };
        assert_eq!(join(2), last);
        let text = explain(&all[1]).to_string();
        assert!(
            text.contains("waits for detect, and starts once when every task before it has succeeded"),
            "{text}"
        );
        assert!(text.contains("notification of the home bucket"), "{text}");
        assert!(
            explain(&all[2])
                .to_string()
                .contains("detect and m, and starts once when every task before it has ended")
        );
        let again = parse(&to_yaml(&all[2]), Path::new("/d/f.yaml"), Environment(&|_| None)).unwrap();
        assert_eq!(again.definitions[0].join, Some(last));
    }

    #[test]
    fn what_cannot_be_waited_for_is_refused() {
        let wrong = |list: &[(&str, &str)]| read(list).unwrap_err();
        assert!(wrong(&[("a", ""), ("m", "after: m")]).contains("cannot wait for itself"));
        let said = wrong(&[("detect", ""), ("m", "after: detekt")]);
        assert!(said.contains("no function \"detekt\"; did you mean `detect`?"), "{said}");
        assert!(wrong(&[("a", "after: b"), ("b", "after: a")]).contains("start each other for ever"));
        assert!(wrong(&[("a", "when: all-ended")]).contains("name the function that it waits for"));
        assert!(
            wrong(&[("a", ""), ("m", "after: a\n      when: soon")]).contains("all-succeeded or all-ended")
        );
        let both =
            wrong(&[("a", ""), ("m", "after: a\n      input: [{storage_provider: s3, path: bucket/in}]")]);
        assert!(both.contains("has no `input`"), "{both}");
        // The function before may be deployed by another file.
        assert!(read(&[("m", "after: elsewhere")]).is_ok());
    }

    #[test]
    fn outputs_of_a_join_may_not_start_what_it_waits_for() {
        let place = |side: &str, path: &str| format!("{side}: [{{storage_provider: s3, path: {path}}}]");
        let first = format!("{}\n      {}", place("input", "bucket/in"), place("output", "bucket/mid"));
        let join = format!("after: a\n      {}", place("output", "bucket/in"));
        let said = read(&[("a", &first), ("m", &join)]).unwrap_err();
        assert!(said.contains("a → m → a"), "{said}");
    }
}
