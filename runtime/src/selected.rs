//! Which objects of a notification are inputs at all: S3 knows a prefix and a suffix, the definition more.

use crate::clock;
use crate::event::{Input, Job, Request};
use crate::logs::Log;
use crate::stores::Stores;
use throng_contract::selection::{Candidate, leaves_out};
use throng_contract::{FunctionConfig, Selection};

/// Takes out of a request what arrived by itself and is no input. Nothing is run for it and no record is written; the log
/// says so. What a launch sends was selected there; what completes a group need not be an input itself.
pub fn take_out(request: &mut Request, function: &FunctionConfig, stores: &Stores<'_>, request_id: &str) {
    let entries = &function.selections;
    if entries.is_empty() || function.grouping.is_some() {
        return;
    }
    let now_ms = clock::now_ms();
    request.jobs.retain(|job| {
        let Some(reason) = why(job, entries, stores, now_ms) else { return true };
        Log::new(request_id, None).note("INFO", &reason);
        false
    });
}

fn why(job: &Job, entries: &[Selection], stores: &Stores<'_>, now_ms: u64) -> Option<String> {
    let Input::Object { bucket, key } = &job.input else { return None };
    // What has no sequencer is an event of our own.
    job.sequencer.as_ref()?;
    let provider = stores.provider_of(job).ok()?;
    let found = Candidate { name: key, size: job.size, modified_ms: Some(now_ms) };
    let reason = leaves_out(entries, (provider, bucket), key, found, now_ms)?;
    Some(format!(
        "{bucket}/{key} is no input, by the rules of the function's `input`: {reason}. Nothing was run"
    ))
}
