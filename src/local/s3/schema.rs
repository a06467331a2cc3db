//! Tables of the store.
//!
//! Rows of `s3_object` are small and ordered by (bucket, key), so a page of a listing is one range of one tree. Keys
//! are blobs: they compare byte by byte, as S3 orders them. Bodies are apart: small ones in `s3_body.data`, larger
//! ones in files that `layout` names. `s3_completed` remembers uploads that ended, so that a completion whose answer was
//! lost can be repeated.

/// Can be run on a database that has them.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS s3_bucket (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    notification TEXT,
    settings TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS s3_object (
    bucket INTEGER NOT NULL,
    key BLOB NOT NULL,
    size INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    etag TEXT NOT NULL,
    body INTEGER NOT NULL,
    meta TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS s3_body (
    id INTEGER PRIMARY KEY,
    data BLOB,
    layout TEXT
);
CREATE INDEX IF NOT EXISTS s3_body_files ON s3_body (id) WHERE layout IS NOT NULL;
CREATE TABLE IF NOT EXISTS s3_upload (
    id TEXT PRIMARY KEY,
    bucket INTEGER NOT NULL,
    key BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    meta TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS s3_upload_key ON s3_upload (bucket, key, id);
CREATE TABLE IF NOT EXISTS s3_part (
    upload TEXT NOT NULL,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    md5 BLOB NOT NULL,
    checksums TEXT NOT NULL,
    pieces TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS s3_completed (
    id TEXT PRIMARY KEY,
    bucket INTEGER NOT NULL,
    key BLOB NOT NULL,
    completed_ms INTEGER NOT NULL,
    parts TEXT NOT NULL,
    etag TEXT NOT NULL,
    checksums TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS s3_completed_time ON s3_completed (completed_ms);
";
