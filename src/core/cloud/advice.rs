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
            _ if matches!(self.code.as_deref(), Some("RegionDisabledException" | "OptInRequired")) => {
                "Turn the region on for the account (AWS console: Account, AWS Regions), or use another one.".into()
            }
            _ if self.code.as_deref() == Some("InvalidObjectState") => {
                "The object is in an archive class: restore it first (`aws s3api restore-object`), which takes minutes to hours, \
                 and try again."
                    .into()
            }
            _ if self.code.as_deref().is_some_and(|code| code.starts_with("KMS.")) => {
                "It is encrypted with a key of AWS KMS that is disabled, deleted or not shared: see to the key, then try again."
                    .into()
            }
            ErrorKind::Auth if self.is_clock() => {
                "Set this machine's clock (`timedatectl set-ntp true`): the cloud accepts a few minutes of difference."
                    .into()
            }
            // What AWS answers in a region that the account has not turned on: there the keys are not known.
            ErrorKind::Auth if self.is_key_unknown() => {
                "Check the context's profile; log in again (`aws sso login`) or renew the keys. If they are accepted in other \
                 regions, this one may not be turned on for the account (AWS console: Account, AWS Regions)."
                    .into()
            }
            ErrorKind::Auth => {
                "Check the context's profile; log in again (`aws sso login`) or renew the keys.".into()
            }
            ErrorKind::Denied => {
                let (action, resource) = self.denied().unwrap_or((self.action, self.subject()));
                format!("Ask for the permission {action} on {resource}.")
            }
            ErrorKind::Throttled => "The cloud asked to slow down. Try again in a moment.".into(),
            _ => String::new(),
        }
    }

    /// The error with what to do, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        sentence(&self.to_string(), &self.advice())
    }

    /// Which action was denied on what, as AWS's words say: it may be another one than what was called, which implied it
    /// (`iam:PassRole`, `kms:GenerateDataKey`, `ecr:GetRepositoryPolicy`).
    fn denied(&self) -> Option<(&str, &str)> {
        let (_, told) = self.message.split_once("not authorized to perform: ")?;
        let (action, rest) = told.split_once(char::is_whitespace).unwrap_or((told, ""));
        let action = action.trim_end_matches(['.', ',']);
        let known =
            action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
        let resource = rest.strip_prefix("on resource: ").and_then(|rest| rest.split_whitespace().next());
        let resource = resource.map(|text| text.trim_start_matches('"').trim_end_matches(['.', ',', '"']));
        known.then(|| (action, resource.filter(|text| !text.is_empty()).unwrap_or_else(|| self.subject())))
    }

    fn is_key_unknown(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        ["UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure"]
            .contains(&code)
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
    fn the_permission_that_was_missing_is_named_not_the_call_that_implied_it() {
        for (message, advice) in [
            (
                "User: arn:aws:iam::1:user/ann is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/team \
                 because no identity-based policy allows the iam:PassRole action",
                "Ask for the permission iam:PassRole on arn:aws:iam::1:role/team.",
            ),
            (
                "User: arn:aws:sts::1:assumed-role/f/f is not authorized to perform: kms:GenerateDataKey on resource: \
                 \"arn:aws:kms:eu-west-1:1:key/k\".",
                "Ask for the permission kms:GenerateDataKey on arn:aws:kms:eu-west-1:1:key/k.",
            ),
            (
                "User: x is not authorized to perform: lambda:ListTags",
                "Ask for the permission lambda:ListTags on f.",
            ),
            ("Access Denied", "Ask for the permission lambda:CreateFunction on f."),
        ] {
            let error = CloudError::new(ErrorKind::Denied, "lambda:CreateFunction", "f", message);
            assert_eq!(error.advice(), advice);
        }
    }

    #[test]
    fn archives_keys_and_regions_have_words_of_their_own() {
        for (code, status, word) in [
            ("InvalidObjectState", 403, "restore it first"),
            ("KMS.DisabledException", 400, "see to the key"),
            ("OptInRequired", 403, "Turn the region on"),
            ("UnrecognizedClientException", 403, "may not be turned on"),
        ] {
            let error = CloudError::new(kind_of(code, status), "s3:GetObject", "b/k", "x");
            let advice = CloudError { code: Some(code.into()), ..error }.advice();
            assert!(advice.contains(word), "{code}: {advice}");
        }
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
