//! What is fetched, and the path that it gets.

use super::file::Item;
use super::{Download, DownloadError, Downloaded, Named, NotFetched};
use crate::cloud::keys::Tokens;
use crate::dataset::names::{SafePath, safe_path};
use crate::dataset::objects::{List, Listed, Objects};
use std::collections::HashMap;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// The folder that a key or prefix is in, with its slash: names start after it.
fn above(asked: &str) -> &str {
    let end = asked.strip_suffix('/').unwrap_or(asked).rfind('/').map_or(0, |slash| slash + 1);
    &asked[..end]
}

/// The folder that all of these are in, with its slash.
pub(crate) fn common_folder<'k>(mut keys: impl Iterator<Item = &'k str>) -> &'k str {
    let Some(first) = keys.next() else { return "" };
    let mut common = first;
    for key in keys {
        let same = common.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
        common = &common[..floor(common, same)];
    }
    &common[..common.rfind('/').map_or(0, |slash| slash + 1)]
}

/// The last boundary between characters at or before a byte.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Download {
    /// Lists the objects and gives each its path. Prefixes lose the folders above their last, and so does a key among them;
    /// several keys keep the folders that they do not share, and so does everything where two objects would be one file.
    pub(super) async fn items(
        &self,
        store: &dyn Objects,
        downloaded: &mut Downloaded,
        cancel: &CancellationToken,
    ) -> Result<Vec<Item>, DownloadError> {
        let mut found = Vec::new();
        for asked in &self.keys {
            let objects = self.listed(store, asked, cancel).await?;
            found.extend(
                objects.into_iter().filter(|object| !object.key.ends_with('/')).map(|object| (asked, object)),
            );
        }
        let short = |asked: &str, key: &str| key.get(above(asked).len()..).unwrap_or(key).to_owned();
        let mut owner: HashMap<String, &str> = HashMap::new();
        let keys_alone = self.keys.iter().all(|asked| !asked.is_empty() && !asked.ends_with('/'));
        let long = keys_alone
            || found.iter().any(|(asked, object)| {
                *owner.entry(short(asked, &object.key)).or_insert(&object.key) != object.key
            });
        let shared = common_folder(self.keys.iter().map(|asked| above(asked))).len();
        let mut items = Vec::new();
        let mut taken: HashMap<PathBuf, String> = HashMap::new();
        for (asked, object) in found {
            let name = if long {
                object.key.get(shared..).unwrap_or(&object.key).to_owned()
            } else {
                short(asked, &object.key)
            };
            match safe_path(&name) {
                Ok(SafePath { path, encoded }) => match taken.get(&path) {
                    Some(other) if *other == object.key => {}
                    Some(other) => return Err(DownloadError::Collision(other.clone(), object.key)),
                    None => {
                        downloaded.encoded += u64::from(encoded);
                        taken.insert(path.clone(), object.key.clone());
                        items.push(Item { path: self.to.join(path), object, sha256: Vec::new() });
                    }
                },
                Err(reason) => downloaded.failed.push(NotFetched { key: object.key, reason }),
            }
        }
        items.extend(self.named.iter().map(|named| self.item(named, downloaded)));
        Ok(items)
    }

    fn item(&self, named: &Named, downloaded: &mut Downloaded) -> Item {
        downloaded.encoded += u64::from(named.path.encoded);
        let (key, etag) = (named.key.clone(), String::new());
        Item {
            object: Listed { key, size: named.size, etag, modified_ms: None },
            path: self.to.join(&named.path.path),
            sha256: named.sha256.clone(),
        }
    }

    async fn listed(
        &self,
        store: &dyn Objects,
        asked: &str,
        cancel: &CancellationToken,
    ) -> Result<Vec<Listed>, DownloadError> {
        if !asked.is_empty() && !asked.ends_with('/') {
            let head = store.head(&self.bucket, asked).await?;
            let head = head.ok_or_else(|| DownloadError::Nothing(format!("`{asked}` in {}", self.bucket)))?;
            return Ok(vec![Listed {
                key: asked.to_owned(),
                size: head.size,
                etag: head.etag,
                modified_ms: None,
            }]);
        }
        let mut all = Vec::new();
        let mut list = List { bucket: self.bucket.clone(), prefix: asked.to_owned(), ..List::default() };
        let mut tokens = Tokens::default();
        loop {
            if cancel.is_cancelled() {
                return Err(DownloadError::Cancelled);
            }
            let page = store.list(&list).await?;
            all.extend(page.objects);
            match page.next {
                Some(token) => {
                    tokens.note(&format!("{}/{asked}", self.bucket), &token)?;
                    list.token = Some(token);
                }
                None => return Ok(all),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_all_share_are_found() {
        for (keys, expected) in [
            (&["a/b/c", "a/b/d"][..], "a/b/"),
            (&["a/b/c"], "a/b/"),
            (&["a/bc/x", "a/bd/x"], "a/"),
            (&["a/é", "a/è"], "a/"),
            (&["a/b/", "a/b/"], "a/b/"),
            (&["a", "b"], ""),
            (&[], ""),
        ] {
            assert_eq!(common_folder(keys.iter().copied()), expected, "{keys:?}");
        }
    }
}
