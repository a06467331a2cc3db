//! Credentials as AWS's tools find them: renewed while the screen is open, and their end explained.

use crate::support::screen::Screen;
use crate::support::{Home, wait_for};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A home whose context `lab` is the local cloud seen as AWS: found by endpoint, with the keys of a profile.
fn home() -> Home {
    let mut home = Home::new();
    home.ok(&["deploy", &home.function("seen", "#!/bin/sh\n", "")]);
    let status = home.json(&["local", "status"]);
    let endpoint = status["endpoint"].as_str().expect("an endpoint");
    home.write(
        "home/config/config.toml",
        &format!(
            "[contexts.lab]\nprofile = \"lab\"\nendpoint = \"{endpoint}\"\nhome_bucket = \"throng-home\"\n\
             role = \"arn:aws:iam::000000000000:role/r\"\n"
        ),
    );
    let process = home.path().join("keys.sh");
    home.write(
        "aws/config",
        &format!("[profile lab]\nregion = us-east-1\ncredential_process = {}\n", process.display()),
    );
    home.set("AWS_CONFIG_FILE", &home.path().join("aws/config").display().to_string());
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    // Somebody else's keys in the environment: the context's profile wins.
    home.set("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE");
    home.set("AWS_SECRET_ACCESS_KEY", "theirs");
    home
}

/// The program that gives the keys: says how often it was asked, and ends with `tail`.
fn keys(home: &Home, tail: &str) {
    let path = home.path().join("keys.sh");
    let text = format!("#!/bin/sh\necho asked >> {}/asked\n{tail}\n", home.path().display());
    // Written beside and renamed: it may be running.
    let new = home.write("keys.new", &text);
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// Keys that are good for some minutes, as the tools count it: nearly at their end.
fn good(home: &Home) -> String {
    let file = home.path().join("home/data/local/credentials.json");
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let part = |name: &str| all["user"][name].as_str().unwrap().to_owned();
    let document = serde_json::json!({
        "Version": 1,
        "AccessKeyId": part("access_key_id"),
        "SecretAccessKey": part("secret_access_key"),
        "Expiration": "EXPIRES",
    });
    let text = document.to_string().replace("EXPIRES", "'$(date -u -d '+12 seconds' +%Y-%m-%dT%H:%M:%SZ)'");
    format!("printf '%s' '{text}'")
}

fn asked(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("asked")).map_or(0, |text| text.lines().count())
}

#[test]
fn keys_are_renewed_while_the_screen_is_open_and_an_ended_login_says_what_to_type() {
    let home = home();
    keys(&home, &good(&home));
    let mut screen = Screen::open(&home, 50, 200, &["--context", "lab"]);
    screen.wait_for("seen");
    let first = asked(home.path());
    wait_for("keys that are renewed before they end", || asked(home.path()) >= first + 2);
    assert!(screen.text().contains("online"), "{}", screen.text());

    keys(&home, "echo 'the SSO session has expired' >&2; exit 1");
    screen.wait_for("aws sso login --profile lab");
    keys(&home, &good(&home));
    screen.wait_for("online");
    screen.press("r");
    screen.wait_for("seen");
    assert!(screen.quit(), "the terminal is as it was");
}

#[test]
fn an_ended_login_says_what_to_type_on_the_command_line() {
    let home = home();
    keys(&home, "echo 'the SSO session has expired' >&2; exit 1");
    let output = home.run(&["--context", "lab", "functions"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("`aws sso login --profile lab`"), "{text}");
    assert_eq!(text.lines().count(), 1, "one sentence: {text}");
}
