//! What a role would be allowed, without doing it (`SimulatePrincipalPolicy`).

use super::Iam;
use super::api::Form;
use super::error::IamError;
use super::xml;
use crate::access::Rights;
use crate::policy::{Context, Decision, Policies, Request};
use crate::protocol::text::escaped;
use throng_contract::local::ACCOUNT;

impl Iam {
    /// Decides each action on each resource, as the policies of the principal say; the person may do everything.
    pub(super) fn simulate(&self, form: &Form) -> Result<String, IamError> {
        form.only(&["PolicySourceArn", "ActionNames", "ResourceArns", "ContextEntries", "MaxItems"])?;
        let principal = form.get("PolicySourceArn")?;
        let rights = if principal.starts_with(&format!("arn:aws:iam::{ACCOUNT}:role/")) {
            let role = self.store.get(principal.rsplit('/').next().unwrap_or_default())?;
            self.store.rights(&role.arn())
        } else {
            Rights::Everything
        };
        let actions: Vec<_> = form.members("ActionNames.member").collect();
        if actions.is_empty() {
            form.get("ActionNames")?;
        }
        let mut resources: Vec<_> = form.members("ResourceArns.member").collect();
        if resources.is_empty() {
            resources.push("*");
        }
        let context = context(form)?;
        let pairs =
            actions.iter().flat_map(|action| resources.iter().map(move |resource| (*action, *resource)));
        let results = xml::members(pairs.map(|(action, resource)| {
            let decision = match &rights {
                Rights::Everything => Decision::Allowed,
                Rights::Of(role) => {
                    let policies = Policies { role: role.clone(), session: Vec::new() };
                    policies.decide(&Request { action, resource }, &context)
                }
            };
            let word = match decision {
                Decision::Allowed => "allowed",
                Decision::Denied | Decision::DeniedByTrust => "explicitDeny",
                Decision::NotAllowed | Decision::NotInSession | Decision::NotTrusted => "implicitDeny",
            };
            format!(
                "<EvalActionName>{}</EvalActionName><EvalResourceName>{}</EvalResourceName><EvalDecision>{word}</EvalDecision>",
                escaped(action),
                escaped(resource)
            )
        }));
        Ok(format!("<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"))
    }
}

/// What the caller says of the request.
fn context(form: &Form) -> Result<Context, IamError> {
    let mut context = Context::default();
    for number in 1.. {
        let entry = format!("ContextEntries.member.{number}");
        let Some(key) = form.given(&format!("{entry}.ContextKeyName")) else { break };
        let mut values = form.members(&format!("{entry}.ContextKeyValues.member"));
        if let Some(value) = values.next() {
            context.set(key, value);
        }
        if values.next().is_some() {
            return Err(IamError::validation(format!("The local cloud's IAM has one value of {key} only")));
        }
    }
    Ok(context)
}
