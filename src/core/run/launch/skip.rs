//! Inputs that cannot be run: the launch is refused before the first byte is sent, or they are left out when a person says so.

use super::LaunchOptions;
use super::groups::{Groups, Roots};
use crate::dataset::FileList;
use crate::run::RunError;
use crate::run::cloud::FunctionFacts;
use crate::run::header::{Skipped, SkippedInput};
use crate::words::{bytes, plural};

/// Inputs that messages name.
const NAMED: usize = 3;
/// The largest /tmp of a function in MiB (Lambda quotas).
const MOST_TMP_MB: u64 = 10_240;
/// /tmp is given in such steps by our advice, in MiB.
const STEP_MB: u64 = 512;

/// Leaves out of a list what cannot be run, when `options` allow it; says what a person should know.
///
/// # Errors
/// There is such an input and nobody said to leave it out, or nothing else is there.
pub(super) fn skip(
    inputs: &mut FileList,
    (groups, roots): (&mut Option<Groups>, &Roots),
    facts: &FunctionFacts,
    options: LaunchOptions,
) -> Result<(Option<Skipped>, Vec<String>), RunError> {
    let mut skipped = Skipped::default();
    let mut told = Vec::new();
    if let Some(first) = inputs.left_out() {
        let count = plural(inputs.unreadable, "file");
        if !options.skip_unreadable {
            return Err(RunError::Refused(format!(
                "{count} cannot be run, and nothing was sent: {first}. --skip-unreadable runs the rest"
            )));
        }
        told.push(format!("left out: {first}"));
        for problem in &inputs.problems {
            skipped.name(&problem.path, &problem.reason);
        }
        skipped.count += inputs.unreadable;
        told.extend(broken(inputs, groups.as_mut(), roots)?);
    }
    too_large(inputs, groups, facts, options, &mut skipped, &mut told)?;
    told.extend(beyond_memory(inputs, facts));
    Ok(((skipped.count > 0).then_some(skipped), told))
}

/// A group of which a file cannot be read is no group any more: it is left out whole.
fn broken(
    inputs: &mut FileList,
    groups: Option<&mut Groups>,
    roots: &Roots,
) -> Result<Option<String>, RunError> {
    let Some(groups) = groups else { return Ok(None) };
    let broken = groups.broken(inputs, roots)?;
    let Some(first) = broken.first().map(|group| groups.name(*group, inputs)) else { return Ok(None) };
    if broken.len() == groups.len() {
        return Err(RunError::Refused(
            "there is nothing to run: of each group a file cannot be read, and nothing was sent".to_owned(),
        ));
    }
    groups.retain(inputs, |group| !broken.contains(&group));
    let count = plural(broken.len() as u64, "group");
    Ok(Some(format!("left out with them: {count} that would not be whole, such as `{first}`")))
}

/// Each input goes to /tmp whole, with what belongs to it: what has no room there fails after it was sent for nothing.
fn too_large(
    inputs: &mut FileList,
    groups: &mut Option<Groups>,
    facts: &FunctionFacts,
    options: LaunchOptions,
    skipped: &mut Skipped,
    told: &mut Vec<String>,
) -> Result<(), RunError> {
    let room = u64::from(facts.tmp_mb) << 20;
    if room == 0 {
        return Ok(());
    }
    let whole = groups.as_ref().map(|groups| groups.as_files(inputs));
    let tasks = whole.as_ref().unwrap_or(inputs);
    let (mut large, all) = (Large::default(), tasks.len() as u64);
    for file in tasks.iter().filter(|file| file.size >= room) {
        large.add(file.name, file.size);
    }
    let Some(what) = large.told(facts.tmp_mb) else { return Ok(()) };
    if !options.skip_too_large {
        let rest = if large.count < all { ", or leave out what is too large: --skip-too-large" } else { "" };
        return Err(RunError::Refused(format!("{what}, and nothing was sent: {}{rest}", large.advice())));
    }
    if large.count == all {
        return Err(RunError::Refused(format!("{what}, and there is nothing else: {}", large.advice())));
    }
    told.push(format!("left out: {what}"));
    let mut fits = |name: &str, size: u64| {
        if size >= room {
            let reason = format!("has {}: the function has {} MiB in /tmp", bytes(size), facts.tmp_mb);
            skipped.name(name, &reason);
            skipped.count += 1;
        }
        size < room
    };
    match (groups, whole) {
        (Some(groups), Some(whole)) => {
            groups.retain(inputs, |group| whole.get(group).is_some_and(|task| fits(task.name, task.size)));
        }
        _ => inputs.retain(|file| fits(file.name, file.size)),
    }
    Ok(())
}

/// Inputs that have no room.
#[derive(Default)]
struct Large {
    count: u64,
    most: u64,
    names: Vec<String>,
}

impl Large {
    fn add(&mut self, name: &str, size: u64) {
        self.count += 1;
        self.most = self.most.max(size);
        if self.names.len() < NAMED {
            self.names.push(format!("`{name}` ({})", bytes(size)));
        }
    }

    fn told(&self, tmp_mb: u32) -> Option<String> {
        let more = self.count.saturating_sub(self.names.len() as u64);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let are = if self.count == 1 { "is" } else { "are" };
        let names = self.names.join(", ");
        (self.count > 0).then(|| {
            format!("{names}{more} {are} too large for the function's {tmp_mb} MiB in /tmp, where inputs go")
        })
    }

    /// Room for the largest and outputs of its size.
    fn advice(&self) -> String {
        let mib = self.most >> 20;
        if mib >= MOST_TMP_MB {
            return format!("no function has more than {MOST_TMP_MB} MiB: split it");
        }
        let wanted = (mib * 2).div_ceil(STEP_MB) * STEP_MB;
        format!(
            "give it room for input and outputs (`ephemeral_storage: {}` in its definition, at most {MOST_TMP_MB})",
            wanted.min(MOST_TMP_MB)
        )
    }
}

/// Inputs that the function's memory cannot hold are no mistake: many scripts read piece by piece.
fn beyond_memory(inputs: &FileList, facts: &FunctionFacts) -> Option<String> {
    let memory = u64::from(facts.memory_mb) << 20;
    let mut large = inputs.iter().filter(|file| memory > 0 && file.size > memory);
    let first = large.next()?;
    let more = match large.count() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Some(format!(
        "`{}`{more} has {}, more than the function's {} MiB of memory: a script that reads it whole will fail",
        first.name,
        bytes(first.size),
        facts.memory_mb
    ))
}

impl Skipped {
    /// Names an input, as far as there is room for names.
    fn name(&mut self, name: &str, reason: &str) {
        if self.first.len() < Self::NAMED {
            self.first.push(SkippedInput { name: name.to_owned(), reason: reason.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(sizes: &[(&str, u64)]) -> FileList {
        let mut list = FileList::default();
        let base = list.add_base("/x".into());
        for (name, mib) in sizes {
            list.push(base, name, mib << 20);
        }
        list
    }

    fn facts() -> FunctionFacts {
        FunctionFacts { tmp_mb: 512, memory_mb: 256, ..FunctionFacts::default() }
    }

    #[test]
    fn what_has_no_room_is_refused_with_what_to_do_or_left_out_by_name() {
        let mut mixed = list(&[("small", 1), ("big", 600), ("bigger", 900), ("middle", 300)]);
        let refused =
            skip(&mut mixed.clone(), (&mut None, &Roots::default()), &facts(), LaunchOptions::default())
                .unwrap_err()
                .to_string();
        assert!(refused.contains("`big` (600 MiB), `bigger` (900 MiB) are too large"), "{refused}");
        assert!(
            refused.contains("ephemeral_storage: 2048") && refused.contains("--skip-too-large"),
            "{refused}"
        );
        let options = LaunchOptions { skip_too_large: true, ..LaunchOptions::default() };
        let (skipped, told) = skip(&mut mixed, (&mut None, &Roots::default()), &facts(), options).unwrap();
        let skipped = skipped.unwrap();
        assert_eq!((skipped.count, skipped.first[1].name.as_str()), (2, "bigger"));
        assert_eq!(mixed.iter().map(|file| file.name.to_owned()).collect::<Vec<_>>(), ["small", "middle"]);
        assert_eq!(mixed.bytes(), 301 << 20);
        assert!(told[0].contains("`bigger`") && told[1].contains("`middle` has 300 MiB"), "{told:?}");
    }

    #[test]
    fn when_nothing_else_is_there_leaving_out_is_no_way() {
        let options = LaunchOptions { skip_too_large: true, ..LaunchOptions::default() };
        let refused = skip(&mut list(&[("big", 20_000)]), (&mut None, &Roots::default()), &facts(), options)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("nothing else") && refused.contains("split it"), "{refused}");
        let unknown = FunctionFacts::default();
        assert!(
            skip(&mut list(&[("big", 20_000)]), (&mut None, &Roots::default()), &unknown, options)
                .unwrap()
                .0
                .is_none()
        );
    }
}
