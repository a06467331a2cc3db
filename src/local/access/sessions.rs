//! Temporary keys: in memory, never on the disk.

use crate::policy::Document;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use throng_contract::local::AccessKey;

/// Temporary keys of a role.
pub struct Session {
    /// Id and secret.
    pub key: AccessKey,
    /// `AWS_SESSION_TOKEN`
    pub token: String,
    /// The role's ARN.
    pub role: String,
    /// The session's name.
    pub name: String,
    /// What narrows the role's policies; none when empty.
    pub policies: Vec<Arc<Document>>,
    /// When they end by themselves.
    pub expires: Option<SystemTime>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Session");
        shown
            .field("key", &self.key)
            .field("role", &self.role)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Shaped as AWS's: `ASIA` and 16 letters or digits; 40 characters of base64; a long token.
    pub(super) fn new(
        role: &str,
        name: &str,
        policies: Vec<Arc<Document>>,
        expires: Option<SystemTime>,
    ) -> Self {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let letter = |byte: u8| char::from(*ALPHABET.get(usize::from(byte & 31)).unwrap_or(&b'A'));
        let id: String = rand::random::<[u8; 16]>().into_iter().map(letter).collect();
        Self {
            key: AccessKey {
                access_key_id: format!("ASIA{id}"),
                secret_access_key: STANDARD.encode(rand::random::<[u8; 30]>()),
            },
            token: STANDARD.encode([rand::random::<[u8; 32]>(); 3].concat()),
            role: role.to_owned(),
            name: name.to_owned(),
            policies,
            expires,
        }
    }

    /// The role's name, without its path.
    #[must_use]
    pub fn role_name(&self) -> &str {
        self.role.rsplit('/').next().unwrap_or(&self.role)
    }
}

/// The temporary keys that are good now, by id.
#[derive(Debug, Default)]
pub(super) struct Sessions(RwLock<HashMap<String, Arc<Session>>>);

impl Sessions {
    pub fn find(&self, id: &str, now: SystemTime) -> Option<Arc<Session>> {
        let session = self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()?;
        session.expires.is_none_or(|expires| now < expires).then_some(session)
    }
}

/// Temporary keys that are good until this is dropped.
#[derive(Debug)]
pub struct OpenSession {
    sessions: Arc<Sessions>,
    session: Arc<Session>,
}

impl OpenSession {
    pub(super) fn new(sessions: Arc<Sessions>, session: Session) -> Self {
        let session = Arc::new(session);
        let mut all = sessions.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(session.key.access_key_id.clone(), session.clone());
        drop(all);
        Self { sessions, session }
    }
}

impl Deref for OpenSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        let mut all = self.sessions.0.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(&self.session.key.access_key_id);
    }
}
