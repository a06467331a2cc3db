//! Which functions of a file start each other.

use super::overlap::{Hit, hit};
use super::{Definition, Document};

/// Ways that are told of a file with branches.
const WAYS: usize = 16;

impl Document {
    /// The functions that outputs of a function start, or that wait for it as joins, by their places in the file.
    fn started_by(&self, from: usize) -> Vec<usize> {
        let starts = |to: &Definition| {
            let from = &self.definitions[from];
            let hits = |output| to.inputs.iter().any(|input| hit(output, input) == Hit::Plainly);
            let joins = to.join.as_ref().is_some_and(|join| join.after.contains(&from.name));
            joins || from.outputs.iter().any(hits)
        };
        let others = self.definitions.iter().enumerate();
        others.filter(|(at, to)| *at != from && starts(to)).map(|(at, _)| at).collect()
    }

    /// The functions that no other of the file starts, by their places in it.
    #[must_use]
    pub fn heads(&self) -> Vec<usize> {
        let started: Vec<_> = (0..self.definitions.len()).flat_map(|at| self.started_by(at)).collect();
        (0..self.definitions.len()).filter(|at| !started.contains(at)).collect()
    }

    /// What starts what, in words: `split → detect → montage`, a line for each way from a function that no other starts to one
    /// that starts none. Functions that have nothing to do with others are left out.
    #[must_use]
    pub fn chains(&self) -> Vec<String> {
        let mut ways = Vec::new();
        for head in self.heads() {
            let mut open = vec![vec![head]];
            while let Some(way) = open.pop().filter(|_| ways.len() < WAYS) {
                let last = way.last().copied().unwrap_or(head);
                let next: Vec<_> = self.started_by(last).into_iter().filter(|to| !way.contains(to)).collect();
                if next.is_empty() && way.len() > 1 {
                    let names: Vec<_> = way.iter().map(|at| self.definitions[*at].name.as_str()).collect();
                    ways.push(names.join(" → "));
                }
                open.extend(next.into_iter().rev().map(|to| [way.clone(), vec![to]].concat()));
            }
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::definition::{Document, Environment, parse};
    use std::fmt::Write as _;
    use std::path::Path;

    fn document(functions: &[(&str, &str, &[&str])]) -> Document {
        let mut text = String::from("functions:\n  aws:\n");
        for (name, input, outputs) in functions {
            let _ = write!(
                text,
                "  - lambda:\n      name: {name}\n      container: {{image: 'a/b:1'}}\n      \
                 input: [{{storage_provider: s3, path: {input}}}]\n      output:\n"
            );
            for output in *outputs {
                let _ = writeln!(text, "      - {{storage_provider: s3, path: {output}}}");
            }
        }
        parse(&text, Path::new("f.yaml"), Environment(&|_| None)).unwrap()
    }

    #[test]
    fn a_file_says_what_starts_what() {
        let line = document(&[
            ("montage", "box/found", &["box/out"]),
            ("split", "box/in", &["box/frames"]),
            ("detect", "box/frames", &["box/found"]),
        ]);
        assert_eq!((line.heads(), line.chains()), (vec![1], vec!["split → detect → montage".to_owned()]));
        let joined = parse(
            "functions:\n  aws:\n  - lambda:\n      name: all\n      container: {image: 'a/b:1'}\n      after: one\n  - lambda:\n      name: one\n      container: {image: 'a/b:1'}\n      input: [{storage_provider: s3, path: box/in}]\n",
            Path::new("f.yaml"),
            Environment(&|_| None),
        );
        let joined = joined.unwrap();
        assert_eq!((joined.heads(), joined.chains()), (vec![1], vec!["one → all".to_owned()]));
        let branches = document(&[
            ("a", "box/in", &["box/x", "box/y"]),
            ("b", "box/x", &["box/z"]),
            ("c", "box/y", &["box/w"]),
            ("alone", "box/other", &["box/v"]),
        ]);
        assert_eq!(
            (branches.heads(), branches.chains()),
            (vec![0, 3], vec!["a → b".to_owned(), "a → c".into()])
        );
    }
}
