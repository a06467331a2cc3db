//! Colours and symbols. State is always a symbol and a word, never a colour alone.

use ratatui::style::{Color, Modifier, Style};
use throng_core::model::TaskState;

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None: bold, underlined and reversed only.
    Mono,
    /// The terminal's own sixteen.
    Ansi,
    /// 256
    Indexed,
    /// 24 bits
    True,
}

impl Depth {
    /// By `NO_COLOR`, `COLORTERM` and `TERM`.
    #[must_use]
    pub fn detect(no_color: bool) -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        Self::from_variables(
            no_color || !variable("NO_COLOR").is_empty(),
            &variable("COLORTERM"),
            &variable("TERM"),
        )
    }

    fn from_variables(no_color: bool, colorterm: &str, term: &str) -> Self {
        match () {
            () if no_color || term == "dumb" || term.ends_with("-m") => Self::Mono,
            () if matches!(colorterm, "truecolor" | "24bit") || term.ends_with("-direct") => Self::True,
            () if term.contains("256color") || term.contains("kitty") || term.contains("ghostty") => {
                Self::Indexed
            }
            () => Self::Ansi,
        }
    }
}

/// Names of the themes, for completion.
pub const NAMES: [&str; 4] = ["auto", "dark", "light", "mono"];

/// Styles by role.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Colours available.
    pub depth: Depth,
    /// What matters less.
    pub dim: Style,
    /// Headings of columns, names of facts.
    pub label: Style,
    /// Titles of panels and columns.
    pub title: Style,
    /// Our name, the open tab.
    pub accent: Style,
    /// Keys in hints.
    pub key: Style,
    /// The line under the cursor.
    pub selected: Style,
    /// Marked lines.
    pub marked: Style,
    /// Lines and borders.
    pub rule: Style,
    /// Succeeded, online.
    pub good: Style,
    /// Warnings, timed out.
    pub warn: Style,
    /// What failed.
    pub bad: Style,
    /// Under way.
    pub active: Style,
    /// Search hits.
    pub found: Style,
    /// Badges such as `SAMPLED` and `READ-ONLY`.
    pub badge: Style,
    /// The signs that stand for states.
    pub symbols: Symbols,
}

impl Theme {
    /// A theme by name; unknown names give `auto`, which uses the terminal's own sixteen colours and so suits dark
    /// and light backgrounds.
    #[must_use]
    pub fn new(name: &str, depth: Depth, ascii: bool) -> Self {
        let depth = if name == "mono" { Depth::Mono } else { depth };
        let symbols = if ascii { &ASCII } else { &UNICODE };
        match (depth, name) {
            (Depth::Mono, _) => Self::mono(symbols),
            (Depth::Indexed | Depth::True, "dark") => Self::indexed(depth, symbols, DARK),
            (Depth::Indexed | Depth::True, "light") => Self::indexed(depth, symbols, LIGHT),
            _ => Self::ansi(depth, symbols),
        }
    }

    fn mono(symbols: &Symbols) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let reversed = plain.add_modifier(Modifier::REVERSED);
        Self {
            depth: Depth::Mono,
            dim: plain,
            label: plain.add_modifier(Modifier::UNDERLINED),
            title: bold,
            accent: bold,
            key: bold,
            selected: reversed,
            marked: bold,
            rule: plain,
            good: plain,
            warn: bold,
            bad: bold,
            active: plain,
            found: reversed,
            badge: reversed.add_modifier(Modifier::BOLD),
            symbols: *symbols,
        }
    }

    fn ansi(depth: Depth, symbols: &Symbols) -> Self {
        let color = |color| Style::new().fg(color);
        let dim = if depth >= Depth::Indexed { color(Color::Indexed(245)) } else { color(Color::DarkGray) };
        let rule = if depth >= Depth::Indexed { color(Color::Indexed(240)) } else { dim };
        Self {
            depth,
            dim,
            label: dim,
            title: Style::new().add_modifier(Modifier::BOLD),
            accent: color(Color::Cyan).add_modifier(Modifier::BOLD),
            key: color(Color::Cyan),
            selected: Style::new().add_modifier(Modifier::REVERSED),
            marked: color(Color::Magenta).add_modifier(Modifier::BOLD),
            rule,
            good: color(Color::Green),
            warn: color(Color::Yellow),
            bad: color(Color::Red),
            active: color(Color::Blue),
            found: Style::new().fg(Color::Black).bg(Color::Yellow),
            badge: Style::new().fg(Color::Black).bg(Color::Yellow),
            symbols: *symbols,
        }
    }

    fn indexed(
        depth: Depth,
        symbols: &Symbols,
        [dim, rule, accent, good, warn, bad, active, mark, fore, back]: [u8; 10],
    ) -> Self {
        let color = |index| Style::new().fg(Color::Indexed(index));
        Self {
            depth,
            dim: color(dim),
            label: color(dim),
            title: Style::new().add_modifier(Modifier::BOLD),
            accent: color(accent).add_modifier(Modifier::BOLD),
            key: color(accent),
            selected: Style::new()
                .fg(Color::Indexed(fore))
                .bg(Color::Indexed(back))
                .add_modifier(Modifier::BOLD),
            marked: color(mark).add_modifier(Modifier::BOLD),
            rule: color(rule),
            good: color(good),
            warn: color(warn),
            bad: color(bad),
            active: color(active),
            found: Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(221)),
            badge: Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(221)),
            symbols: *symbols,
        }
    }

    /// Names of facts: quiet, but never underlined.
    #[must_use]
    pub const fn label_text(&self) -> Style {
        self.dim
    }

    /// The style of a task state.
    #[must_use]
    pub const fn state(&self, state: TaskState) -> Style {
        match state {
            TaskState::Pending | TaskState::Cancelled => self.dim,
            TaskState::Running => self.active,
            TaskState::Succeeded => self.good,
            TaskState::Failed => self.bad,
            TaskState::TimedOut | TaskState::Expired => self.warn,
        }
    }
}

// dim, rule, accent, good, warn, bad, active, mark, selected text, selected background
const DARK: [u8; 10] = [246, 239, 80, 114, 221, 210, 75, 183, 255, 238];
const LIGHT: [u8; 10] = [241, 250, 24, 28, 130, 160, 26, 90, 16, 153];

/// Characters with a meaning or a shape.
#[derive(Clone, Copy, Debug)]
pub struct Symbols {
    /// One per task state, in the order of [`TaskState::ALL`].
    states: [&'static str; 7],
    /// Beside a marked line.
    pub mark: &'static str,
    /// Beside the line under the cursor.
    pub cursor: &'static str,
    /// A horizontal line.
    pub line: &'static str,
    /// Between parts of a line.
    pub dot: &'static str,
    /// Between crumbs.
    pub crumb: &'static str,
    /// Sorted upwards and downwards.
    pub sorted: [&'static str; 2],
    /// Something that is, something that is not.
    pub bullet: [&'static str; 2],
    /// Empty part of a bar.
    pub bar_empty: &'static str,
    /// Parts of a bar by task state, so that they differ without colours.
    bars: [&'static str; 7],
    /// Heights of a sparkline.
    pub spark: &'static [&'static str],
    /// Between steps: in → out.
    pub arrow: &'static str,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

impl Symbols {
    /// The symbol of a state.
    #[must_use]
    pub const fn state(&self, state: TaskState) -> &'static str {
        self.states[state_index(state)]
    }

    /// The character of a state's part of a bar.
    #[must_use]
    pub const fn bar(&self, state: TaskState) -> &'static str {
        self.bars[state_index(state)]
    }
}

const fn state_index(state: TaskState) -> usize {
    match state {
        TaskState::Pending => 0,
        TaskState::Running => 1,
        TaskState::Succeeded => 2,
        TaskState::Failed => 3,
        TaskState::TimedOut => 4,
        TaskState::Expired => 5,
        TaskState::Cancelled => 6,
    }
}

const UNICODE: Symbols = Symbols {
    states: ["○", "●", "✓", "✗", "◷", "⊘", "⊖"],
    mark: "◆",
    cursor: "▌",
    line: "─",
    dot: "·",
    crumb: "›",
    sorted: ["↑", "↓"],
    bullet: ["●", "○"],
    bar_empty: "░",
    bars: ["░", "▓", "█", "▚", "▞", "▒", "─"],
    spark: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    arrow: "→",
    ascii: false,
};

const ASCII: Symbols = Symbols {
    states: ["o", "*", "+", "x", "t", "e", "-"],
    mark: "#",
    cursor: ">",
    line: "-",
    dot: "|",
    crumb: ">",
    sorted: ["^", "v"],
    bullet: ["*", "o"],
    bar_empty: ".",
    bars: [".", "*", "=", "x", "t", "e", "-"],
    spark: &["_", ".", ":", "-", "=", "+", "*", "#"],
    arrow: "->",
    ascii: true,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_follows_the_terminal() {
        for (no_color, colorterm, term, depth) in [
            (true, "truecolor", "xterm-256color", Depth::Mono),
            (false, "truecolor", "xterm-256color", Depth::True),
            (false, "", "screen-256color", Depth::Indexed),
            (false, "", "xterm", Depth::Ansi),
            (false, "", "linux", Depth::Ansi),
            (false, "", "dumb", Depth::Mono),
        ] {
            assert_eq!(Depth::from_variables(no_color, colorterm, term), depth, "{term}");
        }
    }

    #[test]
    fn every_symbol_is_one_column() {
        for symbols in [UNICODE, ASCII] {
            for symbol in symbols.states.iter().chain(&symbols.bars).chain(symbols.spark) {
                assert_eq!(throng_core::words::width(symbol), 1, "{symbol}");
            }
        }
    }
}
