//! Whose the start of a join is: S3 tells of a marker more than once, perhaps while the first invocation works on it.

use crate::clock;
use crate::s3::{S3, S3Error};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use throng_contract::barrier::{Start, begun_key};
use throng_contract::keys::{RecordName, records_prefix};

const JSON: &str = "application/json";

/// Who does it, and until when at the latest.
#[derive(Serialize, Deserialize)]
struct Claim {
    request_id: String,
    until_ms: u64,
}

/// Whether another invocation is at work on a start. Who claims it first does it; a repetition of the same request goes on with
/// it, and so does anybody once the time of the first is over or its attempt has ended. Who cannot know does it.
pub fn is_another_s(s3: &S3, home: &str, start: &Start, request_id: &str, until: Instant) -> bool {
    another_s(s3, home, start, request_id, until).unwrap_or(false)
}

/// The request that has claimed a start, if that can be known.
pub fn whose(s3: &S3, home: &str, start: &Start, until: Instant) -> Option<String> {
    let claim = s3.get_bytes(home, &begun_key(start), until).ok()?;
    serde_json::from_slice::<Claim>(&claim).ok().map(|claim| claim.request_id)
}

fn another_s(s3: &S3, home: &str, start: &Start, request_id: &str, until: Instant) -> Result<bool, S3Error> {
    let left = until.saturating_duration_since(Instant::now()) + Duration::from_secs(1);
    let now = clock::now_ms();
    let until_ms = now.saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
    let claim = Claim { request_id: request_id.to_owned(), until_ms };
    let text = serde_json::to_vec(&claim).unwrap_or_default();
    let key = begun_key(start);
    if s3.put_new(home, &key, JSON, &text, until)? {
        return Ok(false);
    }
    let first: Option<Claim> = serde_json::from_slice(&s3.get_bytes(home, &key, until)?).ok();
    let Some(first) = first.filter(|first| first.request_id != request_id && first.until_ms > now) else {
        s3.put_bytes(home, &key, JSON, &text, until)?;
        return Ok(false);
    };
    let keys = s3.list_all(home, &format!("{}{}_", records_prefix(&start.task), start.task.task), until)?;
    let names = keys.iter().filter_map(|key| RecordName::parse(key));
    let ended =
        names.filter(|name| name.state.is_final()).any(|name| name.attempt.request_id == first.request_id);
    if ended {
        s3.put_bytes(home, &key, JSON, &text, until)?;
    }
    Ok(!ended)
}
