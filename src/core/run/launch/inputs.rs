//! The inputs of a run: files found, objects listed.

use super::select::Sieve;
use crate::cloud::ErrorKind;
use crate::dataset::objects::{Head, List};
use crate::dataset::{FileList, scan};
use crate::run::{RunError, Store};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use throng_contract::selection::Candidate;
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

/// Objects by key and prefix, as far as they are inputs; `etags` gets their `ETag`s by key.
pub(super) async fn list_objects(
    store: &Store,
    (provider, bucket): (Option<&str>, &str),
    keys: &[String],
    sieve: &mut Sieve,
    mut etags: Option<&mut HashMap<String, String>>,
    cancel: &CancellationToken,
) -> Result<FileList, RunError> {
    let mut list = FileList::default();
    let base = list.add_base(PathBuf::new());
    let mut seen = HashSet::new();
    let mut add = |asked: &str, key: String, size: u64, etag: String, modified_ms: Option<u64>| {
        let folder = asked.rfind('/').map_or(0, |slash| slash + 1);
        let found = Candidate { name: key.get(folder..).unwrap_or(&key), size: Some(size), modified_ms };
        if !key.is_empty()
            && !key.ends_with('/')
            && (keys.len() == 1 || seen.insert(key.clone()))
            && sieve.takes((provider, bucket), &key, found)
        {
            list.push(base, &key, size);
            if let Some(etags) = &mut etags {
                etags.insert(key, etag);
            }
        }
    };
    for asked in keys {
        if !asked.is_empty() && !asked.ends_with('/') {
            let head = object(store, bucket, asked).await?;
            add(asked, asked.clone(), head.size, head.etag, head.modified_ms);
            continue;
        }
        let mut query = List { bucket: bucket.to_owned(), prefix: asked.clone(), ..List::default() };
        loop {
            if cancel.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            let page = store.objects.list(&query).await.map_err(|error| store.error(error))?;
            page.objects
                .into_iter()
                .for_each(|object| add(asked, object.key, object.size, object.etag, object.modified_ms));
            match page.next {
                Some(token) => query.token = Some(token),
                None => break,
            }
        }
    }
    sieve.refuse_nothing(&list)?;
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
