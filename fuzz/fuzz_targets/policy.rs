//! Policies of roles, of sessions and of trust: what is read means the same wherever it stands.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::sync::Arc;
use throng_fuzz::fuzz_target;
use throng_local::policy::{Context, Decision, Document, Policies, Request, Trust, Who};

const REQUESTS: [(&str, &str); 4] = [
    ("s3:GetObject", "arn:aws:s3:::b/k"),
    ("s3:ListBucket", "arn:aws:s3:::b"),
    ("lambda:ListFunctions", "*"),
    ("sts:AssumeRole", "arn:aws:iam::000000000000:role/f"),
];

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut context = Context::default();
    context.set("s3:prefix", "in/");
    context.set("aws:PrincipalArn", "arn:aws:iam::000000000000:role/f");
    if let Ok(document) = Document::read(&text) {
        let (document, everything) = (Arc::new(document), Arc::new(Document::everything()));
        let alone = Policies { role: vec![document.clone()], session: Vec::new() };
        let narrows = Policies { role: vec![everything.clone()], session: vec![document.clone()] };
        let beside = Policies { role: vec![document, everything], session: Vec::new() };
        for (action, resource) in REQUESTS {
            let request = Request { action, resource };
            let decision = alone.decide(&request, &context);
            let is = |other: &Policies, what| other.decide(&request, &context) == what;
            assert_eq!(decision == Decision::Allowed, is(&narrows, Decision::Allowed), "{action} in {text}");
            assert_eq!(decision == Decision::Denied, is(&beside, Decision::Denied), "{action} in {text}");
        }
    }
    if let Ok(trust) = Trust::read(&text) {
        let [.., (_, role)] = REQUESTS;
        let who = Who::Role { role, session: "arn:aws:sts::000000000000:assumed-role/f/s" };
        let decides = |role_may: bool| {
            let own = role_may.then(Document::everything).map(Arc::new);
            let policies = Policies { role: own.into_iter().collect(), session: Vec::new() };
            policies.decide_assume(&trust, &who, role, &context)
        };
        // What a role may by itself never shuts it out.
        assert!(decides(false) != Decision::Allowed || decides(true) == Decision::Allowed, "{text}");
        let named = trust.lets_in_service("nobody.example.com", &context);
        // Characters can be written as escape sequences.
        assert!(!named || text.contains(['*', '\\']) || text.contains("nobody"), "{text}");
    }
});
