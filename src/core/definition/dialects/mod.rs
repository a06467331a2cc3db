//! Older spellings of a definition file, brought into today's.
//!
//! Every dialect is translated as a tree: what comes out is a file in today's form (SCAR v4's), whose values still know
//! where they stand in the file that was read. So every dialect passes the same checks, and `throng migrate` writes what
//! was read. What became of each setting is kept as [`Note`]s; those that have no effect any more ([`ignored`]) are left
//! out of what is written.
//!
//! | dialect | known by | file |
//! |---|---|---|
//! | SCAR v1, v2 | `functions` maps names to functions; `s3` has folders of its own | [`v2`] |
//! | SCAR v3 | the same, with `bucket/folder`, `layers`, `lambda_environment`, `supervisor_version` | [`v3`] |
//! | SCAR v4 | `functions.aws` is a list | [`v4`] |
//! | SCAR v4's `function_config.yaml` | one `lambda` block on its own | [`generated`] |
//! | OSCAR | `functions.oscar` is a list, or the file is one service | [`oscar`] |
//!
//! A stack of `OpenFaaS` looks like these and is refused by name ([`foreign`]).
//!
//! ```text
//! chained    folders of invocations between two functions of a file
//! clusters   clusters of OSCAR: services that stand for several, and whose stores are meant
//! draft      one function on its way into today's form
//! ends       the input and the output that SCAR v1 to v3 name by their buckets
//! foreign    files of other programs that look like ours
//! generated  function_config.yaml, which SCAR v4 makes of a definition
//! ignored    settings of SCAR that have no effect, and what stands for each today
//! missed     what a service of OSCAR has and a function has not
//! oscar      services of OSCAR
//! quantity   amounts of memory as Kubernetes writes them
//! scar       what SCAR v1, v2 and v3 have in common
//! tree       making and changing trees
//! v2         the s3 block of SCAR v1 and v2: buckets and folders apart
//! v3         the s3 block of SCAR v3: bucket/folder in one
//! v4         SCAR v4, which is today's form but for slips
//! ```

mod chained;
mod clusters;
mod draft;
mod ends;
mod foreign;
mod generated;
mod ignored;
mod missed;
mod oscar;
mod quantity;
mod scar;
mod tree;
mod v2;
mod v3;
mod v4;

use super::node::{Node, Value};
use super::problem::{Position, Report};
use draft::{Draft, OwnProvider};
use std::fmt;
pub(super) use tree::{empty, map, put, setting, text};

/// In which words a function was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// SCAR v1 or v2, of 2018
    ScarV2,
    /// SCAR v3, of 2019
    ScarV3,
    /// What SCAR v1, v2 and v3 have in common
    ScarV1To3,
    /// SCAR v4, which is today's form
    #[default]
    ScarV4,
    /// What SCAR v4 puts into a function's package
    ScarGenerated,
    /// A service of OSCAR
    Oscar,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScarV2 => "SCAR v1 or v2",
            Self::ScarV3 => "SCAR v3",
            Self::ScarV1To3 => "SCAR v1, v2 or v3",
            Self::ScarV4 => "SCAR v4",
            Self::ScarGenerated => "SCAR's function_config.yaml",
            Self::Oscar => "OSCAR",
        })
    }
}

/// What one setting became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where it stands in the file.
    pub at: Position,
    /// The setting as it was written: `time: 300`. Values of variables are left out.
    pub was: String,
    /// What stands for it now: `timeout: 300`, or a sentence when nothing does.
    pub became: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.was, self.became)
    }
}

/// Where a function comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The dialect.
    pub dialect: Dialect,
    /// What became of the settings that today are written in another way, in the order of the file.
    pub notes: Vec<Note>,
}

/// A file in today's form.
pub(super) struct Translated {
    /// The whole file.
    pub root: Node,
    /// One for each entry of `functions.aws`.
    pub origins: Vec<Origin>,
    /// Paths of keys in today's form, and how the file calls them.
    pub renames: Vec<(String, String)>,
    /// For each entry, the settings in it that are read over.
    useless: Vec<Vec<Vec<String>>>,
}

impl Translated {
    /// A tree as it is, which is in today's form.
    pub fn plain(root: Node) -> Self {
        Self { root, origins: Vec::new(), renames: Vec::new(), useless: Vec::new() }
    }

    /// The file without what is read over.
    pub fn without_ignored(&self) -> Node {
        let mut root = self.root.clone();
        for (key, _) in ignored::BESIDE {
            tree::take(&mut root, key);
        }
        let items = root.get_mut("functions").and_then(|functions| functions.get_mut("aws"));
        if let Some(Value::List(items)) = items.map(|list| &mut list.value) {
            for (entry, paths) in items.iter_mut().zip(&self.useless) {
                for path in paths {
                    ignored::cut(entry, path);
                }
            }
        }
        root
    }
}

/// Brings a file into today's form. What is wrong with it is reported; what no dialect explains stays as it is. `None` when
/// nothing is left to be read of it.
pub(super) fn translate(root: &Node, report: &mut Report) -> Option<Translated> {
    if foreign::is_refused(root, report) {
        return None;
    }
    let drafts = if generated::is_config(root) {
        vec![generated::read(root)]
    } else if oscar::is_service(root) {
        vec![oscar::read(root, "", root, report)]
    } else if let Some(Value::Map(entries)) = root.get("functions").map(|node| &node.value) {
        if entries.iter().any(|(key, _)| matches!(key.text.as_str(), "aws" | "oscar")) {
            let mut drafts = v4::read(root);
            drafts.extend(oscar::read_all(root, report));
            drafts
        } else if entries.iter().any(|(_, node)| scar::is_function(node)) {
            scar::read_all(entries, report)
        } else {
            Vec::new()
        }
    } else {
        Vec::new()
    };
    if drafts.is_empty() {
        // What was said is enough: that there is no function would follow from it.
        return report.errors.is_empty().then(|| Translated::plain(root.clone()));
    }
    let mut translated = assemble(root, drafts, report);
    chained::by_task(&mut translated);
    Some(translated)
}

/// The file with `functions.aws` made of drafts. What stands beside `functions` stays.
fn assemble(root: &Node, mut drafts: Vec<Draft>, report: &mut Report) -> Translated {
    let providers: Vec<_> = drafts.iter_mut().flat_map(Draft::take_providers).collect();
    let (mut origins, mut renames, mut items) = (Vec::new(), Vec::new(), Vec::new());
    let mut useless = Vec::new();
    for (index, mut draft) in drafts.into_iter().enumerate() {
        // In SCAR's generated file these keys are the function's own.
        for (key, became) in ignored::BESIDE.iter().filter(|_| index == 0 && !generated::is_config(root)) {
            if let Some(node) = root.get(key) {
                draft.note(node.at, setting(key, node), *became);
            }
        }
        useless.push(draft.sweep());
        let (entry, origin, names) = draft.finish(&format!("functions.aws[{index}]"));
        origins.push(origin);
        renames.extend(names);
        items.push(entry);
    }
    let functions = root.get("functions").unwrap_or(root);
    let mut whole = empty(root.at);
    put(&mut whole, &["functions", "aws"], Node { at: functions.at, value: Value::List(items) });
    if let (Value::Map(entries), true) =
        (&functions.value, functions.get("aws").or(functions.get("oscar")).is_some())
    {
        for (key, node) in entries.iter().filter(|(key, _)| !matches!(key.text.as_str(), "aws" | "oscar")) {
            put(&mut whole, &["functions", &key.text], node.clone());
        }
    }
    if let Value::Map(entries) = &root.value {
        let keeps = |key: &str| match key {
            "functions" => false,
            "storage_providers" => true,
            _ => !oscar::is_service(root) && !generated::is_config(root),
        };
        for (key, node) in entries.iter().filter(|(key, _)| keeps(&key.text)) {
            put(&mut whole, &[&key.text], node.clone());
        }
    }
    for OwnProvider { kind, id, entry, called } in providers {
        let path = ["storage_providers", &kind, &id.text];
        let there = path.iter().try_fold(&whole, |node, key| node.get(key));
        match there {
            Some(there) if clusters::same(there, &entry) => {}
            Some(there) => {
                let message = format!(
                    "is another one than that of line {}: two providers of a file cannot have one name; give one of them another id",
                    there.at.line
                );
                report.error(id.at, &called, message);
            }
            None => {
                put(&mut whole, &path, entry);
                renames.push((path.join("."), called));
            }
        }
    }
    Translated { root: whole, origins, renames, useless }
}

#[cfg(test)]
mod tests;
