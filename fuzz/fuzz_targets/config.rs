//! `config.toml`: what is read is within its limits and complete, what is wrong is told with the file's name.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::path::Path;
use throng_core::config::{Config, ConfigError, LOCAL};
use throng_fuzz::fuzz_target;

fuzz_target!(|text: &str| {
    let config = match Config::parse(text, Path::new("config.toml")) {
        Ok(config) => config,
        Err(error) => {
            assert!(error.to_string().starts_with("config.toml: "), "{error}");
            return;
        }
    };
    assert_eq!(config.contexts.get_index(0).map(|(name, _)| name.as_str()), Some(LOCAL));
    assert!(config.contexts.iter().all(|(name, context)| *name == context.name));
    assert!((1..=4096).contains(&config.upload.concurrency) && (5..=5120).contains(&config.upload.part_mb));
    assert!((5..=5120).contains(&config.upload.multipart_mb) && (1..=4096).contains(&config.logs.memory_mb));
    let lines = text.split('\n').count();
    for warning in &config.warnings {
        let at = warning.strip_prefix("config.toml:").and_then(|rest| rest.split(':').next()?.parse().ok());
        assert!(at.is_some_and(|at: usize| (1..=lines).contains(&at)), "{warning}");
    }
    let missing = config.context(Some("\0"));
    assert!(matches!(missing, Err(ConfigError::NoContext { .. })) || config.contexts.contains_key("\0"));
});
