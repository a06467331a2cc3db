//! Datasets: dropped text → paths → files → objects, and objects → files.
//!
//! ```text
//! drop      what a terminal pastes when files are dropped on it -> paths
//! fuzzing   readers of outside input, for the fuzz targets
//! list      a compact list of files and the names they get
//! scan      paths, folders, globs -> such a list
//! upload    one pass over each file, hundreds in flight, resumable by a journal
//! download  objects -> files, with every key checked before it becomes a path
//! objects   what is asked of a store of objects; S3 and (in tests) memory answer
//! journal   what has been done, so that it is not done again after a kill
//! names     keys -> names of files, what is unfit encoded
//! meter     counts what a transfer has done
//! pace      how many requests are in flight
//! s3        objects over the AWS SDK
//! webdav    files on a server of `WebDAV`
//! ```

pub mod download;
pub mod drop;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod journal;
mod list;
mod meter;
pub mod names;
pub mod objects;
pub(crate) mod pace;
mod s3;
pub mod scan;
pub mod upload;
mod webdav;

#[cfg(test)]
pub(crate) mod memory;

pub use drop::{Drop, NoDrop, parse as parse_drop};
pub(crate) use journal::Journal;
pub use list::{EqualNames, File, FileList, Problem};
pub use meter::Meter;
pub use objects::Objects;
pub use s3::S3Objects;
pub use scan::{ScanError, scan};
pub use webdav::WebdavObjects;
