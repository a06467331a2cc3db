//! What throng keeps is its owner's alone, and what it sends goes to its own local cloud alone.

use crate::support::{Home, wait_for};
use base64::Engine as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use throng_core::cloud::{Cloud, ConnectOptions};
use throng_core::config::ContextConfig;
use throng_core::dirs::Dirs;

/// A verb under the umask that most systems have.
fn with_usual_umask(home: &Home, arguments: &[&str]) -> Output {
    let verb = home.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 022; exec \"$0\" \"$@\""]).arg(verb.get_program()).args(verb.get_args());
    shell.current_dir(home.path()).env("THRONG_HOME", home.path().join("home")).env_remove("THRONG_CONTEXT");
    shell.output().unwrap()
}

/// What somebody else could look into.
fn open_to_others(home: &Home) -> Vec<PathBuf> {
    let parts = ["data", "state", "cache"].map(|part| home.path().join("home").join(part));
    let all = parts.iter().flat_map(|part| walkdir::WalkDir::new(part).into_iter().filter_map(Result::ok));
    let open = all.filter(|entry| {
        !entry.path_is_symlink() && entry.metadata().is_ok_and(|found| found.mode() & 0o077 != 0)
    });
    open.map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn nobody_else_can_read_what_is_kept_whatever_verb_came_first() {
    let home = Home::new();
    let output = with_usual_umask(&home, &["functions"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    home.write("large.bin", &"x".repeat(200_000));
    let upload = with_usual_umask(&home, &["put", "large.bin", "kept/in/"]);
    assert!(upload.status.success(), "{}", String::from_utf8_lossy(&upload.stderr));
    assert!(home.path().join("home/data/local/data/cloud.db").exists());
    assert_eq!(open_to_others(&home), Vec::<PathBuf>::new());
}

/// Somebody who really is another user tries. Only root can become one.
#[test]
fn another_user_reads_no_file_and_gets_no_answer() {
    let home = Home::new();
    let output =
        with_usual_umask(&home, &["put", home.write("secret.bin", "secret").to_str().unwrap(), "kept/in/"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    if !nix::unistd::geteuid().is_root() {
        eprintln!("left out: only root can try as another user");
        return;
    }
    // What is in the way here is the test's folder, not throng's.
    for folder in [home.path().to_owned(), home.path().join("home")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let as_nobody = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .uid(65_534)
            .gid(65_534)
            .current_dir("/")
            .env("THRONG_HOME", home.path().join("home"));
        command.output().unwrap()
    };
    let local = home.path().join("home/data/local");
    assert!(as_nobody("ls", &[home.path().to_str().unwrap()]).status.success(), "the way there is open");
    for name in ["", "data/cloud.db", "endpoint.json", "credentials.json", "identity", "daemon.log"] {
        let path = local.join(name);
        let read = as_nobody(if name.is_empty() { "ls" } else { "cat" }, &[path.to_str().unwrap()]);
        assert!(!read.status.success() && read.stdout.is_empty(), "{}: {read:?}", path.display());
    }
    // The port is open to everybody, and answers nobody without keys.
    let endpoint: serde_json::Value =
        serde_json::from_slice(&std::fs::read(local.join("endpoint.json")).unwrap()).unwrap();
    let address = endpoint["endpoint"].as_str().unwrap().trim_start_matches("http://").to_owned();
    for path in
        ["/", "/kept", "/kept/in/secret.bin", "/_throng/status", "/v2/_catalog", "/2015-03-31/functions"]
    {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split_whitespace().nth(1).unwrap_or_default();
        assert!(["401", "403"].contains(&status), "{path}: {answer}");
        assert!(!answer.contains("secret"), "{path}: {answer}");
    }
}

#[test]
fn what_an_older_version_left_open_is_closed() {
    let home = Home::new();
    home.ok(&["functions"]);
    home.ok(&["local", "stop"]);
    let opened =
        ["data", "data/local", "data/local/data", "data/local/data/cloud.db", "data/local/data/logs"]
            .map(|name| home.path().join("home").join(name));
    std::fs::create_dir_all(home.path().join("home/state")).unwrap();
    for path in opened.iter().chain([&home.path().join("home/state")]) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    home.ok(&["functions"]);
    assert_eq!(open_to_others(&home), Vec::<PathBuf>::new());
}

/// Another program at the daemon's port: keeps all that it is sent, and says yes to everything.
struct Thief {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Thief {
    /// Ends the daemon without a chance to tidy up, and takes its place.
    fn instead_of_daemon(home: &Path) -> Self {
        let file = home.join("data/local/endpoint.json");
        let endpoint: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let port = endpoint["endpoint"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        let pid = endpoint["pid"].to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        let mut listener = None;
        wait_for("the port is free", || {
            listener = TcpListener::bind(("127.0.0.1", port)).ok();
            listener.is_some()
        });
        let (listener, heard) = (listener.unwrap(), Arc::<Mutex<Vec<u8>>>::default());
        let all = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all = all.clone();
                std::thread::spawn(move || listen(stream, &all));
            }
        });
        Self { port, heard }
    }

    /// What it heard is the question who it is, and nothing that is worth anything.
    fn learned_nothing(&self, home: &Path, secret: &str) {
        let heard = String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned();
        assert!(heard.contains("/_throng/proof?"), "it was asked who it is: {heard}");
        let keys = std::fs::read_to_string(home.join("data/local/credentials.json")).unwrap();
        let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
        let part = |name: &str| keys["user"][name].as_str().unwrap().to_owned();
        let pair = format!("{}:{}", part("access_key_id"), part("secret_access_key"));
        let basic = base64::engine::general_purpose::STANDARD.encode(pair);
        let key = std::fs::read_to_string(home.join("data/local/identity.key")).unwrap();
        let (id, hidden) = (part("access_key_id"), part("secret_access_key"));
        for word in ["uthorization", "ignature", secret, &id, &hidden, &basic, key.trim()] {
            assert!(!heard.contains(word), "it learned {word:?}: {heard}");
        }
    }
}

fn listen(mut stream: TcpStream, all: &Mutex<Vec<u8>>) {
    let mut piece = [0; 8192];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        all.lock().unwrap().extend_from_slice(&piece[..length]);
        let proof = "00".repeat(32);
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{proof}", proof.len());
    }
}

#[test]
fn a_thief_of_the_port_learns_nothing_and_throng_goes_on_at_another_one() {
    const SECRET: &str = "what nobody else may know";
    let home = Home::new();
    let folder = home.path().join("home");
    home.ok(&["functions"]);
    home.write("diary.txt", SECRET);
    for verb in [&["put", "diary.txt", "kept/in/"][..], &["image", "ls"], &["local", "start"]] {
        let thief = Thief::instead_of_daemon(&folder);
        let output = home.run(verb);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{verb:?}: {said}");
        thief.learned_nothing(&folder, SECRET);
        let at = format!("127.0.0.1:{}", thief.port);
        if verb[0] != "local" {
            assert!(said.contains(&format!("another program answers at {at}")), "{said}");
        }
        let status = home.json(&["local", "status"]);
        assert_eq!(status["running"], true);
        assert!(!status["endpoint"].as_str().unwrap().ends_with(&at), "{status}");
        assert!(home.ok(&["ls", "kept/in/"]).contains("diary.txt"));
    }
    let thief = Thief::instead_of_daemon(&folder);
    assert_eq!(home.json(&["local", "status"])["running"], false);
    home.ok(&["local", "stop"]);
    thief.learned_nothing(&folder, SECRET);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_open_while_the_port_is_stolen_sends_nothing_more() {
    const SECRET: &str = "what nobody else may know";
    let home = Home::new();
    let folder = home.path().join("home");
    let exe = Some(PathBuf::from(env!("CARGO_BIN_EXE_throng")));
    let (dirs, options) =
        (Dirs::under(&folder), ConnectOptions { exe, no_start: false, ..ConnectOptions::default() });
    let context = ContextConfig::local();
    let connect = || Cloud::connect_with(&context, &dirs, &options);
    let cloud = connect().await.unwrap();
    cloud.s3().create_bucket("kept").await.unwrap();
    let thief = Thief::instead_of_daemon(&folder);
    let put = |cloud: Cloud| async move {
        let within = Duration::from_secs(30);
        tokio::time::timeout(within, cloud.s3().put_json("kept", "k", &SECRET, false)).await.expect("an end")
    };
    let error = put(cloud).await.unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains("another program answers at"), "{error}");
    thief.learned_nothing(&folder, SECRET);
    put(connect().await.unwrap()).await.unwrap();
    thief.learned_nothing(&folder, SECRET);
}

/// The next daemon of the same folder at the same port is ours, too: whoever waits need not begin again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_open_goes_on_with_the_next_daemon_at_its_port() {
    let home = Home::new();
    let exe = Some(PathBuf::from(env!("CARGO_BIN_EXE_throng")));
    let (dirs, context) = (Dirs::under(&home.path().join("home")), ContextConfig::local());
    let options = ConnectOptions { exe, no_start: false, ..ConnectOptions::default() };
    let cloud = Cloud::connect_with(&context, &dirs, &options).await.unwrap();
    cloud.s3().create_bucket("kept").await.unwrap();
    let before = home.json(&["local", "status"]);
    home.ok(&["local", "stop"]);
    home.ok(&["local", "start"]);
    let now = home.json(&["local", "status"]);
    assert_eq!(now["endpoint"], before["endpoint"]);
    assert_ne!(now["pid"], before["pid"]);
    cloud.s3().put_json("kept", "k", &"x", false).await.unwrap();
    assert!(cloud.local_registry().await.unwrap().is_some());
}

/// A daemon of an older version runs: it has no key to prove itself with, and is not taken for a stranger's.
#[test]
fn a_daemon_of_an_older_version_is_called_that_and_can_be_stopped() {
    let home = Home::new();
    home.ok(&["functions"]);
    std::fs::remove_file(home.path().join("home/data/local/identity.key")).unwrap();
    for verb in ["functions", "runs"] {
        let output = home.run(&[verb]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("is of an older throng") && said.contains("`throng local stop`"), "{said}");
    }
    assert!(home.ok(&["local", "stop"]).contains("Stopped"));
    home.ok(&["functions"]);
    assert!(home.path().join("home/data/local/identity.key").exists());
}

/// Whether any file of the local cloud's data has these bytes in it.
fn is_stored(home: &Home, bytes: &[u8]) -> bool {
    let data = home.path().join("home/data/local/data");
    let files = walkdir::WalkDir::new(data).into_iter().filter_map(Result::ok);
    let found = files
        .filter(|entry| entry.file_type().is_file() && !entry.path().iter().any(|part| part == "images"));
    found
        .into_iter()
        .any(|file| memchr::memmem::find(&std::fs::read(file.path()).unwrap_or_default(), bytes).is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_not_in_the_database() {
    const VARIABLE: &str = "variable-6b1f3c";
    const KEY: &str = "provider-key-90ad27";
    let mut home = Home::new();
    home.set("SECRET_OF_TEST", VARIABLE);
    home.set("KEY_OF_TEST", KEY);
    let provider = "      environment:\n        Variables:\n          PASSWORD: ${SECRET_OF_TEST}\n";
    let more = format!(
        "{provider}      output: [{{storage_provider: minio.lab, path: results/out}}]\nstorage_providers:\n  minio:\n    lab:\n      \
         endpoint: http://127.0.0.1:9\n      access_key: id\n      secret_key: ${{KEY_OF_TEST}}\n"
    );
    let file = home.function("f", "#!/bin/sh\n", &more);
    home.ok(&["deploy", &file]);
    let folder = home.path().join("home/data/local");
    let client = crate::support::s3::client(&folder);
    let object = async || {
        let got =
            client.get_object().bucket("throng-home").key("secrets/f/providers.json").send().await.unwrap();
        (
            got.server_side_encryption().map(|kind| kind.as_str().to_owned()),
            got.body.collect().await.unwrap().to_vec(),
        )
    };
    let (encryption, body) = object().await;
    assert_eq!(encryption.as_deref(), Some("AES256"));
    assert!(memchr::memmem::find(&body, KEY.as_bytes()).is_some(), "who may read it reads it");
    assert!(!is_stored(&home, KEY.as_bytes()) && !is_stored(&home, VARIABLE.as_bytes()));
    home.ok(&["local", "stop"]);
    assert!(!is_stored(&home, KEY.as_bytes()) && !is_stored(&home, VARIABLE.as_bytes()));
    // As an older version left them.
    let db = rusqlite::Connection::open(folder.join("data/cloud.db")).unwrap();
    let doc: String = db.query_row("SELECT doc FROM lambda_function", [], |row| row.get(0)).unwrap();
    let mut doc: serde_json::Value = serde_json::from_str(&doc).unwrap();
    doc.as_object_mut().unwrap().remove("sealed_env").expect("it was encrypted");
    doc["settings"]["env"] = serde_json::json!({"PASSWORD": VARIABLE});
    db.execute("UPDATE lambda_function SET doc = ?1", [doc.to_string()]).unwrap();
    let (row, meta): (i64, String) = db
        .query_row(
            "SELECT body, meta FROM s3_object WHERE key = ?1",
            [b"secrets/f/providers.json".as_slice()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let mut meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
    meta.as_object_mut().unwrap().remove("sealed").expect("it was encrypted");
    db.execute("UPDATE s3_body SET data = ?1 WHERE id = ?2", rusqlite::params![body, row]).unwrap();
    db.execute("UPDATE s3_object SET meta = ?1 WHERE body = ?2", rusqlite::params![meta.to_string(), row])
        .unwrap();
    drop(db);
    assert!(is_stored(&home, KEY.as_bytes()) && is_stored(&home, VARIABLE.as_bytes()));
    home.ok(&["functions"]);
    let client = crate::support::s3::client(&folder);
    let got = client.get_object().bucket("throng-home").key("secrets/f/providers.json").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), body, "they are read as before");
    assert!(!is_stored(&home, KEY.as_bytes()) && !is_stored(&home, VARIABLE.as_bytes()), "and encrypted now");
}
