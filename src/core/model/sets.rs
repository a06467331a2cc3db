//! Sets of parameters: the same inputs with many values. A task is an input with a set.

use serde::{Deserialize, Serialize};

/// Sets of parameters. Without any, a task is an input alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sets {
    /// Names of the variables.
    pub names: Vec<String>,
    /// A set each: values in the order of the names.
    pub rows: Vec<Vec<String>>,
    /// The first input has the first set and no other, the second the second; else every input has every set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paired: bool,
}

impl Sets {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many tasks each input becomes.
    #[must_use]
    pub fn per_input(&self) -> u64 {
        if self.paired { 1 } else { (self.rows.len() as u64).max(1) }
    }

    /// The numbers of a task's input and set.
    #[must_use]
    pub fn of_task(&self, task: u64) -> (u64, Option<u64>) {
        let per_input = self.per_input();
        let set = if self.paired { task } else { task % per_input };
        (task / per_input, (!self.is_empty()).then_some(set))
    }

    /// A set's variables.
    pub fn variables(&self, set: u64) -> impl Iterator<Item = (&str, &str)> {
        let row = usize::try_from(set).ok().and_then(|set| self.rows.get(set)).map_or(&[][..], Vec::as_slice);
        self.names.iter().map(String::as_str).zip(row.iter().map(String::as_str))
    }
}
