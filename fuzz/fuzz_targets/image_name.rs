//! Names of images, as definitions and Lambda's clients write them: what is read is read the same again, and no
//! repository's name leads out of a folder.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::path::{Component, Path};
use throng_core::image::Source;
use throng_fuzz::fuzz_target;
use throng_local::registry::fuzzing::{image_name, repository};

fuzz_target!(|text: &str| {
    if let Some((name, reference)) = image_name(text) {
        assert!(repository(&name) && is_harmless(&name), "{name}");
        assert!(is_harmless(&reference.replace(':', "/")), "{reference}");
        let sign = if reference.contains(':') { '@' } else { ':' };
        assert_eq!(image_name(&format!("host/{name}{sign}{reference}")), Some((name, reference)));
    }
    assert!(!repository(text) || is_harmless(text), "{text}");
    // Files of this machine are left alone.
    if text.contains(['/', '~']) && !text.contains("://") && Path::new("/").join(text).exists() {
        return;
    }
    match Source::parse(text, Path::new("/nonexistent")) {
        Ok(source @ Source::Registry(_)) => {
            let Source::Registry(reference) = &source else { return };
            let again = Source::parse(&format!("docker://{}", reference.whole()), Path::new("/nonexistent"));
            assert_eq!(again.ok().as_ref(), Some(&source));
        }
        Ok(Source::Scratch(files)) => {
            for file in files {
                let inner = file.destination.strip_prefix('/').expect("an absolute destination");
                assert!(is_harmless(inner) && !inner.starts_with("opt/throng/"), "{inner}");
            }
        }
        Ok(source) => assert!(!source.describe().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn is_harmless(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
