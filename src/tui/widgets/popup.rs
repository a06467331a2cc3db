//! Boxes above the screen.

use crate::list::RenderContext;
use crate::paint;
use crate::paint::{Draw, Line, Span, small};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use throng_core::clean;
use throng_core::words::{self, Clean};

const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Draws an empty box in the middle of `area` and gives its inside.
pub fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    size: (usize, usize),
    title: impl Into<Clean>,
    look: &RenderContext,
) -> Rect {
    let width = small(size.0).min(area.width.saturating_sub(2)).max(area.width.min(20));
    let height = small(size.1).min(area.height.saturating_sub(1)).max(area.height.min(5));
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 3, width, height };
    paint::clear(frame, place);
    let title = words::clip(&title.into(), usize::from(width).saturating_sub(6));
    let title = Span::styled(clean!(" {title} "), look.theme.title);
    let border = if look.theme.symbols.ascii { ASCII } else { border::ROUNDED };
    paint::boxed(frame, place, title, border, look.theme.rule)
}

/// Writes a hint line (keys and what they do) at the bottom of a box.
pub fn hints(frame: &mut Frame<'_>, inner: Rect, hints: &[(&str, &str)], look: &RenderContext) {
    if inner.height == 0 {
        return;
    }
    let wide = |hints: &[&(&str, &str)], gap: usize| {
        hints.iter().map(|(key, what)| words::width(key) + words::width(what) + 1 + gap).sum::<usize>()
            - gap.min(hints.len())
    };
    let room = usize::from(inner.width);
    let mut shown: Vec<_> = hints.iter().collect();
    // The last one is the way out.
    while shown.len() > 1 && wide(&shown, 2) > room {
        shown.remove(shown.len() - 2);
    }
    let gap = " ".repeat(if wide(&shown, 3) <= room { 3 } else { 2 });
    let mut spans = Vec::new();
    for (key, what) in shown {
        spans.push(Span::styled((*key).to_owned(), look.theme.key));
        spans.push(Span::styled(clean!(" {what}{gap}"), look.theme.dim));
    }
    frame.buffer_mut().put_line(inner.x, inner.bottom() - 1, &Line::from(spans), inner.width);
}

/// Writes lines from the top, as many as fit above `reserve` lines at the bottom.
pub fn lines(frame: &mut Frame<'_>, inner: Rect, lines: &[Line], skip: usize, reserve: u16) {
    let height = usize::from(inner.height.saturating_sub(reserve));
    for (row, line) in lines.iter().skip(skip).take(height).enumerate() {
        frame.buffer_mut().put_line(inner.x, inner.y + small(row), line, inner.width);
    }
}
