//! Every command, once: name, keys, help, where it holds, how risky it is. Key map, `:` prompt, palette, help, footer
//! and the read-only gate are made from this list.
//!
//! ```text
//! action     what a command is
//! commands   the list
//! ```

mod action;
mod commands;

pub use action::{Action, Argument};
pub use commands::ACTIONS;

use super::keys::Chord;
use super::place::RouteKind;
use crossterm::event::KeyEvent;
use std::collections::HashMap;
use std::sync::LazyLock;

static KEYS: LazyLock<HashMap<Chord, Vec<&'static Action>>> = LazyLock::new(|| {
    let mut keys: HashMap<Chord, Vec<&'static Action>> = HashMap::new();
    for action in ACTIONS {
        for chord in action.keys.iter().filter_map(|name| Chord::parse(name)) {
            keys.entry(chord).or_default().push(action);
        }
    }
    keys
});

/// The command of a key in a place.
#[must_use]
pub fn by_key(key: KeyEvent, kind: RouteKind) -> Option<&'static Action> {
    KEYS.get(&Chord::of(key))?.iter().copied().find(|action| action.holds(kind))
}

/// Short names at the prompt.
const ALIASES: &[(&str, &str)] = &[
    ("q", "quit"),
    ("fn", "functions"),
    ("ctx", "context"),
    ("h", "help"),
    ("log", "logs"),
    ("tasks", "runs"),
    ("objects", "buckets"),
];

/// The command of a name, of an alias, or of the only name that begins so.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Action> {
    let name = ALIASES.iter().find(|alias| alias.0 == name).map_or(name, |alias| alias.1);
    let exact = ACTIONS.iter().find(|action| action.name == name);
    exact.or_else(|| {
        let mut matching = ACTIONS.iter().filter(|action| action.name.starts_with(name));
        matching.next().filter(|_| matching.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use throng_core::engine::ContextInfo;
    use throng_core::jobs::Job;

    #[test]
    fn every_key_is_readable_and_means_one_thing_in_a_place() {
        for action in ACTIONS {
            for key in action.keys {
                assert!(Chord::parse(key).is_some(), "{key} of {}", action.name);
            }
        }
        for kind in RouteKind::ALL {
            for (chord, actions) in KEYS.iter() {
                let holding: Vec<_> =
                    actions.iter().filter(|action| action.holds(kind)).map(|action| action.name).collect();
                assert!(holding.len() <= 1, "{chord:?} in {kind:?} means {holding:?}");
            }
        }
    }

    #[test]
    fn a_new_command_is_refused_in_a_read_only_context_until_somebody_says_what_it_does() {
        let read_only = ContextInfo { read_only: true, ..ContextInfo::default() };
        let new = Action::new("new", &[], "here", |_, _| {}, "Something new");
        assert!(!new.is_permitted(&read_only) && new.changes());
        assert!(new.is_permitted(&ContextInfo::default()));
        assert!(new.does(Job::Look).is_permitted(&read_only));
        assert!(ACTIONS.iter().all(|action| action.job.is_some()));
    }

    #[test]
    fn names_are_unique_and_can_be_cut_short() {
        for action in ACTIONS {
            assert!(std::ptr::eq(by_name(action.name).unwrap(), action), "{}", action.name);
        }
        assert_eq!(by_name("q").unwrap().name, "quit");
        assert_eq!(by_name("trans").unwrap().name, "transfers");
        assert!(by_name("ru").is_none(), "several begin so");
    }
}
