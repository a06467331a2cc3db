//! What arrives by itself and is no input by the definition's rules.

use crate::rig::{Rig, function};
use serde_json::json;
use throng_contract::Selection;

fn arrived(key: &str, size: u64) -> serde_json::Value {
    json!({"Records": [{"eventSource": "aws:s3", "eventTime": "2026-01-02T03:04:05.000Z",
        "s3": {"bucket": {"name": "in"}, "object": {"key": key, "size": size, "sequencer": "01"}}}]})
}

#[test]
fn what_the_rules_leave_out_starts_nothing_and_leaves_no_record() {
    let mut own = function(true);
    own.selections = vec![Selection {
        bucket: "in".into(),
        path: "scans".into(),
        prefix: vec!["sub-".into(), "ses-".into()],
        exclude: vec!["*_mask.nii".into()],
        min_size: 4,
        ..Selection::default()
    }];
    let mut rig = Rig::start(&own, Some("echo it ran"), &[]);
    for (key, why) in [
        ("scans/sub-1_mask.nii", "*_mask.nii"),
        ("scans/sub-1.nii", "smaller than 4 bytes"),
        ("scans/other.nii", "sub- or ses-"),
    ] {
        rig.put(&format!("in/{key}"), b"abc");
        assert!(rig.invoke(&arrived(key, 3)).ok);
        assert_eq!(rig.records(), [], "{key}");
        let said = rig.printed();
        assert!(said.last().is_some_and(|line| line.contains(key) && line.contains(why)), "{said:?}");
    }
    assert!(!rig.printed().contains(&"it ran".to_owned()));
    rig.put("in/scans/ses-2.nii", b"data");
    assert!(rig.invoke(&arrived("scans/ses-2.nii", 4)).ok);
    assert_eq!(rig.records().len(), 1);
    // What is sent by an event of our own was selected by whoever sent it.
    assert!(rig.invoke(&json!({"throng": null, "bucket": "in", "key": "scans/other.nii"})).ok);
    assert_eq!(rig.records().len(), 2);
}
