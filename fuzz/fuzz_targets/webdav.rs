//! What a server of WebDAV says of its files: whatever it is, no path leads out of what was asked for.
#![cfg_attr(feature = "libfuzzer", no_main)]

use throng_core::dataset::fuzzing::webdav_paths;
use throng_fuzz::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for endpoint in ["https://h:1/dav", "http://h"] {
        match webdav_paths(data, endpoint) {
            Ok(paths) => {
                for path in paths {
                    assert!(!path.starts_with('/') && !path.ends_with('/'), "{path:?}");
                    assert!(!path.split('/').any(|part| matches!(part, "." | "..")), "{path:?}");
                    assert!(path.is_empty() || !path.split('/').any(str::is_empty), "{path:?}");
                }
            }
            Err(why) => assert!(!why.is_empty()),
        }
    }
});
