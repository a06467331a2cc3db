//! The help, made from the registry.

use crate::list::RenderContext;
use crate::paint::{Line, Span};
use crate::place::RouteKind;
use crate::registry::ACTIONS;
use throng_core::clean;

/// The commands that hold in a place.
#[must_use]
pub fn help_lines(kind: RouteKind, look: &RenderContext) -> Vec<Line> {
    let theme = &look.theme;
    let mut lines = Vec::new();
    let mut group = "";
    for action in ACTIONS.iter().filter(|action| action.holds(kind)) {
        if action.group != group {
            group = action.group;
            if !lines.is_empty() {
                lines.push(Line::raw(""));
            }
            lines.push(Line::styled(group.to_uppercase(), theme.title));
        }
        let mark = match (action.asks, action.changes()) {
            (true, _) => "  (asks first)",
            (false, true) => "  (changes)",
            (false, false) => "",
        };
        lines.push(Line::from(vec![
            Span::styled(clean!("{:<18}", action.keys.join(" ")), theme.key),
            Span::styled(clean!("{:<17}", format!(":{}", action.name)), theme.dim),
            Span::raw(action.help),
            Span::styled(mark, theme.dim),
        ]));
    }
    lines.push(Line::raw(""));
    lines.push(Line::raw("Drop files on the terminal, or paste their paths, to process or upload them."));
    lines
}
