//! How the daemon and its clients know each other: a key that only their owner can read.
//!
//! After an unclean end another program may have the daemon's port. So a client first asks who is there, with a number that
//! it has never used; the daemon answers with its HMAC-SHA256 over that number, its port and its process id.

use ring::hmac;
use std::fmt;
use throng_contract::local::{proof_text, registry_text};

/// Hexadecimal digits of a question.
const NONCE: usize = 64;

/// One daemon: the key of its folder, its port, its process.
#[derive(Clone)]
pub struct Identity {
    key: hmac::Key,
    port: u16,
    pid: u32,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("port", &self.port).field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl Identity {
    /// The daemon of this process id that listens at this port.
    #[must_use]
    pub fn new(key: &[u8; 32], port: u16, pid: u32) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), port, pid }
    }

    /// The proof for a question; `None` when that is not 64 hexadecimal digits.
    #[must_use]
    pub fn prove(&self, nonce: &str) -> Option<String> {
        let fits = nonce.len() == NONCE && nonce.bytes().all(|digit| digit.is_ascii_hexdigit());
        fits.then(|| self.sign(&proof_text(nonce, self.port, self.pid)))
    }

    /// Whether this is the proof for a question.
    #[must_use]
    pub fn is_proof(&self, nonce: &str, proof: &str) -> bool {
        let text = proof_text(nonce, self.port, self.pid);
        hex::decode(proof).is_ok_and(|proof| hmac::verify(&self.key, text.as_bytes(), &proof).is_ok())
    }

    /// The password of the image registry that clients of ours use: it is of use for this daemon alone.
    #[must_use]
    pub fn registry_password(&self) -> String {
        self.sign(&registry_text(self.port, self.pid))
    }

    fn sign(&self, text: &str) -> String {
        hex::encode(hmac::sign(&self.key, text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_proof_is_for_one_question_one_port_and_one_process() {
        let (daemon, nonce) = (Identity::new(&[1; 32], 9000, 7), "0a".repeat(32));
        let proof = daemon.prove(&nonce).unwrap();
        assert!(daemon.is_proof(&nonce, &proof));
        assert!(!daemon.is_proof(&"0b".repeat(32), &proof) && !daemon.is_proof(&nonce, ""));
        for other in [(2, 9000, 7), (1, 9001, 7), (1, 9000, 8)] {
            let other = Identity::new(&[other.0; 32], other.1, other.2);
            assert!(!other.is_proof(&nonce, &proof));
            assert_ne!(other.registry_password(), daemon.registry_password());
        }
        for wrong in ["", "0a", &"zz".repeat(32), &"0a".repeat(33)] {
            assert!(daemon.prove(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{daemon:?}").contains("key"), "the key never reaches Debug");
    }
}
