//! Storage providers of a definition: input from and output to another S3 endpoint, with keys of its own that are nowhere
//! but in one object of the home bucket. The other endpoint is a second local cloud.

use crate::support::Home;
use crate::support::lab::{Lab, deploy_and_run, printed};
use crate::support::screen::Screen;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Files below a folder that hold some bytes.
pub fn files_with(folder: &Path, needle: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() {
            found.extend(files_with(&path, needle));
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).unwrap_or_default();
            if memchr::memmem::find(&bytes, needle.as_bytes()).is_some() {
                found.push(path);
            }
        }
    }
    found
}

/// Looks for a secret in everything that a home has: it may be in one object, which is returned, and in no file, since that
/// object is encrypted in the records.
pub fn holder_of(home: &Home, secret: &str) -> Option<Vec<u8>> {
    assert_eq!(files_with(&home.path().join("home"), secret), Vec::<PathBuf>::new(), "in no file");
    let to = home.path().join("secrets-of-test");
    let _ = std::fs::remove_dir_all(&to);
    home.run(&["get", "throng-home/", &to.display().to_string()]);
    let mut found = files_with(&to, secret);
    assert!(found.len() <= 1, "one object: {found:?}");
    found.pop().map(|path| std::fs::read(path).expect("the object"))
}

#[test]
fn a_run_over_another_endpoint_leaves_its_keys_nowhere() {
    let (home, there) = (Home::new(), Home::new());
    let lab = Lab::of(&there);
    for name in ["one", "two", "six"] {
        there.write(&format!("set/{name} é.txt"), &format!("{name} file"));
    }
    there.write("keep", "so that the bucket is there");
    there.ok(&["put", "set", "pictures/in"]);
    there.ok(&["put", "keep", "results/"]);

    let run = deploy_and_run(&home, &lab);
    assert_eq!(run["counts"]["succeeded"], 3, "{run}");
    let outputs = there.ok(&["ls", "results/upper", "-r"]);
    for name in ["one.txt", "two.txt", "six.txt"] {
        assert!(outputs.contains(name), "{name}: {outputs}");
    }
    assert!(!outputs.contains(".log"), "{outputs}");
    assert!(home.ok(&["ls", "own-logs", "-r"]).contains("two.log"));
    let buckets = home.ok(&["ls"]);
    assert!(!buckets.contains("pictures") && !buckets.contains("results"), "{buckets}");
    let fetched = files_with(&home.path().join("fetched"), "ONE FILE");
    assert_eq!(fetched.len(), 1, "{fetched:?}");

    // The screen shows results from there, and fetches them.
    let mut screen = Screen::open(&home, 24, 80, &[]);
    screen.press("3");
    screen.wait_for("succeeded");
    screen.press("\r");
    screen.wait_for("txt");
    screen.press("\r");
    screen.wait_for("minio.lab://results/upper");
    screen.press("Go");
    screen.wait_for("copy address");
    screen.wait_for("minio.lab://results/upper");
    screen.wait_for(" FILE");
    let there = files_with(home.path(), " FILE").len();
    screen.press("w");
    screen.press("\x1b");
    screen.wait_without("copy address");
    screen.press("6");
    screen.wait_for("done");
    assert_eq!(files_with(home.path(), " FILE").len(), there + 1);
    assert!(screen.quit(), "the terminal is as it was");

    // The keys: in one object of the home bucket and nowhere else, be it image, function, log, ledger or journal.
    let log = home.ok(&["logs", "upper"]);
    assert!(log.contains("INPUT_FILE_PATH=") && !log.contains(&lab.secret), "{log}");
    let all = home.path().join("home");
    assert!(!files_with(&all, &lab.endpoint).is_empty(), "the search finds what is there");
    let holder = holder_of(&home, &lab.secret).expect("the function has them from somewhere");
    let stored: Value = serde_json::from_slice(&holder).expect("the object");
    assert_eq!(stored["providers"]["minio.lab"]["keys"]["secret_key"], lab.secret);
    assert!(files_with(&home.path().join("fetched"), &lab.secret).is_empty(), "the script never sees them");

    let removed = home.json(&["rm", "--yes", "function", "upper"]);
    assert!(removed["removed"].to_string().contains("keys of storage providers"), "{removed}");
    assert_eq!(holder_of(&home, &lab.secret), None);
}

#[tokio::test]
async fn the_functions_environment_has_no_keys() {
    use throng_core::cloud::{Cloud, ConnectOptions};
    use throng_core::config::ContextConfig;
    use throng_core::dirs::Dirs;
    let (home, there) = (Home::new(), Home::new());
    let lab = Lab::of(&there);
    let yaml = lab.write_definition(&home);
    lab.with_keys(&home, &lab.secret, &["deploy", yaml]);
    let dirs = Dirs::under(&home.path().join("home"));
    let options = ConnectOptions { no_start: true, ..ConnectOptions::default() };
    let cloud = Cloud::connect_with(&ContextConfig::local(), &dirs, &options).await.expect("it runs");
    let detail = cloud.lambda().get("upper").await.expect("answers").expect("is there");
    assert!(!detail.settings.env.is_empty());
    let text = format!("{:?} {:?}", detail.settings.env, detail.tags);
    assert!(!text.contains(&lab.secret) && !text.contains(&lab.id), "{text}");
}

#[test]
fn keys_are_compared_changed_and_taken_away_by_deploying() {
    let (home, there) = (Home::new(), Home::new());
    let lab = Lab::of(&there);
    there.write("set/one", "one file");
    there.ok(&["put", "set", "pictures/in"]);
    let yaml = lab.write_definition(&home);
    lab.with_keys(&home, "not-the-right-secret", &["deploy", yaml]);
    let again = lab.with_keys(&home, "not-the-right-secret", &["deploy", yaml]);
    assert!(
        again.contains("keep    keys of storage providers") && again.contains("Nothing had to be"),
        "{again}"
    );

    let refused = home.run(&["run", "upper", "minio.lab://pictures/in/"]);
    let said = printed(&refused);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("minio.lab at ") && said.contains(&lab.endpoint), "{said}");
    assert!(!said.contains("not-the-right-secret"), "{said}");
    let unknown = home.run(&["run", "upper", "minio.nowhere://pictures/in/"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", printed(&unknown));
    assert_eq!(home.json(&["runs"]), serde_json::json!([]), "what cannot be listed is not a run");

    let changed = lab.with_keys(&home, &lab.secret, &["deploy", yaml]);
    assert!(changed.contains("change  keys of storage providers"), "{changed}");
    assert_eq!(holder_of(&home, "not-the-right-secret"), None, "the old ones are gone");
    assert!(holder_of(&home, &lab.secret).is_some());

    let text = std::fs::read_to_string(home.path().join(yaml)).unwrap();
    let (functions, _) = text.split_once("storage_providers:").unwrap();
    let plain = functions
        .replace("storage_provider: minio.lab, path: pictures", "storage_provider: s3, path: pictures");
    home.write(yaml, &plain.replace("minio.lab", "s3"));
    let dropped = home.ok(&["deploy", yaml]);
    assert!(dropped.contains("remove  keys of storage providers"), "{dropped}");
    assert_eq!(holder_of(&home, &lab.secret), None);
}
