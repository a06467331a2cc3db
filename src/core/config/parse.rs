//! From text to [`Config`], with warnings for unknown keys and checks of values.

use super::{Config, ContextConfig, LOCAL, SERVICES};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Keys that are known in each section; `contexts.*` is any context.
pub(super) const KNOWN: &[(&str, &[&str])] = &[
    ("", &["default_context", "contexts", "tui", "local", "upload", "logs", "runs"]),
    (
        "contexts.*",
        &[
            "profile",
            "region",
            "endpoint",
            "endpoints",
            "home_bucket",
            "role",
            "registry",
            "tags",
            "read_only",
            "color",
        ],
    ),
    ("tui", &["theme", "mouse", "images", "color", "ascii"]),
    (
        "local",
        &[
            "idle_minutes",
            "max_environments",
            "port",
            "sandbox_network",
            "sandbox_ports",
            "log_mb_per_function",
            "log_mb",
        ],
    ),
    ("upload", &["concurrency", "multipart_mb", "part_mb"]),
    ("runs", &["resend_after_s"]),
    ("logs", &["lines", "memory_mb"]),
];

/// Each is a descriptor of the local cloud for every environment; it takes 32, and the definition's own come to them.
const MOST_SANDBOX_PORTS: usize = 24;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is malformed or a value has the wrong type; the text says line and column.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        message: String,
    },
    /// A value is not allowed.
    #[error("{path}: {key} is {value}, but must be {allowed}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key with its section.
        key: String,
        /// What it is.
        value: String,
        /// What it may be.
        allowed: String,
    },
    /// No context has that name.
    #[error("there is no context `{name}`; known are: {}. Contexts are sections [contexts.NAME] of config.toml", known.join(", "))]
    NoContext {
        /// The name.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
}

impl Config {
    /// Reads a configuration from its text; `path` is for messages.
    ///
    /// # Errors
    /// Malformed text, a value of the wrong type or out of its range.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let parse = |error: toml::de::Error| ConfigError::Parse {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        };
        let table = DeTable::parse(text).map_err(parse)?;
        let mut config: Self = toml::from_str(text).map_err(parse)?;
        let mut unknown = Unknown { text, path, warnings: Vec::new() };
        unknown.table("", table.get_ref());
        unknown.warnings.sort_by_key(|(offset, _)| *offset);
        config.warnings = unknown.warnings.into_iter().map(|(_, warning)| warning).collect();
        if !config.contexts.contains_key(LOCAL) {
            config.contexts.insert(LOCAL.into(), ContextConfig::default());
        }
        if let Some(index) = config.contexts.get_index_of(LOCAL) {
            config.contexts.move_index(index, 0);
        }
        for (name, context) in &mut config.contexts {
            context.name.clone_from(name);
        }
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let range = |key: &str, value: u32, low: u32, high: u32| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(ConfigError::Value {
                path: path.to_owned(),
                key: key.to_owned(),
                value: value.to_string(),
                allowed: format!("{low} to {high}"),
            })
        };
        range("upload.concurrency", self.upload.concurrency, 1, 4096)?;
        range("upload.part_mb", self.upload.part_mb, 5, 5120)?;
        range("upload.multipart_mb", self.upload.multipart_mb, 5, 5120)?;
        range("local.log_mb_per_function", self.local.log_mb_per_function, 1, 1 << 20)?;
        range("local.log_mb", self.local.log_mb, 1, 1 << 20)?;
        range("logs.lines", self.logs.lines, 1000, 10_000_000)?;
        range("logs.memory_mb", self.logs.memory_mb, 1, 4096)?;
        range("runs.resend_after_s", self.runs.resend_after_s, 0, 86_400)?;
        if self.local.sandbox_ports.len() > MOST_SANDBOX_PORTS || self.local.sandbox_ports.contains(&0) {
            return Err(ConfigError::Value {
                path: path.to_owned(),
                key: "local.sandbox_ports".into(),
                value: format!("{:?}", self.local.sandbox_ports),
                allowed: format!("at most {MOST_SANDBOX_PORTS} ports, each 1 to 65535"),
            });
        }
        for (name, context) in &self.contexts {
            check_context(name, context, path)?;
        }
        Ok(())
    }
}

fn check_context(name: &str, context: &ContextConfig, path: &Path) -> Result<(), ConfigError> {
    let wrong = |key: String, value: &str, allowed: String| ConfigError::Value {
        path: path.to_owned(),
        key: format!("contexts.{name}.{key}"),
        value: format!("`{value}`"),
        allowed,
    };
    let of_services = context.endpoints.iter().map(|(service, url)| (format!("endpoints.{service}"), url));
    for (key, url) in context.endpoint.iter().map(|url| ("endpoint".to_owned(), url)).chain(of_services) {
        if !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err(wrong(key, url, "a URL with http or https".into()));
        }
    }
    if let Some(other) = context.endpoints.keys().find(|service| !SERVICES.contains(&service.as_str())) {
        return Err(wrong("endpoints".into(), other, format!("for one of {}", SERVICES.join(", "))));
    }
    if let Some(role) = &context.role
        && !(role.starts_with("arn:") && role.contains(":role/"))
    {
        return Err(wrong("role".into(), role, "the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME".into()));
    }
    Ok(())
}

struct Unknown<'a> {
    text: &'a str,
    path: &'a Path,
    warnings: Vec<(usize, String)>,
}

impl Unknown<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        let pattern = if section.starts_with("contexts.") { "contexts.*" } else { section };
        let Some((_, known)) = KNOWN.iter().find(|(name, _)| *name == pattern) else { return };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let full = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            if !known.contains(&name) {
                self.warn(key.span().start, &full, known);
            } else if let Some(odd) = odd(section, name, value.get_ref()) {
                self.tell(key.span().start, &format!("{full} {odd}"));
            } else if section.is_empty()
                && let DeValue::Table(inner) = value.get_ref()
            {
                self.inner(&full, inner);
            }
        }
    }

    fn inner(&mut self, full: &str, table: &DeTable<'_>) {
        if full != "contexts" {
            return self.table(full, table);
        }
        for (name, context) in table {
            if let DeValue::Table(context) = context.get_ref() {
                self.table(&format!("contexts.{}", name.get_ref()), context);
            }
        }
    }

    fn warn(&mut self, offset: usize, key: &str, known: &[&str]) {
        self.tell(offset, &format!("unknown key {key} (known here: {})", known.join(", ")));
    }

    fn tell(&mut self, offset: usize, what: &str) {
        let line = self.text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1);
        let path = self.path.display();
        self.warnings.push((offset, format!("{path}:{line}: {what}")));
    }
}

/// Themes of the screen.
const THEMES: &[&str] = &["auto", "dark", "light", "mono"];
/// Colours that have names on terminals.
const COLORS: &[&str] = &[
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "gray",
    "darkgray",
    "lightred",
    "lightgreen",
    "lightyellow",
    "lightblue",
    "lightmagenta",
    "lightcyan",
    "white",
];

/// What is odd about a value that is not an error; with it, the program does something else.
fn odd(section: &str, name: &str, value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str();
    match (section, name, text) {
        ("tui", "theme", Some(theme)) if !THEMES.contains(&theme) => {
            Some(format!("is `{theme}`, which is not a theme: {}", THEMES.join(", ")))
        }
        ("contexts.local", "region" | "profile" | "endpoint", _) => {
            Some("has no effect: the local cloud has its own".to_owned())
        }
        (section, "color", Some(color)) if section.starts_with("contexts.") && !is_color(color) => {
            Some(format!("is `{color}`, which is not a colour: #rrggbb, or {}", COLORS.join(", ")))
        }
        _ => None,
    }
}

fn is_color(text: &str) -> bool {
    let name: String = text.to_ascii_lowercase().chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect();
    let hex = text
        .strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || text.parse::<u8>().is_ok()
        || COLORS.contains(&name.replace("grey", "gray").replace("bright", "light").as_str())
}
