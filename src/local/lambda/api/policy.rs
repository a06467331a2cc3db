//! Resource policies.

use super::super::Lambda;
use super::super::error::ApiError;
use super::super::model::{Function, Statement};
use super::super::names::FunctionRef;
use super::request::PermissionRequest;
use super::{ApiResult, Call, answer, empty};
use http::StatusCode;
use serde_json::{Value, json};

impl Lambda {
    pub(super) async fn add_permission(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        let request: PermissionRequest = call.json()?;
        let statement = statement(&request)?;
        let shown = statement.clone();
        let changed = self.inner.functions.change(&name, |function| {
            check_revision(function, request.revision_id.as_deref())?;
            if function.policy.iter().any(|known| known.sid == statement.sid) {
                return Err(ApiError::conflict(format!(
                    "The statement id ({}) provided already exists. Please provide a new statement id, or remove the \
                     existing statement.",
                    statement.sid
                )));
            }
            function.policy.push(statement);
            function.revision = uuid::Uuid::new_v4().to_string();
            Ok(())
        });
        let arn = changed.await?.arn();
        Ok(answer(StatusCode::CREATED, &json!({"Statement": shown.document(&arn).to_string()})))
    }

    pub(super) async fn remove_permission(&self, name: &str, sid: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        let changed = self.inner.functions.change(&name, |function| {
            check_revision(function, call.query("RevisionId"))?;
            let before = function.policy.len();
            function.policy.retain(|statement| statement.sid != sid);
            if function.policy.len() == before {
                return Err(ApiError::not_found(format!("Statement {sid} is not found in resource policy.")));
            }
            function.revision = uuid::Uuid::new_v4().to_string();
            Ok(())
        });
        changed.await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn get_policy(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        let function = self.inner.functions.find(&name)?;
        if function.policy.is_empty() {
            return Err(ApiError::not_found("The resource you requested does not exist."));
        }
        let arn = function.arn();
        let statements: Vec<Value> =
            function.policy.iter().map(|statement| statement.document(&arn)).collect();
        let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements});
        Ok(answer(StatusCode::OK, &json!({"Policy": policy.to_string(), "RevisionId": function.revision})))
    }
}

fn check_revision(function: &Function, revision: Option<&str>) -> Result<(), ApiError> {
    if revision.is_some_and(|revision| revision != function.revision) {
        Err(ApiError::precondition())
    } else {
        Ok(())
    }
}

fn statement(request: &PermissionRequest) -> Result<Statement, ApiError> {
    let need = |value: &Option<String>, member: &str| {
        value
            .clone()
            .filter(|value| !value.is_empty())
            .ok_or_else(|| ApiError::constraint("null", member, "Member must not be null"))
    };
    let sid = need(&request.statement_id, "statementId")?;
    let fits =
        sid.len() <= 100 && sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !fits {
        let text = "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)";
        return Err(ApiError::constraint(&sid, "statementId", text));
    }
    let action = need(&request.action, "action")?;
    let verb = action.strip_prefix("lambda:").unwrap_or_default();
    if action != "*"
        && verb != "*"
        && (verb.is_empty() || !verb.bytes().all(|byte| byte.is_ascii_alphabetic()))
    {
        let text = "Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])";
        return Err(ApiError::constraint(&action, "action", text));
    }
    Ok(Statement {
        sid,
        action,
        principal: need(&request.principal, "principal")?,
        source_arn: request.source_arn.clone(),
        source_account: request.source_account.clone(),
    })
}
