//! Which inputs are tasks: the rules of the function's `input`, as its triggers obey them.

use crate::dataset::FileList;
use crate::model::{Millis, Place};
use crate::run::RunError;
use crate::run::cloud::FunctionFacts;
use crate::words::plural;
use throng_contract::selection::{Candidate, leaves_out};
use throng_contract::{LeftOut, Selection};

/// Keeps out what is no input, and remembers what that was.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    entries: Vec<Selection>,
    now_ms: Millis,
    /// How many were kept out.
    pub left_out: u64,
    /// The first of them, and why.
    first: Option<(String, LeftOut)>,
    /// Keys and sizes of those that are kept out, where partners are looked for among them.
    pub aside: Option<Vec<(String, u64)>>,
}

impl Sieve {
    /// The rules of a function; `everything` is no rule at all.
    pub fn of(facts: &FunctionFacts, everything: bool, now_ms: Millis) -> Self {
        let entries = if everything { Vec::new() } else { facts.selections.clone() };
        Self { entries, now_ms, ..Self::default() }
    }

    /// Whether an object is an input. `found.name` is what a person sees as its name, where it is at no place of the function.
    pub fn takes(&mut self, at: (Option<&str>, &str), key: &str, found: Candidate<'_>) -> bool {
        let here =
            |entry: &Selection| entry.provider.as_deref() == at.0 && entry.name_of(at.1, key).is_some();
        let why = if self.entries.iter().any(here) {
            leaves_out(&self.entries, at, key, found, self.now_ms)
        } else {
            let each = |entry: &Selection| entry.leaves_out(found, self.now_ms);
            let mut all = self.entries.iter().map(each);
            let first = all.next().flatten();
            first.filter(|_| all.all(|why| why.is_some()))
        };
        let Some(why) = why else { return true };
        self.left_out += 1;
        if let Some(aside) = &mut self.aside {
            aside.push((key.to_owned(), found.size.unwrap_or(0)));
        }
        self.first.get_or_insert_with(|| (found.name.to_owned(), why));
        false
    }

    /// Takes out of a list of files what is no input once it is at `place`.
    pub fn sift(&mut self, files: &mut FileList, place: &Place) {
        if self.entries.is_empty() {
            return;
        }
        let times = self.entries.iter().any(|entry| entry.newer.is_some());
        files.retain(|file| {
            let modified_ms = times.then(|| changed(&file.path)).flatten();
            let found = Candidate { name: file.name, size: Some(file.size), modified_ms };
            self.takes((None, &place.bucket), &place.key(file.name), found)
        });
    }

    /// What was kept out, in a sentence; `None` when nothing was.
    pub fn told(&self) -> Option<String> {
        let (name, why) = self.first.as_ref()?;
        let some = if self.left_out == 1 { "" } else { "such as " };
        let inputs = plural(self.left_out, "input");
        Some(format!(
            "left out by the rules of the function's `input`: {inputs}, {some}`{name}` ({why}); --no-select takes all"
        ))
    }

    /// Refuses a launch that would have no task.
    pub fn refuse_nothing(&self, list: &FileList) -> Result<(), RunError> {
        match self.told() {
            Some(told) if list.is_empty() => {
                Err(RunError::Refused(format!("there is nothing to run: {told}")))
            }
            _ => Ok(()),
        }
    }
}

/// When a file was last changed.
fn changed(path: &std::path::Path) -> Option<Millis> {
    let changed = std::fs::metadata(path).ok()?.modified().ok()?;
    u64::try_from(changed.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
}
