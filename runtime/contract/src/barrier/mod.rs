//! Joins: a function that starts once when everything before it has ended, with nobody watching.
//!
//! A launch with a join writes what the barrier must know to `runs/<run>/barrier.json` and puts its tasks into the group
//! [`ALL`], which events and lineage carry on. Who has stored a record of such a task looks whether its group is complete;
//! who completes one says so in the group above; who completes the top writes the join's start marker, whose arrival starts it:
//!
//! ```text
//!                          start/<join>/…            once: If-None-Match
//!                                ▲
//!                  top: a marker for each block
//!                   ▲                        ▲
//!        block 0: tasks 0…999        block 1: tasks 1000…1999
//!                ▲         ▲
//!          tasks 0…9     tasks 10…19
//!         ▲         ▲
//!      task 0     task 1        closed by the last of its children, or by itself
//!      ▲    ▲
//!   0.0      0.1                final by the names of their records
//! ```
//!
//! A join can start once for each of several groups of launched tasks (`by`). The manifest is sorted by them, so that a group is a
//! slice of it, which its tasks' events and lineage carry on ([`Group`]): each group has a barrier of its own, over its slice. A later
//! join over everything waits for the tasks of such a join as it does for launched ones, by tens and blocks.
//!
//! Markers only ever say what the ledger says already, so that any may be written twice, late, or never: who crashes between
//! its record and its marker leaves the start to whoever follows the run.
//!
//! ```text
//! climb    what is listed and written next, one request at a time; no input or output
//! fate     whether a task is final, by the names of its records
//! group    slices of the manifest that joins start once for each of
//! plan     barrier.json: the stages of a run and its joins
//! places   keys of the barrier, and of the marker that starts a join
//! ```

mod climb;
mod fate;
mod group;
mod places;
mod plan;

pub use climb::{Answer, Ask, Climb, Finished};
pub use fate::{Fate, fate, first_success};
pub use group::{GROUPS_PART, Group, NamedGroup, groups_key};
pub use places::{Start, barrier_key, begun_key};
pub use plan::{BarrierPlan, BarrierStage, Join, JoinSources, Stored, When};

/// The group of tasks that a join waits for, where joins are not grouped.
pub const ALL: &str = "all";

#[cfg(test)]
mod tests;
