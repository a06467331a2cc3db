//! Sets of parameters: the same inputs with many values. A task is an input with a set.

use super::JoinGroups;
use serde::{Deserialize, Serialize};
use throng_contract::TaskId;

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
    /// Of paired sets: the number of each one's input, in order, when some inputs have several sets and others have others.
    /// Empty: the first set is the first input's, and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<u64>,
    /// Which tasks these are, where groups have sorted them.
    #[serde(default, skip_serializing_if = "Order::is_empty")]
    pub order: Order,
    /// The groups that the tasks are in, when a join starts for each.
    #[serde(skip)]
    pub groups: JoinGroups,
}

/// An order of tasks that is not that of inputs and their sets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct Order {
    /// Of each task, its place among inputs and their sets.
    places: Vec<u64>,
    /// Of each place, its task.
    tasks: Vec<u64>,
}

impl From<Vec<u64>> for Order {
    fn from(places: Vec<u64>) -> Self {
        let mut tasks: Vec<u64> = (0..places.len() as u64).collect();
        for (task, place) in (0..).zip(&places) {
            if let Some(at) = usize::try_from(*place).ok().and_then(|place| tasks.get_mut(place)) {
                *at = task;
            }
        }
        Self { places, tasks }
    }
}

impl From<Order> for Vec<u64> {
    fn from(order: Order) -> Self {
        order.places
    }
}

impl Order {
    /// Whether tasks are in the order of inputs and their sets.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn get(list: &[u64], at: u64) -> u64 {
        usize::try_from(at).ok().and_then(|at| list.get(at)).copied().unwrap_or(at)
    }
}

/// A variable and the values that it takes.
pub type Axis = (String, Vec<String>);

impl Sets {
    /// Most sets of a run.
    pub const MOST: usize = 1_000_000;

    /// Every combination of values, the last variable changing first.
    ///
    /// # Errors
    /// A name stands twice, or there are too many.
    pub fn grid(axes: Vec<Axis>) -> Result<Self, String> {
        let mut all = Self { rows: vec![Vec::new()], ..Self::default() };
        if axes.is_empty() {
            return Ok(Self::default());
        }
        for (name, values) in axes {
            let rows = values.into_iter().map(|value| vec![value]).collect();
            all = all.times(Self { names: vec![name], rows, ..Self::default() })?;
        }
        Ok(all)
    }

    /// Every set of one with every set of another.
    ///
    /// # Errors
    /// A name stands in both, or there are too many.
    pub fn times(self, other: Self) -> Result<Self, String> {
        if self.names.is_empty() && self.rows.len() <= 1 {
            return if other.names.is_empty() { Ok(self) } else { Ok(other) };
        }
        if other.names.is_empty() {
            return Ok(self);
        }
        if let Some(twice) = other.names.iter().find(|name| self.names.contains(name)) {
            return Err(format!("`{twice}` is given twice"));
        }
        if self.rows.len().saturating_mul(other.rows.len()) > Self::MOST {
            return Err(format!("more than {} sets of parameters: make several runs of them", Self::MOST));
        }
        let rows = self
            .rows
            .iter()
            .flat_map(|row| other.rows.iter().map(move |more| [&row[..], &more[..]].concat()));
        let rows = rows.collect();
        Ok(Self { names: [self.names, other.names].concat(), rows, ..Self::default() })
    }

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
        let place = self.place_of(task);
        let set = if self.paired { place } else { place % per_input };
        let listed = usize::try_from(place).ok().and_then(|place| self.inputs.get(place)).copied();
        (listed.unwrap_or(place / per_input), (!self.is_empty()).then_some(set))
    }

    /// The numbers of the tasks that an input becomes.
    pub fn tasks_of(&self, input: u64) -> impl Iterator<Item = u64> + use<'_> {
        let places = if self.inputs.is_empty() {
            let each = self.per_input();
            input * each..(input + 1) * each
        } else {
            let until = |last: &dyn Fn(u64) -> bool| self.inputs.partition_point(|input| last(*input)) as u64;
            until(&|other| other < input)..until(&|other| other <= input)
        };
        places.map(|place| Order::get(&self.order.tasks, place))
    }

    /// The place of a task among inputs and their sets.
    #[must_use]
    pub fn place_of(&self, task: u64) -> u64 {
        Order::get(&self.order.places, task)
    }

    /// The group that a task is in, as its event says it.
    #[must_use]
    pub fn group_of(&self, task: &TaskId) -> Option<String> {
        self.groups.of(task).map(|group| group.to_string())
    }

    /// Whether every input is one task.
    #[must_use]
    pub fn is_one_each(&self) -> bool {
        self.per_input() == 1 && self.inputs.is_empty()
    }

    /// How many tasks so many inputs become.
    #[must_use]
    pub fn tasks(&self, inputs: u64) -> u64 {
        match self.inputs.len() {
            0 => inputs.saturating_mul(self.per_input()),
            listed => listed as u64,
        }
    }

    /// A set's variables.
    pub fn variables(&self, set: u64) -> impl Iterator<Item = (&str, &str)> {
        let row = usize::try_from(set).ok().and_then(|set| self.rows.get(set)).map_or(&[][..], Vec::as_slice);
        self.names.iter().map(String::as_str).zip(row.iter().map(String::as_str))
    }
}

/// Reads `NAME=a,b,c`, `NAME=1:10` (whole numbers, both ends included) or `NAME=1:10:3`.
///
/// # Errors
/// What was expected.
pub fn read_axis(text: &str) -> Result<Axis, String> {
    let expected = || format!("{text}: NAME=VALUE,VALUE… or NAME=FIRST:LAST[:STEP] expected");
    let (name, values) = text.split_once('=').ok_or_else(expected)?;
    let values = read_values(values).map_err(|why| format!("{name}={why}"))?;
    Ok((name.to_owned(), values))
}

/// Reads `a,b,c`, `1:10` (whole numbers, both ends included) or `1:10:3`.
///
/// # Errors
/// What was expected.
pub fn read_values(text: &str) -> Result<Vec<String>, String> {
    let expected = || format!("{text}: VALUE,VALUE… or FIRST:LAST[:STEP] expected");
    if text.is_empty() {
        return Err(expected());
    }
    let numbers: Option<Vec<i64>> = text.split(':').map(|part| part.trim().parse().ok()).collect();
    let range = numbers.filter(|numbers| numbers.len() > 1);
    let Some(range) = range else {
        return Ok(text.split(',').map(|value| value.trim().to_owned()).collect());
    };
    let (first, last, step) = match range[..] {
        [first, last] => (first, last, if first <= last { 1 } else { -1 }),
        [first, last, step] => (first, last, step),
        _ => return Err(expected()),
    };
    let count = match last.checked_sub(first).and_then(|span| span.checked_div(step)) {
        Some(count) if count >= 0 => usize::try_from(count).unwrap_or(usize::MAX).saturating_add(1),
        _ => return Err(format!("{text}: from {first} no step of {step} leads to {last}")),
    };
    if count > Sets::MOST {
        return Err(format!("{text}: more than {} values", Sets::MOST));
    }
    let value = |number: usize| {
        i64::try_from(number).unwrap_or(0).saturating_mul(step).saturating_add(first).to_string()
    };
    Ok((0..count).map(value).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn axes(texts: &[&str]) -> Sets {
        Sets::grid(texts.iter().map(|text| read_axis(text).unwrap()).collect()).unwrap()
    }

    #[test]
    fn values_are_listed_or_counted() {
        let values =
            |text: &str| read_axis(text).map(|(name, values)| format!("{name} {}", values.join(" ")));
        assert_eq!(values("A=0.1, 0.2,x"), Ok("A 0.1 0.2 x".into()));
        assert_eq!(values("B=1:3"), Ok("B 1 2 3".into()));
        assert_eq!(values("B=3:1"), Ok("B 3 2 1".into()));
        assert_eq!(values("B=0:10:4"), Ok("B 0 4 8".into()));
        assert_eq!(values("T=12:30:x"), Ok("T 12:30:x".into()), "a text");
        for wrong in ["A", "A=", "A=1:5:0", "A=1:5:-1", "A=1:2:3:4", "A=0:99999999999"] {
            assert!(read_axis(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_task_is_an_input_with_a_set() {
        let sets = axes(&["A=1,2", "B=x,y,z"]);
        assert_eq!((sets.rows.len(), sets.per_input()), (6, 6));
        let of = |task| {
            let (input, set) = sets.of_task(task);
            let text: Vec<_> =
                sets.variables(set.unwrap()).map(|(name, value)| format!("{name}={value}")).collect();
            (input, text.join(" "))
        };
        assert_eq!(of(0), (0, "A=1 B=x".into()));
        assert_eq!(of(5), (0, "A=2 B=z".into()));
        assert_eq!(of(7), (1, "A=1 B=y".into()));
        let paired = Sets { paired: true, ..sets };
        assert_eq!((paired.of_task(4), paired.per_input()), ((4, Some(4)), 1));
        assert_eq!(Sets::default().of_task(4), (4, None));
        assert!(Sets::grid(vec![("A".into(), vec!["1".into()]), ("A".into(), vec!["2".into()])]).is_err());
    }
}
