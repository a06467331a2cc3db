//! A function whose inputs and outputs are on a server of `WebDAV`; and such a server in this process, as small as can be.

use super::Home;
use super::lab::printed;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Where a server is, and its user.
pub struct Dav {
    pub endpoint: String,
    pub login: String,
    pub password: String,
}

impl Dav {
    /// A function that reads `data/in` and stores below `data/made` what no folder is there for yet.
    pub fn write_definition(&self, home: &Home) -> &'static str {
        let script = "#!/bin/sh\nset -e\nname=$(head -c 3 \"$INPUT_FILE_PATH\")\nmkdir -p \"$TMP_OUTPUT_DIR/deep/er\"\n\
                      tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/deep/er/$name é.txt\"\nenv\n";
        let more = format!(
            "      memory: 256\n      timeout: 30\n      input: [{{storage_provider: webdav.dcache, path: /data/in}}]\n      output: [{{storage_provider: webdav.dcache, path: data/made here}}]\nstorage_providers:\n  webdav:\n    dcache: {{hostname: '{}', login: '{}', password: '${{DAV_PASSWORD}}'}}\n",
            self.endpoint, self.login
        );
        home.function("upper", script, &more);
        "upper.yaml"
    }

    /// Runs a verb that reads the definition; gives all that it printed.
    fn with_password(home: &Home, password: &str, arguments: &[&str]) -> String {
        let output = home.command(arguments).env("DAV_PASSWORD", password).output().expect("throng runs");
        let text = printed(&output);
        assert!(output.status.success(), "throng {arguments:?}: {}\n{text}", output.status);
        assert!(!text.contains(password), "a password was printed: {text}");
        text
    }

    /// Deploys and runs over the three files of `data/in`, from a shell without the password; looks at what was made.
    pub fn deploy_and_run(&self, home: &Home, stored: impl Fn(&str) -> Option<String>) {
        let yaml = self.write_definition(home);
        let checked = Self::with_password(home, &self.password, &["check", yaml]);
        assert!(checked.contains("throng run upper webdav.dcache://data/in/"), "{checked}");
        let deployed = Self::with_password(home, &self.password, &["deploy", yaml]);
        assert!(
            deployed.contains("create  keys of storage providers (webdav.dcache: encrypted, in "),
            "{deployed}"
        );
        let run = home.run(&["run", "upper", "webdav.dcache://data/in/", "--wait", "--to", "fetched"]);
        assert!(run.status.success(), "{}\n{}", printed(&run), home.ok(&["tasks", "last", "0"]));
        for (name, text) in [("one", "ONE FILE"), ("two", "TWO FILE"), ("six", "SIX FILE")] {
            let path = format!("data/made here/deep/er/{name} é.txt");
            assert_eq!(stored(&path).as_deref(), Some(text), "{path}");
        }
        let tasks = home.json(&["tasks", "last"]);
        let keys: Vec<_> =
            tasks.as_array().unwrap().iter().map(|task| task["key"].as_str().unwrap().to_owned()).collect();
        assert!(keys.iter().any(|key| key == "in/sub folder/six+#.txt"), "{keys:?}");
        assert!(tasks.as_array().unwrap().iter().all(|task| task["provider"] == "webdav.dcache"), "{tasks}");
        let one = home.ok(&["tasks", "last", "0"]);
        assert!(one.contains("webdav.dcache://data/made here/deep/er/"), "{one}");
        let fetched = found(&home.path().join("fetched"), "ONE FILE");
        assert_eq!(fetched, 1, "outputs are fetched from there");
        // One object alone, and what is not there.
        let single = home.json(&["run", "upper", "webdav.dcache://data/in/one.txt", "--wait"]);
        assert_eq!(single["counts"]["succeeded"], 1, "{single}");
        let absent = home.run(&["run", "upper", "webdav.dcache://data/nowhere/"]);
        assert!(
            printed(&absent).contains("there are no objects in webdav.dcache://data/nowhere/"),
            "{}",
            printed(&absent)
        );

        Self::with_password(home, "not-the-right-one", &["deploy", yaml]);
        let refused = home.run(&["run", "upper", "webdav.dcache://data/in/"]);
        let said = printed(&refused);
        assert_eq!(refused.status.code(), Some(4), "{said}");
        assert!(said.contains("webdav.dcache at ") && said.contains("login, password or token"), "{said}");
        assert!(!said.contains("not-the-right-one"), "{said}");
        let log = home.ok(&["logs", "upper"]);
        assert!(log.contains("INPUT_FILE_PATH=") && !log.contains(&self.password), "{log}");
        let removed: Value = home.json(&["rm", "--yes", "function", "upper"]);
        assert!(removed["removed"].to_string().contains("keys of storage providers"), "{removed}");
    }
}

/// Files below a folder that hold a text.
pub fn found(folder: &std::path::Path, text: &str) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                found(&path, text)
            } else {
                usize::from(std::fs::read_to_string(&path).is_ok_and(|read| read.contains(text)))
            }
        })
        .sum()
}

/// The inputs of [`Dav::deploy_and_run`].
pub const INPUTS: [(&str, &str); 3] = [
    ("data/in/one.txt", "one file"),
    ("data/in/two é.txt", "two file"),
    ("data/in/sub folder/six+#.txt", "six file"),
];

/// Files and folders of the server in this process.
#[derive(Default)]
pub struct Shelf {
    pub files: BTreeMap<String, Vec<u8>>,
    pub folders: BTreeSet<String>,
}

/// Starts a server with [`INPUTS`], for one user.
pub fn serve() -> (Dav, Arc<Mutex<Shelf>>) {
    let mut shelf = Shelf::default();
    for (path, text) in INPUTS {
        shelf.files.insert(path.into(), text.into());
        shelf.folders.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
    }
    let shelf = Arc::new(Mutex::new(shelf));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/dav", listener.local_addr().unwrap());
    let shared = shelf.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shelf = shared.clone();
            std::thread::spawn(move || while answer(&stream, &shelf).is_some() {});
        }
    });
    (Dav { endpoint, login: "lab".into(), password: "hidden sesame".into() }, shelf)
}

/// `lab:hidden sesame`
const AUTHORIZATION: &str = "Basic bGFiOmhpZGRlbiBzZXNhbWU=";

/// Answers one request; `None` when the other side has closed.
fn answer(stream: &TcpStream, shelf: &Mutex<Shelf>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let head: Vec<String> =
        (&mut reader).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let (line, headers) = head.split_first()?;
    let header = |name: &str| {
        headers.iter().find_map(|line| {
            line.split_once(": ")
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        })
    };
    let mut body = vec![0; header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let mut words = line.split(' ');
    let (method, path) =
        (words.next()?, percent_encoding::percent_decode_str(words.next()?).decode_utf8().ok()?);
    let path = path.strip_prefix("/dav")?.trim_matches('/');
    let (status, body) = if header("authorization") == Some(AUTHORIZATION) {
        let one = header("depth") == Some("1");
        respond(method, path, one, body, &mut shelf.lock().unwrap())
    } else {
        (401, Vec::new())
    };
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
    (&mut &*stream).write_all(&[head.as_bytes(), &body].concat()).ok()
}

fn respond(method: &str, path: &str, one: bool, body: Vec<u8>, shelf: &mut Shelf) -> (u16, Vec<u8>) {
    let above = path.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
    let reachable = above.is_empty() || shelf.folders.contains(&above);
    match method {
        "GET" => shelf.files.get(path).map_or((404, Vec::new()), |bytes| (200, bytes.clone())),
        "PUT" | "MKCOL" if !reachable => (409, Vec::new()),
        "MKCOL" if !shelf.folders.insert(path.to_owned()) => (405, Vec::new()),
        "MKCOL" => (201, Vec::new()),
        "PUT" => {
            shelf.files.insert(path.to_owned(), body);
            (201, Vec::new())
        }
        "PROPFIND" => listing(path, one, shelf),
        _ => (405, Vec::new()),
    }
}

fn listing(path: &str, one: bool, shelf: &Shelf) -> (u16, Vec<u8>) {
    let mut text = String::from("<D:multistatus xmlns:D=\"DAV:\">");
    let mut say = |path: &str, size: Option<usize>| {
        let what = size.map_or_else(
            || "<D:resourcetype><D:collection/></D:resourcetype>".to_owned(),
            |size| format!("<D:resourcetype/><D:getcontentlength>{size}</D:getcontentlength>"),
        );
        let href = percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC);
        let _ = write!(
            text,
            "<D:response><D:href>/dav/{}</D:href><D:propstat><D:prop>{what}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>",
            href.to_string().replace("%2F", "/")
        );
    };
    let inside = |candidate: &String| candidate.rsplit_once('/').is_some_and(|(above, _)| above == path);
    if let Some(bytes) = shelf.files.get(path) {
        say(path, Some(bytes.len()));
    } else if shelf.folders.contains(path) {
        say(path, None);
        for folder in shelf.folders.iter().filter(|folder| one && inside(folder)) {
            say(folder, None);
        }
        for (file, bytes) in shelf.files.iter().filter(|(file, _)| one && inside(file)) {
            say(file, Some(bytes.len()));
        }
    } else {
        return (404, Vec::new());
    }
    text.push_str("</D:multistatus>");
    (207, text.into_bytes())
}
