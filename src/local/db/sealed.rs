//! What is a secret is encrypted in the database (AES-256-GCM), with a key in a file of its own beside it. It keeps a copy
//! of the database, a page of it in a backup or on a discarded disk, from telling secrets; not whoever has both files.

use super::DbError;
use crate::private;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// File name of the key, beside the database: 32 random bytes in hexadecimal, mode 0600.
pub const KEY_FILE: &str = "secrets.key";
/// What the secrets are for; another format would have another.
const PURPOSE: &[u8] = b"throng local cloud: secrets 1";

/// Encrypts secrets and decrypts them.
pub struct Sealer(LessSafeKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// With the key in a folder, which is made when there is none.
    ///
    /// # Errors
    /// The key can be neither read nor made.
    pub fn open(folder: &Path) -> Result<Self, DbError> {
        let path = folder.join(KEY_FILE);
        let key =
            read_or_make(&path).map_err(|error| DbError::Failed(format!("{}: {error}", path.display())))?;
        UnboundKey::new(&AES_256_GCM, &key).map(|key| Self(LessSafeKey::new(key))).map_err(|_| broken())
    }

    /// A secret, encrypted.
    ///
    /// # Errors
    /// It is larger than anything that is stored here.
    pub fn seal(&self, secret: &[u8]) -> Result<Vec<u8>, DbError> {
        let nonce = rand::random::<[u8; NONCE_LEN]>();
        let mut text = secret.to_vec();
        let sealed = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(sealed, Aad::from(PURPOSE), &mut text).map_err(|_| broken())?;
        Ok([&nonce[..], &text].concat())
    }

    /// The secret.
    ///
    /// # Errors
    /// It was encrypted with another key, or is damaged.
    pub fn open_sealed(&self, sealed: &[u8]) -> Result<Vec<u8>, DbError> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(broken)?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let secret = self.0.open_in_place(nonce, Aad::from(PURPOSE), &mut text).map_err(|_| broken())?;
        Ok(secret.to_vec())
    }
}

fn broken() -> DbError {
    DbError::Failed(format!(
        "a stored secret cannot be read: {KEY_FILE} is not the one that it was encrypted with"
    ))
}

/// Held while a key is read or made: of two that make one, the second would replace what the first encrypts with. Other
/// processes are kept out by the daemon's lock.
static ONE_KEY: Mutex<()> = Mutex::new(());

fn read_or_make(path: &Path) -> io::Result<[u8; 32]> {
    let _one = ONE_KEY.lock().unwrap_or_else(PoisonError::into_inner);
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    // Nothing was ever encrypted with the key of an empty file: whoever made it was killed before it wrote one.
    if text.is_empty() {
        return make(path);
    }
    private::close(path)?;
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(key)
}

/// A new key, in a file that is there whole or not at all.
fn make(path: &Path) -> io::Result<[u8; 32]> {
    let key = rand::random::<[u8; 32]>();
    let beside = path.with_extension("new");
    let mut file = private::options().create(true).write(true).truncate(true).open(&beside)?;
    file.write_all(hex::encode(key).as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_is_read_with_its_key_alone() {
        let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sealed = Sealer::open(here.path()).unwrap().seal(b"a secret").unwrap();
        assert!(!sealed.windows(8).any(|part| part == b"a secret"));
        assert_ne!(sealed, Sealer::open(here.path()).unwrap().seal(b"a secret").unwrap());
        assert_eq!(Sealer::open(here.path()).unwrap().open_sealed(&sealed).unwrap(), b"a secret");
        let other = Sealer::open(elsewhere.path()).unwrap().open_sealed(&sealed).unwrap_err();
        assert!(other.to_string().contains(KEY_FILE));
        let mut damaged = sealed;
        damaged[14] ^= 1;
        assert!(Sealer::open(here.path()).unwrap().open_sealed(&damaged).is_err());
    }

    #[test]
    fn a_kill_while_the_key_is_made_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(KEY_FILE), "").unwrap();
        std::fs::write(folder.path().join("secrets.new"), "00").unwrap();
        let sealed = Sealer::open(folder.path()).unwrap().seal(b"a secret").unwrap();
        assert_eq!(Sealer::open(folder.path()).unwrap().open_sealed(&sealed).unwrap(), b"a secret");
        std::fs::write(folder.path().join(KEY_FILE), "not a key").unwrap();
        assert!(Sealer::open(folder.path()).is_err(), "one that is there and damaged is not replaced");
    }
}
