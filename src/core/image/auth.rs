//! Credentials from the Docker configuration: what `docker login`, `podman login` and `skopeo login` leave.

use super::{Credentials, ImageError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// How long a credential helper may take: it may ask a person.
const HELPER: Duration = Duration::from_mins(1);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DockerConfig {
    auths: HashMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entry")
    }
}

/// The credentials for a repository, `None` for anonymous access.
///
/// # Errors
/// When a configuration or a helper is there and does not work: going on anonymously would only be puzzling.
pub async fn find_credentials(host: &str, repository: &str) -> Result<Option<Credentials>, ImageError> {
    for path in places(&|name| std::env::var_os(name).map(PathBuf::from)) {
        let Ok(text) = tokio::fs::read(&path).await else { continue };
        let config: DockerConfig = serde_json::from_slice(&text).map_err(|error| {
            ImageError::Registry(format!(
                "{}: cannot be read as a Docker configuration: {error}",
                path.display()
            ))
        })?;
        if let Some(found) = from_config(&config, host, repository).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Files to look into, in order.
fn places(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    if let Some(file) = variable("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let mut places = Vec::new();
    match (variable("DOCKER_CONFIG"), variable("HOME")) {
        (Some(folder), _) => places.push(folder.join("config.json")),
        (None, Some(home)) => places.push(home.join(".docker/config.json")),
        (None, None) => {}
    }
    if let Some(folder) = variable("XDG_RUNTIME_DIR") {
        places.push(folder.join("containers/auth.json"));
    }
    places
}

async fn from_config(
    config: &DockerConfig,
    host: &str,
    repository: &str,
) -> Result<Option<Credentials>, ImageError> {
    let helper = config.cred_helpers.iter().find(|(key, _)| plain(key) == plain(host)).map(|(_, name)| name);
    if let Some(name) = helper.or(config.creds_store.as_ref()).filter(|name| !name.is_empty())
        && let Some(found) = ask_helper(name, host).await?
    {
        return Ok(Some(found));
    }
    Ok(best_entry(config, host, repository).and_then(credentials_of))
}

/// The entry with the longest key that the repository is below; keys may name a host or, as podman's, a folder.
fn best_entry<'a>(config: &'a DockerConfig, host: &str, repository: &str) -> Option<&'a Entry> {
    let whole = format!("{}/{repository}", plain(host));
    config
        .auths
        .iter()
        .map(|(key, entry)| (plain(key), entry))
        .filter(|(key, _)| whole == *key || whole.starts_with(&format!("{key}/")))
        .max_by_key(|(key, _)| key.len())
        .map(|(_, entry)| entry)
}

/// What a configuration has for a repository, without asking helpers.
#[cfg(feature = "fuzzing")]
pub(super) fn in_config(text: &[u8], host: &str, repository: &str) -> Option<Credentials> {
    let config: DockerConfig = serde_json::from_slice(text).ok()?;
    best_entry(&config, host, repository).and_then(credentials_of)
}

/// A key without its scheme and API version; all names of Docker Hub are one.
fn plain(key: &str) -> String {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest).trim_end_matches('/');
    let key = key.trim_end_matches("/v1").trim_end_matches("/v2");
    match key {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "docker.io".to_owned(),
        other => other.to_owned(),
    }
}

fn credentials_of(entry: &Entry) -> Option<Credentials> {
    if let (Some(user), Some(password)) = (&entry.username, &entry.password) {
        return Some(Credentials { user: user.clone(), password: password.clone() });
    }
    let decoded = STANDARD.decode(entry.auth.as_ref()?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    let password = password.trim_end_matches('\0');
    Some(Credentials { user: user.to_owned(), password: password.to_owned() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Runs `docker-credential-<name> get`. `None` when it knows nothing of the host.
async fn ask_helper(name: &str, host: &str) -> Result<Option<Credentials>, ImageError> {
    let program = format!("docker-credential-{name}");
    let fail = |why: String| ImageError::Registry(format!("{program}: no credentials for {host}: {why}"));
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        return Err(ImageError::Registry(format!("{name:?} is not a name of a credential helper")));
    }
    let key = if plain(host) == "docker.io" { "https://index.docker.io/v1/" } else { host };
    let run = async {
        let mut child = tokio::process::Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(key.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(HELPER, run)
        .await
        .map_err(|_| fail(format!("it did not answer within {} s", HELPER.as_secs())))?
        .map_err(|error: std::io::Error| fail(format!("cannot run it: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
        if said.contains("not found") || said.contains("no credentials") {
            return Ok(None);
        }
        // What it printed might be secret.
        return Err(fail(format!("it ended with {}", output.status)));
    }
    let answer: HelperAnswer =
        serde_json::from_slice(&output.stdout).map_err(|_| fail("its answer cannot be read".into()))?;
    if answer.username == "<token>" {
        return Err(fail(
            "it gives an identity token, which is not possible yet; log in with a password".into(),
        ));
    }
    Ok(Some(Credentials { user: answer.username, password: answer.secret }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn config() -> DockerConfig {
        let auth = |text: &str| STANDARD.encode(text);
        let text = serde_json::json!({"auths": {
            "https://index.docker.io/v1/": {"auth": auth("hub:p:w")},
            "quay.io": {"auth": auth("quay:1")},
            "quay.io/team": {"auth": auth("team:2")},
            "127.0.0.1:5000": {"username": "u", "password": "p"},
            "empty.io": {},
        }});
        serde_json::from_value(text).expect("a configuration")
    }

    #[tokio::test]
    async fn the_longest_key_wins_and_hub_has_many_names() {
        let config = config();
        let find = async |host: &str, repository: &str| {
            let found = from_config(&config, host, repository).await.expect("readable");
            found.map(|found| format!("{}:{}", found.user, found.password))
        };
        assert_eq!(find("docker.io", "library/ubuntu").await.as_deref(), Some("hub:p:w"));
        assert_eq!(find("quay.io", "other/x").await.as_deref(), Some("quay:1"));
        assert_eq!(find("quay.io", "team/x").await.as_deref(), Some("team:2"));
        assert_eq!(find("quay.io", "teammate/x").await.as_deref(), Some("quay:1"));
        assert_eq!(find("127.0.0.1:5000", "x").await.as_deref(), Some("u:p"));
        assert_eq!(find("127.0.0.1:5001", "x").await, None);
        assert_eq!(find("empty.io", "x").await, None);
    }

    #[test]
    fn nothing_shows_a_password() {
        let shown = format!("{:?} {:?}", config(), credentials_of(&config().auths["quay.io"]));
        assert!(!shown.contains("quay:1") && !shown.contains("\"1\""), "{shown}");
    }
}
