//! The bytes of an object: those to store, and those that arrive.

use crate::cloud::error::{CloudError, ErrorKind};
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use std::path::PathBuf;

/// What to store.
#[derive(Clone, Debug)]
pub enum PutBody {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A part of a file; all of it when `length` is `None`. It is read again when a try is repeated.
    File {
        /// The file.
        path: PathBuf,
        /// Where to begin.
        offset: u64,
        /// How much.
        length: Option<u64>,
    },
}

impl From<Vec<u8>> for PutBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl PutBody {
    pub(in crate::cloud) async fn into_stream(
        self,
        action: &'static str,
        what: &str,
    ) -> Result<ByteStream, CloudError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.into()),
            Self::File { path, offset, length } => {
                let mut reader = ByteStream::read_from().path(&path).offset(offset);
                if let Some(length) = length {
                    reader = reader.length(aws_smithy_types::byte_stream::Length::Exact(length));
                }
                reader.build().await.map_err(|error| {
                    let message = format!("cannot read {}: {error}", path.display());
                    CloudError::new(ErrorKind::Invalid, action, what, message)
                })
            }
        }
    }
}

/// The bytes of an object, as they arrive.
#[derive(Debug)]
pub struct ObjectBody {
    pub(super) stream: ByteStream,
    pub(super) what: String,
}

impl ObjectBody {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> Result<Option<Bytes>, CloudError> {
        self.stream.try_next().await.map_err(|error| CloudError::broken(&self.what, &error))
    }

    /// All bytes, at most `limit` of them.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, CloudError> {
        let mut all = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            let room = limit.saturating_sub(all.len());
            all.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if bytes.len() >= room {
                break;
            }
        }
        Ok(all.freeze())
    }

    /// As a reader.
    pub fn into_async_read(self) -> impl tokio::io::AsyncBufRead + Send {
        self.stream.into_async_read()
    }
}
