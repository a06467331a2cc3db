//! Finds the local cloud through its files, and starts it when it does not run.

use super::error::{CloudError, ErrorKind};
use super::explanation::Cause;
use super::proven::{LocalIdentity, Stranger};
use crate::dirs::{Dirs, ENV_HOME};
use crate::private;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use throng_contract::local::{
    CREDENTIALS_FILE, ENDPOINT_FILE, IDENTITY_FILE, LocalCredentials, LocalEndpoint,
};
use tokio::time::Instant;

const ACTION: &str = "local cloud";
const START_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(15);
/// How many programs that start it are started, when each of them was killed.
const STARTS: u32 = 5;

/// The local cloud, as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it listens.
    pub endpoint: LocalEndpoint,
    /// Its keys.
    pub credentials: LocalCredentials,
    /// What it proves itself with on every connection; `None`, in tests, for one that is believed.
    pub identity: Option<LocalIdentity>,
    /// The address where another program answered in its place, before it was started at another one.
    pub stranger: Option<Stranger>,
}

/// What is at the address that the local cloud left.
enum Seen {
    Ours(Box<Found>),
    Stranger(Stranger),
    Nobody,
}

/// The local cloud if it runs and proves that it is ours.
pub async fn find(dirs: &Dirs) -> Option<Found> {
    match look(dirs).await {
        Seen::Ours(found) => Some(*found),
        Seen::Stranger(_) | Seen::Nobody => None,
    }
}

/// Why [`find`] found nothing, for a person.
pub(super) async fn why_not(dirs: &Dirs) -> String {
    let start = "`throng local start` starts it";
    match look(dirs).await {
        Seen::Stranger(stranger) => format!("{stranger}. {start} at another one"),
        _ => format!("it is not running; {start}"),
    }
}

async fn look(dirs: &Dirs) -> Seen {
    let folder = dirs.local_cloud();
    let file = folder.join(ENDPOINT_FILE);
    let Some(endpoint) = read_json::<LocalEndpoint>(&file).await else {
        return Seen::Nobody;
    };
    let Some(credentials) = read_json(&folder.join(CREDENTIALS_FILE)).await else { return Seen::Nobody };
    let key = tokio::fs::read_to_string(folder.join(IDENTITY_FILE)).await.unwrap_or_default();
    let Some(identity) = LocalIdentity::read(&file, &endpoint, &key) else { return Seen::Nobody };
    match identity.connect().await {
        Ok(_) => {
            Seen::Ours(Box::new(Found { endpoint, credentials, identity: Some(identity), stranger: None }))
        }
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Stranger>()) {
            Some(stranger) => Seen::Stranger(stranger.clone()),
            None => Seen::Nobody,
        },
    }
}

/// The local cloud, started if it does not run. `exe` is the program that starts it with `local start`; this one
/// when `None`.
///
/// # Errors
/// It could not be started, with what it said.
pub async fn ensure(dirs: &Dirs, exe: Option<&Path>) -> Result<Found, CloudError> {
    let mut stranger = match look(dirs).await {
        Seen::Ours(found) => return Ok(*found),
        Seen::Stranger(stranger) => Some(stranger),
        Seen::Nobody => None,
    };
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
    private::folder(&folder).map_err(|error| fail(error.to_string()))?;
    let log = folder.join("start.log");
    let start = || {
        spawn(&exe, dirs, &log)
            .map_err(|error| fail(format!("{} or its log {}: {error}", exe.display(), log.display())))
    };
    let (mut child, mut starts) = (start()?, 1);
    let deadline = Instant::now() + START_WITHIN;
    let mut ended = None;
    loop {
        match look(dirs).await {
            Seen::Ours(found) => return Ok(Found { stranger, ..*found }),
            Seen::Stranger(seen) => stranger = Some(seen),
            Seen::Nobody => {}
        }
        if ended.is_none() {
            ended = child.try_wait().ok().flatten();
        }
        if ended.is_some_and(|status| status.code().is_none()) && starts < STARTS {
            (child, ended, starts) = (start()?, None, starts + 1);
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
    let log = private::options().create(true).truncate(true).write(true).open(log)?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use throng_contract::local::{AccessKey, proof_text};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
        std::fs::write(folder.join(IDENTITY_FILE), "07".repeat(32)).unwrap();
    }

    /// Answers one connection with the HMAC of `key`; gives what it was sent.
    async fn answer_once(listener: tokio::net::TcpListener, key: [u8; 32]) -> String {
        let port = listener.local_addr().unwrap().port();
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 1024];
        let length = stream.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        let nonce = request.split(['?', ' ']).nth(2).unwrap();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
        let proof = hex::encode(ring::hmac::sign(&key, proof_text(nonce, port, 1).as_bytes()));
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{proof}", proof.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        request
    }

    #[tokio::test]
    async fn only_who_proves_to_be_ours_is_found_and_a_stranger_learns_nothing() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(home.path());
        assert!(find(&dirs).await.is_none(), "no files");
        let bind = || tokio::net::TcpListener::bind("127.0.0.1:0");
        for (key, ours) in [([7; 32], true), ([8; 32], false)] {
            let listener = bind().await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            write_files(&dirs, &endpoint);
            let server = tokio::spawn(answer_once(listener, key));
            let seen = look(&dirs).await;
            let request = server.await.unwrap();
            assert!(!request.contains("hidden-secret") && !request.to_lowercase().contains("authorization"));
            match seen {
                Seen::Ours(found) if ours => {
                    assert_eq!(found.endpoint.endpoint, endpoint);
                    assert!(!format!("{found:?}").contains("hidden-secret"), "secrets never reach Debug");
                }
                Seen::Stranger(stranger) if !ours => {
                    assert!(stranger.to_string().contains("nothing was sent to it"));
                }
                _ => panic!("ours: {ours}"),
            }
            assert!(find(&dirs).await.is_none(), "dead again");
        }
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

    #[tokio::test]
    async fn a_start_that_is_killed_is_started_again_some_times() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(home.path());
        let exe = home.path().join("throng");
        std::fs::write(&exe, "#!/bin/sh\necho once >>\"$THRONG_HOME/starts\"\nkill -9 $$\n").unwrap();
        std::fs::set_permissions(&exe, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        ensure(&dirs, Some(&exe)).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(home.path().join("starts")).unwrap(), "once\n".repeat(5));
    }
}
