//! Readers of outside input that are private otherwise, for the fuzz targets.

/// Paths in what a server of `WebDAV` says of a folder.
///
/// # Errors
/// It is no such answer.
pub fn webdav_paths(text: &[u8], endpoint: &str) -> Result<Vec<String>, String> {
    let entries = super::webdav::entries(text, endpoint)?;
    Ok(entries.into_iter().map(|entry| entry.path).collect())
}
