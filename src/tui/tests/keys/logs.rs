//! Logs: followed, read, searched.

use crate::fixtures::*;
use crate::place::RouteKind;
use std::sync::Arc;
use throng_core::engine::Command;
use throng_core::model::LogQuery;

#[test]
fn logs_are_followed_of_what_is_under_the_cursor() {
    let mut fake = Fake::new(busy());
    let asked = fake.keys("3<enter>jl").asked();
    let [Command::FollowLogs(query)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((query.run.as_deref(), query.task.clone()), (Some("20261123-115800-k3xq"), Some(1.into())));
    assert_eq!(fake.app.kind(), RouteKind::Logs);
    let asked = fake.keys("1l").asked();
    assert_eq!(
        asked,
        [Command::FollowLogs(LogQuery {
            functions: vec!["grayscale".into()],
            since_s: 3600,
            ..LogQuery::default()
        })]
    );
}

#[test]
fn scrolling_up_pauses_and_the_end_follows() {
    let mut fake = Fake::new(busy());
    fake.keys("5kk");
    assert!(fake.app.logs.frozen.is_some());
    let mut newer = busy();
    newer.logs = Some(logs(900));
    fake.app.take(Arc::new(newer));
    fake.app.prepare();
    assert_eq!((fake.app.logs.len(), fake.app.logs.cursor()), (400, 397), "what is read stays");
    fake.keys("G");
    assert_eq!((fake.app.logs.len(), fake.app.logs.cursor()), (900, 899));
}

#[test]
fn errors_and_matches_are_found() {
    let mut fake = Fake::new(busy());
    fake.keys("5EE");
    let entry = fake.app.logs.current().unwrap();
    assert_eq!((&*entry.level, fake.app.logs.cursor()), ("ERROR", 383));
    fake.keys("/slice 1<enter>");
    assert!(fake.app.logs.current().unwrap().message.contains("slice 1"));
    fake.keys("&nifti<enter>");
    assert_eq!(fake.app.logs.len(), 44, "one line of nine");
    fake.keys("<esc><esc>");
    assert_eq!(fake.app.logs.len(), 400);
}

#[test]
fn lines_that_fall_out_of_the_log_are_not_confused() {
    let mut fake = Fake::new(busy());
    let mut snapshot = busy();
    snapshot.logs = Some(logs(2000));
    fake.app.take(Arc::new(snapshot.clone()));
    fake.keys("5");
    let all = snapshot.logs.as_mut().unwrap();
    all.chunks = Arc::new(all.chunks[1..].to_vec());
    all.dropped = 512;
    fake.app.take(Arc::new(snapshot));
    fake.app.prepare();
    assert_eq!(fake.app.logs.len(), 1488);
    assert_eq!(fake.app.logs.get(0).unwrap().message, log(512).message);
}
