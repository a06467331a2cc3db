//! Where configuration, state, cache and data live on this machine.

use crate::private;
use directories::ProjectDirs;
use std::path::{Path, PathBuf};

/// Set to a folder, it holds everything: configuration, state, cache and data. For tests and for trying things out.
pub const ENV_HOME: &str = "THRONG_HOME";

/// The folders of the person who runs throng.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// `config.toml`.
    pub config: PathBuf,
    /// Journals of uploads, the log of throng itself, what the TUI remembers.
    pub state: PathBuf,
    /// What can be made again: image layers.
    pub cache: PathBuf,
    /// The local cloud's data.
    pub data: PathBuf,
}

impl Dirs {
    /// The folders by [`ENV_HOME`], else by the platform's convention (XDG on Linux). `None` when the person has
    /// no home folder.
    #[must_use]
    pub fn find() -> Option<Self> {
        if let Some(home) = std::env::var_os(ENV_HOME).filter(|home| !home.is_empty()) {
            return Some(Self::under(Path::new(&home)));
        }
        let dirs = ProjectDirs::from("", "", "throng")?;
        let data = dirs.data_local_dir().to_owned();
        Some(Self {
            config: dirs.config_dir().to_owned(),
            state: dirs.state_dir().map_or_else(|| data.join("state"), Path::to_owned),
            cache: dirs.cache_dir().to_owned(),
            data,
        })
    }

    /// Everything under one folder.
    #[must_use]
    pub fn under(home: &Path) -> Self {
        Self {
            config: home.join("config"),
            state: home.join("state"),
            cache: home.join("cache"),
            data: home.join("data"),
        }
    }

    /// Closes to others what is there of state, cache and data: an older version, or a wide umask, may have left them
    /// open. `config.toml` holds no secrets; its folder stays as it is.
    ///
    /// # Errors
    /// A folder belongs to somebody else.
    pub fn close(&self) -> std::io::Result<()> {
        [&self.state, &self.cache, &self.data].into_iter().try_for_each(|folder| private::close(folder))
    }

    /// The folder of the local cloud.
    #[must_use]
    pub fn local_cloud(&self) -> PathBuf {
        self.data.join("local")
    }
}
