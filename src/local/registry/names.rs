//! Names of repositories, tags, digests and images, as the distribution specification has them.

/// A tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A name that can be given to another manifest.
    Tag(String),
    /// `sha256:…`
    Digest(String),
}

impl Reference {
    /// Reads a tag or a digest.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(':') {
            return hex_of(text).map(|_| Self::Digest(text.to_owned()));
        }
        is_tag(text).then(|| Self::Tag(text.to_owned()))
    }
}

/// `host:port/repository[:tag][@digest]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUri {
    /// The repository, without the registry's host.
    pub repository: String,
    /// What of it; the digest wins over the tag.
    pub reference: Reference,
}

impl ImageUri {
    /// Reads an image's name. Without tag and digest it is `latest`.
    pub fn parse(uri: &str) -> Option<Self> {
        let (_, rest) = uri.split_once('/')?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (repository, tag) = rest.split_once(':').unwrap_or((rest, "latest"));
        let reference = Reference::parse(digest.unwrap_or(tag))?;
        let right = matches!(reference, Reference::Digest(_)) == digest.is_some();
        (right && is_repository(repository)).then(|| Self { repository: repository.to_owned(), reference })
    }
}

/// The 64 digits of a digest, when it is one that the store knows.
pub fn hex_of(digest: &str) -> Option<&str> {
    let hex = digest.strip_prefix("sha256:")?;
    let good = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    good.then_some(hex)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/…)*`: a name that is also a harmless path.
pub fn is_repository(name: &str) -> bool {
    let part = |part: &str| {
        let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        bytes.iter().copied().all(allowed)
            && ends(bytes.first())
            && ends(bytes.last())
            && !part.contains("..")
    };
    name.len() <= 255 && name.split('/').all(part)
}

fn is_tag(tag: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let first = tag.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    first && tag.len() <= 128 && tag.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn image_names_are_read() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let read = |uri: &str| ImageUri::parse(uri).map(|uri| (uri.repository, uri.reference));
        let tag = |tag: &str| Reference::Tag(tag.into());
        assert_eq!(read("127.0.0.1:5000/a/b:v1").unwrap(), ("a/b".into(), tag("v1")));
        assert_eq!(read("localhost/a").unwrap(), ("a".into(), tag("latest")));
        let by_digest = ("a".into(), Reference::Digest(digest.clone()));
        assert_eq!(read(&format!("h:1/a@{digest}")).unwrap(), by_digest);
        assert_eq!(read(&format!("h:1/a:v2@{digest}")).unwrap(), by_digest);
        for bad in [
            "a",
            "h/",
            "h/A",
            "h/a@v1",
            "h/a:",
            "h/../x",
            "h/a/../b",
            "h/a@sha256:12",
            "h/_tags",
            "h/.a",
            "h/a//b",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
