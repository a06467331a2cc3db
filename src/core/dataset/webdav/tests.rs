//! Against a server in this process: files in folders, one user.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::dataset::objects::read;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use throng_contract::{Protocol, StorageProvider};

const LOGIN: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

/// A server, and what it was asked.
struct Server {
    endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Its files by their paths.
    fn start(files: &[(&str, &str)]) -> Self {
        let files: BTreeMap<String, String> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/dav", listener.local_addr().unwrap());
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = BufReader::new(stream);
                let head: Vec<String> =
                    (&mut stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let Some((line, headers)) = head.split_first() else { continue };
                let header = |name: &str| {
                    headers.iter().find_map(|line| {
                        line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name))
                    })
                };
                let length =
                    header("content-length").and_then(|(_, length)| length.parse().ok()).unwrap_or(0);
                std::io::copy(&mut std::io::Read::take(&mut stream, length), &mut std::io::sink()).unwrap();
                let mut words = line.split(' ');
                let (method, path) = (words.next().unwrap(), words.next().unwrap());
                let path =
                    percent_encoding::percent_decode_str(path).decode_utf8().unwrap().replace("/dav/", "/");
                log.lock().unwrap().push(format!("{method} {path}"));
                let depth = header("depth").map_or("", |(_, depth)| depth);
                let (status, body) = match header("authorization") {
                    Some((_, given)) if given == LOGIN => answer(method, &path, depth, &files),
                    _ => ("401 Unauthorized", String::new()),
                };
                let _ = write!(
                    stream.get_mut(),
                    "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { endpoint, asked }
    }

    fn objects(&self, password: &str) -> WebdavObjects {
        let storage = StorageProvider {
            endpoint: Some(self.endpoint.clone()),
            region: String::new(),
            verify: true,
            protocol: Protocol::Webdav,
        };
        let keys = ProviderKeys { access_key: "Aladdin".into(), secret_key: password.into() };
        WebdavObjects::of_provider(&ProviderAccess { storage, keys })
    }
}

fn answer(method: &str, path: &str, depth: &str, files: &BTreeMap<String, String>) -> (&'static str, String) {
    let path = path.trim_start_matches('/');
    let folder = format!("{}/", path.trim_end_matches('/'));
    if method == "GET" {
        return files.get(path).map_or(("404 Not Found", String::new()), |text| ("200 OK", text.clone()));
    }
    assert_eq!(method, "PROPFIND");
    let mut body = String::from("<d:multistatus xmlns:d=\"DAV:\">");
    let mut say = |path: &str, size: Option<usize>| {
        let kind = if size.is_some() { "" } else { "<d:collection/>" };
        let length =
            size.map_or_else(String::new, |size| format!("<d:getcontentlength>{size}</d:getcontentlength>"));
        let href = utf8_percent_encode(path, ESCAPED);
        let _ = write!(
            body,
            "<d:response><d:href>/dav/{href}</d:href><d:propstat><d:prop><d:resourcetype>{kind}</d:resourcetype>{length}<d:getetag>\"e\"</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
        );
    };
    if let Some(text) = files.get(path) {
        say(path, Some(text.len()));
    } else if files.keys().any(|file| file.starts_with(&folder)) {
        say(&folder, None);
        let mut below: Vec<_> =
            files.iter().filter_map(|(file, text)| Some((file.strip_prefix(&folder)?, text))).collect();
        below.dedup_by_key(|(name, _)| name.split_once('/').map_or(*name, |(first, _)| first));
        for (name, text) in below.iter().filter(|_| depth == "1") {
            match name.split_once('/') {
                Some((first, _)) => say(&format!("{folder}{first}/"), None),
                None => say(&format!("{folder}{name}"), Some(text.len())),
            }
        }
    } else {
        return ("404 Not Found", String::new());
    }
    body.push_str("</d:multistatus>");
    ("207 Multi-Status", body)
}

const FILES: &[(&str, &str)] = &[
    ("data/in/a b&c", "one"),
    ("data/in/deep/er/x.txt", "three"),
    ("data/in/deep.txt", "two"),
    ("data/inner/y", "not meant"),
    ("other/z", "not meant"),
];

async fn listed(objects: &WebdavObjects, prefix: &str, folders: bool) -> (Vec<(String, u64)>, Vec<String>) {
    let list = List { bucket: "data".into(), prefix: prefix.into(), folders, ..List::default() };
    let page = objects.list(&list).await.unwrap();
    assert_eq!(page.next, None);
    (page.objects.into_iter().map(|object| (object.key, object.size)).collect(), page.folders)
}

#[tokio::test]
async fn folders_are_listed_as_prefixes_are() {
    let server = Server::start(FILES);
    let objects = server.objects("open sesame");
    let own =
        |list: &[(&str, u64)]| list.iter().map(|(key, size)| ((*key).to_owned(), *size)).collect::<Vec<_>>();
    let below = own(&[("in/a b&c", 3), ("in/deep.txt", 3), ("in/deep/er/x.txt", 5)]);
    assert_eq!(listed(&objects, "in/", false).await.0, below);
    let part = own(&[("in/deep.txt", 3), ("in/deep/er/x.txt", 5)]);
    assert_eq!(listed(&objects, "in/de", false).await.0, part);
    assert_eq!(listed(&objects, "", false).await.0.len(), 4);
    let one = (own(&[("in/a b&c", 3), ("in/deep.txt", 3)]), vec!["in/deep/".to_owned()]);
    assert_eq!(listed(&objects, "in/", true).await, one);
    assert_eq!(listed(&objects, "nothing/", false).await.0, []);
    let after = List {
        start_after: Some("in/deep.txt".into()),
        bucket: "data".into(),
        prefix: "in/".into(),
        ..List::default()
    };
    assert_eq!(objects.list(&after).await.unwrap().objects.len(), 1);
}

#[tokio::test]
async fn files_are_found_and_read() {
    let server = Server::start(FILES);
    let objects = server.objects("open sesame");
    let head = objects.head("data", "in/a b&c").await.unwrap().unwrap();
    assert_eq!((head.size, head.etag.as_str()), (3, "e"));
    assert_eq!(objects.head("data", "in").await.unwrap(), None, "a folder is no file");
    assert_eq!(objects.head("data", "gone").await.unwrap(), None);
    assert_eq!(read(&objects, "data", "in/a b&c").await.unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(read(&objects, "data", "gone").await.unwrap(), None);
    assert!(objects.put(Put { key: "x".into(), ..Put::default() }).await.is_err(), "functions alone write");
}

#[tokio::test]
async fn a_wrong_password_is_said_without_it() {
    let server = Server::start(FILES);
    let objects = server.objects("hidden-sesame");
    let error = objects.head("data", "in/deep.txt").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(
        error.message.contains("login, password or token")
            && !format!("{error:?}{objects:?}").contains("hidden")
    );
    assert_eq!(server.asked.lock().unwrap().len(), 1, "and not tried again");
}
