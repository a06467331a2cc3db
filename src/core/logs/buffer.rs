//! Lines by time, within a bound, none twice.

use crate::core::engine::{LogQuery, LogView};
use crate::core::model::{LogEntry, Millis};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// How much a buffer keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Lines
    pub lines: usize,
    /// Bytes of messages
    pub bytes: usize,
}

impl Default for Bound {
    fn default() -> Self {
        Self { lines: 100_000, bytes: 64 << 20 }
    }
}

/// Which way a line came. The same line may come both ways and is shown once; a function may also write the same
/// line twice within a millisecond, and then it is shown twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Live Tail
    Tail,
    /// `FilterLogEvents`
    Sweep,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    tail: u32,
    sweep: u32,
    time_ms: Millis,
}

/// Keeps lines by time. What is the oldest falls out, in whole chunks, and is counted.
#[derive(Debug)]
pub struct LogBuffer {
    bound: Bound,
    chunks: Arc<Vec<Arc<Vec<LogEntry>>>>,
    bytes: usize,
    dropped: u64,
    seen: HashMap<u64, Seen>,
}

impl LogBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(bound: Bound) -> Self {
        Self { bound, chunks: Arc::default(), bytes: 0, dropped: 0, seen: HashMap::new() }
    }

    /// Adds a line unless it is there already; says whether it was added.
    pub fn add(&mut self, entry: LogEntry, origin: Origin) -> bool {
        if self.is_known(&entry, origin) || self.is_too_old(&entry) {
            return false;
        }
        self.bytes += entry.message.len();
        self.insert(entry);
        self.shed();
        true
    }

    /// What is kept, as a front end sees it.
    #[must_use]
    pub fn view(&self, query: &LogQuery, sampled: bool, mode: &str) -> LogView {
        LogView {
            query: query.clone(),
            chunks: self.chunks.clone(),
            dropped: self.dropped,
            sampled,
            mode: mode.to_owned(),
        }
    }

    /// Forgets how lines before `time_ms` came: no line from before it will come again.
    pub fn settle(&mut self, time_ms: Millis) {
        self.seen.retain(|_, seen| seen.time_ms >= time_ms);
    }

    fn is_known(&mut self, entry: &LogEntry, origin: Origin) -> bool {
        let mut hasher = DefaultHasher::new();
        (entry.time_ms, &entry.stream, &entry.request_id, &entry.message).hash(&mut hasher);
        let seen = self.seen.entry(hasher.finish()).or_default();
        seen.time_ms = entry.time_ms;
        let shown = seen.tail.max(seen.sweep);
        match origin {
            Origin::Tail => seen.tail += 1,
            Origin::Sweep => seen.sweep += 1,
        }
        seen.tail.max(seen.sweep) == shown
    }

    /// Once lines have fallen out, older ones than the first that is kept have no place.
    fn is_too_old(&self, entry: &LogEntry) -> bool {
        let first = self.chunks.first().and_then(|chunk| chunk.first());
        self.dropped > 0 && first.is_some_and(|first| entry.time_ms < first.time_ms)
    }

    fn insert(&mut self, entry: LogEntry) {
        let chunks = Arc::make_mut(&mut self.chunks);
        // Lines come nearly in order: look from the end for the chunk in which this one has its place.
        let place = chunks
            .iter()
            .rposition(|chunk| chunk.first().is_some_and(|first| first.time_ms <= entry.time_ms))
            .unwrap_or(0);
        // A line that a full chunk gave up belongs before everything in the next one.
        let (mut carried, mut to_front) = (Some(entry), false);
        for index in place.. {
            let Some(entry) = carried.take() else { return };
            let Some(chunk) = chunks.get_mut(index) else {
                let mut chunk = Vec::with_capacity(LogView::CHUNK);
                chunk.push(entry);
                chunks.push(Arc::new(chunk));
                return;
            };
            let full = chunk.len() == LogView::CHUNK;
            if !to_front && full && chunk.last().is_some_and(|last| last.time_ms <= entry.time_ms) {
                (carried, to_front) = (Some(entry), true);
                continue;
            }
            let chunk = Arc::make_mut(chunk);
            let at = if to_front { 0 } else { chunk.partition_point(|kept| kept.time_ms <= entry.time_ms) };
            chunk.insert(at, entry);
            carried = if full { chunk.pop() } else { None };
            to_front = true;
        }
    }

    fn shed(&mut self) {
        let over = |chunks: &[Arc<Vec<LogEntry>>], bytes: usize| {
            chunks.len() > 1
                && ((chunks.len() - 1) * LogView::CHUNK > self.bound.lines || bytes > self.bound.bytes)
        };
        while over(&self.chunks, self.bytes) {
            let chunk = Arc::make_mut(&mut self.chunks).remove(0);
            self.bytes -= chunk.iter().map(|entry| entry.message.len()).sum::<usize>();
            self.dropped += chunk.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn entry(time_ms: Millis, message: &str) -> LogEntry {
        let empty: Arc<str> = Arc::from("");
        LogEntry {
            time_ms,
            level: empty.clone(),
            function: empty.clone(),
            stream: empty,
            request_id: None,
            run: None,
            task: None,
            source: None,
            platform: false,
            message: Arc::from(message),
        }
    }

    fn shown(buffer: &LogBuffer) -> Vec<(Millis, String)> {
        let view = buffer.view(&LogQuery::default(), false, "");
        (0..view.len())
            .map(|index| view.get(index).map(|entry| (entry.time_ms, entry.message.to_string())).unwrap())
            .collect()
    }

    #[test]
    fn a_line_that_comes_both_ways_is_shown_once_and_a_repeated_one_twice() {
        let mut buffer = LogBuffer::new(Bound::default());
        assert!(buffer.add(entry(1, "a"), Origin::Tail));
        assert!(!buffer.add(entry(1, "a"), Origin::Sweep));
        assert!(buffer.add(entry(1, "a"), Origin::Sweep), "the tail lost the second of two equal lines");
        assert!(!buffer.add(entry(1, "a"), Origin::Tail));
        assert_eq!(shown(&buffer).len(), 2);
    }

    #[test]
    fn what_falls_out_is_counted_and_stays_out() {
        let mut buffer = LogBuffer::new(Bound { lines: LogView::CHUNK, bytes: usize::MAX });
        for time in 0..3 * LogView::CHUNK as u64 {
            buffer.add(entry(time, "x"), Origin::Sweep);
        }
        let view = buffer.view(&LogQuery::default(), false, "");
        assert_eq!(view.dropped + view.len() as u64, 3 * LogView::CHUNK as u64);
        assert!(view.dropped > 0);
        assert!(!buffer.add(entry(0, "late"), Origin::Sweep));
    }

    proptest! {
        #[test]
        fn lines_are_by_time_whatever_the_order(times in prop::collection::vec(0u64..5000, 0..3000)) {
            let mut buffer = LogBuffer::new(Bound::default());
            for (index, time) in times.iter().enumerate() {
                prop_assert!(buffer.add(entry(*time, &index.to_string()), Origin::Tail));
            }
            let mut expected: Vec<_> =
                times.iter().enumerate().map(|(index, time)| (*time, index.to_string())).collect();
            expected.sort_by_key(|(time, _)| *time);
            prop_assert_eq!(shown(&buffer), expected);
            prop_assert!(buffer.chunks.iter().rev().skip(1).all(|chunk| chunk.len() == LogView::CHUNK));
        }
    }
}
