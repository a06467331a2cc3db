//! All functions.

use super::items::Item;
use super::{plain, styled};
use crate::list::{Column, Look, RowKey};
use crate::paint::{Line, Span};
use ratatui::style::Style;
use std::cmp::Ordering;
use throng_core::clean;
use throng_core::model::FunctionInfo;
use throng_core::words::{self, Clean};

/// Symbol, word and style of a function's state.
#[must_use]
pub fn state(function: &FunctionInfo, look: &Look) -> (Clean, Style) {
    let theme = &look.theme;
    let [filled, hollow] = theme.symbols.bullet;
    let (symbol, style) = match function.state.as_str() {
        "Active" => (filled, theme.good),
        "Pending" => (hollow, theme.active),
        "Failed" => ("x", theme.bad),
        _ => (hollow, theme.dim),
    };
    (clean!("{symbol} {}", function.state), style)
}

/// The image without its registry, digest cut short.
#[must_use]
pub fn short_image(image: &str) -> Clean {
    let (name, digest) = image.split_once('@').map_or((image, ""), |(name, digest)| (name, digest));
    let name = name.rsplit('/').next().unwrap_or(name);
    let digest: String = digest.trim_start_matches("sha256:").chars().take(12).collect();
    let shown = if digest.is_empty() { name.to_owned() } else { format!("{name}@{digest}") };
    Clean::new(&shown)
}

impl Item for FunctionInfo {
    const COLUMNS: &'static [Column] = &[
        Column::text("NAME", 18, 3, 0),
        Column::text("STATE", 10, 0, 0),
        Column::number("MEMORY", 8, 2),
        Column::number("TIMEOUT", 8, 3),
        Column::number("TMP", 8, 6),
        Column::text("ARCH", 7, 0, 5),
        Column::text("IMAGE", 20, 4, 4),
        Column { down: true, ..Column::text("CHANGED", 8, 0, 1) },
    ];

    fn key(&self) -> RowKey {
        RowKey::Text(self.name.clone())
    }
    fn cells(&self, look: &Look) -> Vec<Line> {
        let (state, style) = state(self, look);
        vec![
            plain(&self.name),
            Line::from(Span::styled(state, style)),
            Line::raw(clean!("{} MiB", self.memory_mb)),
            Line::raw(clean!("{} s", self.timeout_s)),
            Line::raw(clean!("{} MiB", self.tmp_mb)),
            styled(&self.architecture, look.theme.dim),
            Line::from(Span::styled(short_image(&self.image), look.theme.dim)),
            Line::from(Span::styled(
                self.modified_ms.map_or_else(String::new, |then| words::ago(then, look.now)),
                look.theme.dim,
            )),
        ]
    }
    fn words(&self) -> String {
        format!("{} {} {}", self.name, self.state, self.image)
    }
    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let (a, b) = (self, other);
        match column {
            0 => a.name.cmp(&b.name),
            1 => a.state.cmp(&b.state),
            2 => a.memory_mb.cmp(&b.memory_mb),
            3 => a.timeout_s.cmp(&b.timeout_s),
            4 => a.tmp_mb.cmp(&b.tmp_mb),
            5 => a.architecture.cmp(&b.architecture),
            6 => a.image.cmp(&b.image),
            _ => a.modified_ms.cmp(&b.modified_ms),
        }
    }
}
