//! Keys of storage providers that an older version left in plain are encrypted.

use crate::db::Sealer;
use crate::s3::error::StoreError;
use crate::s3::meta::ObjectMeta;
use rusqlite::{Connection, Transaction, params};
use throng_contract::local::HOME_BUCKET;

/// An object whose bytes are in plain.
#[derive(Debug)]
pub struct Plain {
    bucket: i64,
    key: Vec<u8>,
    body: i64,
    meta: ObjectMeta,
    data: Vec<u8>,
}

/// The keys that are in plain.
///
/// # Errors
/// [`StoreError`]
pub fn plain_secrets(connection: &Connection) -> Result<Vec<Plain>, StoreError> {
    let mut query = connection.prepare(
        "SELECT o.bucket, o.key, o.body, o.meta, c.data FROM s3_bucket b JOIN s3_object o ON o.bucket = b.id
         JOIN s3_body c ON c.id = o.body
         WHERE b.name = ?1 AND o.key >= ?2 AND o.key < ?3 AND c.data IS NOT NULL",
    )?;
    // Everything below `secrets/`: `0` is what follows the slash.
    let mut rows = query.query(params![HOME_BUCKET, b"secrets/".as_slice(), b"secrets0".as_slice()])?;
    let mut plain = Vec::new();
    while let Some(row) = rows.next()? {
        let meta: ObjectMeta = serde_json::from_str(&row.get::<_, String>(3)?)?;
        if !meta.sealed {
            let (bucket, key, body, data) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?);
            plain.push(Plain { bucket, key, body, meta, data });
        }
    }
    Ok(plain)
}

/// Encrypts them.
///
/// # Errors
/// [`StoreError`]
pub fn seal(tx: &Transaction<'_>, sealer: &Sealer, plain: Vec<Plain>) -> Result<(), StoreError> {
    for Plain { bucket, key, body, meta, data } in plain {
        let meta = serde_json::to_string(&ObjectMeta { sealed: true, ..meta })?;
        tx.execute("UPDATE s3_body SET data = ?1 WHERE id = ?2", params![sealer.seal(&data)?, body])?;
        tx.execute(
            "UPDATE s3_object SET meta = ?1 WHERE bucket = ?2 AND key = ?3",
            params![meta, bucket, key],
        )?;
    }
    Ok(())
}
