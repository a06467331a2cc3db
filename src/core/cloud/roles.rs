//! Roles of IAM and what they may do.

use super::budget::Limits;
use super::error::{CloudError, ErrorKind};
use super::{existed, small};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType, Tag};
use std::collections::BTreeMap;

/// Roles of a context.
#[derive(Clone, Copy)]
pub struct Roles<'a> {
    client: &'a Client,
    limits: &'a Limits,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// ARN
    pub arn: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A role that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// Path, with a slash at either end.
    pub path: String,
    /// Name, 1–64 of `A-Z a-z 0-9 _+=,.@-`.
    pub name: String,
    /// What it is for, at most 1,000 characters.
    pub description: String,
    /// Who may assume it: a policy as JSON.
    pub trust: String,
    /// Tags
    pub tags: BTreeMap<String, String>,
}

impl<'a> Roles<'a> {
    pub(super) const fn new(client: &'a Client, limits: &'a Limits) -> Self {
        Self { client, limits }
    }

    /// A role; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn get(&self, name: &str) -> Result<Option<Role>, CloudError> {
        const ACTION: &str = "iam:GetRole";
        self.limits.other.acquire().await;
        let request = self.client.get_role().role_name(name);
        match small(ACTION, name, request.send()).await {
            Ok(output) => Ok(output.role().map(|role| Role {
                arn: role.arn().to_owned(),
                tags: role.tags().iter().map(|tag| (tag.key().into(), tag.value().into())).collect(),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a role.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it exists.
    pub async fn create(&self, role: &NewRole) -> Result<(), CloudError> {
        const ACTION: &str = "iam:CreateRole";
        self.limits.other.acquire().await;
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags: Vec<_> = role.tags.iter().map(tag).collect::<Result<_, _>>().map_err(|error| {
            CloudError::new(ErrorKind::Invalid, ACTION, &role.name, format!("a tag is malformed: {error}"))
        })?;
        let request = self
            .client
            .create_role()
            .path(&role.path)
            .role_name(&role.name)
            .description(&role.description)
            .assume_role_policy_document(&role.trust)
            .set_tags((!tags.is_empty()).then_some(tags));
        small(ACTION, &role.name, request.send()).await?;
        Ok(())
    }

    /// An inline policy of a role, as JSON; `None` when it has none of that name.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn policy(&self, role: &str, policy: &str) -> Result<Option<String>, CloudError> {
        const ACTION: &str = "iam:GetRolePolicy";
        self.limits.other.acquire().await;
        let request = self.client.get_role_policy().role_name(role).policy_name(policy);
        match small(ACTION, role, request.send()).await {
            Ok(output) => {
                // IAM answers with the document percent-encoded (RFC 3986).
                let decoded =
                    percent_encoding::percent_decode_str(output.policy_document()).decode_utf8_lossy();
                Ok(Some(decoded.into_owned()))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets an inline policy of a role.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn set_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), CloudError> {
        const ACTION: &str = "iam:PutRolePolicy";
        self.limits.other.acquire().await;
        let request =
            self.client.put_role_policy().role_name(role).policy_name(policy).policy_document(document);
        small(ACTION, role, request.send()).await?;
        Ok(())
    }

    /// Deletes an inline policy of a role. `false` when there was none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn delete_policy(&self, role: &str, policy: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "iam:DeleteRolePolicy";
        self.limits.other.acquire().await;
        let request = self.client.delete_role_policy().role_name(role).policy_name(policy);
        existed(small(ACTION, role, request.send()).await)
    }

    /// Deletes a role that has no policies any more. `false` when there was none.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it has policies still.
    pub async fn delete(&self, role: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "iam:DeleteRole";
        self.limits.other.acquire().await;
        let request = self.client.delete_role().role_name(role);
        existed(small(ACTION, role, request.send()).await)
    }

    /// Which of `actions` a user or role may not do on `resources` (all when empty), as its policies say.
    ///
    /// # Errors
    /// [`CloudError`]; the permission to ask this is often not given.
    pub async fn missing(
        &self,
        principal: &str,
        actions: &[&str],
        resources: &[String],
    ) -> Result<Vec<String>, CloudError> {
        const ACTION: &str = "iam:SimulatePrincipalPolicy";
        // Policies give roles away to Lambda alone; without this the simulation takes the condition for unmet.
        let to_lambda = ContextEntry::builder()
            .context_key_name("iam:PassedToService")
            .context_key_type(ContextKeyTypeEnum::String)
            .context_key_values("lambda.amazonaws.com")
            .build();
        let mut missing = Vec::new();
        let mut marker = None;
        loop {
            self.limits.other.acquire().await;
            let request = self
                .client
                .simulate_principal_policy()
                .policy_source_arn(principal)
                .set_action_names(Some(actions.iter().map(|&action| action.to_owned()).collect()))
                .set_resource_arns((!resources.is_empty()).then(|| resources.to_vec()))
                .context_entries(to_lambda.clone())
                .set_marker(marker);
            let output = small(ACTION, principal, request.send()).await?;
            let denied = output
                .evaluation_results()
                .iter()
                .filter(|result| *result.eval_decision() != PolicyEvaluationDecisionType::Allowed);
            missing.extend(denied.map(|result| result.eval_action_name().to_owned()));
            marker = output.marker().filter(|_| output.is_truncated()).map(str::to_owned);
            if marker.is_none() {
                missing.sort_unstable();
                missing.dedup();
                return Ok(missing);
            }
        }
    }
}
