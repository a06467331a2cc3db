//! `${NAME}`: values that come from the environment.

use super::fields::Spanned;
use super::problem::{Report, Unset};
use std::fmt::{self, Write as _};

/// Looks up environment variables.
#[derive(Clone, Copy)]
pub struct Environment<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

/// A text after [`expand`].
pub(super) struct Expanded {
    pub text: String,
    /// Whether any part came from the environment, and is to be treated as a secret.
    pub from_environment: bool,
    /// Whether a variable is not set, which is not an error here: its `${NAME}` stands in the text.
    pub unset: bool,
}

/// Replaces every `${NAME}`; `$${` stands for `${` itself. A missing variable is an error that names it; the text
/// around it is not repeated, it may be secret.
pub(super) fn expand(
    text: &Spanned<String>,
    environment: &Environment<'_>,
    key: &str,
    report: &mut Report,
) -> Option<Expanded> {
    let (mut from_environment, mut unset) = (false, false);
    let mut out = String::with_capacity(text.value.len());
    let mut rest = text.value.as_str();
    let mut good = true;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        let Some(end) = rest[at..].find('}').map(|end| at + end) else {
            report.error(text.at, key, "`${` is never closed; write `$${` for the characters themselves");
            return None;
        };
        let name = &rest[at + 2..end];
        out.push_str(&rest[..at]);
        rest = &rest[end + 1..];
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let message =
                "`${…}` must hold the name of an environment variable; write `$${` for the characters";
            report.error(text.at, key, message);
            good = false;
            continue;
        }
        if let Some(value) = (environment.0)(name) {
            out.push_str(&value);
            from_environment = true;
        } else if report.unset != Unset::Error {
            if report.unset == Unset::Warning {
                let message =
                    format!("the environment variable `{name}` is not set; `throng deploy` needs it");
                report.warn(text.at, key, message);
            }
            let _ = write!(out, "${{{name}}}");
            (from_environment, unset) = (true, true);
        } else {
            let message = format!(
                "the environment variable `{name}` is not set; set it, or write `$${{` for the characters `${{`"
            );
            report.unset(text.at, key, message);
            good = false;
        }
    }
    out.push_str(rest);
    good.then_some(Expanded { text: out, from_environment, unset })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::definition::problem::{Position, ProblemKind};

    fn expanded(text: &str) -> Result<String, String> {
        let mut report = Report::default();
        let lookup = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        let text = Spanned { at: Position::default(), value: text.to_owned() };
        expand(&text, &Environment(&lookup), "k", &mut report)
            .map(|expanded| expanded.text)
            .ok_or_else(|| report.errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn where_nothing_is_deployed_a_missing_one_stands_as_it_was_written() {
        for (unset, warnings) in [(Unset::Warning, 1), (Unset::Fine, 0)] {
            let mut report = Report { unset, ..Report::default() };
            let text = Spanned { at: Position::default(), value: "a-${NOPE}".to_owned() };
            let expanded = expand(&text, &Environment(&|_| None), "k", &mut report).unwrap();
            assert_eq!((expanded.text.as_str(), expanded.unset), ("a-${NOPE}", true));
            assert_eq!((report.errors.len(), report.warnings.len()), (0, warnings));
        }
    }

    #[test]
    fn what_is_missing_is_told_by_its_kind_and_not_only_by_words() {
        let kinds = |text: &str| {
            let mut report = Report::default();
            let text = Spanned { at: Position::default(), value: text.to_owned() };
            let _ = expand(&text, &Environment(&|_| None), "k", &mut report);
            report.errors.iter().map(|problem| problem.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds("${NOPE}"), [ProblemKind::UnsetVariable]);
        // It speaks of an environment variable, too.
        assert_eq!(kinds("${}"), [ProblemKind::Content]);
    }

    #[test]
    fn variables_are_replaced_and_missing_ones_named() {
        assert_eq!(expanded("a${TOKEN}b${TOKEN}").as_deref(), Ok("as3cretbs3cret"));
        assert_eq!(expanded("$${TOKEN} $HOME {}").as_deref(), Ok("${TOKEN} $HOME {}"));
        let error = expanded("${TOKEN}-${NOPE}").expect_err("missing");
        assert!(error.contains("`NOPE`") && !error.contains("s3cret"), "{error}");
        assert!(expanded("${TOKEN").is_err());
        assert!(expanded("${}").is_err());
    }
}
