//! Policies in an evaluator that others wrote (`@cloud-copilot/iam-simulate`, from the npm registry): the table of the local
//! cloud's own, and the policies that throng gives. Each decision is compared; what differs is printed whole.

use crate::support::forgery::{ACCOUNT, Must, Try, World};
use crate::support::tools;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

const CASES: &str = include_str!("../../src/local/policy/cases.json");

/// A request as the evaluator takes it.
fn simulation(who: &str, action: &str, resource: &str, context: &Value) -> Value {
    json!({
        "request": {
            "principal": who,
            "action": action,
            "resource": {"resource": resource, "accountId": ACCOUNT},
            "contextVariables": context,
        },
        "identityPolicies": [],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    })
}

/// What the evaluator says of each.
fn decided(simulations: &[Value]) -> Vec<Value> {
    let folder = tools::npm("policies", &[("@cloud-copilot/iam-simulate", "0.1.173")]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/policies.cjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    let asked = serde_json::to_vec(simulations).unwrap();
    node.stdin.take().unwrap().write_all(&asked).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let decisions: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(decisions.len(), simulations.len());
    decisions
}

/// Compares; `cases` are what is printed of a difference.
fn compare(cases: &[Value], simulations: &[Value], expected: &[&str]) {
    let decisions = decided(simulations);
    let mut different = Vec::new();
    for (number, said) in decisions.iter().enumerate() {
        // A key that it has not looked at would be a comparison of something else.
        let told = said["kind"] == "single" && said["ignored"] == json!([]);
        let says = if told { &said["decision"] } else { &said["error"]["message"] };
        if *says != expected[number] {
            different.push(format!(
                "{}\n  expected {}, the evaluator says {said}\n  {}",
                cases[number], expected[number], simulations[number]
            ));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    println!("{} decisions are the same", cases.len());
}

/// Several policies of a session are one there: what any of them says.
fn merged(policies: &[&Value]) -> Value {
    let mut all = Vec::new();
    for policy in policies {
        match &policy["Statement"] {
            Value::Array(statements) => all.extend(statements.iter().cloned()),
            one => all.push(one.clone()),
        }
    }
    json!({"Version": "2012-10-17", "Statement": all})
}

fn identity(name: &str, policy: &Value) -> Value {
    json!({"name": name, "policy": policy})
}

#[test]
fn requests_are_decided_as_another_evaluator_decides_them() {
    let table: Value = serde_json::from_str(CASES).unwrap();
    let of = |list: &str| table[list].as_array().unwrap().iter();
    let caller = |name: &str| table["caller"][name].as_str().unwrap();
    let (mut cases, mut simulations, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for case in of("cases").chain(of("assume")) {
        let text = |name: &str, other| case[name].as_str().unwrap_or(other);
        let names = |name: &str| -> Vec<&str> {
            case[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let context = if case["context"].is_null() { json!({}) } else { case["context"].clone() };
        let mut simulation = simulation(
            text("service", caller("session")),
            text("action", "sts:AssumeRole"),
            text("resource", caller("role")),
            &context,
        );
        let policies = &table["policies"];
        simulation["identityPolicies"] =
            names("role").into_iter().map(|name| identity(name, &policies[name])).collect();
        let session = names("session");
        if !session.is_empty() {
            let session: Vec<_> = session.into_iter().map(|name| &policies[name]).collect();
            simulation["sessionPolicy"] = merged(&session);
        }
        if let Some(trust) = case["trust"].as_str() {
            simulation["resourcePolicy"] = table["trusts"][trust].clone();
        }
        // What is known to differ must differ so, and say why.
        expected.push(case["elsewhere"]["decision"].as_str().unwrap_or(match text("expect", "") {
            "allowed" => "Allowed",
            "denied" | "denied-by-trust" => "ExplicitlyDenied",
            _ => "ImplicitlyDenied",
        }));
        assert!(case["elsewhere"].is_null() || case["elsewhere"]["why"].is_string(), "{case}");
        cases.push(case.clone());
        simulations.push(simulation);
    }
    for (name, policy) in table["malformed"].as_object().unwrap() {
        let mut simulation = simulation(caller("session"), "s3:GetObject", "arn:aws:s3:::b/k", &json!({}));
        simulation["identityPolicies"] = json!([identity("malformed", policy)]);
        cases.push(json!({name: policy}));
        simulations.push(simulation);
        expected.push("policy.errors");
    }
    compare(&cases, &simulations, &expected);
}

/// What a key of KMS has when nobody says otherwise: it leaves it to the account's policies.
fn default_key_policy(partition: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": format!("arn:{partition}:iam::{ACCOUNT}:root")},
        "Action": "kms:*",
        "Resource": "*",
    }]})
}

#[test]
fn scripts_cannot_forge_and_the_runtime_can_work() {
    let (mut cases, mut simulations, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for world in World::all() {
        let partition = world.role.split(':').nth(1).unwrap();
        let name = world.role.rsplit('/').next().unwrap();
        let who = format!("arn:{partition}:sts::{ACCOUNT}:assumed-role/{name}/mine");
        for Try { script, action, resource, mut context, must } in world.tries() {
            if action == "sts:AssumeRole" {
                context.insert("aws:PrincipalArn", world.role.clone());
            }
            let mut simulation = simulation(&who, action, &resource, &json!(context));
            simulation["identityPolicies"] = json!([identity("role", &world.policy)]);
            if script {
                simulation["sessionPolicy"] = world.session.clone();
            }
            if action == "sts:AssumeRole" && resource == world.role {
                simulation["resourcePolicy"] = world.trust.clone();
            }
            if action.starts_with("kms:") {
                simulation["resourcePolicy"] = default_key_policy(partition);
            }
            cases.push(json!({"script": script, "action": action, "resource": resource, "context": context}));
            simulations.push(simulation);
            expected.push(match must {
                Must::Allow => "Allowed",
                Must::Deny => "ExplicitlyDenied",
                Must::NotAllow => "ImplicitlyDenied",
            });
        }
    }
    compare(&cases, &simulations, &expected);
}
