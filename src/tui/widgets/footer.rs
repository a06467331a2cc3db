//! The last line: what was just said, or the keys that hold now.

use crate::app::{App, MessageKind};
use crate::paint::{Draw, Line, Span};
use crate::registry::ACTIONS;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use throng_core::clean;
use throng_core::words;

/// Draws it.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let theme = &app.look.theme;
    if let Some(message) = &app.message {
        let style = if message.kind == MessageKind::Refused { theme.warn } else { Style::new() };
        buffer.put(
            area.x + 1,
            area.y,
            words::clip(&message.text, usize::from(area.width).saturating_sub(2)),
            usize::from(area.width),
            style,
        );
        return;
    }
    let kind = app.kind();
    let hints: Vec<_> =
        ACTIONS.iter().filter(|action| !action.hint.is_empty() && action.holds(kind)).collect();
    // The way to all the others is always shown.
    let (always, mut usual): (Vec<_>, Vec<_>) =
        hints.into_iter().partition(|action| matches!(action.name, "help" | "quit"));
    usual.retain(|action| action.is_permitted(&app.snapshot.context));
    let width =
        |action: &&crate::registry::Action| words::width(action.keys[0]) + words::width(action.hint) + 3;
    let mut left = usize::from(area.width).saturating_sub(1 + always.iter().map(width).sum::<usize>());
    let mut spans = vec![Span::raw(" ")];
    let shown = usual.iter().take_while(|action| {
        let wide = width(action);
        let fits = wide <= left;
        left = left.saturating_sub(wide);
        fits
    });
    for action in shown.chain(always.iter()) {
        spans.push(Span::styled(action.keys[0].to_owned(), theme.key));
        spans.push(Span::styled(clean!(" {}  ", action.hint), theme.dim));
    }
    buffer.put_line(area.x, area.y, &Line::from(spans), area.width);
}
