//! What a person can do about an error: each cause has its own words.

use super::error::{CloudError, ErrorKind};
use super::explanation::Cause;

impl CloudError {
    /// What a person can do about it; empty when there is nothing to say.
    #[must_use]
    pub fn advice(&self) -> String {
        match self.kind {
            _ if self.cause == Cause::Explained => String::new(),
            _ if self.cause == Cause::NoSpace => {
                "Make room on that disk. What was under way goes on then: the same command again takes it up.".into()
            }
            _ if self.cause == Cause::Damaged => {
                "Its disk or memory, or something on the way, changes what is stored: fetch it again, or store it anew."
                    .into()
            }
            _ if self.cause == Cause::TooManyFiles => {
                "This process may not open more files: `ulimit -n 8192` in this shell, or fewer programs at a time.".into()
            }
            _ if self.cause == Cause::NobodyHere => {
                "Nothing listens at this address of this machine: start what should (`throng local start` for the local \
                 cloud)."
                    .into()
            }
            _ if self.cause == Cause::LocalKeys => {
                "They are not the keys of the local cloud that answers there. `eval \"$(throng local status --env)\"` sets its keys; \
                 if its folder was reset while it ran, `throng local stop` and the same command again."
                    .into()
            }
            ErrorKind::Unreachable if self.cause == Cause::UnknownHost => {
                "Check that the region is spelt right, and that this machine can look names up.".into()
            }
            ErrorKind::Unreachable => "Check the network, and the context's region and endpoint.".into(),
            _ if self.code.as_deref() == Some("RegionDisabledException") => {
                "Turn the region on for the account (AWS console: Account, AWS Regions), or use another one.".into()
            }
            ErrorKind::Auth if self.is_clock() => {
                "Set this machine's clock (`timedatectl set-ntp true`): the cloud accepts a few minutes of difference."
                    .into()
            }
            ErrorKind::Auth => {
                "Check the context's profile; log in again (`aws sso login`) or renew the keys.".into()
            }
            ErrorKind::Denied => format!("Ask for the permission {} on {}.", self.action, self.subject()),
            ErrorKind::Throttled => "The cloud asked to slow down. Try again in a moment.".into(),
            _ => String::new(),
        }
    }

    /// The error with what to do, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        sentence(&self.to_string(), &self.advice())
    }

    fn subject(&self) -> &str {
        if self.what.is_empty() { "the resource" } else { &self.what }
    }
}

/// A text and what to do, in one line.
pub(crate) fn sentence(text: &str, advice: &str) -> String {
    // The cloud's own words may end as a sentence does.
    if advice.is_empty() {
        text.to_owned()
    } else {
        format!("{}. {advice}", text.trim_end().trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::{kind_of, unreached};
    use super::*;

    #[test]
    fn a_region_that_is_turned_off_is_no_matter_of_permissions() {
        let kind = kind_of("RegionDisabledException", 403);
        let error = CloudError {
            code: Some("RegionDisabledException".into()),
            ..CloudError::new(kind, "sts:GetCallerIdentity", "", "STS is not activated in this region")
        };
        assert!(error.advice().contains("Turn the region on"), "{}", error.advice());
    }

    #[test]
    fn a_sentence_ends_once() {
        for words in ["no permissions.", "no permissions"] {
            let error = CloudError::new(ErrorKind::Auth, "sts:GetCallerIdentity", "", words);
            let text = error.sentence();
            assert!(text.contains("no permissions. Check") && !text.contains(".."), "{text}");
        }
    }

    #[test]
    fn each_cause_has_its_own_words() {
        let with = |kind, cause| CloudError { cause, ..CloudError::new(kind, "s3:PutObject", "b/k", "x") };
        let network = with(ErrorKind::Unreachable, Cause::Unknown).advice();
        for (kind, cause, word) in [
            (ErrorKind::Other, Cause::NoSpace, "Make room"),
            (ErrorKind::Other, Cause::Damaged, "store it anew"),
            (
                ErrorKind::Unreachable,
                unreached("127.0.0.1:9", "Connection refused (os error 111)"),
                "local start",
            ),
            (
                ErrorKind::Unreachable,
                unreached("s3.eu-west-1.amazonaws.com", "Too many open files (os error 24)"),
                "ulimit -n",
            ),
            (ErrorKind::Auth, Cause::LocalKeys, "throng local stop"),
        ] {
            let advice = with(kind, cause).advice();
            assert!(advice.contains(word), "{advice}");
            assert!(
                advice != network && !advice.contains("network") && !advice.contains("aws sso"),
                "{advice}"
            );
        }
        assert!(
            !with(ErrorKind::Other, Cause::NoSpace).is_transient(),
            "a full disk is not tried again at once"
        );
    }
}
