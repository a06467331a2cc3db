//! Filter patterns: terms and JSON fields.
//!
//! The syntax of `CloudWatch` Logs
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>): `ERROR "two words" -not`
//! (all of them, without those), `?a ?b` (any of them), `%regex%`, and `{ $.field = "x" && $.n > 3 }` for JSON. The
//! form for columns, `[a, b]`, is refused.
//!
//! ```text
//! json   the half for JSON: { $.field = "x" && … }
//! ```

mod json;

use json::Expression;
use regex::Regex;

/// The longest pattern that AWS takes, in characters.
const LONGEST: usize = 1024;

/// Why a pattern is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter pattern: {0}")]
pub struct PatternError(pub String);

/// A filter pattern, ready to be matched.
#[derive(Clone, Debug)]
pub struct Pattern(TermKind);

#[derive(Clone, Debug)]
enum TermKind {
    Terms { all: Vec<Term>, any: Vec<Term>, none: Vec<Term> },
    Json(Expression),
}

#[derive(Clone, Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

impl Pattern {
    /// Reads a pattern. An empty one matches everything.
    ///
    /// # Errors
    /// [`PatternError`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        if text.chars().count() > LONGEST {
            return Err(PatternError(format!("longer than {LONGEST} characters")));
        }
        match text.chars().next() {
            Some('{') => json::parse(text).map(|expression| Self(TermKind::Json(expression))),
            Some('[') => Err(PatternError("patterns for space-delimited columns are not supported".into())),
            _ => terms(text),
        }
    }

    /// Whether a message matches. Matching is case-sensitive.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            TermKind::Terms { all, any, none } => {
                all.iter().all(|term| term.is_in(message))
                    && (any.is_empty() || any.iter().any(|term| term.is_in(message)))
                    && !none.iter().any(|term| term.is_in(message))
            }
            TermKind::Json(expression) => {
                serde_json::from_str(message).is_ok_and(|value| expression.holds(&value))
            }
        }
    }
}

fn terms(text: &str) -> Result<Pattern, PatternError> {
    let (mut all, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(first) = rest.trim_start().chars().next() {
        rest = rest.trim_start();
        let list = match first {
            '?' => &mut any,
            '-' => &mut none,
            _ => &mut all,
        };
        if matches!(first, '?' | '-') {
            rest = &rest[1..];
        }
        let (term, tail) = term(rest)?;
        list.push(term);
        rest = tail;
    }
    // Mixed with other terms, `?` terms are ignored, as AWS documents.
    if !all.is_empty() {
        any.clear();
    }
    Ok(Pattern(TermKind::Terms { all, any, none }))
}

fn term(text: &str) -> Result<(Term, &str), PatternError> {
    let unclosed = |what: &str| PatternError(format!("{what} is not closed"));
    match text.as_bytes().first() {
        Some(b'"') => {
            let (value, tail) = quoted(text).ok_or_else(|| unclosed("a quotation mark"))?;
            Ok((Term::Text(value), tail))
        }
        Some(b'%') => {
            let end = text[1..].find('%').ok_or_else(|| unclosed("`%`"))? + 1;
            let regex = Regex::new(&text[1..end]).map_err(|error| PatternError(error.to_string()))?;
            Ok((Term::Regex(regex), &text[end + 1..]))
        }
        Some(_) => {
            let end = text.find(char::is_whitespace).unwrap_or(text.len());
            Ok((Term::Text(text[..end].to_owned()), &text[end..]))
        }
        None => Err(PatternError("a term is missing".into())),
    }
}

/// Reads `"…"` with `\"` and `\\` inside; gives the value and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn hit(pattern: &str, message: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(message)
    }

    #[test]
    fn terms_are_all_any_and_none() {
        assert!(hit("", "anything"));
        assert!(hit("ERROR disk", "disk ERROR"));
        assert!(!hit("ERROR disk", "ERROR"));
        assert!(!hit("error", "ERROR"), "case matters");
        assert!(hit("?a1 ?b1", "x b1"));
        assert!(!hit("?a1 ?b1", "x"));
        assert!(hit("ERROR -debug", "ERROR here"));
        assert!(!hit("ERROR -debug", "ERROR debug"));
        assert!(hit(r#""two words""#, "has two words"));
        assert!(!hit(r#""two words""#, "words two"));
        assert!(hit("%[0-9]{3}%", "code 404"));
    }

    #[test]
    fn json_fields_are_compared() {
        let message =
            r#"{"run":"r1","task":7,"record":{"requestId":"abc","ok":true},"list":[{"a":1}],"n":null}"#;
        for (pattern, expected) in [
            (r#"{ $.run = "r1" }"#, true),
            (r#"{ $.run = "r2" }"#, false),
            (r"{ $.run = r* }", true),
            (r#"{ $.run != "r2" }"#, true),
            ("{ $.task = 7 }", true),
            ("{ $.task > 7 }", false),
            ("{ $.task >= 7 && $.task < 8 }", true),
            (r#"{ $.record.requestId = "abc" || $.run = "zz" }"#, true),
            ("{ $.record.ok IS TRUE }", true),
            ("{ $.record.ok IS FALSE }", false),
            ("{ $.n IS NULL }", true),
            ("{ $.missing NOT EXISTS }", true),
            ("{ $.run NOT EXISTS }", false),
            ("{ $.list[0].a = 1 }", true),
            (r#"{ ($.run = "zz" || $.task = 7) && $.record.requestId = "abc" }"#, true),
            (r#"{ $.run = "zz" && ($.task = 7 || $.task = 8) }"#, false),
        ] {
            assert_eq!(hit(pattern, message), expected, "{pattern}");
        }
        assert!(!hit(r#"{ $.run = "r1" }"#, "not json"));
    }

    #[test]
    fn wrong_patterns_say_so() {
        for pattern in
            ["\"open", "%open", "{ $.a }", "{ a = 1 }", "{ $.a = 1", "[a, b]", "{ $.a = 1 && }", "%(%"]
        {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(pattern in ".{0,60}", message in ".{0,60}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                let _ = pattern.matches(&message);
            }
        }
    }
}
