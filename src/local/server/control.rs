//! `/_throng/proof`, `/_throng/status`, `/_throng/gc` and `/_throng/stop`, and what they tell.

use super::services::Services;
use crate::identity::Identity;
use crate::protocol::body::{Body, json, text};
use http::{Response, StatusCode};
use serde_json::json as value;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The answer to `/_throng/proof`, which anybody may ask: it reveals nothing but that the daemon knows its key.
pub fn proof(identity: &Identity, nonce: &str) -> Response<Body> {
    match identity.prove(nonce) {
        Some(proof) => text(StatusCode::OK, proof),
        None => text(StatusCode::BAD_REQUEST, "64 hexadecimal digits are expected\n"),
    }
}

/// The answer to `/_throng/status`. Counting objects reads all their records, so it is done when asked for:
/// `/_throng/status?counts`.
pub async fn status(services: &Services, counts: bool) -> Response<Body> {
    let activity = &services.activity;
    let mut status = value!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uptimeMs": u64::try_from(activity.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "requests": activity.requests.load(Ordering::Relaxed),
        "openRequests": activity.open.load(Ordering::Relaxed),
        "busy": services.busy(),
        "memoryBytes": resident_bytes(),
    });
    if let Some(lambda) = &services.lambda
        && let Some(shown) = lambda.status().await
    {
        status["lambda"] = shown;
    }
    if let Some(faults) = services.faults.status() {
        status["faults"] = faults;
    }
    if counts
        && let (Ok((buckets, objects, bytes)), Some(map)) =
            (services.store.totals().await, status.as_object_mut())
    {
        map.insert("buckets".into(), buckets.into());
        map.insert("objects".into(), objects.into());
        map.insert("objectBytes".into(), bytes.into());
    }
    json(StatusCode::OK, &status)
}

/// The answer to `/_throng/gc?<hours>`: unused image layers are removed, and uploads in parts given up that are older.
pub async fn collect(services: &Services, query: &str) -> Response<Body> {
    let Ok(hours) = query.parse::<u32>() else {
        return text(StatusCode::BAD_REQUEST, "the age of uploads is expected, in hours\n");
    };
    let uploads = services.store.give_up_all_uploads(Duration::from_hours(hours.into())).await;
    match (services.images.collect().await, uploads) {
        (Ok(bytes), Ok(uploads)) => json(StatusCode::OK, &value!({"imageBytes": bytes, "uploads": uploads})),
        (Err(error), _) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("images: {error}\n")),
        (_, Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("uploads: {error}\n")),
    }
}

/// Resident memory of this process; `None` where it cannot be told.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
