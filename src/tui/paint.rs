//! The only way from text to the screen: spans and lines of clean text, and what draws them.
//!
//! `ratatui`'s own texts take any string and a cell keeps what it is given, so `clippy.toml` forbids them elsewhere.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "everything here takes clean text and hands it to what is forbidden elsewhere"
)]

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;
use ratatui::widgets::{Block, Borders, Clear, Padding, Widget};
use ratatui_image::Image;
use ratatui_image::protocol::Protocol;
use std::fmt;
use throng_core::words::Clean;

/// Text in one style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub content: Clean,
    /// How it looks.
    pub style: Style,
}

impl Span {
    /// In the style of what it stands in.
    #[must_use]
    pub fn raw(content: impl Into<Clean>) -> Self {
        Self::styled(content, Style::new())
    }

    /// In a style of its own.
    #[must_use]
    pub fn styled(content: impl Into<Clean>, style: Style) -> Self {
        Self { content: content.into(), style }
    }

    /// Columns that it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.content.width()
    }
}

/// A line of spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// From left to right.
    pub spans: Vec<Span>,
    /// Below the styles of the spans.
    pub style: Style,
}

impl Line {
    /// One text without a style.
    #[must_use]
    pub fn raw(content: impl Into<Clean>) -> Self {
        Self::styled(content, Style::new())
    }

    /// One text; the style is the line's.
    #[must_use]
    pub fn styled(content: impl Into<Clean>, style: Style) -> Self {
        Self { spans: vec![Span::raw(content)], style }
    }

    /// Columns that it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.spans.iter().map(Span::width).sum()
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> Clean {
        Clean::join(self.spans.iter().map(|span| span.content.clone()), "")
    }
}

impl From<Vec<Span>> for Line {
    fn from(spans: Vec<Span>) -> Self {
        Self { spans, style: Style::new() }
    }
}

impl From<Span> for Line {
    fn from(span: Span) -> Self {
        vec![span].into()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spans.iter().try_for_each(|span| f.write_str(&span.content))
    }
}

/// Drawing of clean text.
pub trait Draw {
    /// A text of at most `width` columns; gives the column after it.
    fn put(&mut self, x: u16, y: u16, text: impl Into<Clean>, width: usize, style: Style) -> u16;

    /// A span of at most `width` columns; gives the column after it.
    fn put_span(&mut self, x: u16, y: u16, span: &Span, width: u16) -> u16 {
        self.put(x, y, &span.content, width.into(), span.style)
    }

    /// A line of at most `width` columns; gives the column after it.
    fn put_line(&mut self, x: u16, y: u16, line: &Line, width: u16) -> u16 {
        let end = x.saturating_add(width);
        line.spans.iter().fold(x, |x, span| {
            let room = usize::from(end.saturating_sub(x));
            self.put(x, y, &span.content, room, line.style.patch(span.style))
        })
    }
}

impl Draw for Buffer {
    fn put(&mut self, x: u16, y: u16, text: impl Into<Clean>, width: usize, style: Style) -> u16 {
        if width == 0 {
            return x;
        }
        self.set_stringn(x, y, &*text.into(), width, style).0
    }
}

/// Empties a part of the screen.
pub fn clear(frame: &mut Frame<'_>, area: Rect) {
    frame.render_widget(Clear, area);
}

/// Draws a box with a title; gives its inside.
pub fn boxed(
    frame: &mut Frame<'_>,
    area: Rect,
    title: Span,
    border: border::Set<'static>,
    style: Style,
) -> Rect {
    let title = ratatui::text::Span::styled(title.content.into_string(), title.style);
    let block = Block::new()
        .borders(Borders::ALL)
        .border_set(border)
        .border_style(style)
        .padding(Padding::horizontal(1))
        .title(title);
    let inner = block.inner(area);
    block.render(area, frame.buffer_mut());
    inner
}

/// Draws a picture, in the form that the terminal takes.
pub fn picture(frame: &mut Frame<'_>, area: Rect, picture: &Protocol) {
    frame.render_widget(Image::new(picture), area);
}

/// `u16`, at most its largest: positions on a screen.
#[must_use]
pub fn small(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
