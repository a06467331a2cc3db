//! `after`, `when`, `by`, `stage_in`: functions that start when others have ended.

use super::Definition;
use super::fields::{Fields, show};
use super::groups::folder_glob;
use super::limits;
use super::problem::{Position, Report};
use throng_contract::barrier::When;
use throng_contract::{Template, Word};

/// Most functions that a join waits for: their names are kept in a tag.
const MOST: usize = 8;
/// Longest `by`, in bytes: it is kept in a tag, too.
const LONGEST_BY: usize = 128;

/// A join: it starts once, when every task of other functions of its run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRule {
    /// The functions it waits for, by name.
    pub after: Vec<String>,
    /// When it starts.
    pub when: When,
    /// Whether it gets their files, or only the list of them.
    pub stage_in: bool,
    /// What names the group of a launched input, when it starts once for each group: a path with words in braces.
    pub by: Option<String>,
}

impl JoinRule {
    /// What it does, in words.
    pub(super) fn lines(&self) -> Vec<String> {
        let names = self.after.join(" and ");
        let once = match &self.by {
            None => "starts once when every task before it".to_owned(),
            Some(by) => format!(
                "starts once for each {by} of the launched inputs, when every task before it with the same"
            ),
        };
        let when = match self.when {
            When::AllSucceeded => {
                format!("none: it waits for {names}, and {once} has succeeded; else it is cancelled")
            }
            When::AllEnded => format!("none: it waits for {names}, and {once} has ended"),
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
    let by = read_by(lambda, report);
    if names.is_empty() {
        for name in ["when", "by", "stage_in"] {
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
        by,
    });
    positions
}

/// The glob of folders that `by` is, without its slash, when it is no template: `sub-*/`, as `group` has it.
pub(crate) fn folders_of(by: &str) -> Option<&str> {
    by.strip_suffix('/').filter(|glob| !glob.contains('{'))
}

/// Reads what names the group of a launched input.
fn read_by(lambda: &Fields<'_>, report: &mut Report) -> Option<String> {
    let key = lambda.key("by");
    let text = lambda.text("by", report)?;
    let mut wrong = |message: String| report.error(text.at, &key, message);
    if folders_of(&text.value).is_some() && text.value.len() <= LONGEST_BY {
        let glob = folder_glob(&text.value).map(|glob| format!("{glob}/"));
        return glob.map_err(wrong).ok();
    }
    let template = match Template::parse(&text.value) {
        Ok(template) => template,
        Err(error) => {
            wrong(error.to_string());
            return None;
        }
    };
    let foreign = template.words().find(|word| !is_of_input(word));
    if let Some(word) = foreign {
        wrong(format!(
            "`{word}` says nothing of a launched input: {{dir}}, {{name}}, {{stem}}, {{ext}} and variables of the run do"
        ));
    } else if template.words().next().is_none() {
        wrong(
            "has no word in braces and is no glob of folders (`sub-*/`, with a slash at its end), so that all tasks would be of one \
             group: write {dir}, or leave it out"
                .into(),
        );
    } else if text.value.len() > LONGEST_BY {
        wrong(format!("is longer than {LONGEST_BY} bytes"));
    } else {
        return Some(text.value);
    }
    None
}

const fn is_of_input(word: &Word) -> bool {
    matches!(word, Word::Dir | Word::Name | Word::Stem | Word::Ext | Word::Variable(_))
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
            JoinRule { after: vec!["detect".into()], when: When::AllSucceeded, stage_in: true, by: None }
        );
        let last = JoinRule {
            after: vec!["detect".into(), "m".into()],
            when: When::AllEnded,
            stage_in: false,
            by: None,
        };
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
    fn a_join_says_what_it_starts_for() {
        let place = "output: [{storage_provider: s3, path: 'bucket/out/{group}'}]";
        let join = format!("after: detect\n      by: '{{dir}}/{{ALPHA}}'\n      {place}");
        let all = read(&[("detect", ""), ("m", &join)]).unwrap();
        assert_eq!(all[1].join.clone().unwrap().by.as_deref(), Some("{dir}/{ALPHA}"));
        let text = explain(&all[1]).to_string();
        assert!(text.contains("starts once for each {dir}/{ALPHA} of the launched inputs"), "{text}");
        let again = parse(&to_yaml(&all[1]), Path::new("/d/f.yaml"), Environment(&|_| None)).unwrap();
        assert_eq!(again.definitions[0].join, all[1].join);
        let wrong = |more: &str| read(&[("a", ""), ("m", &format!("after: a\n      {more}"))]).unwrap_err();
        let glob = read(&[("a", ""), ("m", "after: a\n      by: ./sub-*/")]).unwrap();
        assert_eq!(glob[1].join.clone().unwrap().by.as_deref(), Some("sub-*/"));
        assert!(wrong("by: '**/'").contains("one folder"));
        assert!(wrong("by: '{run}'").contains("`{run}` says nothing of a launched input"));
        assert!(wrong("by: subjects").contains("has no word in braces"));
        assert!(wrong("by: 'x-{dir}'").contains("between slashes"));
        assert!(wrong(place).contains("`{group}`"), "only a join with groups has one");
        assert!(read(&[("a", "by: '{dir}'")]).unwrap_err().contains("name the function that it waits for"));
        let said = read(&[("a", ""), ("all", "after: a"), ("m", "after: all\n      by: '{dir}'")]);
        assert!(said.unwrap_err().contains("`all`, which joins everything"));
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
