//! Credentials that say what to do when there are none. They are asked for again at each need, so that what was
//! waiting for a login goes on after it.

use super::error::chain;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

/// Credentials as AWS's tools find them.
#[derive(Debug)]
pub(super) struct Explained {
    pub inner: SharedCredentialsProvider,
    /// The profile they are of.
    pub profile: String,
}

impl ProvideCredentials for Explained {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.inner.provide_credentials().await.map_err(|error| {
                let cause = chain(&error).split('\n').map(str::trim).collect::<Vec<_>>().join("; ");
                CredentialsError::provider_error(explain(&self.profile, &cause))
            })
        })
    }
}

/// What is wrong, and what to type.
fn explain(profile: &str, cause: &str) -> String {
    let named = if profile == "default" { String::new() } else { format!(" --profile {profile}") };
    let lower = cause.to_lowercase();
    if lower.contains("sso") {
        return format!(
            "the login of profile `{profile}` has ended or never was: type `aws sso login{named}`; throng goes on by \
             itself after that ({cause})"
        );
    }
    if lower.contains("no providers in chain")
        || lower.contains("not loaded")
        || lower.contains("not enabled")
    {
        return format!(
            "there are no credentials for profile `{profile}`: type `aws configure{named}` or `aws configure \
             sso{named}`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ({cause})"
        );
    }
    format!("the credentials of profile `{profile}` cannot be had: {cause}")
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn an_ended_login_says_what_to_type() {
        let text = explain("lab", "the SSO token has expired and cannot be refreshed");
        assert!(text.contains("`aws sso login --profile lab`"), "{text}");
        let text = explain("default", "no providers in chain provided credentials");
        assert!(text.contains("`aws configure`"), "{text}");
        assert!(explain("x", "exit status 1").contains("`x`"));
    }
}
