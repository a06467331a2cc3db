//! `ls`, `put`, `get`.

use crate::args;
use crate::fail::{CliResult, Fail, SOME_FAILED};
use crate::print::{self, Table};
use crate::session::{Session, place};
use crate::transfer::{not_done, watched};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use throng_core::cloud::{Cloud, ListQuery};
use throng_core::jobs::{self, FetchRequest, Job, NotDone, UploadRequest};
use throng_core::lines;
use throng_core::model::{ObjectInfo, Place};
use throng_core::words::{self, Lines};

/// A bucket as `--output json` prints it.
#[derive(Serialize)]
struct Bucket {
    name: String,
    created_ms: Option<u64>,
}

/// An object or folder as `--output json` prints it.
#[derive(Serialize)]
pub(crate) struct Object {
    key: String,
    folder: bool,
    size: u64,
    modified_ms: Option<u64>,
    etag: String,
}

impl From<ObjectInfo> for Object {
    fn from(info: ObjectInfo) -> Self {
        let ObjectInfo { key, folder, size, modified_ms, etag } = info;
        Self { key, folder, size, modified_ms, etag }
    }
}

pub async fn list(session: &Session, args: args::Ls) -> CliResult {
    let job = session.job(Job::Look).await?;
    let cloud = job.cloud();
    let Some(text) = args.place else {
        let buckets = cloud.s3().list_buckets().await?;
        let buckets: Vec<_> = buckets
            .into_iter()
            .map(|bucket| Bucket { name: bucket.name, created_ms: bucket.created_ms })
            .collect();
        print::result(session.format, &buckets, || {
            let mut table = Table::new(&["BUCKET", "CREATED"]);
            for bucket in &buckets {
                table
                    .row([bucket.name.clone(), bucket.created_ms.map(words::local_time).unwrap_or_default()]);
            }
            if table.is_empty() { "No buckets.\n".into() } else { table.render() }
        });
        return Ok(());
    };
    let place = place(&text)?;
    let prefix = object_or_folder(cloud, &place).await;
    let (mut objects, mut token) = (Vec::new(), None);
    loop {
        let query = ListQuery {
            prefix: &prefix,
            delimiter: (!args.recursive).then_some("/"),
            token: token.as_deref(),
            ..ListQuery::default()
        };
        let page = cloud.s3().list_page(&place.bucket, query).await?;
        objects.extend(page.items.into_iter().map(Object::from));
        token = page.next;
        if token.is_none() || session.interrupt.is_cancelled() {
            break;
        }
    }
    print::result(session.format, &objects, || table(&objects));
    Ok(())
}

/// The key, when there is such an object; else `bucket/folder` means what is in the folder, as it does for files.
async fn object_or_folder(cloud: &Cloud, place: &Place) -> String {
    let mut prefix = place.prefix.clone();
    if !prefix.is_empty() && !prefix.ends_with('/') && cloud.s3().head(&place.bucket, &prefix).await.is_err()
    {
        prefix.push('/');
    }
    prefix
}

pub(crate) fn table(objects: &[Object]) -> Lines {
    if objects.is_empty() {
        return "No objects.\n".into();
    }
    let mut table = Table::new(&[">SIZE", "MODIFIED", "KEY"]);
    for object in objects {
        let size = if object.folder { "folder".to_owned() } else { words::bytes(object.size) };
        table.row([size, object.modified_ms.map(words::local_time).unwrap_or_default(), object.key.clone()]);
    }
    table.render()
}

pub async fn put(session: &Session, args: args::Put) -> CliResult {
    let request = UploadRequest { paths: args.paths, to: place(&args.place)? };
    let job = session.job(Job::Upload).await?;
    let upload = async |observer| jobs::upload(&job, request, &observer).await;
    let uploaded = watched(session, |_| {}, upload).await?;
    not_done("not sent", &uploaded.failed);
    let place = &uploaded.place;
    let failed: Vec<_> = uploaded.failed.iter().map(|file| &file.what).collect();
    let document = json!({ "sent": uploaded.sent, "skipped": uploaded.skipped, "failed": failed });
    print::result(session.format, &document, || match uploaded.skipped {
        0 => lines!("{} at {place}.\n", words::are(uploaded.sent, "file")),
        skipped => {
            lines!(
                "{} at {place}, {skipped} of them from before.\n",
                words::are(uploaded.sent + skipped, "file")
            )
        }
    });
    match failed.len() {
        0 => Ok(()),
        count => Err(Fail::new(SOME_FAILED, format!("{} not sent", were(count, "file")))),
    }
}

pub async fn get(session: &Session, args: args::Get) -> CliResult {
    let place = place(&args.place)?;
    let job = session.job(Job::Fetch).await?;
    let key = object_or_folder(job.cloud(), &place).await;
    let there = arrives(&args.to, &key);
    let (bucket, keys, to, force) = (place.bucket, vec![key], args.to, args.force);
    let request = FetchRequest { from: None, bucket, keys, to, force };
    let fetch = async |observer| jobs::fetch(&job, request, &observer).await;
    let downloaded = watched(session, |_| {}, fetch).await?;
    if let Some(note) = downloaded.names_note() {
        print::note(note);
    }
    let not_fetched: Vec<_> = downloaded.failed.into_iter().map(NotDone::from).collect();
    not_done("not fetched", &not_fetched);
    let failed: Vec<_> = not_fetched.iter().map(|object| &object.what).collect();
    let document = json!({ "fetched": downloaded.fetched, "skipped": downloaded.skipped, "failed": failed });
    print::result(session.format, &document, || match downloaded.fetched + downloaded.skipped {
        0 => Lines::default(),
        count => lines!("{} {there}\n", words::are(count, "object")),
    });
    let force = if downloaded.kept > 0 { "; --force replaces files that are there" } else { "" };
    match failed.len() {
        0 => Ok(()),
        count => Err(Fail::new(SOME_FAILED, format!("{} not fetched{force}", were(count, "object")))),
    }
}

/// Where a key's objects arrive below a folder, in words: a folder of the bucket becomes one.
fn arrives(to: &Path, key: &str) -> String {
    match key.trim_end_matches('/').rsplit('/').next().unwrap_or_default() {
        "" if to == Path::new(".") => "in this folder".to_owned(),
        "" => format!("in the folder {}", to.display()),
        name if key.ends_with('/') => format!("in the folder {}", to.join(name).display()),
        name => format!("here: {}", to.join(name).display()),
    }
}

/// `1 file was`, `2 files were`
fn were(count: usize, one: &str) -> String {
    format!("{} {}", words::plural(count as u64, one), if count == 1 { "was" } else { "were" })
}
