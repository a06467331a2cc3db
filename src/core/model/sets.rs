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
            all = all.times(Self { names: vec![name], rows, paired: false })?;
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
        Ok(Self { names: [self.names, other.names].concat(), rows, paired: false })
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
        let set = if self.paired { task } else { task % per_input };
        (task / per_input, (!self.is_empty()).then_some(set))
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
