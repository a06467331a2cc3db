//! Where objects are: buckets, folders, storage providers.

use super::Millis;

/// A bucket and a folder in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The bucket's name.
    pub bucket: String,
    /// Folder, without slashes at either end; may be empty.
    pub prefix: String,
}

impl Place {
    /// The key of what is called so in the folder.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// A storage provider that a function names; its keys are kept for the function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderOf {
    /// The function's name.
    pub function: String,
    /// The provider as definitions name it: `minio.lab`.
    pub provider: String,
}

/// An object, and in whose storage it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPlace {
    /// The context's own storage when `None`.
    pub from: Option<ProviderOf>,
    /// The bucket it is in.
    pub bucket: String,
    /// Its whole key.
    pub key: String,
}

impl std::fmt::Display for ObjectPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = self.from.as_ref().map_or("s3", |from| &from.provider);
        write!(f, "{scheme}://{}/{}", self.bucket, self.key)
    }
}

/// A bucket as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketInfo {
    /// The bucket's name.
    pub name: String,
    /// When it was made.
    pub created_ms: Option<Millis>,
    /// Functions that objects in it start, by name; filled when known.
    pub triggers: Vec<String>,
}

/// A folder or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The full key; of a folder, its prefix with the last slash.
    pub key: String,
    /// Whether it stands for all keys below it.
    pub folder: bool,
    /// Size in bytes; 0 for a folder.
    pub size: u64,
    /// When it was last written.
    pub modified_ms: Option<Millis>,
    /// `ETag` without quotes.
    pub etag: String,
}
