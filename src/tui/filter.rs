//! What a person types to see fewer lines.

use regex::{Regex, RegexBuilder};
use throng_core::model::TaskState;

/// A pattern: a regular expression, or the text itself where it is none. `!` in front turns it round. Small letters
/// match both cases.
#[derive(Clone, Debug, Default)]
pub struct Pattern {
    text: String,
    regex: Option<Regex>,
    inverse: bool,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// Reads what was typed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let (inverse, pattern) = match text.strip_prefix('!') {
            Some(rest) if !rest.is_empty() => (true, rest),
            _ => (false, text),
        };
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(!pattern.chars().any(char::is_uppercase))
                .size_limit(1 << 20)
                .build()
                .ok()
        };
        let regex =
            if pattern.is_empty() { None } else { build(pattern).or_else(|| build(&regex::escape(pattern))) };
        Self { text: text.to_owned(), regex, inverse }
    }

    /// As it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches everything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.regex.is_none()
    }

    /// Whether a line is to be shown.
    #[must_use]
    pub fn matches(&self, line: &str) -> bool {
        self.regex.as_ref().is_none_or(|regex| regex.is_match(line) != self.inverse)
    }

    /// Where it matches in a line, for highlighting. Nothing for an inverse pattern.
    pub fn hits<'a>(&'a self, line: &'a str) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
        self.regex
            .iter()
            .filter(|_| !self.inverse)
            .flat_map(move |regex| regex.find_iter(line).map(|hit| hit.range()))
            .filter(|range| !range.is_empty())
    }
}

/// Which task states are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum States {
    /// Rows in any state.
    #[default]
    All,
    /// Failed, timed out, expired, cancelled.
    Unsuccessful,
    /// Rows in this state.
    Only(TaskState),
}

impl States {
    /// The next one, for a key that goes through them.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::All => Self::Unsuccessful,
            Self::Unsuccessful => Self::Only(TaskState::Running),
            Self::Only(TaskState::Running) => Self::Only(TaskState::Pending),
            Self::Only(TaskState::Pending) => Self::Only(TaskState::Succeeded),
            Self::Only(_) => Self::All,
        }
    }

    /// Whether a state is shown.
    #[must_use]
    pub fn admits(self, state: TaskState) -> bool {
        match self {
            Self::All => true,
            Self::Unsuccessful => state.is_final() && state != TaskState::Succeeded,
            Self::Only(only) => only == state,
        }
    }

    /// For the title.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Unsuccessful => "unsuccessful",
            Self::Only(state) => state.as_str(),
        }
    }
}

/// Pattern and states together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// What the text of a row must match.
    pub pattern: Pattern,
    /// States, where lines have one.
    pub states: States,
}

impl Filter {
    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pattern.is_empty() && self.states == States::All
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_regular_where_they_can_be() {
        assert!(Pattern::new("a.c").matches("xABCx"));
        assert!(!Pattern::new("A.c").matches("abc"));
        assert!(Pattern::new("a(").matches("see a( here"));
        assert!(!Pattern::new("!png").matches("a.png"));
        assert!(Pattern::new("!").matches("wow!"));
        assert!(Pattern::new("").matches(""));
        assert_eq!(Pattern::new("o").hits("foo").collect::<Vec<_>>(), [1..2, 2..3]);
    }

    #[test]
    fn states_go_round() {
        let mut states = States::All;
        for _ in 0..5 {
            states = states.next();
        }
        assert_eq!(states, States::All);
        assert!(States::Unsuccessful.admits(TaskState::TimedOut));
        assert!(!States::Unsuccessful.admits(TaskState::Running));
    }
}
