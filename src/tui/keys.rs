//! Keys as people write them: `d`, `ctrl-d`, `enter`, `f5`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with its modifiers. Shift is in the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord(pub KeyCode, pub KeyModifiers);

impl Chord {
    /// What was pressed.
    #[must_use]
    pub fn of(key: KeyEvent) -> Self {
        let mut modifiers = key.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
        let code = match key.code {
            KeyCode::Char(char) if modifiers.contains(KeyModifiers::CONTROL) => {
                KeyCode::Char(char.to_ascii_lowercase())
            }
            // Some terminals tell shift-tab as tab with shift.
            KeyCode::Tab if key.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        if code == KeyCode::BackTab {
            modifiers = KeyModifiers::NONE;
        }
        Self(code, modifiers)
    }

    /// Reads a key's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(rest) = name.strip_prefix("ctrl-") {
            return Self::parse(rest)
                .map(|Self(code, modifiers)| Self(code, modifiers | KeyModifiers::CONTROL));
        }
        if let Some(rest) = name.strip_prefix("alt-") {
            return Self::parse(rest).map(|Self(code, modifiers)| Self(code, modifiers | KeyModifiers::ALT));
        }
        let code = match name {
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "tab" => KeyCode::Tab,
            "shift-tab" => KeyCode::BackTab,
            "space" => KeyCode::Char(' '),
            "backspace" => KeyCode::Backspace,
            "delete" => KeyCode::Delete,
            "insert" => KeyCode::Insert,
            "up" => KeyCode::Up,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "home" => KeyCode::Home,
            "end" => KeyCode::End,
            "pageup" => KeyCode::PageUp,
            "pagedown" => KeyCode::PageDown,
            _ => {
                let mut chars = name.chars();
                match (chars.next(), chars.as_str()) {
                    (Some(char), "") => KeyCode::Char(char),
                    (Some('f'), number) => KeyCode::F(number.parse().ok()?),
                    _ => return None,
                }
            }
        };
        Some(Self(code, KeyModifiers::NONE))
    }
}

/// The keys of a macro: `jj<enter>abc<ctrl-c>`. For tests.
#[cfg(test)]
pub fn macro_keys(text: &str) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let (name, after) = match rest.strip_prefix('<').and_then(|inner| inner.split_once('>')) {
            Some((name, after)) if Chord::parse(name).is_some() => (name.to_owned(), after),
            _ => (char.to_string(), &rest[char.len_utf8()..]),
        };
        let Chord(code, modifiers) = if name == " " {
            Chord(KeyCode::Char(' '), KeyModifiers::NONE)
        } else {
            Chord::parse(&name).unwrap()
        };
        keys.push(KeyEvent::new(code, modifiers));
        rest = after;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let press = |code, modifiers| Chord::of(KeyEvent::new(code, modifiers));
        assert_eq!(
            Chord::parse("ctrl-d"),
            Some(press(KeyCode::Char('D'), KeyModifiers::CONTROL | KeyModifiers::SHIFT))
        );
        assert_eq!(Chord::parse("G"), Some(press(KeyCode::Char('G'), KeyModifiers::SHIFT)));
        assert_eq!(Chord::parse("shift-tab"), Some(press(KeyCode::Tab, KeyModifiers::SHIFT)));
        assert_eq!(Chord::parse("f5"), Some(press(KeyCode::F(5), KeyModifiers::NONE)));
        assert_eq!(Chord::parse("wat"), None);
        assert_eq!(macro_keys("a<enter><").len(), 3);
    }
}
