//! A terminal's screen as SVG: one text per run of cells that look the same, on rectangles of their backgrounds.
//!
//! The picture has a background of its own, so that it can be read on light pages and on dark ones. Runs of text are
//! given their width, so that columns stay in line whatever monospaced font there is.

#![allow(dead_code, clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;
use vt100::{Cell, Color, Screen};

/// Width and height of a cell, and the size of its font.
const CELL: (f64, f64) = (8.4, 18.0);
const FONT: f64 = 14.0;
/// Around the screen.
const MARGIN: f64 = 14.0;
const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d7dae0";
/// The first sixteen colours of a terminal.
const COLORS: [&str; 16] = [
    "#1d2026", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf", "#6b7280",
    "#ff7b85", "#b5e890", "#ffd787", "#7cc4ff", "#dd9bf5", "#70d7e5", "#ffffff",
];

/// How a run of cells looks.
#[derive(Clone, PartialEq)]
struct Style {
    front: String,
    back: Option<String>,
    bold: bool,
    dim: bool,
    underline: bool,
}

/// The screen as an SVG document with a title, which is what is read out.
pub fn document(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (u16::from(rows), u16::from(columns));
    let (width, height) =
        (f64::from(columns) * CELL.0 + 2.0 * MARGIN, f64::from(rows) * CELL.1 + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" \
         fill=\"{BACKGROUND}\"/>\n<g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', \
         monospace\" font-size=\"{FONT}\" xml:space=\"preserve\">\n",
        escaped(title)
    );
    for row in 0..rows {
        for (column, text, cells, style) in runs(screen, row, columns) {
            draw(&mut svg, row, column, &text, cells, &style);
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// The runs of a row: where each begins, its text, how many cells it has, how it looks.
fn runs(screen: &Screen, row: u16, columns: u16) -> Vec<(u16, String, u16, Style)> {
    let mut found: Vec<(u16, String, u16, Style)> = Vec::new();
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation()) else {
            continue;
        };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        let style = style(cell);
        let cells = if cell.is_wide() { 2 } else { 1 };
        match found.last_mut().filter(|(at, _, length, last)| *last == style && at + length == column) {
            Some((_, before, length, _)) => {
                before.push_str(text);
                *length += cells;
            }
            None => found.push((column, text.to_owned(), cells, style)),
        }
    }
    found
}

fn draw(svg: &mut String, row: u16, column: u16, text: &str, cells: u16, style: &Style) {
    let (x, y) = (MARGIN + f64::from(column) * CELL.0, MARGIN + f64::from(row) * CELL.1);
    let width = f64::from(cells) * CELL.0;
    if let Some(back) = &style.back {
        let height = CELL.1;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{back}\"/>"
        );
    }
    // Blanks at the ends need no font; what is between keeps its place by the text's own width.
    let begin = text.chars().take_while(|char| *char == ' ').count();
    let shown = text.trim_matches(' ');
    if shown.is_empty() {
        return;
    }
    let end = text.len() - text.trim_end_matches(' ').len();
    let x = x + CELL.0 * f64::from(u32::try_from(begin).unwrap());
    let width = width - CELL.0 * f64::from(u32::try_from(begin + end).unwrap());
    let bold = if style.bold { " font-weight=\"bold\"" } else { "" };
    let dim = if style.dim { " opacity=\"0.65\"" } else { "" };
    let line = if style.underline { " text-decoration=\"underline\"" } else { "" };
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{bold}{dim}{line}>{}</text>",
        y + 13.5,
        style.front,
        escaped(shown)
    );
}

fn style(cell: &Cell) -> Style {
    let front = color(cell.fgcolor()).unwrap_or_else(|| FOREGROUND.to_owned());
    let back = color(cell.bgcolor());
    let (front, back) = if cell.inverse() {
        (back.unwrap_or_else(|| BACKGROUND.to_owned()), Some(front))
    } else {
        (front, back)
    };
    Style { front, back, bold: cell.bold(), dim: cell.dim(), underline: cell.underline() }
}

/// A colour in hexadecimal; `None` for the terminal's own.
fn color(color: Color) -> Option<String> {
    match color {
        Color::Default => None,
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        Color::Idx(index) => Some(match index {
            0..=15 => COLORS[usize::from(index)].to_owned(),
            16..=231 => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let index = index - 16;
                format!("#{:02x}{:02x}{:02x}", level(index / 36), level(index / 6 % 6), level(index % 6))
            }
            _ => {
                let gray = 8 + 10 * (index - 232);
                format!("#{gray:02x}{gray:02x}{gray:02x}")
            }
        }),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
