//! Content types, so that a browser shows what is stored instead of saving it.

/// How many of the first bytes are enough to know a file by.
pub const HEAD_BYTES: usize = 512;

/// What a file is by its name, else by its first bytes; `None` when neither says anything.
#[must_use]
pub fn content_type(name: &str, head: &[u8]) -> Option<&'static str> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let known = mime_guess::from_path(name).first_raw();
    known.or_else(|| infer::get(head).map(|kind| kind.mime_type()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is_and_else_its_first_bytes_do() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for (name, head, expected) in [
            ("out/a.png", &b""[..], Some("image/png")),
            ("a.PNG", b"", Some("image/png")),
            ("report.html", b"", Some("text/html")),
            ("table.csv", b"a,b", Some("text/csv")),
            ("brain.nii.gz", b"", Some("application/gzip")),
            ("frame", png, Some("image/png")),
            ("frame.0001", png, Some("image/png")),
            ("page.d/frame", png, Some("image/png")),
            ("notes", b"text", None),
            ("", b"", None),
        ] {
            assert_eq!(content_type(name, head), expected, "{name}");
        }
    }
}
