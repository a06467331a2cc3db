//! What extended headers say of the next entry.

use super::{UnpackError, damaged};

/// What extended headers say of the next entry.
#[derive(Debug, Default)]
pub(super) struct Extended {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub mtime: Option<i64>,
}

impl Extended {
    /// Reads the body of a header. Attributes, such as capabilities, are passed over: they are any bytes.
    pub fn read(&mut self, mut text: &[u8]) -> Result<(), UnpackError> {
        while let Some((key, value, rest)) = record(text)? {
            text = rest;
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"mtime" => self.mtime = whole(value).or(self.mtime),
                b"size" => return Err(UnpackError::TooLarge), // only written for files of 8 GiB and more
                key if key.starts_with(b"GNU.sparse") => {
                    return Err(damaged("sparse files are not supported"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The whole seconds of a time.
fn whole(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.split('.').next()?.parse().ok()
}

/// The key and the value of a record, and what follows it.
type Record<'a> = Option<(&'a [u8], &'a [u8], &'a [u8])>;

/// The first record of a header, `LENGTH KEY=VALUE\n`. Its length alone says where it ends: values may hold newlines.
fn record(text: &[u8]) -> Result<Record<'_>, UnpackError> {
    if text.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let split = || {
        let space = text.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
        let (record, rest) = text.split_at_checked(length)?;
        let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
        let equals = body.iter().position(|byte| *byte == b'=')?;
        Some((&body[..equals], &body[equals + 1..], rest))
    };
    split().map(Some).ok_or_else(|| damaged("malformed pax extension"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn records_end_where_their_length_says() {
        let mut found = Extended::default();
        // The middle one is a capability with the byte 0x0a in it, as file systems store it.
        let mut text = b"12 path=a/b\n".to_vec();
        text.extend(b"52 SCHILY.xattr.security.capability=\x01\0\0\x02\n1 x=y\n\0\0\0\0\n");
        text.extend(b"20 mtime=1700000.25\n");
        found.read(&text).unwrap();
        assert_eq!((found.path.as_deref(), found.mtime), (Some(&b"a/b"[..]), Some(1_700_000)));
    }

    #[test]
    fn what_is_no_record_is_damaged() {
        for text in ["x", "5 a=b", "99 path=a\n", "0 a=b\n", "3 a", "6 path\n", "-1 a=b\n"] {
            assert!(Extended::default().read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(matches!(Extended::default().read(b"17 size=10000000\n"), Err(UnpackError::TooLarge)));
    }
}
