//! Storage providers that speak `WebDAV`: a server that makes folders on request only, as RFC 4918 has it.

use crate::rig::{Request, Response, Rig, decode, function, serve_over};
use serde_json::{Value, json};
use sha2::Digest as _;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use throng_contract::{
    FailureClass, FunctionConfig, OutputRule, Protocol, ProviderAccess, ProviderKeys, ProviderSecrets,
    StorageProvider, TaskState, versions,
};

const SECRETS: &str = "home/secrets/f/providers.json";

/// A server with one user. Its pool, on a port of its own, has the files and asks for no password, as those of dCache do.
struct Door {
    endpoint: String,
    shared: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    authorization: String,
    files: BTreeMap<String, Vec<u8>>,
    folders: BTreeSet<String>,
    requests: Vec<String>,
    /// Where files are read and written instead.
    pool: Option<String>,
    /// What the next requests for a file are answered with.
    faults: Vec<u16>,
}

fn listen(answer: impl Fn(&Request) -> Response + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || serve_over(&stream, answer));
        }
    });
    endpoint
}

impl Door {
    fn start(authorization: &str) -> Self {
        let shelf = Shelf { authorization: authorization.into(), ..Shelf::default() };
        let shared = Arc::new(Mutex::new(shelf));
        let own = shared.clone();
        let endpoint = listen(move |request| door(request, &mut own.lock().unwrap()));
        Self { endpoint: endpoint + "/dav", shared }
    }

    fn with_pool(self) -> Self {
        let shared = self.shared.clone();
        let pool = listen(move |request| {
            assert!(!request.headers.contains_key("authorization"), "the password is for the door alone");
            content(request, &path(request), &mut shared.lock().unwrap())
        });
        self.shared.lock().unwrap().pool = Some(pool);
        self
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        self.shared.lock().unwrap().files.insert(path.into(), bytes.into());
    }

    fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.shared.lock().unwrap().files.get(path).cloned()
    }

    fn requests(&self) -> Vec<String> {
        self.shared.lock().unwrap().requests.clone()
    }

    fn access(&self, login: &str, password: &str) -> ProviderAccess {
        let storage = StorageProvider {
            endpoint: Some(self.endpoint.clone()),
            region: String::new(),
            verify: true,
            protocol: Protocol::Webdav,
        };
        ProviderAccess {
            storage,
            keys: ProviderKeys { access_key: login.into(), secret_key: password.into() },
        }
    }
}

fn path(request: &Request) -> String {
    decode(&request.path).trim_start_matches("/dav").trim_matches('/').to_owned()
}

fn door(request: &Request, shelf: &mut Shelf) -> Response {
    if request.headers.get("authorization") != Some(&shelf.authorization) {
        shelf.requests.push("401".into());
        return (401, Vec::new(), Vec::new());
    }
    let path = path(request);
    shelf.requests.push(format!("{} {path}", request.method));
    if request.method == "MKCOL" {
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        return match () {
            () if shelf.folders.contains(&path) => (405, Vec::new(), Vec::new()),
            () if !above.is_empty() && !shelf.folders.contains(above) => (409, Vec::new(), Vec::new()),
            () => {
                shelf.folders.insert(path);
                (201, Vec::new(), Vec::new())
            }
        };
    }
    if let Some(pool) = &shelf.pool {
        let to = format!("{pool}{}?uuid=1", request.path);
        return (307, vec![("location".into(), to)], Vec::new());
    }
    content(request, &path, shelf)
}

fn content(request: &Request, path: &str, shelf: &mut Shelf) -> Response {
    if let Some(status) = shelf.faults.pop() {
        return (status, Vec::new(), Vec::new());
    }
    let path = path.split('?').next().unwrap();
    if request.method == "PUT" {
        let above = path.rsplit_once('/').unwrap().0;
        if !shelf.folders.contains(above) {
            return (409, Vec::new(), Vec::new());
        }
        shelf.files.insert(path.to_owned(), request.body.clone());
        return (201, Vec::new(), Vec::new());
    }
    let Some(bytes) = shelf.files.get(path).cloned() else { return (404, Vec::new(), Vec::new()) };
    (200, vec![("etag".into(), "\"v1\"".into())], bytes)
}

fn secrets(access: ProviderAccess) -> Vec<u8> {
    let providers = BTreeMap::from([("webdav.dcache".to_owned(), access)]);
    serde_json::to_vec(&ProviderSecrets { version: versions::SECRETS, providers, variables: BTreeMap::new() })
        .unwrap()
}

/// A function that stores what it made of its input at the server, below a folder for each invocation.
fn dcache_function(door: &Door) -> FunctionConfig {
    let mut function = function(true);
    function.outputs = vec![OutputRule {
        provider: Some("webdav.dcache".into()),
        bucket: "data".into(),
        path: "of me/out".into(),
        prefix: Vec::new(),
        suffix: Vec::new(),
    }];
    function.providers.insert("webdav.dcache".into(), door.access("", "").storage);
    function
}

const SCRIPT: &str = "mkdir \"$TMP_OUTPUT_DIR/é\"; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/é/copy\"";

fn task(key: &str) -> Value {
    json!({"throng": {"run": "r", "task": 1}, "bucket": "data", "key": key, "provider": "webdav.dcache"})
}

fn error(answer: &crate::rig::Answer) -> String {
    answer.body["errorMessage"].as_str().unwrap_or_default().to_owned()
}

/// RFC 7617's own example.
const ALADDIN: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

#[test]
fn inputs_and_outputs_on_a_server_of_webdav() {
    let door = Door::start(ALADDIN);
    let mut rig = Rig::start(&dcache_function(&door), Some(SCRIPT), &[]);
    rig.put(SECRETS, &secrets(door.access("Aladdin", "open sesame")));
    // Larger than what is moved at a time.
    let large: Vec<u8> = (0..700_000u32).flat_map(u32::to_le_bytes).collect();
    door.put("data/in/a b#c", &large);

    let answer = rig.invoke(&task("in/a b#c"));
    assert!(answer.ok, "{answer:?}");
    assert_eq!(door.file("data/of me/out/é/copy"), Some(large.clone()));
    let made: Vec<_> = door.requests();
    assert_eq!(
        made,
        [
            "GET data/in/a b#c",
            "PUT data/of me/out/é/copy",
            "MKCOL data",
            "MKCOL data/of me",
            "MKCOL data/of me/out",
            "MKCOL data/of me/out/é",
            "PUT data/of me/out/é/copy"
        ]
    );
    let record = rig.record();
    assert_eq!((record.provider.as_deref(), record.bytes_in), (Some("webdav.dcache"), 2_800_000));
    let output = &record.outputs[0];
    assert_eq!(
        (output.provider.as_deref(), output.bucket.as_str(), output.key.as_str()),
        (Some("webdav.dcache"), "data", "of me/out/é/copy")
    );

    assert_eq!(output.sha256, hex::encode(sha2::Sha256::digest(&large)));
    let seen = serde_json::to_string(&rig.records()).unwrap();
    assert!(!seen.contains("sesame") && !seen.contains("QWxh"), "{seen}");

    // The folders are known now, until somebody removes them.
    assert!(rig.invoke(&task("in/a b#c")).ok);
    assert_eq!(door.requests().len(), 9);
    door.shared.lock().unwrap().folders.clear();
    assert!(rig.invoke(&task("in/a b#c")).ok, "{:?}", door.requests());
}

#[test]
fn a_token_goes_to_the_door_alone_and_the_pool_has_the_file() {
    let door = Door::start("Bearer abc.def").with_pool();
    let mut rig = Rig::start(&dcache_function(&door), Some(SCRIPT), &[]);
    rig.put(SECRETS, &secrets(door.access("", "abc.def")));
    door.put("data/x", b"hello");
    let answer = rig.invoke(&task("x"));
    assert!(answer.ok, "{answer:?}");
    assert_eq!(door.file("data/of me/out/é/copy").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn a_busy_server_is_asked_again_and_a_full_one_is_not() {
    let door = Door::start(ALADDIN);
    let mut rig = Rig::start(&dcache_function(&door), Some(SCRIPT), &[]);
    rig.put(SECRETS, &secrets(door.access("Aladdin", "open sesame")));
    door.put("data/x", b"hello");
    door.shared.lock().unwrap().faults = vec![503, 500];
    let answer = rig.invoke(&task("x"));
    assert!(answer.ok, "{answer:?}");
    // The first answer is the input's.
    door.shared.lock().unwrap().faults = vec![507, 503];
    let said = error(&rig.invoke(&task("x")));
    assert!(said.contains("no space left"), "{said}");
    door.shared.lock().unwrap().files.remove("data/x");
    let said = error(&rig.invoke(&task("x")));
    assert!(
        said.contains("webdav.dcache://data/x at ") && said.contains("the file does not exist"),
        "{said}"
    );
    let said = error(&rig.invoke(&task("a/../../x")));
    assert!(said.contains("no path of a file"), "{said}");
}

/// A server that closes the connection in the middle of its first answer, and then goes on where it was asked to, or begins
/// again.
fn breaking(resumes: bool) -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = BufReader::new(stream);
            let head: Vec<String> =
                stream.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let range =
                head.iter().find_map(|line| line.to_lowercase().strip_prefix("range: ").map(str::to_owned));
            let tag = head.iter().any(|line| line.eq_ignore_ascii_case("if-range: \"v1\""));
            let answer = match (number, resumes) {
                (0, _) => "HTTP/1.1 200 OK\r\netag: \"v1\"\r\ncontent-length: 10\r\n\r\n0123",
                (_, true) if range.as_deref() == Some("bytes=4-") && tag => {
                    "HTTP/1.1 206 Partial Content\r\netag: \"v1\"\r\ncontent-length: 6\r\n\r\n456789"
                }
                (_, true) => "HTTP/1.1 416 X\r\ncontent-length: 0\r\n\r\n",
                (_, false) => "HTTP/1.1 200 OK\r\netag: \"v2\"\r\ncontent-length: 3\r\n\r\nnew",
            };
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    endpoint
}

#[test]
fn a_broken_download_goes_on_where_it_broke_or_begins_again() {
    for (resumes, whole) in [(true, &b"0123456789"[..]), (false, b"new")] {
        let mut function = function(true);
        let endpoint = Some(breaking(resumes));
        let storage =
            StorageProvider { endpoint, region: String::new(), verify: true, protocol: Protocol::Webdav };
        function.providers.insert("webdav.dcache".into(), storage.clone());
        let mut rig = Rig::start(&function, Some("cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/x\""), &[]);
        let keys = ProviderKeys { access_key: "a".into(), secret_key: "b".into() };
        rig.put(SECRETS, &secrets(ProviderAccess { storage, keys }));
        let answer = rig.invoke(&task("x"));
        assert!(answer.ok, "{answer:?}");
        assert_eq!(rig.get("out/results/x").unwrap(), whole);
    }
}

#[test]
fn a_wrong_password_is_said_without_it_and_a_changed_one_is_taken_up() {
    let door = Door::start(ALADDIN);
    let mut rig = Rig::start(&dcache_function(&door), Some(SCRIPT), &[]);
    rig.put(SECRETS, &secrets(door.access("Aladdin", "old-sesame")));
    door.put("data/x", b"hello");
    let answer = rig.invoke(&task("x"));
    let said = error(&answer);
    assert!(said.contains("login, password or token") && !said.contains("old-sesame"), "{said}");
    assert_eq!((rig.record().state, rig.record().class), (TaskState::Failed, Some(FailureClass::Input)));
    rig.put(SECRETS, &secrets(door.access("Aladdin", "open sesame")));
    assert!(rig.invoke(&task("x")).ok);
}
