//! `config.toml`: contexts and settings. Precedence: flags, environment, file, defaults.
//!
//! ```text
//! parse   text -> configuration, with warnings for unknown keys and checks of values
//! ```

mod parse;

use crate::dirs::{Dirs, ENV_HOME};
use crate::regular;
use indexmap::IndexMap;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use parse::ConfigError;

/// Name of the context that is the embedded cloud.
pub const LOCAL: &str = "local";
/// File name of the configuration in [`Dirs::config`].
pub const FILE: &str = "config.toml";
/// The largest configuration that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// Environment variable that names the context.
pub const ENV_CONTEXT: &str = "THRONG_CONTEXT";
/// Environment variable that turns colours off (<https://no-color.org>).
pub const ENV_NO_COLOR: &str = "NO_COLOR";

/// Services that may have an endpoint of their own in a context.
pub const SERVICES: [&str; 6] = ["s3", "lambda", "logs", "ecr", "iam", "sts"];

/// Every setting.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The context that is used when none is named.
    pub default_context: String,
    /// Contexts: the local one, which is always there, then the others by name.
    pub contexts: IndexMap<String, ContextConfig>,
    /// The screen.
    pub tui: TuiConfig,
    /// The embedded cloud.
    pub local: LocalConfig,
    /// How files are uploaded.
    pub upload: UploadConfig,
    /// How much of logs is kept.
    pub logs: LogsConfig,
    /// How runs are followed.
    pub runs: RunsConfig,
    /// What is odd but no error, with file and line: unknown keys.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// Where functions run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContextConfig {
    /// Its name, from the section's header.
    #[serde(skip)]
    pub name: String,
    /// AWS profile; the environment's when `None`.
    pub profile: Option<String>,
    /// AWS region; the profile's when `None`.
    pub region: Option<String>,
    /// Another endpoint than AWS's own, for every service.
    pub endpoint: Option<String>,
    /// Another endpoint for one service, by its name ([`SERVICES`]); it wins over `endpoint`.
    pub endpoints: BTreeMap<String, String>,
    /// Bucket for manifests, records and failed events.
    pub home_bucket: Option<String>,
    /// ARN of the role that functions run as; throng makes one for each function when `None`.
    pub role: Option<String>,
    /// Image registry to push to, `host[:port][/prefix]`; the account's Amazon ECR when `None`.
    pub registry: Option<String>,
    /// Tags for everything that is created.
    pub tags: BTreeMap<String, String>,
    /// Refuse every change.
    pub read_only: bool,
    /// Colour of the header, a name or `#rrggbb`.
    pub color: Option<String>,
}

impl ContextConfig {
    /// Whether it is the embedded cloud.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.name == LOCAL
    }

    /// The local context without any setting.
    #[must_use]
    pub fn local() -> Self {
        Self { name: LOCAL.into(), ..Self::default() }
    }
}

/// `[tui]`: the screen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TuiConfig {
    /// `auto`, `dark`, `light` or `mono`.
    pub theme: String,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// How pictures are drawn.
    pub images: ImageProtocol,
    /// Whether colours are used; `NO_COLOR` in the environment turns them off.
    pub color: bool,
    /// Whether only ASCII characters are used.
    pub ascii: bool,
}

impl Default for TuiConfig {
    fn default() -> Self {
        Self { theme: "auto".into(), mouse: false, images: ImageProtocol::Auto, color: true, ascii: false }
    }
}

/// How pictures are drawn in the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageProtocol {
    /// Ask the terminal.
    #[default]
    Auto,
    /// Half blocks of characters, which every terminal can.
    Halfblocks,
}

/// `[local]`: the embedded cloud.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LocalConfig {
    /// Minutes without work or requests after which it ends; 0 for never.
    pub idle_minutes: u32,
    /// Most environments at a time; 0 for one per CPU.
    pub max_environments: u32,
    /// Port on 127.0.0.1; 0 for any that is free.
    pub port: u16,
    /// Which network functions have.
    pub sandbox_network: SandboxNetwork,
    /// Ports of TCP that functions reach on other machines, when the network is [`SandboxNetwork::Private`].
    pub sandbox_ports: Vec<u16>,
    /// MiB of logs that are kept of each function, 1 to 1048576; then the oldest go.
    pub log_mb_per_function: u32,
    /// MiB of logs that are kept of all functions together.
    pub log_mb: u32,
}

/// Which network functions of the local cloud have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxNetwork {
    /// Each environment its own, with a way to other machines.
    #[default]
    Private,
    /// Each environment its own, with nothing but the local cloud and the storage that the definition names.
    None,
    /// This machine's, with everything that listens on it.
    Host,
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self {
            idle_minutes: 30,
            max_environments: 0,
            port: 0,
            sandbox_network: SandboxNetwork::Private,
            sandbox_ports: vec![22, 80, 443],
            log_mb_per_function: 256,
            log_mb: 1024,
        }
    }
}

/// `[upload]`: uploads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct UploadConfig {
    /// Most requests in flight.
    pub concurrency: u32,
    /// Files of this many MiB or more are sent in parts.
    pub multipart_mb: u32,
    /// Size of a part in MiB, 5 to 5120.
    pub part_mb: u32,
}

impl Default for UploadConfig {
    fn default() -> Self {
        Self { concurrency: 128, multipart_mb: 32, part_mb: 16 }
    }
}

/// `[logs]`: logs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LogsConfig {
    /// Lines kept in memory.
    pub lines: u32,
    /// MiB of lines kept in memory.
    pub memory_mb: u32,
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self { lines: 100_000, memory_mb: 64 }
    }
}

/// `[runs]`: runs that are followed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RunsConfig {
    /// Seconds without a word after which tasks whose events are provably lost are sent once more; 0 for never.
    pub resend_after_s: u32,
}

impl RunsConfig {
    /// The same; `None` for never.
    #[must_use]
    pub fn resend_after(&self) -> Option<Duration> {
        (self.resend_after_s > 0).then(|| Duration::from_secs(u64::from(self.resend_after_s)))
    }
}

impl Default for RunsConfig {
    fn default() -> Self {
        Self { resend_after_s: 600 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_context: LOCAL.into(),
            contexts: IndexMap::from([(LOCAL.into(), ContextConfig::local())]),
            tui: TuiConfig::default(),
            local: LocalConfig::default(),
            upload: UploadConfig::default(),
            logs: LogsConfig::default(),
            runs: RunsConfig::default(),
            warnings: Vec::new(),
        }
    }
}

/// What the command line says over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another configuration file. It must exist.
    pub file: Option<PathBuf>,
    /// The context.
    pub context: Option<String>,
}

impl Config {
    /// The configuration: the file if there is one, the environment over it, `overrides` over both.
    ///
    /// # Errors
    /// The file cannot be read, is malformed, holds a wrong value, or no such context exists.
    pub fn load(dirs: &Dirs, overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::load_with(dirs, overrides, |name| std::env::var(name).ok())
    }

    fn load_with(
        dirs: &Dirs,
        overrides: &Overrides,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let path = overrides.file.clone().unwrap_or_else(|| dirs.config.join(FILE));
        let mut config = match regular::read_text(&path, LARGEST, "a configuration") {
            Ok(text) => Self::parse(&text, &path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && overrides.file.is_none() => {
                Self::default()
            }
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        let set = |name| env(name).filter(|value| !value.is_empty());
        // With `THRONG_HOME` somebody may look for it in the folder itself.
        let beside = dirs.config.parent().map(|home| home.join(FILE)).filter(|_| set(ENV_HOME).is_some());
        if let Some(beside) = beside.filter(|beside| overrides.file.is_none() && beside.exists()) {
            config.warnings.push(format!("{} is not read: {} is", beside.display(), path.display()));
        }
        if let Some(context) = overrides.context.clone().or_else(|| set(ENV_CONTEXT)) {
            config.default_context = context;
        }
        if set(ENV_NO_COLOR).is_some() {
            config.tui.color = false;
        }
        config.context(None)?;
        Ok(config)
    }

    /// A context by name; the default one for `None`.
    ///
    /// # Errors
    /// [`ConfigError::NoContext`]
    pub fn context(&self, name: Option<&str>) -> Result<&ContextConfig, ConfigError> {
        let name = name.unwrap_or(&self.default_context);
        self.contexts.get(name).ok_or_else(|| ConfigError::NoContext {
            name: name.to_owned(),
            known: self.contexts.keys().cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("config.toml"))
    }

    /// Settings in the example are `#key = …` and `#[section]`; prose is `# …`.
    fn uncommented(example: &str) -> String {
        example
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(' ') && !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_example_holds_every_setting_with_its_default() {
        let example = include_str!("../../../config.example.toml");
        assert_eq!(parse(example).unwrap(), Config::default(), "as it stands it changes nothing");
        let text = uncommented(example);
        let mut config = parse(&text).unwrap();
        assert_eq!(config.warnings, Vec::<String>::new());
        let context = config.contexts.shift_remove("lab").expect("the example context");
        assert_eq!(context.profile.as_deref(), Some("default"));
        assert_eq!(config, Config::default());
        let table: toml::Table = toml::from_str(&text).unwrap();
        for (section, keys) in parse::KNOWN {
            let table = match *section {
                "" => &table,
                "contexts.*" => table["contexts"]["lab"].as_table().unwrap(),
                section => table[section].as_table().unwrap(),
            };
            for key in *keys {
                assert!(table.contains_key(*key), "[{section}] {key} is not in the example");
            }
        }
    }

    #[test]
    fn the_local_context_is_always_there_and_first() {
        let config = parse("[contexts.b]\nregion = 'eu-west-1'\n[contexts.a]\n").unwrap();
        assert_eq!(config.contexts.keys().collect::<Vec<_>>(), ["local", "a", "b"]);
        assert!(config.context(None).unwrap().is_local());
        assert_eq!(config.contexts["b"].name, "b");
    }

    #[test]
    fn unknown_keys_are_warnings_with_a_line() {
        let config = parse("default_context = 'local'\n[tui]\nmause = true\n[contexts.x]\nzone = 1\n[odd]\n");
        let warnings = config.unwrap().warnings;
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].contains("config.toml:3") && warnings[0].contains("tui.mause"), "{warnings:?}");
        assert!(warnings[1].contains("config.toml:5") && warnings[1].contains("contexts.x.zone"));
        assert!(warnings[2].contains("config.toml:6"));
    }

    #[test]
    fn values_that_mean_nothing_are_warnings_with_a_line() {
        let text = "[tui]\ntheme = 'pink'\n[contexts.local]\nregion = 'x'\n[contexts.lab]\ncolor = 'blurple'\n\
                    [contexts.fine]\ncolor = '#a0B1c2'\n[contexts.good]\ncolor = 'light-red'\n";
        let warnings = parse(text).unwrap().warnings;
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        for (warning, words) in warnings.iter().zip([
            "config.toml:2: tui.theme is `pink`, which is not a theme: auto, dark, light, mono",
            "config.toml:4: contexts.local.region has no effect",
            "config.toml:6: contexts.lab.color is `blurple`, which is not a colour: #rrggbb, or black, red",
        ]) {
            assert!(warning.starts_with(words), "{warning}");
        }
    }

    #[test]
    fn wrong_values_are_errors_with_file_and_line() {
        let error = parse("[tui]\nmouse = 'yes'\n").unwrap_err().to_string();
        assert!(error.contains("config.toml") && error.contains("line 2"), "{error}");
        let error = parse("[upload]\n\npart_mb = 1\n").unwrap_err().to_string();
        assert!(error.contains("part_mb") && error.contains('5'), "{error}");
        assert!(parse("[tui").is_err());
    }

    #[test]
    fn flags_go_over_the_environment_which_goes_over_the_file() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(home.path());
        std::fs::create_dir_all(&dirs.config).unwrap();
        std::fs::write(dirs.config.join(FILE), "default_context = 'a'\n[contexts.a]\n[contexts.b]\n")
            .unwrap();
        let none = |_: &str| None;
        let config = Config::load_with(&dirs, &Overrides::default(), none).unwrap();
        assert_eq!(config.default_context, "a");
        let env = |name: &str| Some(if name == ENV_CONTEXT { "b" } else { "1" }.to_owned());
        let config = Config::load_with(&dirs, &Overrides::default(), env).unwrap();
        assert_eq!((config.default_context.as_str(), config.tui.color), ("b", false));
        let flags = Overrides { context: Some("local".into()), ..Overrides::default() };
        assert_eq!(Config::load_with(&dirs, &flags, env).unwrap().default_context, "local");
        let wrong = Overrides { context: Some("nope".into()), ..Overrides::default() };
        let error = Config::load_with(&dirs, &wrong, none).unwrap_err().to_string();
        assert!(error.contains("nope") && error.contains("local, a, b"), "{error}");
    }

    #[test]
    fn no_file_is_the_defaults_but_a_named_one_must_exist() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(home.path());
        let config = Config::load_with(&dirs, &Overrides::default(), |_| None).unwrap();
        assert_eq!(config, Config::default());
        let named = Overrides { file: Some(home.path().join("x.toml")), ..Overrides::default() };
        assert!(Config::load_with(&dirs, &named, |_| None).is_err());
    }
}
