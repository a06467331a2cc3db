//! Roles of IAM and what they may do.

use super::api::iam::{
    ContextEntry, CreateRole, DeleteRole, DeleteRolePolicy, GetRole, GetRolePolicy, PutRolePolicy,
    SimulatePrincipalPolicy, Tag, UpdateAssumeRolePolicy,
};
use super::api::{Client, List};
use super::error::CloudError;
use super::{existed, found};
use std::collections::BTreeMap;

/// Roles of a context.
#[derive(Clone, Copy)]
pub struct Roles<'a> {
    client: &'a Client,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its ARN, which a function names.
    pub arn: String,
    /// Who may assume it: a policy as JSON; empty when it was not told.
    pub trust: String,
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
    /// Its tags; `throng:function` says whose it is.
    pub tags: BTreeMap<String, String>,
}

/// IAM answers with documents percent-encoded (RFC 3986).
fn decoded(document: &str) -> String {
    percent_encoding::percent_decode_str(document).decode_utf8_lossy().into_owned()
}

impl<'a> Roles<'a> {
    pub(super) const fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// A role; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn get(&self, name: &str) -> Result<Option<Role>, CloudError> {
        let answer = found(self.client.call(name, &GetRole { role_name: name }).await)?;
        Ok(answer.map(|answer| Role {
            arn: answer.role.arn,
            trust: decoded(&answer.role.assume_role_policy_document),
            tags: answer.role.tags.member.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        }))
    }

    /// Makes a role.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](super::ErrorKind::Conflict) when it exists.
    pub async fn create(&self, role: &NewRole) -> Result<(), CloudError> {
        let tags: Vec<_> =
            role.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
        let request = CreateRole {
            path: &role.path,
            role_name: &role.name,
            description: &role.description,
            assume_role_policy_document: &role.trust,
            tags: tags.into(),
        };
        self.client.call(&role.name, &request).await?;
        Ok(())
    }

    /// An inline policy of a role, as JSON; `None` when it has none of that name.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn policy(&self, role: &str, policy: &str) -> Result<Option<String>, CloudError> {
        let request = GetRolePolicy { role_name: role, policy_name: policy };
        let answer = found(self.client.call(role, &request).await)?;
        Ok(answer.map(|answer| decoded(&answer.policy_document)))
    }

    /// Sets an inline policy of a role.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn set_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), CloudError> {
        let request = PutRolePolicy { role_name: role, policy_name: policy, policy_document: document };
        self.client.call(role, &request).await?;
        Ok(())
    }

    /// Sets who may assume a role: a policy as JSON.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn set_trust(&self, role: &str, document: &str) -> Result<(), CloudError> {
        let request = UpdateAssumeRolePolicy { role_name: role, policy_document: document };
        self.client.call(role, &request).await?;
        Ok(())
    }

    /// Deletes an inline policy of a role. `false` when there was none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn delete_policy(&self, role: &str, policy: &str) -> Result<bool, CloudError> {
        let request = DeleteRolePolicy { role_name: role, policy_name: policy };
        existed(self.client.call(role, &request).await)
    }

    /// Deletes a role that has no policies any more. `false` when there was none.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](super::ErrorKind::Conflict) when it has policies still.
    pub async fn delete(&self, role: &str) -> Result<bool, CloudError> {
        existed(self.client.call(role, &DeleteRole { role_name: role }).await)
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
        let mut missing: Vec<_> =
            self.denied(principal, actions, resources).await?.into_iter().map(|(action, _)| action).collect();
        missing.sort_unstable();
        missing.dedup();
        Ok(missing)
    }

    /// What a user or role may not do: actions, each with the resource, as its policies say.
    ///
    /// # Errors
    /// [`CloudError`]; the permission to ask this is often not given.
    pub async fn denied(
        &self,
        principal: &str,
        actions: &[&str],
        resources: &[String],
    ) -> Result<Vec<(String, String)>, CloudError> {
        // Policies give roles away to Lambda alone; without this the simulation takes the condition for unmet.
        let to_lambda = ContextEntry {
            context_key_name: "iam:PassedToService",
            context_key_type: "string",
            context_key_values: vec!["lambda.amazonaws.com"].into(),
        };
        let mut request = SimulatePrincipalPolicy {
            policy_source_arn: principal,
            action_names: actions.to_vec().into(),
            resource_arns: resources.iter().map(String::as_str).collect::<Vec<_>>().into(),
            context_entries: vec![to_lambda].into(),
            marker: None,
        };
        let mut all = Vec::new();
        loop {
            let answer = self.client.call(principal, &request).await?;
            let List { member: results } = answer.evaluation_results;
            let denied = results.into_iter().filter(|result| result.eval_decision != "allowed");
            all.extend(denied.map(|result| (result.eval_action_name, result.eval_resource_name)));
            request.marker = answer.marker.filter(|_| answer.is_truncated);
            if request.marker.is_none() {
                return Ok(all);
            }
        }
    }
}
