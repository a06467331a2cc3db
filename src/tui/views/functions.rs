//! All functions.

use super::items::Item;
use super::{dim, plain};
use crate::list::{Column, RenderContext, RowKey};
use crate::paint::{Line, Span};
use ratatui::style::Style;
use throng_core::clean;
use throng_core::model::FunctionInfo;
use throng_core::words::{self, Clean};

/// Symbol, word and style of a function's state.
#[must_use]
pub fn state(function: &FunctionInfo, look: &RenderContext) -> (Clean, Style) {
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
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("NAME", (18, 3, 0), |function, _| plain(&function.name), |a, b| a.name.cmp(&b.name)),
        Column::text(
            "STATE",
            (10, 0, 0),
            |function, look| {
                let (state, style) = state(function, look);
                Span::styled(state, style).into()
            },
            |a, b| a.state.cmp(&b.state),
        ),
        Column::number(
            "MEMORY",
            (8, 2),
            |function, _| Line::raw(clean!("{} MiB", function.memory_mb)),
            |a, b| a.memory_mb.cmp(&b.memory_mb),
        ),
        Column::number(
            "TIMEOUT",
            (8, 3),
            |function, _| Line::raw(clean!("{} s", function.timeout_s)),
            |a, b| a.timeout_s.cmp(&b.timeout_s),
        ),
        Column::number(
            "TMP",
            (8, 6),
            |function, _| Line::raw(clean!("{} MiB", function.tmp_mb)),
            |a, b| a.tmp_mb.cmp(&b.tmp_mb),
        ),
        Column::text(
            "ARCH",
            (7, 0, 5),
            |function, look| dim(Clean::new(&function.architecture), look),
            |a, b| a.architecture.cmp(&b.architecture),
        ),
        Column::text(
            "IMAGE",
            (20, 4, 4),
            |function, look| dim(short_image(&function.image), look),
            |a, b| a.image.cmp(&b.image),
        ),
        Column::<Self>::text("CHANGED", (8, 0, 1), changed, |a, b| a.modified_ms.cmp(&b.modified_ms))
            .down(true),
    ];

    fn key(&self) -> RowKey {
        RowKey::Text(self.name.clone())
    }
    fn words(&self) -> String {
        format!("{} {} {}", self.name, self.state, self.image)
    }
}

fn changed(function: &FunctionInfo, look: &RenderContext) -> Line {
    dim(function.modified_ms.map_or_else(String::new, |then| words::ago(then, look.now)), look)
}
