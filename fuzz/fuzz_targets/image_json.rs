//! Manifests, indexes and configurations of images, in the engine and in the local registry, and Docker's own
//! configuration. What is taken has digests that are safe as file names. The first line is the manifest.
#![cfg_attr(feature = "libfuzzer", no_main)]

use throng_core::image::fuzzing::{config, login, manifest};
use throng_core::model::Architecture;
use throng_fuzz::fuzz_target;
use throng_fuzz::line_and_rest;
use throng_local::registry::fuzzing::image;

fuzz_target!(|data: &[u8]| {
    let (first, rest) = line_and_rest(data);
    for json in [data, first, rest] {
        if let Ok((digests, chosen)) = manifest(json, Architecture::X86_64) {
            assert!(digests.iter().all(|digest| is_digest(digest)), "{digests:?}");
            assert!(chosen.is_none_or(|chosen| digests.contains(&chosen)));
        }
        match config(json) {
            Ok((_, diff_ids)) => assert!(diff_ids.iter().all(|digest| is_digest(digest)), "{diff_ids:?}"),
            Err(error) => assert!(error.to_string().starts_with("image: "), "{error}"),
        }
        if let Some(found) = login(json, "host", "a/b") {
            assert!(!format!("{found:?}").contains("password"), "a password is shown");
        }
    }
    if let Some(image) = image(first, rest) {
        let texts = image.entrypoint.iter().chain(&image.cmd).chain(&image.env);
        assert!(texts.map(String::len).sum::<usize>() <= 16 << 10, "more than Lambda takes");
        assert!(matches!(image.architecture.as_str(), "x86_64" | "arm64"));
    }
});

fn is_digest(digest: &str) -> bool {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
