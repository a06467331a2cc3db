//! Lines by time, within a bound, none twice.

use crate::model::{LineId, LogEntry, LogView, Millis};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// How much a buffer keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// How many lines are kept at most.
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

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new. Lines of the same time, stream and text have the same number.
    New(u64),
    /// It came before, the other way.
    Known(u64),
    /// Younger lines have fallen out already.
    TooOld,
}

/// How often a line came each way.
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
    /// Lines that were ever kept.
    kept: u64,
    seen: HashMap<u64, Seen>,
}

impl LogBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(bound: Bound) -> Self {
        Self { bound, chunks: Arc::default(), bytes: 0, dropped: 0, kept: 0, seen: HashMap::new() }
    }

    /// Adds a line unless it is there already.
    pub fn add(&mut self, entry: LogEntry, origin: Origin) -> Added {
        let key = key(&entry);
        if self.is_known(key, entry.time_ms, origin) {
            return Added::Known(key);
        }
        if self.is_too_old(&entry) {
            return Added::TooOld;
        }
        self.bytes += entry.message.len();
        self.kept += 1;
        self.insert(LogEntry { id: LineId(self.kept), ..entry });
        self.shed();
        Added::New(key)
    }

    /// What is kept, as a front end sees it; the rest of the view is `of`.
    #[must_use]
    pub fn view(&self, of: LogView) -> LogView {
        LogView { chunks: self.chunks.clone(), dropped: self.dropped, ..of }
    }

    /// No line from before `time_ms` will come again. What the tail showed twice and the sweep found once is there
    /// once from now on.
    pub fn settle(&mut self, time_ms: Millis) {
        let mut twice = Vec::new();
        self.seen.retain(|key, seen| {
            if seen.time_ms >= time_ms {
                return true;
            }
            // A line that the sweep never found is kept: it was there.
            if seen.sweep > 0 && seen.tail > seen.sweep {
                twice.push((*key, seen.time_ms, seen.tail - seen.sweep));
            }
            false
        });
        for (key, time_ms, times) in twice {
            for _ in 0..times {
                self.remove(key, time_ms);
            }
        }
    }

    fn remove(&mut self, of: u64, time_ms: Millis) {
        let found = self.chunks.iter().enumerate().find_map(|(index, chunk)| {
            let inside = chunk.last().is_some_and(|last| last.time_ms >= time_ms);
            let begin = chunk.partition_point(|kept| kept.time_ms < time_ms);
            let same = |kept: &LogEntry| kept.time_ms == time_ms && key(kept) == of;
            let at = chunk.get(begin..).filter(|_| inside)?.iter().position(same)?;
            Some((index, begin + at))
        });
        let Some((index, at)) = found else { return };
        let chunks = Arc::make_mut(&mut self.chunks);
        // Every chunk but the last stays full: each gets the first line of the next one.
        let mut carried: Option<LogEntry> = None;
        for (place, chunk) in chunks.iter_mut().enumerate().skip(index).rev() {
            let chunk = Arc::make_mut(chunk);
            let removed = chunk.remove(if place == index { at } else { 0 });
            chunk.extend(carried.take());
            if place == index {
                self.bytes -= removed.message.len();
            } else {
                carried = Some(removed);
            }
        }
        if chunks.last().is_some_and(|last| last.is_empty()) {
            chunks.pop();
        }
    }

    fn is_known(&mut self, key: u64, time_ms: Millis, origin: Origin) -> bool {
        let seen = self.seen.entry(key).or_default();
        seen.time_ms = time_ms;
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

fn key(entry: &LogEntry) -> u64 {
    let mut hasher = DefaultHasher::new();
    (entry.time_ms, &entry.function, &entry.stream, &entry.request_id, &entry.message).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn entry(time_ms: Millis, message: &str) -> LogEntry {
        let empty: Arc<str> = Arc::from("");
        LogEntry {
            id: LineId::default(),
            time_ms,
            level: empty.clone(),
            function: empty.clone(),
            stream: empty,
            request_id: None,
            run: None,
            task: None,
            source: None,
            platform: false,
            report: None,
            message: Arc::from(message),
        }
    }

    fn shown(buffer: &LogBuffer) -> Vec<(Millis, String)> {
        let view = buffer.view(LogView::default());
        (0..view.len())
            .map(|index| view.get(index).map(|entry| (entry.time_ms, entry.message.to_string())).unwrap())
            .collect()
    }

    #[test]
    fn a_line_that_comes_both_ways_is_shown_once_and_a_repeated_one_twice() {
        let mut buffer = LogBuffer::new(Bound::default());
        let mut is_new = |origin| matches!(buffer.add(entry(1, "a"), origin), Added::New(_));
        assert!(is_new(Origin::Tail));
        assert!(!is_new(Origin::Sweep));
        assert!(is_new(Origin::Sweep), "the tail lost the second of two equal lines");
        assert!(!is_new(Origin::Tail));
        assert_eq!(shown(&buffer).len(), 2);
    }

    #[test]
    fn what_the_tail_repeated_is_there_once_when_it_has_settled() {
        let mut buffer = LogBuffer::new(Bound::default());
        for time in 0..3 * LogView::CHUNK as u64 {
            buffer.add(entry(time, "x"), Origin::Tail);
        }
        buffer.add(entry(7, "twice"), Origin::Tail);
        buffer.add(entry(7, "twice"), Origin::Tail);
        buffer.add(entry(8, "only in the tail"), Origin::Tail);
        buffer.add(entry(7, "twice"), Origin::Sweep);
        buffer.settle(7);
        assert_eq!(shown(&buffer).iter().filter(|(_, text)| text == "twice").count(), 2);
        buffer.settle(10);
        let lines = shown(&buffer);
        assert_eq!(lines.iter().filter(|(_, text)| text == "twice").count(), 1);
        assert_eq!(lines.len(), 3 * LogView::CHUNK + 2);
        assert!(lines.is_sorted_by_key(|(time, _)| *time));
        assert!(buffer.chunks.iter().rev().skip(1).all(|chunk| chunk.len() == LogView::CHUNK));
    }

    #[test]
    fn what_falls_out_is_counted_and_stays_out() {
        let mut buffer = LogBuffer::new(Bound { lines: LogView::CHUNK, bytes: usize::MAX });
        for time in 0..3 * LogView::CHUNK as u64 {
            buffer.add(entry(time, "x"), Origin::Sweep);
        }
        let view = buffer.view(LogView::default());
        assert_eq!(view.dropped + view.len() as u64, 3 * LogView::CHUNK as u64);
        assert!(view.dropped > 0);
        assert_eq!(buffer.add(entry(0, "late"), Origin::Sweep), Added::TooOld);
    }

    proptest! {
        #[test]
        fn lines_are_by_time_whatever_the_order(times in prop::collection::vec(0u64..5000, 0..3000)) {
            let mut buffer = LogBuffer::new(Bound::default());
            for (index, time) in times.iter().enumerate() {
                prop_assert!(matches!(buffer.add(entry(*time, &index.to_string()), Origin::Tail), Added::New(_)));
            }
            let mut expected: Vec<_> =
                times.iter().enumerate().map(|(index, time)| (*time, index.to_string())).collect();
            expected.sort_by_key(|(time, _)| *time);
            prop_assert_eq!(shown(&buffer), expected);
            prop_assert!(buffer.chunks.iter().rev().skip(1).all(|chunk| chunk.len() == LogView::CHUNK));
        }
    }
}
