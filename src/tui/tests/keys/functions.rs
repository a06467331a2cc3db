//! Functions: launched, invoked, deleted.

use crate::app::MessageKind;
use crate::fixtures::*;
use throng_core::engine::{Command, ContextInfo, DeployRequest};

#[test]
fn deleting_a_function_needs_its_name() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("dy<enter>grayscal<enter>").asked(), []);
    assert_eq!(fake.keys("<ctrl-u>grayscale<enter>").asked(), [Command::DeleteFunction("grayscale".into())]);
}

#[test]
fn a_payload_that_is_no_json_stays_in_its_editor() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("i<ctrl-u>hello<ctrl-s>").asked(), []);
    assert!(
        matches!(&fake.app.message, Some(message) if message.kind == MessageKind::Refused && message.text.contains("not JSON"))
    );
    let asked = fake.keys("\"<home>\"<ctrl-s>").asked();
    assert!(matches!(&asked[..], [Command::Invoke { payload, .. }] if payload == b"\"hello\""), "{asked:?}");
}

#[test]
fn launching_fills_a_form() {
    let mut fake = Fake::new(busy());
    let asked =
        fake.keys("nresize<tab>debian:12<tab><tab><ctrl-u>256<tab><tab>in<tab>out/small<enter>").asked();
    let [Command::DeployForm(form)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(
        (&*form.name, &*form.image, form.memory_mb, form.timeout_s),
        ("resize", "debian:12", 256, 300)
    );
    assert_eq!((&*form.input, &*form.output), ("in", "out/small"));
}

#[test]
fn where_it_costs_money_the_plan_is_shown_before_anything_is_done() {
    let mut snapshot = busy();
    snapshot.context =
        ContextInfo { name: "aws".into(), region: "eu-west-1".into(), ..ContextInfo::default() };
    let mut fake = Fake::new(snapshot.clone());
    let asked = fake.keys("nresize<tab>debian:12<ctrl-s>").asked();
    let [Command::Plan(DeployRequest::Form(form))] = &asked[..] else { panic!("{asked:?}") };
    let form = form.clone();
    assert_eq!(fake.keys("<enter>").asked(), [], "there is nothing to agree to yet");
    snapshot.plan = Some(planned());
    fake.see(snapshot.clone());
    assert_eq!(fake.keys("<esc>").asked(), [Command::ClosePlan]);
    assert_eq!(fake.app.layers.len(), 1, "back in the form");
    fake.keys("<ctrl-s>").asked();
    assert_eq!(fake.keys("<enter>").asked(), [], "the plan of the last time is not agreed to");
    snapshot.plan = Some(planned());
    fake.see(snapshot);
    assert_eq!(fake.keys("<enter>").asked(), [Command::DeployForm(form), Command::ClosePlan]);
    assert!(fake.app.layers.is_empty(), "both are gone");
}

#[test]
fn a_dry_run_can_be_had_where_nothing_costs_money() {
    let mut fake = Fake::new(busy());
    let asked = fake.keys("nresize<tab>debian:12<ctrl-d>").asked();
    assert!(matches!(&asked[..], [Command::Plan(DeployRequest::Form(_))]), "{asked:?}");
}

#[test]
fn a_form_that_would_loop_is_refused() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("nresize<tab>debian:12<tab><tab><tab><tab>data/x<tab>data/x/<ctrl-s>").asked(), []);
    assert_eq!(fake.app.layers.len(), 1, "the form stays");
}

#[test]
fn invoking_sends_the_payload_as_it_is() {
    let mut fake = Fake::new(busy());
    let asked = fake.keys("i<ctrl-u>{<enter>\"a\": 1}<ctrl-s>").asked();
    assert_eq!(asked, [Command::Invoke { function: "grayscale".into(), payload: b"{\n\"a\": 1}".to_vec() }]);
}
