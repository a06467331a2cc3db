//! Images without a Docker daemon: sources, composition, push.
//!
//! [`Source`] says where an image comes from, [`compose`] adds the one layer that makes it a function, [`push`] moves
//! it to a registry. Layers that need no change go from where they are to the registry without touching the disk.
//! Everything is written as OCI, whatever it was: one manifest, gzip layers, no index.
//!
//! ```text
//! added         the one layer that makes an image a function
//! auth          credentials that docker login, podman login and skopeo login leave
//! base          A user's image, wherever it came from: layers that are gzip and a configuration
//! blob          what a registry stores, and the layers among it
//! cache         what can be made again but is worth keeping: layers by digest
//! compose       A user's image and our layer become one that Lambda runs
//! digest        SHA-256 of what passes by
//! entries       the entries of a tar, one after the other
//! error         what can go wrong with images
//! files         layers from files: named files, a root folder, a root tar
//! fuzzing       readers of outside input, for the fuzz targets
//! layer         writes a layer: the same bytes for the same entries
//! layer_cache   keeps layers; remembers the one that a root filesystem became
//! noticed      what a person should know of an image's files, told once
//! manifest      the JSON of images, read leniently
//! mount         takes a layer over from another repository of the same registry
//! names         names of archives: made plain, and made safe to show
//! normalise     layers as Lambda takes them: gzip, with every folder
//! origin        finds an image in a registry, a layout or an archive
//! programs      the programs that run inside functions, as they are handed in
//! push          moves an image to a registry
//! registry      reading from a registry
//! request       what is asked of an image
//! shared        files that functions share: a layer of their own
//! source        where an image comes from
//! store         what a registry holds: list, inspect, remove
//! tarfile       a tar as a folder of members, read without unpacking
//! tree          where the entries of a layer go: parents, links, what replaces what
//! upgrade       an image that throng made gets today's runtime
//! ```

mod added;
mod auth;
mod base;
mod blob;
mod cache;
mod compose;
mod digest;
mod entries;
mod error;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod layer;
mod layer_cache;
mod manifest;
mod mount;
mod names;
mod normalise;
mod noticed;
mod origin;
mod programs;
mod push;
mod registry;
mod request;
mod shared;
mod source;
mod store;
mod tarfile;
mod tree;
mod upgrade;

pub use auth::find_credentials;
pub use base::ImageSettings;
pub use blob::{Blob, BlobSource};
pub use cache::Cache;
pub use compose::{Composed, compose};
pub use error::ImageError;
pub use files::NamedFile;
pub use programs::{ProgramOf, Programs};
pub use push::{LayerProgress, LayerState, PushProgress, Registry, push};
pub use registry::{Remote, holds};
pub use request::ComposeRequest;
pub use shared::{SharedFile, SharedLayer};
pub use source::Source;
pub use store::{ImageDetail, ImageEntry, LayerDetail, greet, inspect, list, list_in, remove};
pub use upgrade::{Upgrade, upgrade};

/// Media type of the manifests that we write.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of the configurations that we write.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of the layers that we write.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What Lambda allows for all layers together, uncompressed, in bytes.
pub const MAX_UNCOMPRESSED: u64 = 10 * 1024 * 1024 * 1024;
/// AWS advises smaller manifests: larger ones start slowly.
pub const GOOD_MANIFEST: usize = 25_400;

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name
    pub user: String,
    /// The password, or a token of the registry.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Makes ring the process's TLS provider, once. Call it before the first TLS connection; again does no harm.
pub fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
