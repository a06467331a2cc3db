//! Checks across a definition and across a file: loops, overlaps, names used twice.

use super::InputRule;
use super::aws::ParsedFunction;
use super::fields::show;
use super::joins;
use super::overlap::{Hit, hit};
use super::problem::{Report, closest};
use super::templates;
use std::collections::HashMap;
use throng_contract::{OutputRule, Word};

/// Everything that needs more than one value to be seen.
pub(super) fn all(functions: &[ParsedFunction], report: &mut Report) {
    names(functions, report);
    overlaps(functions, report);
    own_loops(functions, report);
    join_names(functions, report);
    group_results(functions, report);
    chains(functions, report);
    between_stages(functions, report);
    provider_loops(functions, report);
}

fn names(functions: &[ParsedFunction], report: &mut Report) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for read in functions.iter().filter(|read| !read.definition.name.is_empty()) {
        if let Some(line) = seen.insert(&read.definition.name, read.at.line) {
            let message = format!("{} is also the function of line {line}", show(&read.definition.name));
            report.error(read.at, &format!("{}.lambda.name", read.key), message);
        }
    }
}

/// S3 refuses two triggers of a bucket that one object could fire.
fn overlaps(functions: &[ParsedFunction], report: &mut Report) {
    let rules: Vec<_> = functions
        .iter()
        .flat_map(|read| {
            read.definition.inputs.iter().zip(&read.inputs).map(move |(rule, at)| (read, rule, at))
        })
        .collect();
    for (index, (read, rule, at)) in rules.iter().enumerate() {
        let clash = rules[..index].iter().find(|(_, earlier, _)| triggers_overlap(earlier, rule));
        if let Some((other, earlier, _)) = clash {
            let message = format!(
                "objects in {} would also start `{}` through {}: S3 allows one trigger for an object. Use folders \
                 that do not contain each other, or different suffixes",
                place(rule),
                other.definition.name,
                place(earlier)
            );
            report.error(**at, &format!("{}.lambda.input", read.key), message);
        }
    }
}

fn place(rule: &InputRule) -> String {
    let filter = match (rule.prefix.as_str(), rule.suffix.as_str()) {
        ("", "") => String::new(),
        (prefix, suffix) => format!(" ({prefix}…{suffix})"),
    };
    format!("{}/{}{filter}", rule.bucket, rule.path)
}

/// Whether one key could fire both.
pub(super) fn triggers_overlap(a: &InputRule, b: &InputRule) -> bool {
    let (x, y) = (a.key_prefix(), b.key_prefix());
    a.bucket == b.bucket
        && (x.starts_with(&y) || y.starts_with(&x))
        && (a.suffix.ends_with(&b.suffix) || b.suffix.ends_with(&a.suffix))
}

fn own_loops(functions: &[ParsedFunction], report: &mut Report) {
    for read in functions {
        let definition = &read.definition;
        let key = format!("{}.lambda.output", read.key);
        for (output, at) in definition.outputs.iter().zip(&read.outputs) {
            let worst =
                definition.inputs.iter().map(|input| (hit(output, input), input)).max_by_key(|pair| pair.0);
            let target = format!("{}/{}", output.bucket, output.path);
            match worst {
                Some((Hit::Plainly, input)) => {
                    let message = format!(
                        "outputs in {target} would start the function again (its input is {}), for ever. Use another \
                         folder or bucket, or a `suffix` on one side that the other does not have",
                        place(input)
                    );
                    report.error(*at, &key, message);
                }
                Some((Hit::ByFolder, input)) if output.template().words().next().is_some() => {
                    let message = format!(
                        "a value of the words in braces that is `{}` would start the function again: put a folder of its own \
                         in front",
                        input.path
                    );
                    report.warn(*at, &key, message);
                }
                Some((Hit::ByFolder, input)) => {
                    let message = format!(
                        "a file that the script writes into its own folder `{}` would start the function again",
                        input.path
                    );
                    report.warn(*at, &key, message);
                }
                _ => {}
            }
        }
    }
}

/// Names within a file: a function that waits for itself, or for one that the file does not have although it is almost called so.
fn join_names(functions: &[ParsedFunction], report: &mut Report) {
    let known: Vec<&str> = functions.iter().map(|read| read.definition.name.as_str()).collect();
    for read in functions {
        let Some(join) = &read.definition.join else { continue };
        let key = format!("{}.lambda.after", read.key);
        for (name, at) in join.after.iter().zip(&read.after) {
            let whole = functions.iter().map(|read| &read.definition).find(|other| other.name == *name);
            let whole = whole.and_then(|other| other.join.as_ref()).is_some_and(|other| other.by.is_none());
            if *name == read.definition.name {
                report.error(*at, &key, "a function cannot wait for itself");
            } else if join.by.is_some() && whole {
                let message = format!(
                    "a join with `by` cannot wait for `{name}`, which joins everything: give that one the same `by`, or take it \
                     from this one"
                );
                report.error(*at, &key, message);
            } else if !known.contains(&name.as_str()) && known.len() > 1 {
                let others: Vec<_> =
                    known.iter().copied().filter(|known| *known != read.definition.name).collect();
                let hint = match closest(name, &others) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("its functions: {}", others.join(", ")),
                };
                report.error(*at, &key, format!("this file has no function {}; {hint}", show(name)));
            }
        }
    }
}

/// Joins of groups that would store the results of all under the same keys.
fn group_results(functions: &[ParsedFunction], report: &mut Report) {
    for read in
        functions.iter().filter(|read| read.definition.join.as_ref().is_some_and(|join| join.by.is_some()))
    {
        for (output, at) in read.definition.outputs.iter().zip(&read.outputs) {
            if !output.template().keeps_apart() {
                let message = format!(
                    "every group stores here, and nothing in the path differs between them: put {{group}} into it, as `{}/{{group}}`",
                    output.path
                );
                report.warn(*at, &format!("{}.lambda.output", read.key), message);
            }
        }
    }
}

/// Functions of a file that start each other in a circle.
fn chains(functions: &[ParsedFunction], report: &mut Report) {
    let starts = |from: &ParsedFunction, to: &ParsedFunction| {
        let outputs = &from.definition.outputs;
        joins::waits_for(&to.definition, &from.definition.name)
            || outputs
                .iter()
                .any(|output| to.definition.inputs.iter().any(|input| hit(output, input) == Hit::Plainly))
    };
    let next: Vec<Vec<usize>> = functions
        .iter()
        .enumerate()
        .map(|(i, from)| {
            let targets = functions.iter().enumerate();
            targets.filter(|(j, to)| i != *j && starts(from, to)).map(|(j, _)| j).collect()
        })
        .collect();
    for start in 0..functions.len() {
        // Each circle is reported once, at its first function.
        if let Some(path) = circle(start, &next) {
            let names: Vec<&str> = path.iter().map(|i| functions[*i].definition.name.as_str()).collect();
            let read = &functions[start];
            let at = read.outputs.first().or(read.after.first()).copied().unwrap_or(read.at);
            let message = format!("the functions start each other for ever: {}", names.join(" → "));
            let key = if read.outputs.is_empty() { "after" } else { "output" };
            report.error(at, &format!("{}.lambda.{key}", read.key), message);
        }
    }
}

/// A way from `start` back to itself over later functions only.
fn circle(start: usize, next: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut came_from: HashMap<usize, usize> = HashMap::new();
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for &to in &next[at] {
            if to == start {
                let mut path = vec![start, at];
                let mut back = at;
                while let Some(&before) = came_from.get(&back) {
                    path.push(before);
                    back = before;
                }
                if at == start {
                    path.pop();
                }
                path.reverse();
                return Some(path);
            }
            if to > start && !came_from.contains_key(&to) {
                came_from.insert(to, at);
                open.push(to);
            }
        }
    }
    None
}

/// Refuses words of attempts in paths whose objects start a function of the file.
fn between_stages(functions: &[ParsedFunction], report: &mut Report) {
    for from in functions {
        for (output, at) in from.definition.outputs.iter().zip(&from.outputs) {
            let next = functions.iter().find(|to| {
                to.definition.name != from.definition.name
                    && to.definition.inputs.iter().any(|input| hit(output, input) == Hit::Plainly)
            });
            let Some(next) = next else { continue };
            let key = format!("{}.lambda.output", from.key);
            if let Some(word) = templates::of_attempt(output) {
                let message = format!(
                    "`{word}` is another at every attempt, and what is stored here starts `{}`: a task that is tried again \
                     would start it twice. Write {{run}}/{{task}} in its place",
                    next.definition.name
                );
                report.error(*at, &key, message);
            } else if !output.template().has(&Word::Run) {
                let message = format!(
                    "what is stored here starts `{}`, and two runs at once would store under the same keys: only one run of \
                     the chain is launched at a time. Put {{run}} into the path, as `{}/{{run}}`",
                    next.definition.name, output.path
                );
                report.warn(*at, &key, message);
            }
        }
    }
}

/// Warns of outputs that are inputs of the same function at a provider: nothing starts it there by itself, but a server's
/// webhook or the next run would.
fn provider_loops(functions: &[ParsedFunction], report: &mut Report) {
    for read in functions {
        let definition = &read.definition;
        for (output, at) in definition.outputs.iter().zip(&read.outputs) {
            let again = definition.provider_inputs.iter().find(|input| {
                let rule = InputRule {
                    bucket: input.bucket.clone(),
                    path: input.path.clone(),
                    prefix: String::new(),
                    suffix: String::new(),
                };
                let here = OutputRule { provider: None, ..output.clone() };
                output.provider.as_ref() == Some(&input.provider) && hit(&here, &rule) == Hit::Plainly
            });
            if let Some(input) = again {
                let message = format!(
                    "outputs go where inputs are ({input}): the next run, or a webhook of the server, would process them \
                     again; use another folder"
                );
                report.warn(*at, &format!("{}.lambda.output", read.key), message);
            }
        }
    }
}
