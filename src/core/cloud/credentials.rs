//! Credentials that say what to do when there are none. They are asked for again at each need, so that what was
//! waiting for a login goes on after it.

use super::error::chain;
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
fn explain(profile: Option<&str>, cause: &str) -> String {
    let from_environment = || std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    let profile = profile.map(str::to_owned).or_else(from_environment);
    let option = profile.as_ref().map_or_else(String::new, |name| format!(" --profile {name}"));
    let whose = profile.as_ref().map_or_else(String::new, |name| format!(" of profile `{name}`"));
    let lower = cause.to_lowercase();
    if lower.contains("sso") {
        return format!(
            "the login{whose} has ended or never was: type `aws sso login{option}`; throng goes on by itself after that \
             ({cause})"
        );
    }
    if lower.contains("no credentials found") || lower.contains("no providers in chain") {
        tracing::debug!(cause, "credentials");
        return format!(
            "there are no credentials: type `aws configure{option}` or `aws configure sso{option}`, set \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a `profile` in the context"
        );
    }
    if let Some(name) = profile.filter(|_| lower.contains("profile") && lower.contains("not defined")) {
        return format!(
            "there is no profile `{name}` in ~/.aws/config: name another `profile` in the context, or type `aws \
             configure --profile {name}`"
        );
    }
    format!("the credentials{whose} cannot be had: {cause}")
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn an_ended_login_says_what_to_type() {
        let text = explain(Some("lab"), "the SSO token has expired and cannot be refreshed");
        assert!(text.contains("`aws sso login --profile lab`"), "{text}");
        let text = explain(None, "no credentials found in chain. Attempted: Environment");
        assert!(text.contains("`aws configure") && !text.contains("Attempted"), "{text}");
        assert!(explain(Some("x"), "exit status 1").contains("`x`"));
    }
}
