//! The part of the queue that is in memory: a page per function, and where to go on reading.

use super::Event;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// All functions that have, or had, events.
#[derive(Debug, Default)]
pub(super) struct EventBuffer {
    functions: BTreeMap<String, Line>,
    /// The function that was served last: the others come first.
    last: String,
}

/// One function's events.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Read and ready to run, in order.
    pub page: VecDeque<Event>,
    /// Id of the last new event that was read.
    pub read: i64,
    /// Id of the last new event that was announced (perhaps not committed yet).
    pub announced: i64,
    /// When the next of the events that wait for their time is due.
    pub next_due: Option<i64>,
    /// Delayed events that were read and are not settled: the table still shows them as due.
    pub held: HashSet<i64>,
}

impl Line {
    /// Whether reading the table may find something now.
    pub fn wants_reading(&self, now: i64) -> bool {
        self.page.is_empty() && (self.announced > self.read || self.next_due.is_some_and(|due| due <= now))
    }
}

impl EventBuffer {
    /// Notes what the table holds.
    pub fn found(&mut self, function: &str, last_new: i64, first_due: Option<i64>) {
        let line = self.line(function);
        line.announced = line.announced.max(last_new);
        line.next_due = first_due;
    }

    pub fn announced(&mut self, function: &str, id: i64) {
        match self.functions.get_mut(function) {
            Some(line) => line.announced = line.announced.max(id),
            None => self.line(function).announced = id,
        }
    }

    pub fn line(&mut self, function: &str) -> &mut Line {
        self.functions.entry(function.to_owned()).or_default()
    }

    pub fn forget(&mut self, function: &str) {
        self.functions.remove(function);
    }

    /// Functions that may have something to run, beginning after the one that was served last.
    pub fn candidates(&self, now: i64) -> Vec<String> {
        let busy = |line: &Line| !line.page.is_empty() || line.wants_reading(now);
        let after = self.functions.iter().filter(|(name, line)| **name > self.last && busy(line));
        let before = self.functions.iter().filter(|(name, line)| **name <= self.last && busy(line));
        after.chain(before).map(|(name, _)| name.clone()).collect()
    }

    pub fn served(&mut self, function: &str) {
        if self.last != function {
            function.clone_into(&mut self.last);
        }
    }

    /// An event is to be tried again.
    pub fn delayed(&mut self, function: &str, id: i64, due_ms: i64) {
        if let Some(line) = self.functions.get_mut(function) {
            line.held.remove(&id);
            line.next_due = Some(line.next_due.map_or(due_ms, |due| due.min(due_ms)));
        }
    }

    /// A new event is to come later.
    pub fn comes_later(&mut self, function: &str, due_ms: i64) {
        let line = self.line(function);
        line.next_due = Some(line.next_due.map_or(due_ms, |due| due.min(due_ms)));
    }

    /// An event is done.
    pub fn settled(&mut self, id: i64) {
        for line in self.functions.values_mut() {
            if !line.held.is_empty() && line.held.remove(&id) {
                return;
            }
        }
    }

    /// When something is due that is not due now.
    pub fn next_due(&self) -> Option<i64> {
        self.functions.values().filter(|line| line.page.is_empty()).filter_map(|line| line.next_due).min()
    }

    /// Whether there may be events, ready or not.
    pub fn has_events(&self) -> bool {
        let some =
            |line: &Line| !line.page.is_empty() || line.announced > line.read || line.next_due.is_some();
        self.functions.values().any(some)
    }

    /// Whether anything is ready that could not begin.
    pub fn is_waiting(&self) -> bool {
        self.functions.values().any(|line| !line.page.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_take_turns() {
        let mut memory = EventBuffer::default();
        for name in ["a", "b", "c"] {
            memory.announced(name, 1);
        }
        memory.served("b");
        assert_eq!(memory.candidates(0), ["c", "a", "b"]);
        memory.line("c").read = 1;
        assert_eq!(memory.candidates(0), ["a", "b"]);
    }

    #[test]
    fn an_event_that_waits_is_no_candidate_before_its_time() {
        let mut memory = EventBuffer::default();
        memory.found("a", 0, Some(50));
        assert!(memory.candidates(49).is_empty());
        assert_eq!(memory.candidates(50), ["a"]);
        assert_eq!(memory.next_due(), Some(50));
    }
}
