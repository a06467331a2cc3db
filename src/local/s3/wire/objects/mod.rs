//! Put, get, head and delete of objects.
//!
//! ```text
//! attributes   GetObjectAttributes
//! conditions   what a request demands of the object that it names
//! delete       DeleteObject and DeleteObjects
//! meta         what is said about an object besides its bytes: encoding, class, tags, encryption
//! put          PutObject
//! read         GetObject and HeadObject
//! stretch      the part of an object that is asked for: a range, or one of its parts
//! ```

mod attributes;
mod conditions;
mod delete;
mod meta;
mod put;
mod read;
mod stretch;

pub use attributes::attributes;
pub use conditions::{ReadConditions, Verdict, check_version};
pub use delete::{delete, delete_many};
pub use meta::{check_tags, parse_tags, storage_class, strip_chunked};
pub use put::put;
pub use read::{get, head};
