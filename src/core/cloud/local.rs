//! Finds the local cloud through its files, and starts it when it does not run.

use super::error::{CloudError, ErrorKind};
use super::explanation::Cause;
use crate::dirs::{Dirs, ENV_HOME};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use throng_contract::local::{CREDENTIALS_FILE, ENDPOINT_FILE, LocalCredentials, LocalEndpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

const ACTION: &str = "local cloud";
const START_WITHIN: Duration = Duration::from_secs(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(15);

/// The local cloud, as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it listens.
    pub endpoint: LocalEndpoint,
    /// Its keys.
    pub credentials: LocalCredentials,
}

/// The local cloud if it runs and answers.
pub async fn find(dirs: &Dirs) -> Option<Found> {
    let folder = dirs.local_cloud();
    let endpoint: LocalEndpoint = read_json(&folder.join(ENDPOINT_FILE)).await?;
    let credentials = read_json(&folder.join(CREDENTIALS_FILE)).await?;
    let alive = timeout(ANSWER_WITHIN, answers(&endpoint.endpoint)).await;
    matches!(alive, Ok(true)).then_some(Found { endpoint, credentials })
}

/// The local cloud, started if it does not run. `exe` is the program that starts it with `local start`; this one
/// when `None`.
///
/// # Errors
/// It could not be started, with what it said.
pub async fn ensure(dirs: &Dirs, exe: Option<&Path>) -> Result<Found, CloudError> {
    if let Some(found) = find(dirs).await {
        return Ok(found);
    }
    let folder = dirs.local_cloud();
    // It is on this machine: the network is not to blame, and what it said says what to do.
    let fail = |message: String| {
        let what = folder.display().to_string();
        CloudError {
            cause: Cause::Explained,
            ..CloudError::new(ErrorKind::Unreachable, ACTION, &what, message)
        }
    };
    let exe = match exe {
        Some(exe) => exe.to_owned(),
        None => std::env::current_exe().map_err(|error| fail(format!("who am I? {error}")))?,
    };
    tokio::fs::create_dir_all(&folder).await.map_err(|error| fail(error.to_string()))?;
    let log = folder.join("start.log");
    let mut child = spawn(&exe, dirs, &log)
        .map_err(|error| fail(format!("{} or its log {}: {error}", exe.display(), log.display())))?;
    let deadline = Instant::now() + START_WITHIN;
    let mut ended = None;
    loop {
        if let Some(found) = find(dirs).await {
            return Ok(found);
        }
        if ended.is_none() {
            ended = child.try_wait().ok().flatten();
        }
        let failed = ended.is_some_and(|status| !status.success());
        if failed || Instant::now() > deadline {
            let said = tokio::fs::read_to_string(&log).await.unwrap_or_default();
            let said = said.trim().trim_start_matches("throng: ");
            let said = if said.is_empty() { "it said nothing" } else { said };
            return Err(fail(format!("`throng local start` did not bring it up: {said}")));
        }
        tokio::time::sleep(POLL).await;
    }
}

fn spawn(exe: &Path, dirs: &Dirs, log: &Path) -> std::io::Result<tokio::process::Child> {
    let log = std::fs::File::create(log)?;
    let mut command = tokio::process::Command::new(exe);
    command
        .args(["local", "start"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(log))
        .kill_on_drop(false);
    if let Some(home) = home_of(dirs) {
        command.env(ENV_HOME, home);
    }
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

/// The folder that everything is under, if it is one that [`ENV_HOME`] can name.
fn home_of(dirs: &Dirs) -> Option<PathBuf> {
    let home = dirs.data.parent()?;
    (*dirs == Dirs::under(home)).then(|| home.to_owned())
}

async fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&tokio::fs::read(path).await.ok()?).ok()
}

/// Whether something that speaks HTTP listens there. The file may be older than a crash.
async fn answers(endpoint: &str) -> bool {
    let Some(address) = endpoint.strip_prefix("http://") else { return false };
    let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { return false };
    let request = format!("GET /_throng/status HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    if stream.write_all(request.as_bytes()).await.is_err() {
        return false;
    }
    let mut answer = [0_u8; 9];
    stream.read_exact(&mut answer).await.is_ok() && answer.starts_with(b"HTTP/1.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use throng_contract::local::AccessKey;

    fn write_files(dirs: &Dirs, endpoint: &str) {
        let folder = dirs.local_cloud();
        std::fs::create_dir_all(&folder).unwrap();
        let endpoint =
            LocalEndpoint { endpoint: endpoint.into(), pid: 1, version: "0".into(), started_ms: 0 };
        let key =
            |id: &str| AccessKey { access_key_id: id.into(), secret_access_key: "hidden-secret".into() };
        let credentials = LocalCredentials { user: key("u"), function: key("f") };
        std::fs::write(folder.join(ENDPOINT_FILE), serde_json::to_vec(&endpoint).unwrap()).unwrap();
        std::fs::write(folder.join(CREDENTIALS_FILE), serde_json::to_vec(&credentials).unwrap()).unwrap();
    }

    #[tokio::test]
    async fn a_dead_endpoint_is_not_found_and_a_live_one_is() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(home.path());
        assert!(find(&dirs).await.is_none(), "no files");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        write_files(&dirs, &endpoint);
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        });
        let found = find(&dirs).await.expect("alive");
        assert_eq!(found.endpoint.endpoint, endpoint);
        assert!(!format!("{found:?}").contains("hidden-secret"), "secrets never reach Debug");
        server.await.unwrap();
        assert!(find(&dirs).await.is_none(), "dead again");
    }

    #[tokio::test]
    async fn a_start_that_fails_tells_what_was_said() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(home.path());
        let exe = home.path().join("throng");
        std::fs::write(&exe, "#!/bin/sh\necho \"no $1 $2 in $THRONG_HOME\" >&2\nexit 1\n").unwrap();
        std::fs::set_permissions(&exe, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let error = ensure(&dirs, Some(&exe)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        let expected = format!("no local start in {}", home.path().display());
        assert!(error.message.contains(&expected), "{error}");
    }
}
