//! What an earlier process did, as the journal's lines say it.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::Metadata;
use std::time::UNIX_EPOCH;

/// Size and time of change: a file that has other ones is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub size: u64,
    pub mtime: i64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        let mtime = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let mtime = mtime.and_then(|time| i64::try_from(time.as_nanos()).ok()).unwrap_or(0);
        Self { size: metadata.len(), mtime }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// Files below this number may have been sent.
    Begun(u64),
    /// A file is there.
    Sent { name: String, stamp: Stamp },
    /// An upload in parts has begun.
    Parts { name: String, stamp: Stamp, upload: String, part: u64 },
    /// A part is there.
    Part { upload: String, number: i32, etag: String },
}

/// An upload in parts that an earlier process began.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub upload: String,
    pub stamp: Stamp,
    pub part: u64,
    pub done: HashMap<i32, String>,
}

/// What an earlier process did.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub begun: u64,
    pub sent: HashMap<String, Stamp>,
    pub parts: HashMap<String, Begun>,
}

impl Past {
    pub fn of(lines: Vec<Line>) -> Self {
        let mut past = Self::default();
        let mut owner: HashMap<String, String> = HashMap::new();
        for line in lines {
            match line {
                Line::Begun(upto) => past.begun = past.begun.max(upto),
                Line::Sent { name, stamp } => {
                    past.parts.remove(&name);
                    past.sent.insert(name, stamp);
                }
                Line::Parts { name, stamp, upload, part } => {
                    owner.insert(upload.clone(), name.clone());
                    past.parts.insert(name, Begun { upload, stamp, part, done: HashMap::new() });
                }
                Line::Part { upload, number, etag } => {
                    let begun = owner.get(&upload).and_then(|name| past.parts.get_mut(name));
                    if let Some(begun) = begun.filter(|begun| begun.upload == upload) {
                        begun.done.insert(number, etag);
                    }
                }
            }
        }
        past
    }
}
