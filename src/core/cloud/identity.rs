//! Who a context's credentials are.

use super::error::CloudError;
use super::{Cloud, ErrorKind, small};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Account number, 12 digits.
    pub account: String,
    /// ARN of the user or of the role's session.
    pub arn: String,
}

impl Identity {
    /// The ARN that policies are attached to: of a role's session, the role's. Of a session only the role's name is
    /// known, not its path.
    #[must_use]
    pub fn principal(&self) -> String {
        let role = self.arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
        match role {
            Some(role) => {
                let partition = self.arn.split(':').nth(1).unwrap_or("aws");
                format!("arn:{partition}:iam::{}:role/{role}", self.account)
            }
            None => self.arn.clone(),
        }
    }
}

impl Cloud {
    /// Who the context's credentials are. Asked once.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn identity(&self) -> Result<&Identity, CloudError> {
        self.0.identity.get_or_try_init(|| ask(&self.0.clients.sts)).await
    }
}

pub(super) async fn ask(client: &aws_sdk_sts::Client) -> Result<Identity, CloudError> {
    // Nobody needs a permission for this call.
    const ACTION: &str = "sts:GetCallerIdentity";
    let request = client.get_caller_identity();
    let output = small(ACTION, "", request.send()).await?;
    match (output.account(), output.arn()) {
        (Some(account), Some(arn)) => Ok(Identity { account: account.to_owned(), arn: arn.to_owned() }),
        _ => Err(CloudError::new(ErrorKind::Other, ACTION, "", "the answer names no account")),
    }
}

/// Whether an endpoint said that it is no STS, and not that it does not know the keys, or nothing.
pub(super) fn is_no_sts(error: &CloudError) -> bool {
    match error.kind {
        ErrorKind::Unreachable => false,
        // Those that know of no such call may deny it; keys that are not known have codes of their own.
        ErrorKind::Auth => error.code.as_deref() == Some("AccessDenied"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_sts_is_told_from_wrong_keys_and_from_silence() {
        let of = |kind, code: Option<&str>| {
            let error = CloudError::new(kind, "sts:GetCallerIdentity", "", "x");
            is_no_sts(&CloudError { code: code.map(str::to_owned), ..error })
        };
        assert!(of(ErrorKind::Other, None) && of(ErrorKind::Invalid, Some("InvalidAction")));
        assert!(of(ErrorKind::Auth, Some("AccessDenied")) && of(ErrorKind::NotFound, None));
        assert!(!of(ErrorKind::Auth, Some("InvalidClientTokenId")) && !of(ErrorKind::Auth, None));
        assert!(!of(ErrorKind::Unreachable, None));
    }

    #[test]
    fn policies_are_attached_to_the_role_of_a_session() {
        let of = |arn: &str| Identity { account: "123456789012".into(), arn: arn.into() }.principal();
        assert_eq!(
            of("arn:aws:sts::123456789012:assumed-role/Admin/me@example.org"),
            "arn:aws:iam::123456789012:role/Admin"
        );
        assert_eq!(of("arn:aws:iam::123456789012:user/me"), "arn:aws:iam::123456789012:user/me");
    }
}
