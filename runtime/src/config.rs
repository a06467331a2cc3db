//! What the runtime knows when it starts: the function's configuration and Lambda's environment.

use std::path::{Path, PathBuf};
use throng_contract::{FunctionConfig, layout, versions};

/// Everything that stays the same from event to event.
pub struct RuntimeSettings {
    /// From the image.
    pub function: FunctionConfig,
    /// The function's script, whether there is one or not.
    pub script: PathBuf,
    /// The folder of files that the definition names, whether there are any or not.
    pub files: PathBuf,
    /// The folder for inputs and outputs.
    pub tmp: PathBuf,
    /// Where records go.
    pub home_bucket: Option<String>,
    /// `AWS_LAMBDA_LOG_GROUP_NAME`
    pub log_group: String,
    /// `AWS_LAMBDA_LOG_STREAM_NAME`
    pub log_stream: String,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in bytes; 0 when unknown.
    pub memory: u64,
}

impl RuntimeSettings {
    /// Reads the configuration. The error is a sentence.
    pub fn from_env() -> Result<Self, String> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (text, script) = match read(layout::ENV_CONFIG) {
            Some(inline) if inline.trim_start().starts_with('{') => (inline, PathBuf::from(layout::SCRIPT)),
            Some(path) => (read_file(Path::new(&path))?, Path::new(&path).with_file_name("script")),
            None => (read_file(Path::new(layout::CONFIG))?, PathBuf::from(layout::SCRIPT)),
        };
        let function: FunctionConfig = serde_json::from_str(&text).map_err(|error| {
            format!("the function's configuration cannot be read: {error}; deploy the function again")
        })?;
        if function.version > versions::CONFIG {
            return Err(format!(
                "the function's configuration has version {}, this runtime knows {}; deploy with the throng that made it",
                function.version,
                versions::CONFIG
            ));
        }
        Ok(Self {
            function,
            files: script.with_file_name("files"),
            script,
            tmp: PathBuf::from(read(layout::ENV_TMP).unwrap_or_else(|| "/tmp".into())),
            home_bucket: read(layout::ENV_HOME_BUCKET),
            log_group: read("AWS_LAMBDA_LOG_GROUP_NAME").unwrap_or_default(),
            log_stream: read("AWS_LAMBDA_LOG_STREAM_NAME").unwrap_or_default(),
            memory: read("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
                .and_then(|value| value.parse::<u64>().ok())
                .unwrap_or(0)
                << 20,
        })
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| {
        format!("the function's configuration {}: {error}; deploy the function again", path.display())
    })
}
