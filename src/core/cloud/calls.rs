//! A meter of calls: every attempt that the SDK sends, by operation.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Seconds of a minute.
const MINUTE: u64 = 60;

/// Calls of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// The service as its SDK names it: `CloudWatch Logs`, `Lambda`, `S3`.
    pub service: String,
    /// The operation: `FilterLogEvents`.
    pub operation: String,
    /// Attempts sent so far, repetitions by the SDK among them.
    pub total: u64,
    /// Of them, those that the cloud throttled.
    pub throttled: u64,
    /// Attempts sent in the last sixty seconds.
    pub last_minute: u64,
    /// The most attempts that any sixty seconds have seen.
    pub busiest_minute: u64,
    /// The most attempts that any second has seen.
    pub busiest_second: u64,
}

/// Counts calls by operation and minute.
#[derive(Debug)]
pub struct CallMeter {
    began: Instant,
    services: Mutex<BTreeMap<String, BTreeMap<String, Row>>>,
}

impl Default for CallMeter {
    fn default() -> Self {
        Self { began: Instant::now(), services: Mutex::default() }
    }
}

/// One operation's attempts, the last minute of them by second.
#[derive(Debug, Default)]
struct Row {
    total: u64,
    throttled: u64,
    seconds: VecDeque<(u64, u64)>,
    window: u64,
    busiest_minute: u64,
    busiest_second: u64,
}

impl Row {
    fn forget(&mut self, second: u64) {
        while let Some((at, count)) = self.seconds.front().copied()
            && at + MINUTE <= second
        {
            self.window -= count;
            self.seconds.pop_front();
        }
    }

    fn add(&mut self, second: u64) {
        self.forget(second);
        self.total += 1;
        self.window += 1;
        match self.seconds.back_mut() {
            Some((at, count)) if *at >= second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        self.busiest_minute = self.busiest_minute.max(self.window);
        self.busiest_second = self.busiest_second.max(self.seconds.back().map_or(0, |(_, count)| *count));
    }
}

impl CallMeter {
    /// An attempt is being sent.
    pub(super) fn sent(&self, service: &str, operation: &str) {
        self.sent_at(service, operation, self.second());
    }

    /// The attempt's answer was that there are too many.
    pub(super) fn throttled(&self, service: &str, operation: &str) {
        self.row(service, operation, |row| row.throttled += 1);
    }

    fn second(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    fn sent_at(&self, service: &str, operation: &str, second: u64) {
        self.row(service, operation, |row| row.add(second));
    }

    fn row(&self, service: &str, operation: &str, change: impl FnOnce(&mut Row)) {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = services.get_mut(service).and_then(|operations| operations.get_mut(operation)) {
            return change(row);
        }
        change(services.entry(service.to_owned()).or_default().entry(operation.to_owned()).or_default());
    }

    /// What was counted, by service and operation.
    #[must_use]
    pub fn table(&self) -> Vec<Calls> {
        self.table_at(self.second())
    }

    fn table_at(&self, second: u64) -> Vec<Calls> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = Vec::new();
        for (service, operations) in services.iter_mut() {
            for (operation, row) in operations.iter_mut() {
                row.forget(second);
                table.push(Calls {
                    service: service.clone(),
                    operation: operation.clone(),
                    total: row.total,
                    throttled: row.throttled,
                    last_minute: row.window,
                    busiest_minute: row.busiest_minute,
                    busiest_second: row.busiest_second,
                });
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_slide_and_the_busiest_is_remembered() {
        let meter = CallMeter::default();
        for second in 0..120 {
            meter.sent_at("S3", "ListObjectsV2", second);
        }
        for _ in 0..5 {
            meter.sent_at("S3", "ListObjectsV2", 200);
        }
        meter.throttled("S3", "ListObjectsV2");
        meter.sent_at("Lambda", "Invoke", 200);
        let table = meter.table_at(200);
        assert_eq!(table.len(), 2);
        let row = &table[1];
        assert_eq!((row.service.as_str(), row.operation.as_str()), ("S3", "ListObjectsV2"));
        assert_eq!((row.total, row.throttled), (125, 1));
        assert_eq!((row.last_minute, row.busiest_minute, row.busiest_second), (5, 60, 5));
        assert_eq!(meter.table_at(300)[1].last_minute, 0);
    }
}
