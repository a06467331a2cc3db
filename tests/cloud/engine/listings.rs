use super::support::{Home, Watched};
use throng_core::engine::{Command, Connection, ListingState, Scope, Severity};
use throng_core::model::ObjectPlace;

#[tokio::test(flavor = "multi_thread")]
async fn buckets_and_objects_are_listed_paged_shown_and_deleted() {
    let home = Home::new();
    let engine = Watched::start(home.options());
    let first = engine.now();
    assert_eq!(first.connection, Connection::Connecting, "a snapshot is there before any answer");
    assert_eq!(first.context.name, "local");
    engine.send(Command::CreateBucket("pictures".into()));
    engine.send(Command::Look(Scope::Buckets));
    engine
        .until("the new bucket", |snap| snap.buckets.items.iter().any(|bucket| bucket.name == "pictures"))
        .await;
    let cloud = home.cloud().await;
    let s3 = cloud.s3();
    for number in 0..1205 {
        let key = format!("in/{number:05}.txt");
        s3.put_object("pictures", &key, b"some text".to_vec().into(), &[], false).await.unwrap();
    }
    s3.put_object("pictures", "other/x", Vec::new().into(), &[], false).await.unwrap();

    let look =
        |prefix: &str| Command::Look(Scope::Objects { bucket: "pictures".into(), prefix: prefix.into() });
    engine.send(look(""));
    let ready = |snap: &throng_core::engine::Snapshot, prefix: &str| {
        snap.objects
            .as_ref()
            .is_some_and(|view| view.prefix == prefix && view.listing.state == ListingState::Ready)
    };
    let snap = engine.until("the folders", |snap| ready(snap, "")).await;
    let view = snap.objects.as_ref().unwrap();
    let keys: Vec<_> = view.listing.items.iter().map(|item| (item.key.as_str(), item.folder)).collect();
    assert_eq!(keys, [("in/", true), ("other/", true)]);

    engine.send(look("in/"));
    let snap = engine.until("a page", |snap| ready(snap, "in/")).await;
    let view = snap.objects.as_ref().unwrap();
    assert_eq!((view.listing.items.len(), view.more), (1000, true));
    engine.send(Command::MoreObjects);
    engine
        .until("the second page", |snap| {
            snap.objects.as_ref().is_some_and(|view| view.listing.items.len() == 1205 && !view.more)
        })
        .await;

    let place = ObjectPlace { from: None, bucket: "pictures".into(), key: "in/00007.txt".into() };
    engine.send(Command::Preview(place));
    let snap = engine
        .until("the preview", |snap| snap.preview.as_ref().is_some_and(|preview| preview.body.is_some()))
        .await;
    assert_eq!(snap.preview.as_ref().unwrap().body.as_deref(), Some(&b"some text"[..]));
    engine.send(Command::ClosePreview);
    engine.until("no preview", |snap| snap.preview.is_none()).await;

    let to = home.path().join("down");
    engine.send(Command::Download {
        from: None,
        bucket: "pictures".into(),
        keys: vec!["in/".into()],
        to: to.clone(),
    });
    let snap = engine
        .until("the download", |snap| {
            snap.progress.iter().any(|row| row.state == throng_core::model::ProgressState::Done)
        })
        .await;
    let row = snap.progress.iter().find(|row| row.label.starts_with("download")).unwrap();
    assert_eq!((row.items, row.items_total, row.failed), (1205, Some(1205), 0));
    assert_eq!(std::fs::read(to.join("in/01204.txt")).unwrap(), b"some text");

    // A file that a person has in its place stays, and the notice says which.
    let own = to.join("00003.txt");
    std::fs::write(&own, "my own").unwrap();
    engine.send(Command::Download {
        from: None,
        bucket: "pictures".into(),
        keys: vec!["in/00003.txt".into()],
        to: to.clone(),
    });
    let snap = engine
        .until("a notice", |snap| snap.notices.iter().any(|notice| notice.severity == Severity::Error))
        .await;
    let told =
        snap.notices.iter().any(|notice| notice.detail.contains("00003.txt` is there already and differs"));
    assert!(told, "{:?}", snap.notices);
    assert_eq!(std::fs::read(own).unwrap(), b"my own");

    engine.send(Command::DeleteObjects {
        bucket: "pictures".into(),
        keys: vec!["in/".into(), "other/x".into()],
    });
    engine.send(look(""));
    engine
        .until("an empty bucket", |snap| {
            ready(snap, "") && snap.objects.as_ref().unwrap().listing.items.is_empty()
        })
        .await;
    engine.send(Command::DeleteBucket("pictures".into()));
    engine.send(Command::Look(Scope::Buckets));
    engine
        .until("no bucket", |snap| !snap.buckets.items.iter().any(|bucket| bucket.name == "pictures"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_a_notice_that_stays_until_dismissed() {
    let home = Home::new();
    let engine = Watched::start(home.options());
    engine.send(Command::DeleteBucket("nothing-here".into()));
    let snap = engine
        .until("a notice", |snap| snap.notices.iter().any(|notice| notice.severity == Severity::Error))
        .await;
    let notice = snap.notices.last().unwrap();
    assert!(notice.title.contains("nothing-here"), "{notice:?}");
    assert!(notice.detail.contains("NoSuchBucket"), "{notice:?}");
    assert_eq!(snap.connection, Connection::Online, "a refusal is an answer");
    let id = notice.id;
    engine.send(Command::Dismiss(id));
    engine.until("no notice", |snap| snap.notices.iter().all(|notice| notice.id != id)).await;
}
