//! What is allowed and what is not, case by case; and what is refused when it is loaded.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::{Context, Decision, Document, Policies, Request, Trust, Who};
use serde_json::Value;
use std::sync::Arc;

/// Policies, requests and what comes of them. An independent evaluator decides the same (`tests/interop/policies.rs`).
const CASES: &str = include_str!("cases.json");

fn decision(word: &Value) -> Decision {
    match word.as_str().unwrap() {
        "allowed" => Decision::Allowed,
        "denied" => Decision::Denied,
        "denied-by-trust" => Decision::DeniedByTrust,
        "not-allowed" => Decision::NotAllowed,
        "not-in-session" => Decision::NotInSession,
        "not-trusted" => Decision::NotTrusted,
        other => panic!("{other}"),
    }
}

/// The documents that a case names.
fn documents(table: &Value, names: &Value) -> Vec<Arc<Document>> {
    let read = |name: &Value| {
        let text = table["policies"][name.as_str().unwrap()].to_string();
        Arc::new(Document::read(&text).unwrap_or_else(|refused| panic!("{name}: {refused}")))
    };
    names.as_array().into_iter().flatten().map(read).collect()
}

fn policies(table: &Value, case: &Value) -> Policies {
    Policies { role: documents(table, &case["role"]), session: documents(table, &case["session"]) }
}

fn context(case: &Value) -> Context {
    let mut context = Context::default();
    for (key, value) in case["context"].as_object().into_iter().flatten() {
        context.set(key, value.as_str().unwrap());
    }
    context
}

#[test]
fn requests_are_decided_as_iam_does() {
    let table: Value = serde_json::from_str(CASES).unwrap();
    let cases = table["cases"].as_array().unwrap();
    assert!(cases.len() >= 100, "{}", cases.len());
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let request = Request { action: text("action"), resource: text("resource") };
        let decided = policies(&table, case).decide(&request, &context(case));
        assert_eq!(decided, decision(&case["expect"]), "{case}");
    }
}

#[test]
fn malformed_policies_are_refused() {
    let table: Value = serde_json::from_str(CASES).unwrap();
    for (name, policy) in table["malformed"].as_object().unwrap() {
        assert!(Document::read(&policy.to_string()).is_err(), "{name}: {policy}");
    }
}

#[test]
fn who_may_become_a_role_is_decided_as_iam_does() {
    let table: Value = serde_json::from_str(CASES).unwrap();
    let of = |name: &str| table["caller"][name].as_str().unwrap();
    let cases = table["assume"].as_array().unwrap();
    assert!(cases.len() >= 40, "{}", cases.len());
    for case in cases {
        let trust = table["trusts"][case["trust"].as_str().unwrap()].to_string();
        let trust = Trust::read(&trust).unwrap_or_else(|refused| panic!("{case}: {refused}"));
        let (expected, context) = (decision(&case["expect"]), context(case));
        if let Some(service) = case["service"].as_str() {
            assert_eq!(trust.lets_in_service(service, &context), expected == Decision::Allowed, "{case}");
            continue;
        }
        let who = Who::Role { role: of("role"), session: of("session") };
        let decided = policies(&table, case).decide_assume(&trust, &who, of("role"), &context);
        assert_eq!(decided, expected, "{case}");
    }
}

#[test]
fn a_trust_policy_that_is_not_understood_is_refused_by_name() {
    let with = |principal: &str, rest: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {principal},
                "Action": "sts:AssumeRole"{rest}}}]}}"#
        )
    };
    let root = r#"{"AWS": "arn:aws:iam::000000000000:root"}"#;
    let role = |name: &str| format!(r#"{{"AWS": "arn:aws:iam::000000000000:{name}"}}"#);
    for (text, named) in [
        ("{}".to_owned(), "Statement"),
        ("no".into(), "Syntax"),
        (with(root, "").replace("Version", "Sorry"), "Sorry"),
        (with(root, r#", "Resource": "*""#), "Resource"),
        (with(root, r#", "NotAction": "sts:TagSession""#), "NotAction"),
        (with(root, r#", "NotPrincipal": "*""#), "NotPrincipal"),
        (with(root, "").replace("\"Principal\"", "\"NotPrincipal\""), "NotPrincipal"),
        (with(root, "").replace("\"Principal\"", "\"Sid\""), "Principal"),
        (with(root, "").replace("sts:AssumeRole", "sts:TagSession"), "sts:TagSession"),
        (
            with(root, "").replace("\"sts:AssumeRole\"", "[\"sts:AssumeRole\", \"sts:SetSourceIdentity\"]"),
            "sts:SetSourceIdentity",
        ),
        (with(root, "").replace("sts:AssumeRole", "sts:AssumeRoleWithSAML"), "sts:AssumeRoleWithSAML"),
        (with(root, "").replace("sts:AssumeRole", "s3:GetObject"), "may only specify STS AssumeRole actions"),
        (with(root, "").replace("sts:AssumeRole", "*"), "may only specify STS AssumeRole actions"),
        (with(r#"{"Federated": "accounts.google.com"}"#, ""), "Federated"),
        (with(r#"{"CanonicalUser": "79a59d"}"#, ""), "CanonicalUser"),
        (with(r#""arn:aws:iam::000000000000:root""#, ""), "Invalid principal in policy"),
        (with("{}", ""), "Invalid principal in policy"),
        (with(r#"{"AWS": []}"#, ""), "AWS must not be empty"),
        (with(r#"{"AWS": "AROAEXAMPLE"}"#, ""), r#"Invalid principal in policy: "AWS":"AROAEXAMPLE""#),
        (with(r#"{"Service": "lambda"}"#, ""), r#"Invalid principal in policy: "SERVICE":"lambda""#),
        (with(r#"{"Service": "*"}"#, ""), r#""SERVICE":"*""#),
        (with(&role("role/*"), ""), "role/*"),
        (with(&role("user/ann"), ""), "user/ann"),
        (with(&role("group/all"), ""), "group/all"),
        (with(root, r#", "Condition": {"IpAddress": {"aws:SourceIp": "1.2.3.4"}}"#), "IpAddress"),
        (
            with(root, r#", "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}}"#),
            "aws:SourceAccount",
        ),
        (with(root, r#", "Condition": {"ArnEquals": {"aws:PrincipalArn": "x"}}"#), "aws:PrincipalArn"),
        (with(root, "").replace("Allow", "Maybe"), "Effect"),
    ] {
        let refused =
            Trust::read(&text).map_or_else(|refused| refused.to_string(), |read| panic!("{text}: {read:?}"));
        assert!(refused.contains(named), "{text}: {refused}");
    }
    let trust = Trust::read(&with(&role("role/throng/f"), "")).unwrap();
    assert_eq!(trust.roles().collect::<Vec<_>>(), ["arn:aws:iam::000000000000:role/throng/f"]);
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let with = |part: &str| {
        format!(
            r#"{{"Statement": [{{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"{part}}}]}}"#
        )
    };
    let condition = |text: &str| with(&format!(r#", "Condition": {text}"#));
    for (text, named) in [
        ("nonsense".to_owned(), "Syntax"),
        ("[]".into(), "object"),
        (r#"{"Version": "2012-10-17"}"#.into(), "Statement"),
        (r#"{"Version": "2020-01-01", "Statement": []}"#.into(), "2020-01-01"),
        (r#"{"Statement": [], "Rules": []}"#.into(), "Rules"),
        (with(r#", "Principal": "*""#), "Principal"),
        (with(r#", "NotAction": "s3:*""#), "Action or NotAction"),
        (with(r#", "effect": "Deny""#), "effect"),
        (with("").replace("Allow", "allow"), "Effect"),
        (with("").replace("s3:GetObject", "GetObject"), "GetObject"),
        (with("").replace("s3:GetObject", "s3:"), "s3:"),
        (with("").replace("\"*\"", "\"b/k\""), "b/k"),
        (with("").replace("\"*\"", "\"arn:aws:s3:b\""), "arn:aws:s3:b"),
        (with("").replace("\"*\"", "[]"), "Resource"),
        (with("").replace("\"*\"", "7"), "7"),
        (with("").replace("\"*\"", "\"arn:aws:s3:::b/${aws:username}/*\""), "${aws:username}"),
        (condition(r#"{"StringNotEquals": {"s3:prefix": "x"}}"#), "StringNotEquals"),
        (condition(r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#), "IpAddress"),
        (condition(r#"{"StringEqualsIfExists": {"s3:prefix": "x"}}"#), "StringEqualsIfExists"),
        (condition(r#"{"ForAllValues:StringEquals": {"s3:prefix": "x"}}"#), "ForAllValues"),
        (condition(r#"{"StringEquals": {"aws:SourceVpc": "vpc-1"}}"#), "aws:SourceVpc"),
        (condition(r#"{"Bool": {"aws:SecureTransport": "maybe"}}"#), "maybe"),
        (condition(r#"{"ArnLike": {"aws:PrincipalArn": "role/x"}}"#), "role/x"),
        (condition("[]"), "Condition"),
        (condition(r#"{"ArnLike": {"aws:PrincipalArn": "*"}}"#), "\"*\""),
        (
            condition(r#"{"Null": {"s3:prefix": "x"}, "Null": {"s3:prefix": "true"}}"#),
            "\"Null\" is there twice",
        ),
        (with(r#", "Effect": "Deny""#), "\"Effect\" is there twice"),
        (with("").replace("s3:GetObject", "s*:GetObject"), "s*:GetObject"),
        (with("").replace("s3:GetObject", "*:*"), "*:*"),
        (with("").replace("\"*\"", "\"arn:AWS:s3:::b\""), "arn:AWS:s3:::b"),
        (with("").replace("\"*\"", "\"arn:aws:S3:::b\""), "arn:aws:S3:::b"),
        (with("").replace("\"*\"", "\"arn:*\""), "arn:*"),
    ] {
        let refused = Document::read(&text)
            .map_or_else(|refused| refused.to_string(), |read| panic!("{text}: {read:?}"));
        assert!(refused.contains(named), "{text}: {refused}");
    }
    assert!(Document::read(&condition(r#"{"StringLike": {"S3:PREFIX": ["a", "b"]}}"#)).is_ok());
}

/// A pattern of many stars takes no time that a caller could use.
#[test]
fn patterns_take_no_time() {
    let (pattern, text) = ("a*".repeat(40) + "b", "a".repeat(2000));
    let began = std::time::Instant::now();
    assert!(!super::pattern::fits(&pattern, &text));
    assert!(began.elapsed() < std::time::Duration::from_secs(2));
}

mod properties {
    use super::super::pattern::fits;
    use proptest::prelude::*;

    /// The definition, without regard to time.
    fn plainly(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|at| plainly(rest, &text[at..])),
            (['?', rest @ ..], [_, left @ ..]) => plainly(rest, left),
            ([wanted, rest @ ..], [first, left @ ..]) => wanted == first && plainly(rest, left),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_fit_as_they_are_defined(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(fits(&pattern, &text), plainly(&p, &t));
        }
    }
}
