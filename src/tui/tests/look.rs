//! A way to look at the screens: run the test binary with
//! `--ignored --exact tests::look::at_the_screens --nocapture` in a terminal.

#![allow(clippy::cast_possible_truncation)]

use crate::fixtures::*;
use crate::{TuiOptions, run};
use std::collections::BTreeMap;
use std::sync::Arc;
use throng_core::engine::{Command, Preview, Scope, Severity, TaskView};
use throng_core::model::TaskState;

#[test]
#[ignore = "needs a terminal and a person"]
fn at_the_screens() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut snapshot = busy();
        snapshot.runs.read_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).ok();
        if std::env::var_os("THRONG_TUI_TROUBLE").is_some() {
            snapshot.notices = vec![notice(1, Severity::Error)].into();
            snapshot.progress = transfers().into();
        }
        let (engine, mut commands, snapshots) = engine(snapshot.clone());
        let panics = std::env::var("THRONG_TUI_PANIC").is_ok_and(|value| !value.is_empty());
        tokio::spawn(async move {
            while let Some(command) = commands.recv().await {
                snapshot.version += 1;
                match command {
                    Command::Refresh if panics => panic!("asked to"),
                    Command::Look(Scope::Objects { bucket, prefix }) => {
                        let view = snapshot.objects.as_mut().unwrap();
                        (view.bucket, view.prefix) = (bucket, prefix);
                    }
                    Command::Look(Scope::Task { run, task: number }) => {
                        let number = number.number().unwrap();
                        let row = task(number);
                        let state =
                            if row.state == TaskState::Succeeded { row.state } else { TaskState::Failed };
                        let mut records = snapshot.task.take().unwrap().records;
                        records.items = Arc::new(vec![record(number, state)]);
                        snapshot.task = Some(TaskView {
                            run,
                            row: Some(row),
                            files: None,
                            children: Vec::new(),
                            generation: 0,
                            variables: BTreeMap::new(),
                            records,
                        });
                    }
                    Command::Preview(place) => {
                        let image = image::RgbImage::from_fn(160, 120, |x, y| {
                            image::Rgb([(x + 40) as u8, (y * 2) as u8, 120])
                        });
                        let mut png = std::io::Cursor::new(Vec::new());
                        image.write_to(&mut png, image::ImageFormat::Png).unwrap();
                        let body: Arc<[u8]> = if place.key.ends_with("png") {
                            png.into_inner().into()
                        } else {
                            br#"{"mean": 113.7}"#[..].into()
                        };
                        snapshot.preview = Some(Preview {
                            place,
                            size: body.len() as u64,
                            content_type: "image/png".into(),
                            body: Some(body),
                            error: None,
                        });
                    }
                    Command::Dismiss(id) => {
                        snapshot.notices =
                            snapshot.notices.iter().filter(|notice| notice.id != id).cloned().collect();
                    }
                    _ => {}
                }
                if snapshots.send(Arc::new(snapshot.clone())).is_err() {
                    break;
                }
            }
        });
        let options =
            TuiOptions { ascii: std::env::var_os("THRONG_TUI_ASCII").is_some(), ..TuiOptions::default() };
        run(engine, options).await.unwrap();
    });
}
