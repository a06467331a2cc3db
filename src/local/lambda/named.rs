//! The storage endpoints that a function's definition names: they are reached wherever they are, also on this machine.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use throng_contract::{FunctionConfig, layout};

/// The longest configuration that is read. A function's is a few kilobytes.
const LONGEST: u64 = 1 << 20;

/// Host and port of every storage provider in the configuration that the engine put into the image; none when there is no
/// configuration, or none that can be read.
pub(super) fn endpoints(rootfs: &Path) -> Vec<(String, u16)> {
    let Some(text) = configuration(rootfs) else { return Vec::new() };
    let Ok(config) = serde_json::from_str::<FunctionConfig>(&text) else { return Vec::new() };
    let of = |endpoint: &str| {
        let url = url::Url::parse(endpoint).ok()?;
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some((host, url.port_or_known_default()?))
    };
    config.providers.values().filter_map(|provider| of(provider.endpoint.as_deref()?)).collect()
}

/// Only a file that is where it should be: the image is anybody's, and a link in it could lead anywhere.
fn configuration(rootfs: &Path) -> Option<String> {
    let mut path = rootfs.to_owned();
    for part in layout::CONFIG.split('/').filter(|part| !part.is_empty()) {
        path.push(part);
        if fs::symlink_metadata(&path).ok()?.is_symlink() {
            return None;
        }
    }
    let mut text = String::new();
    if !fs::symlink_metadata(&path).ok()?.is_file() {
        return None;
    }
    fs::File::open(&path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endpoints_come_from_a_real_file_only() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join(layout::CONFIG.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        assert_eq!(endpoints(root.path()), []);
        let text = r#"{"version":1,"name":"f","providers":{
            "minio.a":{"endpoint":"http://localhost:9000","region":"r"},
            "minio.b":{"endpoint":"https://[::1]","region":"r"},
            "s3.c":{"region":"r"}}}"#;
        fs::write(root.path().join("elsewhere"), text).unwrap();
        std::os::unix::fs::symlink("../../elsewhere", &place).unwrap();
        assert_eq!(endpoints(root.path()), []);
        fs::rename(root.path().join("elsewhere"), &place).unwrap();
        assert_eq!(endpoints(root.path()), [("localhost".into(), 9000), ("::1".into(), 443)]);
    }
}
