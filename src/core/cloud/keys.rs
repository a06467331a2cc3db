//! Keys in documents. XML 1.0 cannot say every character that a key may have: lists are asked for in URL encoding, and such
//! keys are deleted one by one, by address.

use super::error::{CloudError, ErrorKind};
use std::collections::HashSet;

/// A key or prefix of a list that was asked for with `encoding-type=url`. `encoded`: the answer says that it is; servers
/// that do not know the parameter leave it out.
#[must_use]
pub fn decoded(key: &str, encoded: bool) -> String {
    if !encoded || !key.contains(['%', '+']) {
        return key.to_owned();
    }
    let spaced = key.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// Whether a document may carry the key from end to end: every reader of XML trims, or refuses, some characters.
#[must_use]
pub fn fits_xml(key: &str) -> bool {
    let unfit = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    !key.chars().any(unfit) && !key.starts_with(char::is_whitespace) && !key.ends_with(char::is_whitespace)
}

/// Tokens of the pages of one list. A server that gives one twice would be asked for ever.
#[derive(Debug, Default)]
pub struct Tokens(HashSet<String>);

impl Tokens {
    /// Notes the token of the next page.
    ///
    /// # Errors
    /// It was there before.
    pub fn note(&mut self, what: &str, token: &str) -> Result<(), CloudError> {
        if self.0.insert(token.to_owned()) { Ok(()) } else { Err(going_round(what)) }
    }
}

/// The error for a list that comes back to where it was.
pub fn going_round(what: &str) -> CloudError {
    CloudError::new(
        ErrorKind::Other,
        "s3:ListBucket",
        what,
        "the endpoint gave the same continuation token twice, so its list would never end; it is no list of S3",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_encodes_is_decoded_and_nothing_else() {
        for (sent, key) in [
            ("a%01b", "a\u{1}b"),
            ("a+b", "a b"),
            ("a%2Bb", "a+b"),
            ("%EF%BF%BF", "\u{ffff}"),
            ("a/%C3%A9.txt", "a/é.txt"),
            ("100%25", "100%"),
        ] {
            assert_eq!(decoded(sent, true), key);
            assert_eq!(decoded(sent, false), sent);
        }
    }

    #[test]
    fn keys_that_documents_cannot_carry_are_known() {
        for key in ["a\u{1}", "\t", "a\r", "a\n", "\u{ffff}x", " a", "a ", "\u{7f}"] {
            assert!(!fits_xml(key), "{key:?}");
        }
        for key in ["a", "a b", "é&<>", "\u{1F600}"] {
            assert!(fits_xml(key), "{key:?}");
        }
    }

    #[test]
    fn a_list_that_goes_round_is_cut_off() {
        let mut tokens = Tokens::default();
        assert!(tokens.note("b/", "1").is_ok() && tokens.note("b/", "2").is_ok());
        let error = tokens.note("b/", "1").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("same continuation token"), "{error}");
    }
}
