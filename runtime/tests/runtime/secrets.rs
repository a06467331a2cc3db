//! Secrets of scripts: variables whose values are in an object of the home bucket.

use crate::rig::{Rig, function};
use serde_json::json;
use std::collections::BTreeMap;
use throng_contract::{FailureClass, ProviderSecrets, TaskState, versions};

const SECRETS: &str = "home/secrets/f/providers.json";

fn object(variables: &[(&str, &str)]) -> Vec<u8> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    serde_json::to_vec(&ProviderSecrets { version: versions::SECRETS, providers: BTreeMap::new(), variables })
        .unwrap()
}

/// A function whose script stores its secret, and what it was given of throng's.
fn rig() -> Rig {
    let mut function = function(true);
    function.secrets = vec!["LICENCE".into(), "TOKEN".into()];
    let script = "printf '%s' \"$TOKEN|$LICENCE|$THRONG_SECRETS\" > \"$TMP_OUTPUT_DIR/seen\"";
    Rig::start(&function, Some(script), &[("THRONG_SECRETS", "17")])
}

#[test]
fn a_script_has_its_secrets_and_nothing_else_does() {
    let mut rig = rig();
    rig.put(
        SECRETS,
        &object(&[("TOKEN", "hidden one"), ("LICENCE", "hidden\ntwo"), ("OTHER", "hidden three")]),
    );
    rig.put("in/x", b"");
    let answer = rig.notify(&["x"]);
    assert!(answer.ok, "{answer:?}");
    assert_eq!(rig.get("out/results/seen").unwrap(), b"hidden one|hidden\ntwo|");
    // What a request brings does not take their place.
    let answer =
        rig.invoke(&json!({"httpMethod": "POST", "queryStringParameters": {"TOKEN": "forged"}, "body": ""}));
    assert!(answer.ok, "{answer:?}");
    assert_eq!(rig.get("out/results/seen").unwrap(), b"hidden one|hidden\ntwo|");
    let reads = rig.requests().iter().filter(|request| request.contains("secrets/")).count();
    assert_eq!(reads, 1, "once for an environment");
    let seen = serde_json::to_string(&rig.records()).unwrap() + &rig.printed().concat();
    assert!(!seen.contains("hidden"), "{seen}");
}

#[test]
fn a_script_without_its_secrets_is_not_started() {
    let mut rig = rig();
    rig.put("in/x", b"");
    let said =
        |answer: crate::rig::Answer| answer.body["errorMessage"].as_str().unwrap_or_default().to_owned();
    let message = said(rig.notify(&["x"]));
    assert!(message.contains("the script's secrets cannot be had") && message.contains(SECRETS), "{message}");
    assert_eq!((rig.record().state, rig.record().class), (TaskState::Failed, Some(FailureClass::Init)));
    rig.put(SECRETS, &object(&[("TOKEN", "hidden")]));
    let message = said(rig.notify(&["x"]));
    assert!(
        message.contains("does not have LICENCE; deploy the function again") && !message.contains("hidden"),
        "{message}"
    );
    assert_eq!(rig.get("out/results/seen"), None);
}

#[test]
fn functions_without_secrets_do_not_ask_for_any() {
    let mut rig = Rig::with_script("true");
    rig.put("in/x", b"");
    assert!(rig.notify(&["x"]).ok);
    assert!(!rig.requests().iter().any(|request| request.contains("secrets/")));
}
