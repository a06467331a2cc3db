#![allow(clippy::unwrap_used)]

use super::*;
use aws_sdk_s3::types::{EventBridgeConfiguration, QueueConfiguration};

const OURS: &str = "arn:aws:lambda:us-east-1:000000000000:function:ours";
const OTHER: &str = "arn:aws:lambda:us-east-1:000000000000:function:other";

fn shared() -> Notifications {
    let queue = QueueConfiguration::builder()
        .id("q")
        .queue_arn("arn:aws:sqs:us-east-1:000000000000:q")
        .events(Event::from("s3:ObjectRemoved:*"))
        .build()
        .unwrap();
    Notifications(
        NotificationConfiguration::builder()
            .queue_configurations(queue)
            .lambda_function_configurations(entry(&Trigger::created("o", OTHER, "other/", "")).unwrap())
            .event_bridge_configuration(EventBridgeConfiguration::builder().build())
            .build(),
    )
}

#[test]
fn others_entries_of_every_kind_survive_add_change_and_remove() {
    let before = shared();
    let mut now = before.clone();
    now.replace(OURS, &[Trigger::created("t", OURS, "in/", ".png")]).unwrap();
    assert_eq!(now.of(OURS), [Trigger::created("t", OURS, "in/", ".png")]);
    now.replace(OURS, &[Trigger::created("t", OURS, "new/", "")]).unwrap();
    assert_eq!(now.of(OURS).len(), 1, "replaced, not added");
    assert_eq!(now.triggers().len(), 3);
    now.replace(OURS, &[]).unwrap();
    assert_eq!(now, before);
    assert!(now.0.event_bridge_configuration().is_some());
}

#[test]
fn an_overlap_with_somebody_else_is_refused_and_named() {
    let mut now = shared();
    let error = now.replace(OURS, &[Trigger::created("t", OURS, "other/deep/", "")]).unwrap_err();
    assert!(error.message.contains(OTHER) && error.message.contains("`o`"), "{error}");
    assert_eq!(now, shared(), "nothing was changed");
}

#[test]
fn an_empty_answer_of_another_name_is_no_notifications() {
    let says = |status: u16, body: &'static str| {
        says_nothing(&HttpResponse::new(status.try_into().unwrap(), body.into()))
    };
    let empty =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<GetBucketNotificationResponse xmlns=\"http://s3/\"/>";
    assert!(says(200, empty));
    assert!(!says(500, empty));
    for other in ["", "<html></html>", "<a><b/></a>", "{}", "<?xml version=\"1.0\"?>"] {
        assert!(!says(200, other), "{other}");
    }
}

#[test]
fn overlap_needs_a_common_event_prefix_and_suffix() {
    let of = |prefix: &str, suffix: &str| Trigger::created("i", OURS, prefix, suffix);
    assert!(of("", "").overlaps(&of("a/", ".png")));
    assert!(of("a/", ".png").overlaps(&of("a/b/", "")));
    assert!(of("a/", ".tar.gz").overlaps(&of("a/", ".gz")));
    assert!(!of("a/", ".png").overlaps(&of("a/", ".jpg")));
    assert!(!of("a/", "").overlaps(&of("b/", "")));
    let put = Trigger { events: vec!["s3:ObjectCreated:Put".into()], ..of("", "") };
    let removed = Trigger { events: vec!["s3:ObjectRemoved:*".into()], ..of("", "") };
    assert!(put.overlaps(&of("", "")));
    assert!(!removed.overlaps(&of("", "")));
}

/// AWS answers names of rules that its own model does not take.
#[test]
fn rules_of_others_are_written_as_the_model_has_them() {
    let mut now = shared();
    for entry in now.0.lambda_function_configurations.iter_mut().flatten() {
        let key = entry.filter.as_mut().and_then(|filter| filter.key.as_mut()).unwrap();
        for rule in key.filter_rules.iter_mut().flatten() {
            rule.name = Some(FilterRuleName::from("Prefix"));
        }
    }
    assert_ne!(now, shared());
    now.replace(OURS, &[]).unwrap();
    assert_eq!(now, shared());
}
