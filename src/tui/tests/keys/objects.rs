//! Objects and files: dropped, marked, fetched, shown, deleted.

use crate::fixtures::*;
use crate::input;
use crate::place::RouteKind;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use std::path::PathBuf;
use throng_core::engine::Command;
use throng_core::model::{ObjectPlace, Place, ProviderOf};

#[test]
fn deleting_objects_asks_once_and_takes_the_marked() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("2j<enter>jj<space><space>d<esc>").asked(), []);
    let keys = vec!["README.txt".into(), "atlas.nii.gz".into()];
    assert_eq!(fake.keys("d2<enter>").asked(), [Command::DeleteObjects { bucket: "scans".into(), keys }]);
    assert!(fake.app.page().list.marks.is_empty());
}

#[test]
fn dropped_files_become_a_run_or_an_upload() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = ["a b.png", "c.png"].iter().map(|name| folder.path().join(name)).collect();
    for file in &files {
        std::fs::write(file, "x").unwrap();
    }
    let mut fake = Fake::new(busy());
    fake.keys("j");
    // One paste per file, at once.
    let batch = files.iter().map(|file| Event::Paste(format!("{} ", file.display()))).collect();
    input::handle(&mut fake.app, batch);
    assert_eq!(
        fake.keys("<enter>").asked(),
        [Command::RunFiles { function: "mri-slices".into(), paths: files.clone() }]
    );
    assert_eq!(fake.app.kind(), RouteKind::Runs);
    fake.keys("2j<enter>");
    input::paste(&mut fake.app, &files[0].display().to_string());
    let upload =
        Command::Upload { paths: vec![files[0].clone()], bucket: "scans".into(), prefix: String::new() };
    let to = Place { bucket: "scans".into(), prefix: String::new() };
    let asks = Command::WhatStarts { paths: vec![files[0].clone()], to };
    assert_eq!(fake.keys("<enter>").asked(), [asks, upload]);
}

#[test]
fn a_paste_goes_into_the_open_field_and_a_burst_of_keys_is_a_paste() {
    let mut fake = Fake::new(busy());
    fake.keys("/");
    input::paste(&mut fake.app, "ocr\n");
    assert_eq!(fake.app.page().list.filter.pattern.text(), "ocr");
    fake.keys("<esc>");
    let folder = tempfile::tempdir().unwrap();
    let typed = folder.path().display().to_string();
    let batch = typed
        .chars()
        .map(|char| Event::Key(KeyEvent::new(KeyCode::Char(char), KeyModifiers::NONE)))
        .collect();
    input::handle(&mut fake.app, batch);
    let asked = fake.keys("<enter>").asked();
    assert_eq!(
        asked,
        [Command::RunFiles { function: "ocr-pages".into(), paths: vec![folder.path().into()] }]
    );
}

#[test]
fn marked_objects_are_run_and_fetched() {
    let mut fake = Fake::new(busy());
    fake.app.downloads = "/tmp/results".into();
    let asked = fake.keys("2j<enter><space>Rslic<enter>").asked();
    assert_eq!(
        asked,
        [Command::RunObjects {
            function: "mri-slices".into(),
            bucket: "scans".into(),
            keys: vec!["mri-slices/".into()]
        }]
    );
    let asked = fake.keys("22G<up>w").asked();
    assert!(asked.is_empty(), "no bucket is fetched as a whole");
}

#[test]
fn opening_a_result_fetches_and_forgets_it() {
    let mut fake = Fake::new(busy());
    let asked = fake.keys("3<enter>jj<enter>o").asked();
    let key = "mri-slices/scan-00002.png".to_owned();
    let place = ObjectPlace { from: None, bucket: "results".into(), key: key.clone() };
    assert_eq!(asked, [Command::Preview(place)]);
    fake.app.downloads = "/tmp/results".into();
    let fetch = |from, bucket: &str, key: String| Command::Download {
        from,
        bucket: bucket.into(),
        keys: vec![key],
        to: "/tmp/results".into(),
    };
    assert_eq!(fake.keys("w<esc>").asked(), [fetch(None, "results", key), Command::ClosePreview]);
}

#[test]
fn outputs_at_a_storage_provider_are_shown_and_fetched_from_there() {
    let mut snapshot = busy();
    let view = snapshot.task.as_mut().unwrap();
    let mut record = view.records.items[0].clone();
    record.outputs[0].provider = Some("minio.lab".into());
    let (bucket, key) = (record.outputs[0].bucket.clone(), record.outputs[0].key.clone());
    let from = Some(ProviderOf { function: record.function.clone(), provider: "minio.lab".into() });
    view.records = listing(vec![record]);
    let mut fake = Fake::new(snapshot);
    fake.app.downloads = "/tmp/results".into();
    let asked = fake.keys("3<enter>jj<enter>gow").asked();
    let place = ObjectPlace { from: from.clone(), bucket: bucket.clone(), key: key.clone() };
    let to = "/tmp/results".into();
    assert_eq!(asked, [Command::Preview(place), Command::Download { from, bucket, keys: vec![key], to }]);
}
