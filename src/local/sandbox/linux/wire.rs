//! What daemon, helper and init say to each other.
//!
//! To the helper: one byte [`REQUEST`] with two descriptors, the control socket and the output pipe. On the control
//! socket: frames of a tag, a length (little endian) and a payload.

use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// A request for a sandbox.
pub const REQUEST: u8 = b'n';
/// From the helper: the init's process id as the daemon sees it.
pub const PID: u8 = b'p';
/// From the daemon: the [`Plan`]; the init begins.
pub const GO: u8 = b'g';
/// From the init: the program runs. With a descriptor of `/tmp`.
pub const STARTED: u8 = b's';
/// From helper or init: it did not work. A [`FrameKind`] byte and a sentence.
pub const FAILED: u8 = b'f';
/// From the init: the program ended; a byte `c` (code) or `s` (signal), and a number.
pub const EXITED: u8 = b'x';
/// The longest payload. A plan is far smaller: Lambda allows 4 KiB of environment.
pub const LIMIT: usize = 4 << 20;

/// What the init does.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// See [`SandboxSpec`](crate::sandbox::SandboxSpec).
    pub rootfs: PathBuf,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Working directory.
    pub workdir: String,
    /// Variables of the process, and nothing else.
    pub env: Vec<(String, String)>,
    /// Size of /tmp in MiB.
    pub tmp_mb: u32,
    /// Size of /dev/shm in MiB.
    pub shm_mb: u32,
}

/// Which [`SandboxError`](crate::sandbox::SandboxError) a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// `Unsupported`
    Unsupported,
    /// `InvalidEntrypoint`
    Entrypoint,
    /// `InvalidWorkdir`
    Workdir,
    /// `Failed`
    Other,
}

/// A failure on its way to the daemon.
#[derive(Debug)]
pub struct Failure {
    /// Which step failed.
    pub kind: FrameKind,
    /// A sentence.
    pub text: String,
}

impl Failure {
    /// Bytes of a [`FAILED`] frame.
    pub fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            FrameKind::Unsupported => b'u',
            FrameKind::Entrypoint => b'e',
            FrameKind::Workdir => b'w',
            FrameKind::Other => b'o',
        };
        [&[kind], self.text.as_bytes()].concat()
    }

    /// Reads what [`Failure::encode`] wrote.
    pub fn decode(payload: &[u8]) -> Self {
        let (kind, text) = payload.split_first().unwrap_or((&b'o', b"no reason given"));
        let kind = match kind {
            b'u' => FrameKind::Unsupported,
            b'e' => FrameKind::Entrypoint,
            b'w' => FrameKind::Workdir,
            _ => FrameKind::Other,
        };
        Self { kind, text: String::from_utf8_lossy(text).into_owned() }
    }
}

/// Writes a frame.
pub fn write(to: &mut impl Write, tag: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(5 + payload.len());
    frame.push(tag);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(payload);
    to.write_all(&frame)
}

/// Reads a frame.
pub fn read(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > LIMIT {
        return Err(io::Error::other("a frame is too long"));
    }
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    Ok((head[0], payload))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn frames_and_failures_round_trip() {
        let mut bytes = Vec::new();
        let failure = Failure { kind: FrameKind::Workdir, text: "chdir /x: é".into() };
        write(&mut bytes, FAILED, &failure.encode()).unwrap();
        let (tag, payload) = read(&mut bytes.as_slice()).unwrap();
        let back = Failure::decode(&payload);
        assert_eq!((tag, back.kind, back.text.as_str()), (FAILED, FrameKind::Workdir, "chdir /x: é"));
        assert!(read(&mut &[b'x', 255, 255, 255, 255][..]).is_err());
    }
}
