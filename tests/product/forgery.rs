//! The policies that throng gives, judged by the local cloud's own evaluator; another one judges them in `tests/interop`.

use crate::support::forgery::{Must, Try, World};
use std::sync::Arc;
use throng_local::policy::{Context, Decision, Document, Policies, Request, Trust, Who};

/// Conditions over keys of KMS are not for the local cloud, which has none: the rest of the policy is judged.
fn without_kms(policy: &serde_json::Value) -> String {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.retain(|statement| statement["Sid"] != "UseKeysOfBuckets");
    policy.to_string()
}

#[test]
fn scripts_cannot_forge_and_the_runtime_can_work() {
    for world in World::all() {
        let read = |text: &str| Arc::new(Document::read(text).unwrap());
        let runtime = Policies { role: vec![read(&without_kms(&world.policy))], session: Vec::new() };
        let script = Policies { session: vec![read(&world.session.to_string())], ..runtime.clone() };
        let tries = world.tries();
        assert!(tries.len() > 250, "{}", tries.len());
        for Try { script: by_script, action, resource, context: known, must } in tries {
            if action.starts_with("kms:") {
                continue;
            }
            let mut context = Context::default();
            for (key, value) in &known {
                context.set(key, value);
            }
            let policies = if by_script { &script } else { &runtime };
            let expected = match must {
                Must::Allow => Decision::Allowed,
                Must::Deny => Decision::Denied,
                Must::NotAllow => Decision::NotAllowed,
            };
            let decided = policies.decide(&Request { action, resource: &resource }, &context);
            let who = if by_script { "script" } else { "runtime" };
            assert_eq!(decided, expected, "{who}: {action} on {resource} with {known:?}");
        }
    }
}

#[test]
fn a_role_narrows_itself_and_a_script_does_not_become_it() {
    for world in World::all() {
        let read = |text: &str| Arc::new(Document::read(text).unwrap());
        let trust = Trust::read(&world.trust.to_string()).unwrap();
        let assumes = |who: &str, session: Vec<Arc<Document>>| {
            let mut context = Context::default();
            context.set("aws:PrincipalArn", who);
            let policies = Policies { role: vec![read(&without_kms(&world.policy))], session };
            let who = Who::Role { role: who, session: "arn:aws:sts::000000000000:assumed-role/r/s" };
            policies.decide_assume(&trust, &who, &world.role, &context)
        };
        assert_eq!(assumes(&world.role, Vec::new()), Decision::Allowed);
        assert_eq!(assumes(&world.role, vec![read(&world.session.to_string())]), Decision::Denied);
        assert_eq!(assumes(&format!("{}s", world.role), Vec::new()), Decision::NotTrusted);
        assert!(trust.lets_in_service("lambda.amazonaws.com", &Context::default()));
        assert!(!trust.lets_in_service("ecs-tasks.amazonaws.com", &Context::default()));
    }
}
