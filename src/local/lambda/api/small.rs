//! Concurrency, tags, recursion, versions, account settings.

use super::super::Lambda;
use super::super::error::ApiError;
use super::super::names::FunctionRef;
use super::{ApiResult, Call, Map, answer, empty, validate};
use crate::protocol::Body;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

/// What AWS keeps for functions without reservation.
const MIN_UNRESERVED: u32 = 100;
/// AWS's limit of tags.
const MAX_TAGS: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConcurrencyRequest {
    reserved_concurrent_executions: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagRequest {
    tags: Map,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecursionRequest {
    recursive_loop: String,
}

impl Lambda {
    pub(super) async fn put_concurrency(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        let request: ConcurrencyRequest = call.json()?;
        let wanted = request.reserved_concurrent_executions;
        let wanted = validate::number(wanted, "reservedConcurrentExecutions", 0, i64::from(u32::MAX))?;
        let account = self.inner.config.account_concurrency;
        let others: u32 = self
            .inner
            .functions
            .all()
            .iter()
            .filter(|other| other.name != name)
            .filter_map(|other| other.reserved)
            .sum();
        if wanted > 0
            && u64::from(wanted) + u64::from(others) + u64::from(MIN_UNRESERVED) > u64::from(account)
        {
            return Err(ApiError::invalid(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                 below its minimum value of [{MIN_UNRESERVED}]."
            )));
        }
        let changed = self.inner.functions.change(&name, |function| {
            function.reserved = Some(wanted);
            Ok(())
        });
        changed.await?;
        self.inner.scheduler.set_reserved(&name, Some(wanted));
        Ok(answer(StatusCode::OK, &json!({"ReservedConcurrentExecutions": wanted})))
    }

    pub(super) async fn delete_concurrency(&self, name: &str) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        let changed = self.inner.functions.change(&name, |function| {
            function.reserved = None;
            Ok(())
        });
        changed.await?;
        self.inner.scheduler.set_reserved(&name, None);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn get_concurrency(&self, name: &str) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        let reserved = self.inner.functions.find(&name)?.reserved;
        let shown = reserved.map_or(json!({}), |reserved| json!({"ReservedConcurrentExecutions": reserved}));
        Ok(answer(StatusCode::OK, &shown))
    }

    pub(super) fn account_settings(&self) -> Response<Body> {
        let functions = self.inner.functions.all();
        let account = self.inner.config.account_concurrency;
        let reserved: u32 = functions.iter().filter_map(|function| function.reserved).sum();
        let size: u64 = functions.iter().map(|function| function.code_size).sum();
        let shown = json!({
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800_u64,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": account,
                "UnreservedConcurrentExecutions": account.saturating_sub(reserved),
            },
            "AccountUsage": {"TotalCodeSize": size, "FunctionCount": functions.len()},
        });
        answer(StatusCode::OK, &shown)
    }

    pub(super) fn list_tags(&self, arn: &str) -> ApiResult {
        let name = FunctionRef::parse(arn)?.latest(None)?;
        Ok(answer(StatusCode::OK, &json!({"Tags": self.inner.functions.find(&name)?.tags})))
    }

    pub(super) async fn tag(&self, arn: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(arn)?.latest(None)?;
        let request: TagRequest = call.json()?;
        let changed = self.inner.functions.change(&name, |function| {
            function.tags.extend(request.tags);
            if function.tags.len() > MAX_TAGS {
                return Err(ApiError::invalid(format!("A function can have at most {MAX_TAGS} tags.")));
            }
            Ok(())
        });
        changed.await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) async fn untag(&self, arn: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(arn)?.latest(None)?;
        let changed = self.inner.functions.change(&name, |function| {
            for (_, key) in call.query.iter().filter(|(name, _)| name == "tagKeys") {
                function.tags.remove(key);
            }
            Ok(())
        });
        changed.await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn list_versions(&self, name: &str) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        let function = self.inner.functions.find(&name)?;
        let mut shown = function.configuration();
        shown["FunctionArn"] = json!(format!("{}:$LATEST", function.arn()));
        Ok(answer(StatusCode::OK, &json!({"Versions": [shown]})))
    }

    /// A list that is always empty here, of a function that must be there.
    pub(super) fn empty_list(&self, name: &str, member: &str) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        self.inner.functions.find(&name)?;
        Ok(answer(StatusCode::OK, &json!({member: []})))
    }

    pub(super) fn code_signing(&self, name: &str) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        self.inner.functions.find(&name)?;
        Ok(answer(StatusCode::OK, &json!({"CodeSigningConfigArn": "", "FunctionName": name})))
    }

    pub(super) fn get_recursion(&self, name: &str) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        Ok(answer(
            StatusCode::OK,
            &json!({"RecursiveLoop": self.inner.functions.find(&name)?.recursive_loop}),
        ))
    }

    pub(super) async fn put_recursion(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        let wanted = call.json::<RecursionRequest>()?.recursive_loop;
        if !matches!(wanted.as_str(), "Allow" | "Terminate") {
            let text = "Member must satisfy enum value set: [Allow, Terminate]";
            return Err(ApiError::constraint(&wanted, "recursiveLoop", text));
        }
        let shown = wanted.clone();
        let changed = self.inner.functions.change(&name, |function| {
            function.recursive_loop = wanted;
            Ok(())
        });
        changed.await?;
        Ok(answer(StatusCode::OK, &json!({"RecursiveLoop": shown})))
    }
}
