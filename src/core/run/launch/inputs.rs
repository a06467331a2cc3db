//! The inputs of a run: files found, objects listed.

use crate::core::dataset::objects::List;
use crate::core::dataset::{FileList, scan};
use crate::core::run::{RunError, Store};
use std::collections::HashSet;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

pub(super) async fn scan_files(
    paths: Vec<PathBuf>,
    cancel: &CancellationToken,
) -> Result<FileList, RunError> {
    let token = cancel.clone();
    let list = tokio::task::spawn_blocking(move || scan(&paths, &mut |_| !token.is_cancelled())).await;
    let list = list.map_err(|error| RunError::Io(error.to_string()))??;
    if cancel.is_cancelled() {
        return Err(RunError::Cancelled);
    }
    if let Some(problem) = list.problems.first() {
        let more = match list.unreadable {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let message = format!("`{}` {}{more}: leave it out or repair it", problem.path, problem.reason);
        return Err(RunError::Refused(message));
    }
    Ok(list)
}

pub(super) async fn list_objects(
    store: &Store,
    bucket: &str,
    keys: &[String],
    cancel: &CancellationToken,
) -> Result<FileList, RunError> {
    let mut list = FileList::default();
    let base = list.add_base(PathBuf::new());
    let mut seen = HashSet::new();
    let mut add = |key: String, size: u64| {
        if !key.ends_with('/') && (keys.len() == 1 || seen.insert(key.clone())) {
            list.push(base, &key, size);
        }
    };
    for asked in keys {
        if !asked.is_empty() && !asked.ends_with('/') {
            let head = store.objects.head(bucket, asked).await.map_err(|error| store.error(error))?;
            let head =
                head.ok_or_else(|| RunError::Refused(format!("there is no object s3://{bucket}/{asked}")))?;
            add(asked.clone(), head.size);
            continue;
        }
        let mut query = List { bucket: bucket.to_owned(), prefix: asked.clone(), ..List::default() };
        loop {
            if cancel.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            let page = store.objects.list(&query).await.map_err(|error| store.error(error))?;
            page.objects.into_iter().for_each(|object| add(object.key, object.size));
            match page.next {
                Some(token) => query.token = Some(token),
                None => break,
            }
        }
    }
    if list.is_empty() {
        return Err(RunError::Refused(format!("no objects in s3://{bucket}/{}", keys.join(", "))));
    }
    Ok(list)
}
