//! Credentials that say what to do when there are none. They are asked for again at each need, so that what was
//! waiting for a login goes on after it.

use super::error::chain;
use super::explanation::{Cause, Explanation};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

/// Credentials as AWS's tools find them.
#[derive(Debug)]
pub(super) struct Explained {
    pub inner: SharedCredentialsProvider,
    /// The profile they are of, when the context names one.
    pub profile: Option<String>,
}

impl ProvideCredentials for Explained {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.inner.provide_credentials().await.map_err(|error| {
                let cause = chain(&error).split('\n').map(str::trim).collect::<Vec<_>>().join("; ");
                CredentialsError::provider_error(explain(self.profile.as_deref(), &cause))
            })
        })
    }
}

/// What is wrong, and what to type.
fn explain(profile: Option<&str>, cause: &str) -> Explanation {
    let from_environment = || std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    let profile = profile.map(str::to_owned).or_else(from_environment);
    let option = profile.as_ref().map_or_else(String::new, |name| format!(" --profile {name}"));
    let whose = profile.as_ref().map_or_else(String::new, |name| format!(" of profile `{name}`"));
    let lower = cause.to_lowercase();
    if lower.contains("sso") {
        return Explanation::with_advice(format!(
            "the login{whose} has ended or never was: type `aws sso login{option}`; throng goes on by itself after that \
             ({cause})"
        ));
    }
    let absent =
        ["no credentials found", "no providers in chain", "was not enabled", "did not contain credential"];
    if absent.iter().any(|words| lower.contains(words)) {
        tracing::debug!(cause, "credentials");
        return Explanation::with_advice(format!(
            "there are no credentials: type `aws configure{option}` or `aws configure sso{option}`, set \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a `profile` in the context"
        ));
    }
    if let Some(said) = cause.split_once("exited with code") {
        let (code, said) = said.1.split_once(". Stderr:").unwrap_or((said.1, ""));
        let said = match said.trim().trim_end_matches([';', ' ']) {
            "" => "said nothing".to_owned(),
            said => format!("said: {said}"),
        };
        return Explanation::with_advice(format!(
            "the `credential_process`{whose} failed ({}) and {said}",
            code.trim()
        ));
    }
    let missing = undefined(cause);
    if let (Some(name), Some(missing)) = (&profile, missing)
        && name != missing
    {
        return Explanation::with_advice(format!(
            "the profile `{name}` takes its credentials from the profile `{missing}`, which is not there: correct its \
             `source_profile` in ~/.aws/config, or type `aws configure --profile {missing}`"
        ));
    }
    if let Some(name) = profile.filter(|_| missing.is_some()) {
        return Explanation::with_advice(format!(
            "there is no profile `{name}` in ~/.aws/config: name another `profile` in the context, or type `aws \
             configure --profile {name}`"
        ));
    }
    Explanation { text: format!("the credentials{whose} cannot be had: {cause}"), cause: Cause::Unknown }
}

/// The profile that a cause says is not defined.
fn undefined(cause: &str) -> Option<&str> {
    let (before, _) = cause.split_once("was not defined")?;
    let (_, name) = before.trim_end().strip_suffix('`')?.rsplit_once('`')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::Cause;

    fn explain(profile: Option<&str>, cause: &str) -> String {
        super::explain(profile, cause).to_string()
    }

    #[test]
    fn what_says_what_to_do_needs_no_other_advice() {
        let cause = |said| super::explain(Some("x"), said).cause;
        assert_eq!(cause("the SSO token has expired"), Cause::Explained);
        assert_eq!(cause("exit status 1"), Cause::Unknown);
    }

    #[test]
    fn the_profile_that_is_missing_is_named() {
        let cause =
            "profile `missing` was not defined: could not find source profile missing referenced from role";
        let text = explain(Some("role"), cause);
        assert!(text.contains("`role` takes") && text.contains("--profile missing`"), "{text}");
        assert!(!text.contains("no profile `role`"), "{text}");
        let text =
            explain(Some("gone"), "profile `gone` was not defined: could not find source profile gone");
        assert!(text.contains("there is no profile `gone`"), "{text}");
    }

    #[test]
    fn a_program_that_fails_is_told_with_what_it_said() {
        let cause = "Error retrieving credentials: external process exited with code exit status: 1. Stderr: no token; ";
        let text = explain(Some("lab"), cause);
        assert_eq!(
            text,
            "the `credential_process` of profile `lab` failed (exit status: 1) and said: no token"
        );
        let text = explain(Some("lab"), "external process exited with code exit status: 2. Stderr: ");
        assert!(text.ends_with("(exit status: 2) and said nothing"), "{text}");
        assert!(explain(Some("empty"), "the credential provider was not enabled").contains("no credentials"));
    }

    #[test]
    fn an_ended_login_says_what_to_type() {
        let text = explain(Some("lab"), "the SSO token has expired and cannot be refreshed");
        assert!(text.contains("`aws sso login --profile lab`"), "{text}");
        let text = explain(None, "no credentials found in chain. Attempted: Environment");
        assert!(text.contains("`aws configure") && !text.contains("Attempted"), "{text}");
        assert!(explain(Some("x"), "exit status 1").contains("`x`"));
    }
}
