//! Bodies and names in requests to the local Lambda: what is accepted is within AWS's limits.
#![cfg_attr(feature = "libfuzzer", no_main)]

use throng_fuzz::fuzz_target;
use throng_local::lambda::fuzzing::{created, function_name};

fuzz_target!(|data: &[u8]| {
    if let Some(settings) = created(data) {
        assert!((1..=900).contains(&settings.timeout_secs) && (128..=10_240).contains(&settings.memory_mb));
        assert!((512..=10_240).contains(&settings.tmp_mb));
        let bytes: usize = settings.env.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes <= 4096, "{bytes} bytes of variables");
        assert!((1..=512).contains(&settings.log_group.len()));
    }
    let text = String::from_utf8_lossy(data);
    for line in text.lines() {
        if let Some(name) = function_name(line) {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            assert!((1..=64).contains(&name.len()) && name.bytes().all(good), "{name}");
            assert_eq!(function_name(&name), Some(name));
        }
    }
});
