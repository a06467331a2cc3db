//! Keys below a prefix.

use super::{Call, Payload, S3, S3Error, element, plain, read_text};
use crate::sigv4;
use std::time::Instant;

/// A page of keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys, in order; at most 1,000.
    pub keys: Vec<String>,
    /// Their objects' sizes in bytes.
    pub sizes: Vec<u64>,
    /// Whether there are more after them.
    pub more: bool,
}

impl S3 {
    /// The keys of a bucket that begin so, after a key.
    pub fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        until: Instant,
    ) -> Result<Page, S3Error> {
        let mut query = format!("list-type=2&prefix={}", sigv4::encode(prefix, false));
        if let Some(after) = after {
            query = format!("{query}&start-after={}", sigv4::encode(after, false));
        }
        let call = Call {
            method: "GET",
            bucket,
            key: "",
            query: &query,
            headers: &[],
            payload: Payload::Empty,
            until,
        };
        let mut response = self.call(&call)?;
        Ok(page(&read_text(&mut response)))
    }

    /// All keys of a bucket that begin so.
    pub fn list_all(&self, bucket: &str, prefix: &str, until: Instant) -> Result<Vec<String>, S3Error> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map(String::as_str);
            let Page { keys, more, .. } = self.list(bucket, prefix, after, until)?;
            let nothing = keys.is_empty();
            all.extend(keys);
            if !more || nothing {
                return Ok(all);
            }
        }
    }

    /// All keys of a bucket that begin so, with the sizes of their objects in bytes.
    pub fn list_sizes(
        &self,
        bucket: &str,
        prefix: &str,
        until: Instant,
    ) -> Result<Vec<(String, u64)>, S3Error> {
        let mut all: Vec<(String, u64)> = Vec::new();
        loop {
            let after = all.last().map(|(key, _)| key.as_str());
            let Page { keys, sizes, more } = self.list(bucket, prefix, after, until)?;
            let nothing = keys.is_empty();
            all.extend(keys.into_iter().zip(sizes));
            if !more || nothing {
                return Ok(all);
            }
        }
    }
}

/// Reads a page.
fn page(xml: &str) -> Page {
    let mut page =
        Page { more: element(xml, "IsTruncated").is_some_and(|said| said == "true"), ..Page::default() };
    for (key, rest) in xml.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>")) {
        page.keys.push(plain(key));
        page.sizes.push(element(rest, "Size").and_then(|size| size.parse().ok()).unwrap_or(0));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read() {
        let xml = "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a/1</Key><Size>2</Size></Contents>\
                   <Contents><Key>a/2&amp;3</Key></Contents></ListBucketResult>";
        assert_eq!(
            page(xml),
            Page { keys: vec!["a/1".into(), "a/2&3".into()], sizes: vec![2, 0], more: true }
        );
        assert_eq!(page("<ListBucketResult/>"), Page::default());
    }
}
