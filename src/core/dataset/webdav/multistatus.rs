//! What a server of `WebDAV` says of files and folders (RFC 4918, 14.16).

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A file or a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Below the endpoint, decoded, without slashes at its ends.
    pub path: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Size in bytes.
    pub size: u64,
    /// Entity tag without quotes; empty when it has none.
    pub etag: String,
    /// When it was changed, in milliseconds since 1970.
    pub modified_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Multistatus {
    #[serde(default, rename = "response")]
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    href: String,
    #[serde(default, rename = "propstat")]
    propstats: Vec<Propstat>,
}

#[derive(Default, Deserialize)]
struct Propstat {
    #[serde(default)]
    prop: Prop,
}

#[derive(Default, Deserialize)]
struct Prop {
    #[serde(default)]
    resourcetype: Option<ResourceType>,
    #[serde(default)]
    getcontentlength: Option<String>,
    #[serde(default)]
    getetag: Option<String>,
    #[serde(default)]
    getlastmodified: Option<String>,
}

#[derive(Deserialize)]
struct ResourceType {
    #[serde(default)]
    collection: Option<IgnoredAny>,
}

/// Reads an answer. What is not below the endpoint, or has a path that leads elsewhere, is left out.
///
/// # Errors
/// It is no such answer; a sentence.
pub fn entries(text: &[u8], endpoint: &str) -> Result<Vec<Entry>, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let answer: Multistatus = quick_xml::de::from_str(text).map_err(|error| error.to_string())?;
    let base = path_of(endpoint).trim_matches('/').to_owned();
    Ok(answer.responses.into_iter().filter_map(|response| entry(response, &base)).collect())
}

fn entry(response: Response, base: &str) -> Option<Entry> {
    let path = percent_decode_str(path_of(response.href.trim())).decode_utf8().ok()?;
    let base = percent_decode_str(base).decode_utf8().ok()?;
    let path = path.trim_matches('/');
    let path = match &*base {
        "" => path,
        base => {
            path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'))?.trim_matches('/')
        }
    };
    if path.split('/').any(|part| matches!(part, "." | "..")) || path.contains("//") {
        return None;
    }
    let mut entry = Entry { path: path.to_owned(), ..Entry::default() };
    // Those that a server does not know stand in a `propstat` of their own, without a value.
    for Propstat { prop } in response.propstats {
        entry.folder |= prop.resourcetype.is_some_and(|kind| kind.collection.is_some());
        let text =
            |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(size) = text(prop.getcontentlength).and_then(|size| size.parse().ok()) {
            entry.size = size;
        }
        if let Some(etag) = text(prop.getetag) {
            etag.trim_matches('"').clone_into(&mut entry.etag);
        }
        entry.modified_ms = text(prop.getlastmodified).and_then(|time| when(&time)).or(entry.modified_ms);
    }
    Some(entry)
}

/// The path of an address, or a path as it is.
fn path_of(href: &str) -> &str {
    let rest = match href.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => href,
    };
    rest.split(['?', '#']).next().unwrap_or_default()
}

/// `Mon, 12 Jan 1998 09:25:56 GMT`
fn when(text: &str) -> Option<u64> {
    let time = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    u64::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn answers_of_several_servers_are_read() {
        // As wsgidav, dCache and Apache write them: prefixes, addresses and unknown properties differ.
        let text = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:lp1="DAV:">
<D:response><D:href>/dav/data/in/</D:href><D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><D:getcontentlength/><D:getetag/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
<D:response><D:href>https://h:1/dav/data/in/a%20b%26c.txt</D:href><D:propstat><D:prop><D:resourcetype/><D:getcontentlength>17</D:getcontentlength><D:getetag>"v&amp;1"</D:getetag><D:getlastmodified>Mon, 12 Jan 1998 09:25:56 GMT</D:getlastmodified></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
<D:response><D:href>/dav/data/../secret</D:href><D:propstat><D:prop/></D:propstat></D:response>
<D:response><D:href>/elsewhere/x</D:href><D:propstat><D:prop/></D:propstat></D:response>
</D:multistatus>"#;
        let found = entries(text.as_bytes(), "https://h:1/dav").unwrap();
        let folder = Entry { path: "data/in".into(), folder: true, ..Entry::default() };
        let file = Entry {
            path: "data/in/a b&c.txt".into(),
            folder: false,
            size: 17,
            etag: "v&1".into(),
            modified_ms: Some(884_597_156_000),
        };
        assert_eq!(found, [folder, file]);
        assert!(entries(b"<html>", "https://h").is_err());
        assert_eq!(entries(b"<multistatus xmlns=\"DAV:\"/>", "https://h").unwrap(), []);
    }
}
