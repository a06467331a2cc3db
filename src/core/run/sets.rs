//! Sets of parameters: the same inputs with many values. A task is an input with a set.

use super::{RunContext, RunError, RunHeader};
use crate::dataset::objects::{Put, read};
use crate::dataset::pace::Pace;
use crate::model::{JoinGroups, Sets, check_value, check_values};
use crate::regular;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use throng_contract::keys::sets_key;

/// The largest table of parameters, in bytes.
const TABLE: u64 = 64 << 20;
/// Up to so many bytes of JSON they stand in run.json itself, which every list of runs reads.
const INLINE: usize = 4096;

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
    /// As [`Sets::inputs`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<u64>,
    /// The values; in an object of their own ([`sets_key`]) when there are many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Vec<String>>>,
}

impl Sets {
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
            if sets.rows.len() > Self::MOST {
                return Err(format!("more than {} lines: make several runs of them", Self::MOST));
            }
        }
        if sets.rows.is_empty() {
            return Err("there is no line below that with the names".to_owned());
        }
        Ok(sets)
    }

    /// All variables of a task of a run, by name.
    #[must_use]
    pub fn all_variables(&self, header: &RunHeader, task: u64) -> BTreeMap<String, String> {
        self.with(&header.parameters, task)
    }

    /// The variables of a run with those of a task's set.
    pub(super) fn with(&self, parameters: &BTreeMap<String, String>, task: u64) -> BTreeMap<String, String> {
        let mut all = parameters.clone();
        let set = self.of_task(task).1;
        let own = set.into_iter().flat_map(|set| self.variables(set));
        all.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        all
    }

    /// Refuses names and values that no run may have.
    pub(super) fn check(&self, parameters: &BTreeMap<String, String>) -> Result<(), RunError> {
        let refuse = |why: String| RunError::Refused(why);
        for (name, value) in parameters {
            check_value(name, value).map_err(refuse)?;
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
                    check_value(name, value).map_err(refuse)?;
                }
                all.insert(name.to_owned(), value.to_owned());
            }
            check_values(&all).map_err(refuse)?;
        }
        Ok(())
    }

    /// What run.json says of them.
    pub(super) fn header(&self) -> Option<SetsHeader> {
        if self.is_empty() {
            return None;
        }
        let text = serde_json::to_string(&(&self.rows, &self.inputs));
        let small = self.order.is_empty() && text.is_ok_and(|text| text.len() <= INLINE);
        Some(SetsHeader {
            count: self.rows.len() as u64,
            names: self.names.clone(),
            paired: self.paired,
            inputs: if small { self.inputs.clone() } else { Vec::new() },
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
    let groups = JoinGroups::read(context, header).await?;
    Ok(Sets { groups, ..read_sets(context, header).await? })
}

async fn read_sets(context: &RunContext, header: &RunHeader) -> Result<Sets, RunError> {
    let Some(said) = &header.sets else { return Ok(Sets::default()) };
    if let Some(rows) = &said.rows {
        return Ok(Sets {
            names: said.names.clone(),
            rows: rows.clone(),
            paired: said.paired,
            inputs: said.inputs.clone(),
            ..Sets::default()
        });
    }
    let body = read(context.store.as_ref(), &context.home, &sets_key(&header.id)).await?;
    let sets = body.and_then(|body| serde_json::from_slice(&body).ok());
    sets.filter(|sets: &Sets| sets.rows.len() as u64 == said.count).ok_or_else(|| RunError::Damaged {
        run: header.id.clone(),
        what: "its sets of parameters cannot be read".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_of_a_table_is_a_set() {
        let sets = Sets::of_csv(b"\xef\xbb\xbfALPHA, NOTE\n0.1,\"a, b\"\n0.2,c\n").unwrap();
        assert_eq!(sets.names, ["ALPHA", "NOTE"]);
        assert_eq!(sets.rows, [["0.1", "a, b"], ["0.2", "c"]]);
        for (text, word) in [("A,B\n1\n", "line"), ("A\n", "no line"), ("A,A\n1,2\n", "twice")] {
            assert!(Sets::of_csv(text.as_bytes()).unwrap_err().contains(word), "{text}");
        }
        let all = Sets::grid(vec![("X".into(), vec!["1".into(), "2".into()])]).unwrap().times(sets).unwrap();
        assert_eq!((all.rows.len(), all.names.join(" ")), (4, "X ALPHA NOTE".into()));
    }
}
