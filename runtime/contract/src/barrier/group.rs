//! Groups of launched tasks, for joins that start once for each: slices of the manifest, which is sorted by them.

use crate::keys::RUNS;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Groups whose names stand in one object.
pub const GROUPS_PART: u64 = 1_000;

/// A group, as events, lineage and records carry it on: `<number>-<first>-<count>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// Its number among those of the run, from 0.
    pub number: u64,
    /// The first of its tasks.
    pub first: u64,
    /// How many tasks it has.
    pub count: u64,
}

impl Group {
    /// The launched tasks that are in it.
    #[must_use]
    pub const fn tasks(&self) -> Range<u64> {
        self.first..self.first.saturating_add(self.count)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.number, self.first, self.count)
    }
}

impl FromStr for Group {
    type Err = crate::ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Option<Vec<u64>> = text.split('-').map(|part| part.parse().ok()).collect();
        let group = match parts.as_deref() {
            Some([number, first, count]) => Self { number: *number, first: *first, count: *count },
            _ => return Err(crate::ParseIdError),
        };
        // Only what this program would write.
        if group.to_string() == text { Ok(group) } else { Err(crate::ParseIdError) }
    }
}

/// What a group is called: one line of its part ([`groups_key`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedGroup {
    /// The first of its tasks.
    pub first: u64,
    /// How many tasks it has.
    pub count: u64,
    /// What its inputs have in common, as it stands in paths; `.` for inputs directly in their place.
    pub name: String,
}

/// `runs/<run>/manifest/groups/<part>.json`: a list of [`NamedGroup`], at most [`GROUPS_PART`].
#[must_use]
pub fn groups_key(run: &str, part: u64) -> String {
    format!("{RUNS}{run}/manifest/groups/{part:06}.json")
}
