//! What each operation needs to be allowed.

use crate::access::Needs;
use http::request::Parts;
use serde_json::Value;
use throng_contract::local::{ACCOUNT, REGION};

/// What a request needs to be allowed, as IAM names it.
pub(super) fn needs(parts: &Parts, body: &[u8]) -> Vec<Needs> {
    let target =
        parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let action = format!("logs:{}", target.rsplit('.').next().unwrap_or_default());
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let stream = text("logStreamName").unwrap_or_default();
    let one = text("logGroupName").or_else(|| text("logGroupIdentifier")).or_else(|| text("resourceArn"));
    let mut groups: Vec<&str> = one.into_iter().collect();
    let several = body.get("logGroupIdentifiers").and_then(Value::as_array);
    groups.extend(several.into_iter().flatten().filter_map(Value::as_str));
    if groups.is_empty() {
        groups.push("");
    }
    groups.into_iter().map(|group| Needs::new(&action, resource(group, stream))).collect()
}

/// As the service names it when it refuses. A group may come as its ARN.
fn resource(group: &str, stream: &str) -> String {
    let name = group.split_once(":log-group:").map_or(group, |(_, name)| name.trim_end_matches(":*"));
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:log-stream:{stream}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn groups_and_streams_are_what_is_asked_for() {
        let of = |operation: &str, body: &str| {
            let request =
                http::Request::builder().header("x-amz-target", format!("Logs_20140328.{operation}"));
            let needed = needs(&request.body(()).unwrap().into_parts().0, body.as_bytes());
            needed.into_iter().map(|needs| format!("{} {}", needs.action, needs.resource)).collect::<Vec<_>>()
        };
        let group = |rest: &str| format!("arn:aws:logs:us-east-1:000000000000:log-group:{rest}");
        assert_eq!(
            of("PutLogEvents", r#"{"logGroupName": "/g", "logStreamName": "s"}"#),
            [format!("logs:PutLogEvents {}", group("/g:log-stream:s"))]
        );
        assert_eq!(
            of("DescribeLogGroups", "{}"),
            [format!("logs:DescribeLogGroups {}", group(":log-stream:"))]
        );
        let arns = format!(r#"{{"logGroupIdentifiers": ["{}", "{}"]}}"#, group("/a"), group("/b:*"));
        assert_eq!(
            of("StartLiveTail", &arns),
            [
                format!("logs:StartLiveTail {}", group("/a:log-stream:")),
                format!("logs:StartLiveTail {}", group("/b:log-stream:"))
            ]
        );
    }
}
