//! The embedded cloud: S3, Lambda, `CloudWatch` Logs and an image registry on one loopback port.
//!
//! ```text
//! access     who asks, and what they may do
//! policy     policies of IAM, and what they say of a request
//! iam        roles and their policies, as a deployment asks for
//! server     one listener: who is asked? -> s3 | lambda | logs | registry | runtime API | control
//! identity   how the daemon and its clients know each other
//! private    folders and files that their owner alone may look into
//! protocol   what all services share: bodies, signatures (SigV4 for everything but S3, which checks its own), ids
//! db         SQLite with one writer that commits in groups; everything durable is here or in blobs
//! s3         buckets, objects, multipart uploads, notifications
//! lambda     functions, the asynchronous queue, environments, the Runtime API
//! logs       groups, streams, events, live tail
//! registry   image store: OCI distribution API, layers unpacked once, root filesystems
//! sandbox    namespaces, limits, the helper process
//! faults     what goes wrong on purpose, by a plan, for tests
//! daemon     the local cloud as a process: start, run, stop, found through its endpoint file
//! ```

pub mod access;
pub mod daemon;
pub mod db;
pub mod faults;
pub mod iam;
pub mod identity;
pub mod lambda;
pub mod logs;
pub mod policy;
mod private;
pub mod protocol;
pub mod registry;
pub mod s3;
pub mod sandbox;
pub mod server;
