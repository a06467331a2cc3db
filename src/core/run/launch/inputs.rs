//! The inputs of a run: files found, objects listed.

use crate::cloud::ErrorKind;
use crate::dataset::objects::{Head, List};
use crate::dataset::{FileList, scan};
use crate::run::{RunError, Store};
use std::collections::HashSet;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// Files that can be read; what cannot is left out, and the list says so.
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
            add(asked.clone(), object(store, bucket, asked).await?.size);
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
        let places: Vec<_> = keys.iter().map(|key| store.place(bucket, key)).collect();
        return Err(RunError::Refused(format!("there are no objects in {}", places.join(", "))));
    }
    Ok(list)
}

/// An object that was named. When it is not there, the error says what is: SCAR's folders had no slash at their end.
async fn object(store: &Store, bucket: &str, key: &str) -> Result<Head, RunError> {
    let below = List { bucket: bucket.to_owned(), prefix: format!("{key}/"), ..List::default() };
    match store.objects.head(bucket, key).await {
        Ok(Some(head)) => Ok(head),
        Ok(None) => {
            let place = store.place(bucket, key);
            let folder = store.objects.list(&below).await.is_ok_and(|page| !page.objects.is_empty());
            let hint = if folder { format!("; did you mean the folder {place}/ ?") } else { String::new() };
            Err(RunError::Refused(format!("there is no object {place}{hint}")))
        }
        // An answer to HEAD has no text: that to a listing says why.
        Err(error) if error.code.is_none() && error.kind == ErrorKind::Denied => {
            let told = store.objects.list(&below).await.err().filter(|told| told.code.is_some());
            Err(store.error(told.unwrap_or(error)))
        }
        Err(error) => Err(store.error(error)),
    }
}
