//! Some space that is given up when a full disk is to be emptied: removing needs room, too, in the database's log.

use crate::private;
use http::{HeaderMap, Method, Uri};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Enough for the database to remove a thousand objects at a time.
const BYTES: usize = 2 << 20;
/// With less than this beside it, the space is left to others.
const BESIDE: u64 = 8 << 20;

/// A file that takes space until somebody removes something.
#[derive(Debug)]
pub struct Reserve(PathBuf);

impl Reserve {
    /// In a folder of the disk in question; it is not held yet.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self(folder.join("reserve"))
    }

    /// Takes the space, if there is enough. Without it a full disk cannot be emptied from here, and nothing else is different.
    pub fn hold(&self) {
        if let Err(error) = self.try_hold() {
            tracing::debug!(%error, "no space is held in reserve");
        }
    }

    fn try_hold(&self) -> io::Result<()> {
        let held = self.0.metadata().is_ok_and(|found| found.len() >= BYTES as u64);
        if held || self.free()? < BESIDE {
            return Ok(());
        }
        // What can be compressed takes no space on some disks.
        let mut bytes = vec![0; BYTES];
        rand::fill(&mut bytes[..]);
        private::options().create(true).truncate(true).write(true).open(&self.0)?.write_all(&bytes)
    }

    /// Gives the space up if there is little else.
    pub fn give_up_if_needed(&self) {
        if self.free().is_ok_and(|free| free < BYTES as u64) && self.0.exists() {
            tracing::warn!("the disk is full: the space in reserve is used to remove something");
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn free(&self) -> io::Result<u64> {
        let folder = self.0.parent().unwrap_or(&self.0);
        let found = nix::sys::statvfs::statvfs(folder)?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }
}

/// Whether a request is one of those by which people and throng remove things.
pub fn removes(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let query = uri.query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    // A push that breaks off deletes its upload, too; IAM has no methods but POST.
    let pushes = uri.path().starts_with("/v2/") && uri.path().contains("/blobs/uploads/");
    *method == Method::DELETE && !pushes && !has("uploadId")
        || *method == Method::POST && (has("delete") || target.contains(".Delete"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_removes_is_known_by_its_request() {
        let removing = |method: Method, uri: &str, target: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(target) = target {
                headers.insert("x-amz-target", target.parse().unwrap());
            }
            removes(&method, &uri.parse().unwrap(), &headers)
        };
        assert!(removing(Method::DELETE, "/bucket/key", None));
        assert!(removing(Method::POST, "/bucket?delete", None));
        assert!(removing(Method::DELETE, "/v2/box/manifests/sha256:0", None));
        assert!(!removing(Method::DELETE, "/v2/box/blobs/uploads/0", None));
        assert!(!removing(Method::DELETE, "/bucket/key?uploadId=u", None));
        assert!(removing(Method::POST, "/x", Some("Logs_20140328.DeleteLogGroup")));
        assert!(!removing(Method::POST, "/x", Some("Logs_20140328.PutLogEvents")));
        assert!(!removing(Method::PUT, "/bucket/deleted?x=delete", None));
    }

    #[test]
    fn space_is_held_once() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::of(folder.path());
        reserve.hold();
        let file = folder.path().join("reserve");
        assert_eq!(file.metadata().unwrap().len(), BYTES as u64);
        reserve.give_up_if_needed();
        assert!(file.exists(), "there is space beside it");
        std::fs::remove_file(&file).unwrap();
        reserve.hold();
        assert!(file.exists());
    }
}
