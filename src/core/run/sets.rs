//! Sets of parameters: the same inputs with many values. A task is an input with a set.

use super::groups::Groups;
use super::{RunContext, RunError, RunHeader, variables};
use crate::dataset::objects::{Put, read};
use crate::dataset::pace::Pace;
use crate::regular;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use throng_contract::TaskId;
use throng_contract::keys::sets_key;

/// Most sets of a run.
const MOST: usize = 1_000_000;
/// The largest table of parameters, in bytes.
const TABLE: u64 = 64 << 20;
/// Up to so many bytes of JSON they stand in run.json itself, which every list of runs reads.
const INLINE: usize = 4096;

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
    /// Which tasks these are, where groups have sorted them.
    #[serde(default, skip_serializing_if = "Order::is_empty")]
    pub order: Order,
    /// The groups that the tasks are in, when a join asks.
    #[serde(skip)]
    pub groups: Groups,
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

/// What run.json says of a run's sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetsHeader {
    /// How many.
    pub count: u64,
    /// Names of their variables.
    pub names: Vec<String>,
    /// Whether each input has one of them alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paired: bool,
    /// The values; in an object of their own ([`sets_key`]) when there are many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Vec<String>>>,
}

impl Sets {
    /// Every combination of values, the last variable changing first.
    ///
    /// # Errors
    /// A name stands twice, or there are too many.
    pub fn grid(axes: Vec<(String, Vec<String>)>) -> Result<Self, String> {
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
        if self.rows.len().saturating_mul(other.rows.len()) > MOST {
            return Err(format!("more than {MOST} sets of parameters: make several runs of them"));
        }
        let rows = self
            .rows
            .iter()
            .flat_map(|row| other.rows.iter().map(move |more| [&row[..], &more[..]].concat()));
        let rows = rows.collect();
        Ok(Self { names: [self.names, other.names].concat(), rows, ..Self::default() })
    }

    /// As [`of_csv`](Self::of_csv), of a file.
    ///
    /// # Errors
    /// It cannot be read, or something is wrong in it.
    pub fn read_csv(path: &Path) -> Result<Self, String> {
        let text = regular::read(path, TABLE, "a table of parameters").map_err(|error| error.to_string())?;
        Self::of_csv(&text)
    }

    /// A set for each line of a CSV file, whose first line has the names.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn of_csv(text: &[u8]) -> Result<Self, String> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let names: Vec<String> =
            reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(format!("the column `{twice}` stands twice"));
        }
        let mut sets = Self { names, ..Self::default() };
        for row in reader.records() {
            let row = row.map_err(|error| error.to_string())?;
            sets.rows.push(row.iter().map(str::to_owned).collect());
            if sets.rows.len() > MOST {
                return Err(format!("more than {MOST} lines: make several runs of them"));
            }
        }
        if sets.rows.is_empty() {
            return Err("there is no line below that with the names".to_owned());
        }
        Ok(sets)
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
        let task = Order::get(&self.order.places, task);
        let set = if self.paired { task } else { task % per_input };
        (task / per_input, (!self.is_empty()).then_some(set))
    }

    /// The tasks of an input.
    pub fn of_input(&self, input: u64) -> impl Iterator<Item = u64> + use<'_> {
        let each = self.per_input();
        (input * each..(input + 1) * each).map(|place| Order::get(&self.order.tasks, place))
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

    /// A set's variables.
    pub fn variables(&self, set: u64) -> impl Iterator<Item = (&str, &str)> {
        let row = usize::try_from(set).ok().and_then(|set| self.rows.get(set)).map_or(&[][..], Vec::as_slice);
        self.names.iter().map(String::as_str).zip(row.iter().map(String::as_str))
    }

    /// All variables of a task of a run, by name.
    #[must_use]
    pub fn all_variables(&self, header: &RunHeader, task: u64) -> BTreeMap<String, String> {
        let mut all = header.parameters.clone();
        let set = self.of_task(task).1;
        let own = set.into_iter().flat_map(|set| self.variables(set));
        all.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        all
    }

    /// Refuses names and values that no run may have.
    pub(super) fn check(&self, parameters: &BTreeMap<String, String>) -> Result<(), RunError> {
        let refuse = |why: String| RunError::Refused(why);
        for (name, value) in parameters {
            variables::check(name, value).map_err(refuse)?;
        }
        if let Some(twice) = self.names.iter().find(|name| parameters.contains_key(*name)) {
            return Err(RunError::Refused(format!(
                "`{twice}` is given for the run and in its sets of parameters"
            )));
        }
        for set in 0..(self.rows.len() as u64).max(1) {
            let mut all = parameters.clone();
            for (name, value) in self.variables(set) {
                // What a run that has ended brings along was checked, but for its tasks' numbers.
                if !self.paired {
                    variables::check(name, value).map_err(refuse)?;
                }
                all.insert(name.to_owned(), value.to_owned());
            }
            variables::check_size(&all).map_err(refuse)?;
        }
        Ok(())
    }

    /// What run.json says of them.
    pub(super) fn header(&self) -> Option<SetsHeader> {
        if self.is_empty() {
            return None;
        }
        let small =
            self.order.is_empty() && serde_json::to_string(&self.rows).is_ok_and(|text| text.len() <= INLINE);
        Some(SetsHeader {
            count: self.rows.len() as u64,
            names: self.names.clone(),
            paired: self.paired,
            rows: small.then(|| self.rows.clone()),
        })
    }

    /// Stores them where run.json has no room for them, and the groups of tasks.
    pub(super) async fn store(&self, context: &RunContext, header: &RunHeader) -> Result<(), RunError> {
        self.groups.store(context, &header.id).await?;
        if header.sets.as_ref().is_none_or(|sets| sets.rows.is_some()) {
            return Ok(());
        }
        let body = serde_json::to_vec(self).map_err(|error| RunError::Io(error.to_string()))?;
        let put = Put {
            bucket: context.home.clone(),
            key: sets_key(&header.id),
            body: body.into(),
            ..Put::default()
        };
        Pace::new(1).insist(|| context.store.put(put.clone())).await?;
        Ok(())
    }
}

/// The sets of a run, and the groups of its tasks.
///
/// # Errors
/// They are in objects of their own that cannot be read.
pub async fn sets_of(context: &RunContext, header: &RunHeader) -> Result<Sets, RunError> {
    let groups = Groups::read(context, header).await?;
    Ok(Sets { groups, ..read_sets(context, header).await? })
}

async fn read_sets(context: &RunContext, header: &RunHeader) -> Result<Sets, RunError> {
    let Some(said) = &header.sets else { return Ok(Sets::default()) };
    if let Some(rows) = &said.rows {
        let (names, rows) = (said.names.clone(), rows.clone());
        return Ok(Sets { names, rows, paired: said.paired, ..Sets::default() });
    }
    let body = read(context.store.as_ref(), &context.home, &sets_key(&header.id)).await?;
    let sets = body.and_then(|body| serde_json::from_slice(&body).ok());
    sets.filter(|sets: &Sets| sets.rows.len() as u64 == said.count).ok_or_else(|| RunError::Damaged {
        run: header.id.clone(),
        what: "its sets of parameters cannot be read".to_owned(),
    })
}

/// Reads `NAME=a,b,c`, `NAME=1:10` (whole numbers, both ends included) or `NAME=1:10:3`.
///
/// # Errors
/// What was expected.
pub fn read_axis(text: &str) -> Result<(String, Vec<String>), String> {
    let expected = || format!("{text}: NAME=VALUE,VALUE… or NAME=FIRST:LAST[:STEP] expected");
    let (name, values) = text.split_once('=').ok_or_else(expected)?;
    if values.is_empty() {
        return Err(expected());
    }
    let numbers: Option<Vec<i64>> = values.split(':').map(|part| part.trim().parse().ok()).collect();
    let range = numbers.filter(|numbers| numbers.len() > 1);
    let Some(range) = range else {
        return Ok((name.to_owned(), values.split(',').map(|value| value.trim().to_owned()).collect()));
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
    if count > MOST {
        return Err(format!("{text}: more than {MOST} values"));
    }
    let value = |number: usize| {
        i64::try_from(number).unwrap_or(0).saturating_mul(step).saturating_add(first).to_string()
    };
    Ok((name.to_owned(), (0..count).map(value).collect()))
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

    #[test]
    fn a_line_of_a_table_is_a_set() {
        let sets = Sets::of_csv(b"\xef\xbb\xbfALPHA, NOTE\n0.1,\"a, b\"\n0.2,c\n").unwrap();
        assert_eq!(sets.names, ["ALPHA", "NOTE"]);
        assert_eq!(sets.rows, [["0.1", "a, b"], ["0.2", "c"]]);
        for (text, word) in [("A,B\n1\n", "line"), ("A\n", "no line"), ("A,A\n1,2\n", "twice")] {
            assert!(Sets::of_csv(text.as_bytes()).unwrap_err().contains(word), "{text}");
        }
        let all = axes(&["X=1,2"]).times(sets).unwrap();
        assert_eq!((all.rows.len(), all.names.join(" ")), (4, "X ALPHA NOTE".into()));
    }
}
