//! How images reach the screen.

use super::theme::Depth;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui_image::picker::Picker;

/// How images are drawn.
#[derive(Clone, Debug)]
pub struct Images {
    /// What the terminal can do.
    pub picker: Picker,
}

impl Default for Images {
    fn default() -> Self {
        Self { picker: Picker::halfblocks() }
    }
}

impl Images {
    /// Asks the terminal, but only one that is known to answer at once; all others get half blocks. Must be called on
    /// the alternate screen before events are read.
    #[must_use]
    pub fn detect(halfblocks: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let between = set("TMUX") || set("STY") || set("ZELLIJ");
        if halfblocks || between || !answers(&variable("TERM"), &variable("TERM_PROGRAM")) {
            return Self::default();
        }
        Picker::from_query_stdio().map_or_else(|_| Self::default(), |picker| Self { picker })
    }
}

/// Terminals that show images and answer the question for it.
fn answers(term: &str, program: &str) -> bool {
    matches!(term, "xterm-kitty" | "xterm-ghostty" | "wezterm" | "foot" | "foot-extra")
        || matches!(program, "iTerm.app" | "WezTerm" | "ghostty" | "kitty" | "rio")
}

/// Turns 24-bit colours into those that the terminal has.
pub fn fewer_colors(buffer: &mut Buffer, area: Rect, depth: Depth) {
    for position in area.intersection(buffer.area).positions() {
        if let Some(cell) = buffer.cell_mut(position) {
            cell.fg = fewer(cell.fg, depth);
            cell.bg = fewer(cell.bg, depth);
        }
    }
}

fn fewer(color: Color, depth: Depth) -> Color {
    let Color::Rgb(red, green, blue) = color else { return color };
    if depth == Depth::Ansi {
        // Sixteen colours are not for pictures: four grays keep the shapes.
        let light = (u32::from(red) * 3 + u32::from(green) * 6 + u32::from(blue)) / 10;
        return match light {
            0..64 => Color::Black,
            64..128 => Color::DarkGray,
            128..192 => Color::Gray,
            _ => Color::White,
        };
    }
    if red == green && green == blue && (8..=238).contains(&red) {
        return Color::Indexed(232 + (red - 8) / 10);
    }
    let step = |value: u8| u8::try_from((u16::from(value) * 5 + 127) / 255).unwrap_or(5);
    Color::Indexed(16 + 36 * step(red) + 6 * step(green) + step(blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_terminals_that_answer_are_asked() {
        assert!(answers("xterm-kitty", ""));
        assert!(answers("xterm-256color", "WezTerm"));
        assert!(!answers("screen-256color", "tmux"));
        assert!(!answers("xterm-256color", ""));
    }
}
