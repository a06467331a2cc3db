//! The daemon's files.

use crate::private;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use throng_contract::local::{
    AccessKey, CREDENTIALS_FILE, ENDPOINT_FILE, IDENTITY_FILE, LocalCredentials, LocalEndpoint,
};

/// How names of files end that are being written; the writer's process is before it.
const TEMPORARY: &str = ".tmp";

/// Where things are in the local cloud's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The folder.
    pub folder: PathBuf,
}

impl Files {
    /// The files of the local cloud in `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where the daemon listens.
    #[must_use]
    pub fn endpoint(&self) -> PathBuf {
        self.folder.join(ENDPOINT_FILE)
    }

    /// Access keys, mode 0600.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.folder.join(CREDENTIALS_FILE)
    }

    /// The key by which the daemon proves who it is, mode 0600.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.folder.join(IDENTITY_FILE)
    }

    /// Held by the daemon.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.folder.join("daemon.lock")
    }

    /// What the daemon writes for people.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("daemon.log")
    }

    /// The port of the last time, so that clients' configurations stay right.
    #[must_use]
    pub fn port(&self) -> PathBuf {
        self.folder.join("port")
    }

    /// Everything that is durable, other than credentials and port.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Makes the folder, for its owner alone; one that is there is closed to others, with the files in it.
    ///
    /// # Errors
    /// When it cannot be made, or belongs to somebody else.
    pub fn create_folder(&self) -> io::Result<()> {
        private::folder(&self.folder)?;
        for entry in std::fs::read_dir(&self.folder)?.flatten() {
            private::close(&entry.path())?;
        }
        Ok(())
    }

    /// Removes what processes left that were killed while they wrote a file.
    pub fn remove_left(&self) {
        for path in std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path())
        {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let writer = name.strip_suffix(TEMPORARY).and_then(|name| name.rsplit('.').next()?.parse().ok());
            if writer.is_some_and(|pid| kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)) {
                let _ = std::fs::remove_file(&path);
            }
        }
    }

    /// Takes the lock; `None` when a daemon holds it.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn try_lock(&self) -> io::Result<Option<Flock<File>>> {
        let file = private::options().create(true).truncate(false).write(true).open(self.lock())?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(lock)),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(error.into()),
        }
    }

    /// Whether a lock is still the one in the folder: not when the folder was deleted, or another one is in its place.
    #[must_use]
    pub fn holds(&self, lock: &File) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        match (std::fs::metadata(self.lock()), lock.metadata()) {
            (Ok(there), Ok(held)) => (there.dev(), there.ino()) == (held.dev(), held.ino()),
            (Err(error), _) => error.kind() != io::ErrorKind::NotFound,
            (_, Err(_)) => true,
        }
    }

    /// The endpoint file; `None` when it is absent or unreadable.
    #[must_use]
    pub fn read_endpoint(&self) -> Option<LocalEndpoint> {
        read_json(&self.endpoint()).ok()
    }

    /// The key by which the daemon proves who it is.
    ///
    /// # Errors
    /// When it cannot be read, or is malformed.
    pub fn read_identity(&self) -> io::Result<[u8; 32]> {
        let text = std::fs::read_to_string(self.identity())?;
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key).map_err(|error| {
            let message = format!("{}: {error}; delete it, a new one is made", self.identity().display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        Ok(key)
    }

    /// The same, made when there is none.
    ///
    /// # Errors
    /// When it can be neither read nor written.
    pub fn identity_or_new(&self) -> io::Result<[u8; 32]> {
        match self.read_identity() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let key = rand::random::<[u8; 32]>();
        write(&self.identity(), format!("{}\n", hex::encode(key)).as_bytes())?;
        Ok(key)
    }

    /// Access keys, made when there are none.
    ///
    /// # Errors
    /// When they can be neither read nor written.
    pub fn credentials_or_new(&self) -> io::Result<LocalCredentials> {
        match read_json(&self.credentials()) {
            Ok(credentials) => return Ok(credentials),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        let credentials = LocalCredentials { user: new_pair(), function: new_pair() };
        write_json(&self.credentials(), &credentials)?;
        Ok(credentials)
    }
}

/// Access keys of the local cloud in `folder`.
///
/// # Errors
/// When they are not there: it was never started.
pub fn read_credentials(folder: &Path) -> io::Result<LocalCredentials> {
    read_json(&Files::new(folder).credentials())
}

/// Shaped as AWS's are: `AKIA` and 16 letters or digits; 40 characters of base64.
fn new_pair() -> AccessKey {
    use base64::Engine as _;
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letter = |byte: u8| char::from(*ALPHABET.get(usize::from(byte & 31)).unwrap_or(&b'A'));
    let id: String = rand::random::<[u8; 16]>().into_iter().map(letter).collect();
    AccessKey {
        access_key_id: format!("AKIA{id}"),
        secret_access_key: base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 30]>()),
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// Writes a file that readers see whole or not at all, mode 0600.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write(path, &serde_json::to_vec_pretty(value)?)
}

/// The same for any bytes.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}{TEMPORARY}", std::process::id()));
    let mut file = private::options().create(true).write(true).truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_a_killed_writer_left_goes_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let gone = ended.id();
        ended.wait().unwrap();
        let ours = std::process::id();
        let names = [format!("endpoint.{gone}.tmp"), format!("port.{ours}.tmp"), "notes.tmp".to_owned()];
        for name in &names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        files.remove_left();
        assert_eq!(names.map(|name| folder.path().join(name).exists()), [false, true, true]);
    }
}
