//! What is remembered from one time to the next. Losing it is not a loss, so errors are ignored.

use super::app::App;
use super::list::Sort;
use super::place::TABS;
use serde::{Deserialize, Serialize};
use std::path::Path;
use throng_core::private;

/// The last view and the order of each tab's list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedView {
    tab: usize,
    /// Column and whether descending, per tab.
    sorts: Vec<Option<(usize, bool)>>,
    wrap: bool,
}

impl SavedView {
    /// Reads it; as if there were none when it cannot be read.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// What is to be remembered.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let sorts = app
            .tabs
            .iter()
            .map(|pages| pages[0].list.sort.map(|sort| (sort.column, sort.descending)))
            .collect();
        Self { tab: app.tab, sorts, wrap: app.logs.wrap }
    }

    /// Puts the program where it was.
    pub fn apply(&self, app: &mut App) {
        app.tab = if self.tab < TABS.len() { self.tab } else { 0 };
        app.logs.wrap = self.wrap;
        for (pages, sort) in app.tabs.iter_mut().zip(&self.sorts) {
            pages[0].list.sort = sort.map(|(column, descending)| Sort { column: column.min(31), descending });
        }
    }

    /// Writes it.
    pub fn write(&self, path: &Path) {
        let Ok(bytes) = serde_json::to_vec_pretty(self) else { return };
        if let Some(folder) = path.parent() {
            let _ = private::folder(folder);
        }
        let _ = private::write(path, &bytes);
    }
}
