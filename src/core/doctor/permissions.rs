//! Which actions the person and the functions' role lack, as IAM's own simulation says.

use super::{Check, policy_scope};
use crate::cloud::{Cloud, CloudError, Identity};
use crate::policies::{self, Policy};

/// Where a policy says "any", a name that nobody has is asked for.
const ANY: &str = "throng-doctor";

/// A statement of a policy: actions and resources.
struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
}

pub(super) async fn examine(cloud: &Cloud, buckets: &[String]) -> Vec<Check> {
    let (scope, identity) = match (policy_scope(cloud, buckets).await, cloud.identity().await) {
        (Ok(scope), Ok(identity)) => (scope, identity),
        (Err(error), _) | (_, Err(error)) => {
            return vec![Check::failed("permissions", &error)];
        }
    };
    let mut checks = vec![of_person(cloud, identity, &statements(policies::person(&scope))).await];
    if let Some(role) = &scope.role {
        checks.push(of_role(cloud, role, &scope.account, &statements(policies::function(&scope))).await);
    }
    checks
}

async fn of_person(cloud: &Cloud, identity: &Identity, needed: &[Statement]) -> Check {
    const WHAT: &str = "permissions";
    let principal = identity.principal();
    if principal.ends_with(":root") {
        return Check::note(
            WHAT,
            "the root user may do everything",
            "AWS advises a user or a role with the policy below instead.",
        );
    }
    match lacking(cloud, &principal, needed).await {
        Ok(missing) if missing.is_empty() => Check::good(WHAT, "everything that a launch needs"),
        Ok(missing) => Check::bad(
            WHAT,
            format!("missing: {}", missing.join(", ")),
            "Ask for them; `throng doctor --policy person` prints a policy with all that is needed.",
        ),
        Err(error) => Check::note(
            WHAT,
            format!("cannot be asked for: {error}"),
            "With iam:SimulatePrincipalPolicy doctor names what is missing; without it, a deployment does at each \
             step.",
        ),
    }
}

async fn of_role(cloud: &Cloud, role: &str, account: &str, needed: &[Statement]) -> Check {
    const WHAT: &str = "role's permissions";
    if let Some(other) = role.split(':').nth(4).filter(|other| *other != account) {
        return Check::bad(
            WHAT,
            format!("{role} is of account {other}, the credentials are of {account}"),
            "A function runs as a role of its own account: name one, or leave `role` out of the context.",
        );
    }
    let name = role.rsplit('/').next().unwrap_or(role);
    match cloud.roles().get(name).await {
        Ok(Some(_)) => {}
        Ok(None) => {
            let advice = "Make it, or leave `role` out of the context: throng makes one for each function.";
            return Check::bad(WHAT, format!("there is no role {name}"), advice);
        }
        Err(error) => return Check::note(WHAT, format!("cannot be asked for: {error}"), ""),
    }
    match lacking(cloud, role, needed).await {
        Ok(missing) if missing.is_empty() => Check::good(WHAT, "everything that functions need"),
        Ok(missing) => Check::bad(
            WHAT,
            format!("missing: {}", missing.join(", ")),
            "`throng doctor --policy function` prints a policy with all that is needed.",
        ),
        Err(error) => Check::note(WHAT, format!("cannot be asked for: {error}"), ""),
    }
}

async fn lacking(cloud: &Cloud, principal: &str, needed: &[Statement]) -> Result<Vec<String>, CloudError> {
    let mut missing = Vec::new();
    for Statement { actions, resources } in needed {
        let actions: Vec<_> = actions.iter().map(String::as_str).collect();
        missing.extend(cloud.roles().missing(principal, &actions, resources).await?);
    }
    Ok(missing)
}

fn statements(policy: Policy) -> Vec<Statement> {
    let concrete = |arn: String| if arn == "*" { arn } else { arn.replace('*', ANY) };
    let read = |statement: policies::Statement| Statement {
        actions: statement.action,
        resources: statement.resource.into_iter().map(concrete).collect(),
    };
    policy.statement.into_iter().map(read).collect()
}
