//! The platform's account of an invocation: REPORT lines, old and new, text and JSON.

use serde_json::Value;

/// What a REPORT line or a `platform.report` record says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Request id
    pub request_id: String,
    /// Milliseconds in the function.
    pub duration_ms: f64,
    /// Milliseconds paid for. Since August 2025 that is the duration with the initialisation, rounded up.
    pub billed_ms: u64,
    /// Memory limit in MB.
    pub memory_mb: u64,
    /// Most memory used, in MB.
    pub max_memory_mb: u64,
    /// Milliseconds of initialisation, in the first invocation of an environment.
    pub init_ms: Option<f64>,
    /// Milliseconds of restoring a snapshot, in the first invocation of an environment that has one.
    pub restore_ms: Option<f64>,
    /// `success`, `error`, `failure`, `timeout`; empty where the line does not say.
    pub status: String,
    /// `Runtime.ExitError` …; empty where the line does not say.
    pub error_type: String,
    /// X-Ray trace id; empty without tracing.
    pub trace_id: String,
}

impl Report {
    /// Reads a text line that begins with `REPORT RequestId:`. With X-Ray a second line follows in the same event.
    #[must_use]
    pub fn from_text(line: &str) -> Option<Self> {
        let rest = line.trim_end().strip_prefix("REPORT RequestId: ")?;
        let mut fields = rest.split(['\t', '\n']).map(str::trim);
        let mut report = Self { request_id: fields.next()?.to_owned(), ..Self::default() };
        for field in fields {
            let Some((name, value)) = field.split_once(": ") else { continue };
            let number = || value.split(' ').next().and_then(|number| number.parse::<f64>().ok());
            let whole = || value.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
            match name {
                "Duration" => report.duration_ms = number().unwrap_or(0.0),
                "Billed Duration" => report.billed_ms = whole(),
                "Memory Size" => report.memory_mb = whole(),
                "Max Memory Used" => report.max_memory_mb = whole(),
                "Init Duration" => report.init_ms = number(),
                "Restore Duration" => report.restore_ms = number(),
                "Status" => value.clone_into(&mut report.status),
                "Error Type" => value.clone_into(&mut report.error_type),
                "XRAY TraceId" => value.clone_into(&mut report.trace_id),
                _ => {}
            }
        }
        Some(report)
    }

    /// Reads the `record` of a `platform.report` event.
    #[must_use]
    pub fn from_json(record: &Value) -> Option<Self> {
        let metrics = record.get("metrics")?;
        let number = |name: &str| metrics.get(name).and_then(Value::as_f64);
        let whole = |name: &str| number(name).filter(|number| *number >= 0.0).map_or(0, ceil);
        let text = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let trace = record.get("tracing").map(|tracing| text(tracing, "value")).unwrap_or_default();
        Some(Self {
            request_id: text(record, "requestId"),
            duration_ms: number("durationMs").unwrap_or(0.0),
            billed_ms: whole("billedDurationMs"),
            memory_mb: whole("memorySizeMB"),
            max_memory_mb: whole("maxMemoryUsedMB"),
            init_ms: number("initDurationMs"),
            restore_ms: number("restoreDurationMs"),
            status: text(record, "status"),
            error_type: text(record, "errorType"),
            // `Root=1-…;Parent=…;Sampled=1`
            trace_id: trace
                .split(';')
                .find_map(|part| part.strip_prefix("Root="))
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// Whether the invocation ended badly.
    #[must_use]
    pub fn failed(&self) -> bool {
        !matches!(self.status.as_str(), "" | "success")
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn ceil(number: f64) -> u64 {
    number.ceil() as u64
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { duration_ms, billed_ms, memory_mb, max_memory_mb, .. } = self;
        write!(
            f,
            "REPORT {duration_ms:.1} ms, billed {billed_ms} ms, memory {max_memory_mb} of {memory_mb} MB"
        )?;
        for (name, time) in [("init", self.init_ms), ("restore", self.restore_ms)] {
            if let Some(time) = time {
                write!(f, ", {name} {time:.1} ms")?;
            }
        }
        if self.failed() {
            write!(f, ", {}", self.status)?;
        }
        if self.error_type.is_empty() { Ok(()) } else { write!(f, " {}", self.error_type) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_and_json_say_the_same() {
        let text = "REPORT RequestId: abc\tDuration: 15.74 ms\tBilled Duration: 16 ms\tMemory Size: 128 MB\tMax Memory Used: 56 MB\tInit Duration: 130.49 ms\tStatus: error\tError Type: Runtime.ExitError\n";
        let json = serde_json::json!({"requestId": "abc", "status": "error", "errorType": "Runtime.ExitError",
            "metrics": {"durationMs": 15.74, "billedDurationMs": 16, "memorySizeMB": 128, "maxMemoryUsedMB": 56,
            "initDurationMs": 130.49}});
        assert_eq!(Report::from_text(text), Report::from_json(&json));
        assert_eq!(
            Report::from_text(text).unwrap().to_string(),
            "REPORT 15.7 ms, billed 16 ms, memory 56 of 128 MB, init 130.5 ms, error Runtime.ExitError"
        );
    }

    #[test]
    fn an_old_line_without_a_status_did_not_fail() {
        let report =
            Report::from_text("REPORT RequestId: a\tDuration: 1.0 ms\tBilled Duration: 1 ms").unwrap();
        assert!(!report.failed());
        assert_eq!(Report::from_text("END RequestId: a"), None);
    }

    #[test]
    fn with_tracing_a_second_line_follows() {
        let text = "REPORT RequestId: 3897a7c2-8ac6-4a14-8ab1-c1e1cb2ee5b2\tDuration: 500.00 ms\tBilled Duration: 700 ms\tMemory Size: 512 MB\tMax Memory Used: 90 MB\tInit Duration: 199.00 ms\t\nXRAY TraceId: 1-5e34a614-10bdf7f8c4c1d2e3f4a5b6c7\tSegmentId: 07eb54a4a1f5d5a1\tSampled: true\t\n";
        let report = Report::from_text(text).unwrap();
        assert_eq!((report.billed_ms, report.init_ms), (700, Some(199.0)));
        assert_eq!(report.trace_id, "1-5e34a614-10bdf7f8c4c1d2e3f4a5b6c7");
        let json = serde_json::json!({"requestId": "a", "metrics": {"durationMs": 1233.96, "initDurationMs": 463.512,
            "billedDurationMs": 1698, "memorySizeMB": 128, "maxMemoryUsedMB": 74}, "status": "success",
            "tracing": {"spanId": "s", "type": "X-Amzn-Trace-Id", "value": "Root=1-62e900b2-1;Parent=p;Sampled=1"}});
        let report = Report::from_json(&json).unwrap();
        assert_eq!(
            (report.trace_id.as_str(), report.billed_ms, report.failed()),
            ("1-62e900b2-1", 1698, false)
        );
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let report = Report::from_text("REPORT RequestId: \tDuration: NaN ms\tBilled Duration: -1 ms\tMemory Size: 99999999999999999999 MB\tInit Duration: inf ms").unwrap();
        assert_eq!((report.billed_ms, report.memory_mb), (0, 0));
        let json = serde_json::json!({"metrics": {"billedDurationMs": 1e300, "memorySizeMB": -5, "durationMs": "x"}});
        let report = Report::from_json(&json).unwrap();
        assert_eq!((report.billed_ms, report.memory_mb), (u64::MAX, 0));
    }
}
