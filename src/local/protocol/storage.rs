//! A full disk has a name of its own: a client must be able to tell it from trouble with the network, and must not try
//! again at once.

use http::{Response, StatusCode, header};
use http_body_util::BodyExt as _;
use std::io;
use std::path::Path;

use super::Body;
use super::body::full;

/// The code of the answer; AWS has none, its disks are never full. The status is 507, which the SDKs do not repeat.
pub const CODE: &str = "InsufficientStorage";
/// The code for an object whose bytes are not there any more as they were stored; status 500.
pub const DAMAGED: &str = "ObjectDamaged";
/// The words, before [`name_folder`] names the folder.
pub const NO_SPACE: &str = "no space left on the disk of the local cloud";

/// Whether an error says that a disk, or what one may use of it, is full.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Names the folder in an answer that says that the disk is full; leaves others as they are.
pub async fn name_folder(response: Response<Body>, folder: &Path) -> Response<Body> {
    if response.status() != StatusCode::INSUFFICIENT_STORAGE {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(&body).replace(NO_SPACE, &words(folder));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, full(text))
}

/// What is said: fit for XML and JSON, whatever the folder is called.
fn words(folder: &Path) -> String {
    let plain = |c: char| if c.is_control() || "<>&\"'\\".contains(c) { '?' } else { c };
    let folder: String = folder.to_string_lossy().chars().map(plain).collect();
    format!("no space left on {folder}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_folder_is_named_in_any_form() {
        let answer = |status, text: String| {
            let mut response = Response::new(full(text));
            *response.status_mut() = status;
            response
        };
        for (text, expected) in [
            (format!("<Message>{NO_SPACE}</Message>"), "<Message>no space left on /a?b</Message>"),
            (format!("{{\"message\":\"{NO_SPACE}\"}}"), "{\"message\":\"no space left on /a?b\"}"),
        ] {
            let named = name_folder(answer(StatusCode::INSUFFICIENT_STORAGE, text), Path::new("/a<b")).await;
            let body = named.into_body().collect().await.map(http_body_util::Collected::to_bytes);
            assert_eq!(body.unwrap_or_default(), expected);
        }
        let other = name_folder(answer(StatusCode::OK, NO_SPACE.into()), Path::new("/x")).await;
        let body = other.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        assert_eq!(body.unwrap_or_default(), NO_SPACE);
    }
}
