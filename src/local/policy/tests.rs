//! What is allowed and what is not, case by case; and what is refused when it is loaded.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::{Context, Decision, Document, Policies, Request};
use std::sync::Arc;

/// Policies by name.
const POLICIES: &[(&str, &str)] = &[
    ("all", r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#),
    (
        // What throng gives a function.
        "function",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "Log", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
             "Resource": ["arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:*"]},
            {"Sid": "ReadInputs", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [
              "arn:aws:s3:::pictures/in/*", "arn:aws:s3:::home/inputs/*", "arn:aws:s3:::home/runs/*/cancel.json",
              "arn:aws:s3:::home/secrets/f/*"]},
            {"Sid": "StoreOutputs", "Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
             "Resource": ["arn:aws:s3:::pictures/out/*"]},
            {"Sid": "Tell", "Effect": "Allow", "Action": ["s3:ListBucket"],
             "Resource": ["arn:aws:s3:::home", "arn:aws:s3:::pictures"]}]}"#,
    ),
    (
        "reader",
        r#"{"Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "S3:LIST?ucket"], "Resource": "arn:aws:s3:::b*"}]}"#,
    ),
    (
        "no-secrets",
        r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": ["arn:aws:s3:::home", "arn:aws:s3:::home/*"]},
            {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::*/keep/*"}]}"#,
    ),
    (
        "not-action",
        r#"{"Statement": [{"Effect": "Allow", "NotAction": ["iam:*", "s3:Delete*"], "Resource": "*"}]}"#,
    ),
    (
        "not-resource",
        r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "NotResource": ["arn:aws:s3:::home/*", "arn:aws:s3:::home"]}]}"#,
    ),
    (
        "deny-not-action",
        r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "NotAction": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}"#,
    ),
    (
        "prefix",
        r#"{"Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b",
            "Condition": {"StringLike": {"s3:prefix": ["in/*", "out/?"]}, "StringEquals": {"S3:Delimiter": "/"}}}]}"#,
    ),
    (
        "whole-listing",
        r#"{"Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b",
            "Condition": {"Null": {"s3:prefix": "true"}}}]}"#,
    ),
    (
        "some-prefix",
        r#"{"Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b",
            "Condition": {"Null": {"s3:prefix": false}}}]}"#,
    ),
    (
        "tls",
        r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}"#,
    ),
    (
        "pass",
        r#"{"Statement": [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::000000000000:role/throng/*",
            "Condition": {"StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com", "batch.amazonaws.com"]}}}]}"#,
    ),
    (
        "itself",
        r#"{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*",
            "Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::000000000000:role/throng/f"}}}]}"#,
    ),
    (
        "any-of-ours",
        r#"{"Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::000000000000:role/throng/*"}}}]}"#,
    ),
    (
        "arns",
        r#"{"Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction",
            "Resource": "arn:aws:lambda:*:000000000000:function:gray*"}]}"#,
    ),
    // A session's policy, as a script's credentials are narrowed.
    (
        "narrow",
        r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": ["arn:aws:s3:::home", "arn:aws:s3:::home/*"]},
            {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}]}"#,
    ),
    ("only-put", r#"{"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}"#),
];

const YES: Decision = Decision::Allowed;
const NO: Decision = Decision::NotAllowed;
const DENY: Decision = Decision::Denied;
const SESSION: Decision = Decision::NotInSession;

/// Policies of the role (several with `+`; those of the session after `/`), action, resource, what is known, decision.
type Case = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)], Decision);

const CASES: &[Case] = &[
    // Nothing is allowed that nobody allows.
    ("", "s3:GetObject", "arn:aws:s3:::b/k", &[], NO),
    ("all", "s3:GetObject", "arn:aws:s3:::b/k", &[], YES),
    ("all", "lambda:ListFunctions", "*", &[], YES),
    ("all", "iam:DeleteRole", "arn:aws:iam::000000000000:role/r", &[], YES),
    // A function's own policy.
    ("function", "s3:GetObject", "arn:aws:s3:::pictures/in/a.png", &[], YES),
    ("function", "s3:GetObject", "arn:aws:s3:::pictures/in/deep/er/a.png", &[], YES),
    ("function", "s3:GetObject", "arn:aws:s3:::pictures/in/", &[], YES),
    ("function", "s3:GetObject", "arn:aws:s3:::pictures/in", &[], NO),
    ("function", "s3:GetObject", "arn:aws:s3:::pictures/inside/a.png", &[], NO),
    ("function", "s3:GetObject", "arn:aws:s3:::pictures/out/a.png", &[], NO),
    ("function", "s3:GetObject", "arn:aws:s3:::other/in/a.png", &[], NO),
    ("function", "s3:PutObject", "arn:aws:s3:::pictures/out/a.png", &[], YES),
    ("function", "s3:PutObject", "arn:aws:s3:::pictures/in/a.png", &[], NO),
    ("function", "s3:AbortMultipartUpload", "arn:aws:s3:::pictures/out/a.png", &[], YES),
    ("function", "s3:DeleteObject", "arn:aws:s3:::pictures/out/a.png", &[], NO),
    ("function", "s3:PutObjectTagging", "arn:aws:s3:::pictures/out/a.png", &[], NO),
    ("function", "s3:GetObject", "arn:aws:s3:::home/runs/1/cancel.json", &[], YES),
    ("function", "s3:GetObject", "arn:aws:s3:::home/runs/1/run.json", &[], NO),
    ("function", "s3:PutObject", "arn:aws:s3:::home/runs/1/cancel.json", &[], NO),
    ("function", "s3:GetObject", "arn:aws:s3:::home/secrets/f/keys", &[], YES),
    ("function", "s3:GetObject", "arn:aws:s3:::home/secrets/g/keys", &[], NO),
    ("function", "s3:GetObject", "arn:aws:s3:::home/secrets/ff/keys", &[], NO),
    ("function", "s3:ListBucket", "arn:aws:s3:::pictures", &[], YES),
    ("function", "s3:ListBucket", "arn:aws:s3:::other", &[], NO),
    ("function", "s3:ListAllMyBuckets", "*", &[], NO),
    ("function", "s3:DeleteBucket", "arn:aws:s3:::pictures", &[], NO),
    (
        "function",
        "logs:PutLogEvents",
        "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:log-stream:s",
        &[],
        YES,
    ),
    (
        "function",
        "logs:PutLogEvents",
        "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/g:log-stream:s",
        &[],
        NO,
    ),
    (
        "function",
        "logs:FilterLogEvents",
        "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:log-stream:",
        &[],
        NO,
    ),
    ("function", "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:f", &[], NO),
    ("function", "lambda:GetFunction", "arn:aws:lambda:us-east-1:000000000000:function:g", &[], NO),
    ("function", "iam:PutRolePolicy", "arn:aws:iam::000000000000:role/throng/f", &[], NO),
    // Actions have wildcards, whatever the case.
    ("reader", "s3:GetObject", "arn:aws:s3:::b/k", &[], YES),
    ("reader", "s3:getobject", "arn:aws:s3:::b/k", &[], YES),
    ("reader", "s3:GetBucketTagging", "arn:aws:s3:::bucket", &[], YES),
    ("reader", "s3:ListBucket", "arn:aws:s3:::bucket", &[], YES),
    ("reader", "s3:ListBBucket", "arn:aws:s3:::bucket", &[], NO),
    ("reader", "s3:ListBuckets", "arn:aws:s3:::bucket", &[], NO),
    ("reader", "s3:PutObject", "arn:aws:s3:::b/k", &[], NO),
    ("reader", "s3:GetObject", "arn:aws:s3:::c/k", &[], NO),
    ("reader", "s3x:GetObject", "arn:aws:s3:::b/k", &[], NO),
    // Resources do not: names of keys and buckets differ in case.
    ("reader", "s3:GetObject", "arn:aws:s3:::B/k", &[], NO),
    ("reader", "s3:GetObject", "*", &[], NO),
    // A deny wins.
    ("no-secrets", "s3:GetObject", "arn:aws:s3:::b/k", &[], YES),
    ("no-secrets", "s3:GetObject", "arn:aws:s3:::home/k", &[], DENY),
    ("no-secrets", "s3:ListBucket", "arn:aws:s3:::home", &[], DENY),
    ("no-secrets", "s3:ListBucket", "arn:aws:s3:::homes", &[], YES),
    ("no-secrets", "s3:DeleteObject", "arn:aws:s3:::b/k", &[], YES),
    ("no-secrets", "s3:DeleteObject", "arn:aws:s3:::b/keep/k", &[], DENY),
    ("no-secrets", "s3:PutObject", "arn:aws:s3:::b/keep/k", &[], YES),
    ("no-secrets", "lambda:InvokeFunction", "*", &[], NO),
    ("all+no-secrets", "s3:GetObject", "arn:aws:s3:::home/k", &[], DENY),
    ("no-secrets+all", "s3:GetObject", "arn:aws:s3:::home/k", &[], DENY),
    ("all+no-secrets", "lambda:InvokeFunction", "*", &[], YES),
    ("function+reader", "s3:GetObject", "arn:aws:s3:::b/k", &[], YES),
    // All but.
    ("not-action", "s3:GetObject", "arn:aws:s3:::b/k", &[], YES),
    ("not-action", "lambda:InvokeFunction", "*", &[], YES),
    ("not-action", "s3:DeleteObject", "arn:aws:s3:::b/k", &[], NO),
    ("not-action", "iam:GetRole", "*", &[], NO),
    ("not-action+all", "iam:GetRole", "*", &[], YES),
    ("not-resource", "s3:GetObject", "arn:aws:s3:::b/k", &[], YES),
    ("not-resource", "s3:GetObject", "arn:aws:s3:::home/k", &[], NO),
    ("not-resource", "s3:ListBucket", "arn:aws:s3:::home", &[], NO),
    ("not-resource", "s3:ListAllMyBuckets", "*", &[], YES),
    ("deny-not-action", "s3:GetObject", "arn:aws:s3:::b/k", &[], YES),
    ("deny-not-action", "s3:PutObject", "arn:aws:s3:::b/k", &[], DENY),
    ("deny-not-action", "s3:PutObject", "arn:aws:s3:::c/k", &[], YES),
    // Conditions: all keys, any value.
    ("prefix", "s3:ListBucket", "arn:aws:s3:::b", &[("s3:prefix", "in/x"), ("s3:delimiter", "/")], YES),
    ("prefix", "s3:ListBucket", "arn:aws:s3:::b", &[("s3:prefix", "out/x"), ("s3:delimiter", "/")], YES),
    ("prefix", "s3:ListBucket", "arn:aws:s3:::b", &[("s3:prefix", "out/xy"), ("s3:delimiter", "/")], NO),
    ("prefix", "s3:ListBucket", "arn:aws:s3:::b", &[("s3:prefix", "in/x")], NO),
    ("prefix", "s3:ListBucket", "arn:aws:s3:::b", &[("s3:prefix", "in/x"), ("s3:delimiter", "|")], NO),
    ("prefix", "s3:ListBucket", "arn:aws:s3:::b", &[], NO),
    ("prefix", "s3:ListBucket", "arn:aws:s3:::b", &[("s3:prefix", "IN/x"), ("s3:delimiter", "/")], NO),
    ("whole-listing", "s3:ListBucket", "arn:aws:s3:::b", &[], YES),
    ("whole-listing", "s3:ListBucket", "arn:aws:s3:::b", &[("s3:prefix", "in/")], NO),
    ("some-prefix", "s3:ListBucket", "arn:aws:s3:::b", &[("s3:prefix", "")], YES),
    ("some-prefix", "s3:ListBucket", "arn:aws:s3:::b", &[], NO),
    ("tls", "s3:GetObject", "arn:aws:s3:::b/k", &[("aws:SecureTransport", "true")], YES),
    ("tls", "s3:GetObject", "arn:aws:s3:::b/k", &[("aws:securetransport", "False")], DENY),
    ("tls", "s3:GetObject", "arn:aws:s3:::b/k", &[], YES),
    (
        "pass",
        "iam:PassRole",
        "arn:aws:iam::000000000000:role/throng/f",
        &[("iam:PassedToService", "lambda.amazonaws.com")],
        YES,
    ),
    (
        "pass",
        "iam:PassRole",
        "arn:aws:iam::000000000000:role/throng/f",
        &[("iam:PassedToService", "batch.amazonaws.com")],
        YES,
    ),
    (
        "pass",
        "iam:PassRole",
        "arn:aws:iam::000000000000:role/throng/f",
        &[("iam:PassedToService", "ec2.amazonaws.com")],
        NO,
    ),
    ("pass", "iam:PassRole", "arn:aws:iam::000000000000:role/throng/f", &[], NO),
    (
        "pass",
        "iam:PassRole",
        "arn:aws:iam::000000000000:role/admin",
        &[("iam:PassedToService", "lambda.amazonaws.com")],
        NO,
    ),
    (
        "itself",
        "sts:AssumeRole",
        "arn:aws:iam::000000000000:role/throng/f",
        &[("aws:PrincipalArn", "arn:aws:iam::000000000000:role/throng/f")],
        YES,
    ),
    (
        "itself",
        "sts:AssumeRole",
        "arn:aws:iam::000000000000:role/throng/f",
        &[("aws:PrincipalArn", "arn:aws:iam::000000000000:role/throng/g")],
        NO,
    ),
    (
        "any-of-ours",
        "sts:AssumeRole",
        "*",
        &[("aws:PrincipalArn", "arn:aws:iam::000000000000:role/throng/g")],
        YES,
    ),
    (
        "any-of-ours",
        "sts:AssumeRole",
        "*",
        &[("aws:PrincipalArn", "arn:aws:iam::000000000000:role/other/g")],
        NO,
    ),
    // No wildcard of an ARN reaches over a colon, but in its last part.
    ("arns", "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:grayify", &[], YES),
    ("arns", "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000000:function:gray:1", &[], YES),
    ("arns", "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:111111111111:function:grayify", &[], NO),
    ("arns", "lambda:InvokeFunction", "arn:aws:lambda:a:b:000000000000:function:grayify", &[], NO),
    ("arns", "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:green", &[], NO),
    // A session has what both have.
    ("function/narrow", "s3:GetObject", "arn:aws:s3:::pictures/in/a", &[], YES),
    ("function/narrow", "s3:PutObject", "arn:aws:s3:::pictures/out/a", &[], YES),
    ("function/narrow", "s3:GetObject", "arn:aws:s3:::home/inputs/a", &[], DENY),
    ("function/narrow", "s3:GetObject", "arn:aws:s3:::home/secrets/f/keys", &[], DENY),
    ("function/narrow", "s3:GetObject", "arn:aws:s3:::other/k", &[], NO),
    ("all/narrow", "sts:AssumeRole", "*", &[], DENY),
    ("all/only-put", "s3:PutObject", "arn:aws:s3:::b/k", &[], YES),
    ("all/only-put", "s3:GetObject", "arn:aws:s3:::b/k", &[], SESSION),
    ("function/only-put", "s3:GetObject", "arn:aws:s3:::pictures/in/a", &[], SESSION),
    ("function/only-put", "s3:PutObject", "arn:aws:s3:::pictures/in/a", &[], NO),
    ("/all", "s3:GetObject", "arn:aws:s3:::b/k", &[], NO),
    ("no-secrets/all", "s3:GetObject", "arn:aws:s3:::home/k", &[], DENY),
    ("all/only-put+reader", "s3:GetObject", "arn:aws:s3:::b/k", &[], YES),
];

fn documents(names: &str) -> Vec<Arc<Document>> {
    let read = |name: &str| {
        let (_, text) = POLICIES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
        Arc::new(Document::read(text).unwrap_or_else(|refused| panic!("{name}: {refused}")))
    };
    names.split('+').filter(|name| !name.is_empty()).map(read).collect()
}

#[test]
fn a_hundred_requests_are_decided_as_iam_does() {
    assert!(CASES.len() >= 100, "{}", CASES.len());
    for (policies, action, resource, known, expected) in CASES {
        let (role, session) = policies.split_once('/').unwrap_or((policies, ""));
        let policies = Policies { role: documents(role), session: documents(session) };
        let mut context = Context::default();
        known.iter().for_each(|(key, value)| context.set(key, *value));
        let decision = policies.decide(&Request { action, resource }, &context);
        assert_eq!(decision, *expected, "{role} / {session}: {action} on {resource} with {known:?}");
    }
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
