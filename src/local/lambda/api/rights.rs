//! What each operation needs to be allowed.

use crate::access::Needs;
use crate::lambda::names::{FunctionRef, function_arn};
use http::request::Parts;
use percent_encoding::percent_decode_str;

/// What a request needs to be allowed, as IAM names it.
pub(in crate::lambda) fn needs(parts: &Parts, body: &[u8]) -> Vec<Needs> {
    let path: Vec<String> = parts
        .uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let action = action(parts.method.as_str(), &path);
    let resource = match path[..] {
        [_, "functions"] => named(body, "FunctionName"),
        [_, "functions", name, ..] => Some(name.to_owned()),
        [_, "tags", arn] => Some(arn.to_owned()),
        _ => None,
    };
    let resource = match resource {
        Some(_) if action == "ListFunctions" => "*".into(),
        Some(name) => arn(&name),
        None => "*".into(),
    };
    let mut needs =
        vec![Needs::new(format!("lambda:{action}"), &resource).with("lambda:FunctionArn", &resource)];
    // Who gives a function a role gives away what that may do.
    if matches!(action, "CreateFunction" | "UpdateFunctionConfiguration")
        && let Some(role) = named(body, "Role")
    {
        needs.push(Needs::new("iam:PassRole", role).with("iam:PassedToService", "lambda.amazonaws.com"));
    }
    needs
}

fn named(body: &[u8], member: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get(member)?.as_str()?.to_owned())
}

/// The function's ARN, however it was named.
fn arn(name: &str) -> String {
    FunctionRef::parse(name).map_or_else(|_| function_arn(name), |function| function_arn(&function.name))
}

fn action(method: &str, path: &[&str]) -> &'static str {
    match (method, path) {
        ("POST", [_, "functions"]) => "CreateFunction",
        ("GET", [_, "functions"]) => "ListFunctions",
        ("GET", [_, "functions", _]) => "GetFunction",
        ("DELETE", [_, "functions", _]) => "DeleteFunction",
        ("POST", [_, "functions", _, "invocations" | "response-streaming-invocations"]) => "InvokeFunction",
        ("POST", [_, "functions", _, "invoke-async"]) => "InvokeAsync",
        ("GET", [_, "functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", [_, "functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("PUT", [_, "functions", _, "code"]) => "UpdateFunctionCode",
        ("POST", [_, "functions", _, "policy"]) => "AddPermission",
        ("GET", [_, "functions", _, "policy"]) => "GetPolicy",
        ("DELETE", [_, "functions", _, "policy", _]) => "RemovePermission",
        ("GET", [_, "functions", _, "event-invoke-config", "list"]) => "ListFunctionEventInvokeConfigs",
        ("PUT", [_, "functions", _, "event-invoke-config"]) => "PutFunctionEventInvokeConfig",
        ("POST", [_, "functions", _, "event-invoke-config"]) => "UpdateFunctionEventInvokeConfig",
        ("GET", [_, "functions", _, "event-invoke-config"]) => "GetFunctionEventInvokeConfig",
        ("DELETE", [_, "functions", _, "event-invoke-config"]) => "DeleteFunctionEventInvokeConfig",
        ("PUT", [_, "functions", _, "concurrency"]) => "PutFunctionConcurrency",
        ("DELETE", [_, "functions", _, "concurrency"]) => "DeleteFunctionConcurrency",
        ("GET", [_, "functions", _, "concurrency"]) => "GetFunctionConcurrency",
        ("GET", [_, "functions", _, "provisioned-concurrency"]) => "ListProvisionedConcurrencyConfigs",
        ("GET", [_, "functions", _, "versions"]) => "ListVersionsByFunction",
        ("GET", [_, "functions", _, "aliases"]) => "ListAliases",
        ("GET", [_, "functions", _, "code-signing-config"]) => "GetFunctionCodeSigningConfig",
        ("GET", [_, "functions", _, "urls"]) => "ListFunctionUrlConfigs",
        ("GET", [_, "functions", _, "recursion-config"]) => "GetFunctionRecursionConfig",
        ("PUT", [_, "functions", _, "recursion-config"]) => "PutFunctionRecursionConfig",
        ("GET", [_, "account-settings"]) => "GetAccountSettings",
        ("GET", [_, "event-source-mappings"]) => "ListEventSourceMappings",
        ("GET", [_, "tags", _]) => "ListTags",
        ("POST", [_, "tags", _]) => "TagResource",
        ("DELETE", [_, "tags", _]) => "UntagResource",
        // Only who may do everything may do what is not known here.
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn operations_need_what_iam_calls_them() {
        const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
        for (method, path, action, resource) in [
            ("POST", "/2015-03-31/functions/f/invocations", "lambda:InvokeFunction", ARN),
            (
                "POST",
                "/2015-03-31/functions/000000000000:function:f/invocations",
                "lambda:InvokeFunction",
                ARN,
            ),
            ("GET", "/2015-03-31/functions/", "lambda:ListFunctions", "*"),
            ("PUT", "/2015-03-31/functions/f/code", "lambda:UpdateFunctionCode", ARN),
            (
                "GET",
                "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af",
                "lambda:ListTags",
                ARN,
            ),
            ("PATCH", "/2015-03-31/functions/f", "lambda:Unknown", ARN),
        ] {
            let (parts, ()) =
                http::Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
            let needed = needs(&parts, b"{}");
            assert_eq!(
                (needed[0].action.as_str(), needed[0].resource.as_str()),
                (action, resource),
                "{path}"
            );
        }
        let create = http::Request::builder().method("POST").uri("/2015-03-31/functions").body(()).unwrap();
        let body = br#"{"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r"}"#;
        let needed = needs(&create.into_parts().0, body);
        assert_eq!(needed[0].resource, ARN);
        assert_eq!(
            (needed[1].action.as_str(), needed[1].resource.as_str()),
            ("iam:PassRole", "arn:aws:iam::000000000000:role/r")
        );
    }
}
