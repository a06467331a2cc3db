//! All functions.

use super::{identity, plain, styled};
use crate::tui::filter::Filter;
use crate::tui::list::{Column, Identity, Look, RowKey, Rows};
use crate::tui::text;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::cmp::Ordering;
use std::sync::Arc;
use throng::core::model::FunctionInfo;

const COLUMNS: [Column; 8] = [
    Column::text("NAME", 18, 3, 0),
    Column::text("STATE", 10, 0, 0),
    Column::number("MEMORY", 8, 2),
    Column::number("TIMEOUT", 8, 3),
    Column::number("TMP", 8, 6),
    Column::text("ARCH", 7, 0, 5),
    Column::text("IMAGE", 20, 4, 4),
    Column { down: true, ..Column::text("CHANGED", 8, 0, 1) },
];

/// Functions as rows.
pub struct FunctionRows<'a>(pub &'a Arc<Vec<FunctionInfo>>);

/// Symbol, word and style of a function's state.
#[must_use]
pub fn state(function: &FunctionInfo, look: &Look) -> (String, Style) {
    let theme = &look.theme;
    let [filled, hollow] = theme.symbols.bullet;
    let (symbol, style) = match function.state.as_str() {
        "Active" => (filled, theme.good),
        "Pending" => (hollow, theme.active),
        "Failed" => ("x", theme.bad),
        _ => (hollow, theme.dim),
    };
    (format!("{symbol} {}", text::clean(&function.state)), style)
}

/// The image without its registry, digest cut short.
#[must_use]
pub fn short_image(image: &str) -> String {
    let (name, digest) = image.split_once('@').map_or((image, ""), |(name, digest)| (name, digest));
    let name = name.rsplit('/').next().unwrap_or(name);
    let digest: String = digest.trim_start_matches("sha256:").chars().take(12).collect();
    let shown = if digest.is_empty() { name.to_owned() } else { format!("{name}@{digest}") };
    text::clean(&shown).into_owned()
}

impl Rows for FunctionRows<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn identities(&self) -> Vec<Identity> {
        vec![identity(self.0)]
    }
    fn key(&self, row: usize) -> RowKey {
        RowKey::Text(self.0[row].name.clone())
    }
    fn cells(&self, row: usize, look: &Look) -> Vec<Line<'static>> {
        let function = &self.0[row];
        let (state, style) = state(function, look);
        vec![
            plain(&function.name),
            Line::from(Span::styled(state, style)),
            Line::raw(format!("{} MB", function.memory_mb)),
            Line::raw(format!("{} s", function.timeout_s)),
            Line::raw(format!("{} MB", function.tmp_mb)),
            styled(&function.architecture, look.theme.dim),
            Line::from(Span::styled(short_image(&function.image), look.theme.dim)),
            Line::from(Span::styled(
                function.modified_ms.map_or_else(String::new, |then| text::ago(then, look.now)),
                look.theme.dim,
            )),
        ]
    }
    fn admits(&self, row: usize, filter: &Filter) -> bool {
        let function = &self.0[row];
        filter.pattern.matches(&format!("{} {} {}", function.name, function.state, function.image))
    }
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (&self.0[a], &self.0[b]);
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
