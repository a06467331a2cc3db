//! Every command, once: name, keys, help, where it holds, how risky it is. Key map, `:` prompt, palette, help, footer
//! and the read-only gate are made from this list.

use super::actions::{items, logs, navigate, program};
use super::app::App;
use super::keys::Chord;
use super::place::Kind;
use crossterm::event::KeyEvent;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a command can do to the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Only looks.
    None,
    /// Makes or starts something.
    Changes,
    /// Ends, deletes or repeats something, after asking.
    Asks,
}

/// What a command's argument at the `:` prompt is, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// None
    None,
    /// A context's name.
    Context,
    /// A function's name.
    Function,
    /// A bucket's name.
    Bucket,
    /// A run's id.
    Run,
    /// A theme's name.
    Theme,
    /// A local path.
    Path,
    /// Free text.
    Text,
}

/// A command.
#[derive(Debug)]
pub struct Action {
    /// Its name at the `:` prompt.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [&'static str],
    /// What it does, for the help.
    pub help: &'static str,
    /// The part of the help it stands in.
    pub group: &'static str,
    /// Where it holds; everywhere when empty.
    pub on: &'static [Kind],
    /// What it can do to the cloud.
    pub risk: Risk,
    /// Its word in the footer; empty for none.
    pub hint: &'static str,
    /// What its argument is.
    pub argument: Argument,
    /// Does it.
    pub run: fn(&mut App, &str),
}

impl Action {
    const fn new(
        name: &'static str,
        keys: &'static [&'static str],
        group: &'static str,
        run: fn(&mut App, &str),
        help: &'static str,
    ) -> Self {
        Self { name, keys, help, group, on: &[], risk: Risk::None, hint: "", argument: Argument::None, run }
    }

    const fn on(mut self, kinds: &'static [Kind]) -> Self {
        self.on = kinds;
        self
    }

    const fn hint(mut self, word: &'static str) -> Self {
        self.hint = word;
        self
    }

    const fn risk(mut self, risk: Risk) -> Self {
        self.risk = risk;
        self
    }

    const fn takes(mut self, argument: Argument) -> Self {
        self.argument = argument;
        self
    }

    /// Whether it holds in a place.
    #[must_use]
    pub fn holds(&self, kind: Kind) -> bool {
        self.on.is_empty() || self.on.contains(&kind)
    }

    /// Whether a read-only context refuses it.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.risk != Risk::None
    }
}

use Kind::{Buckets, Function, Functions, Logs, Objects, Run, Running, Runs, Task, Transfers};

/// Places with a table.
const TABLES: &[Kind] = &[Functions, Function, Buckets, Objects, Runs, Run, Task, Running, Transfers];
/// Places whose lines lead somewhere.
const DOORS: &[Kind] = &[Functions, Function, Buckets, Objects, Runs, Run, Task, Running];

/// All commands, in the order of the help and the footer.
pub static ACTIONS: &[Action] = &[
    // what the open place is for
    Action::new("open", &["enter"], "here", items::enter, "Open what is under the cursor")
        .on(DOORS)
        .hint("open"),
    Action::new(
        "launch",
        &["n"],
        "here",
        program::launch,
        "Launch a function: fill in a form or pick a YAML file",
    )
    .on(&[Functions, Function, Buckets, Objects, Runs, Run, Task, Running, Transfers])
    .hint("new function")
    .risk(Risk::Changes),
    Action::new(
        "upload",
        &["u"],
        "here",
        items::upload,
        "Choose files to process with this function, or to upload here",
    )
    .on(&[Functions, Function, Buckets, Objects])
    .hint("upload")
    .risk(Risk::Changes)
    .takes(Argument::Path),
    Action::new("run", &["R"], "here", items::run_objects, "Process the marked objects with a function")
        .on(&[Objects])
        .hint("run with")
        .risk(Risk::Changes)
        .takes(Argument::Function),
    Action::new("result", &["o"], "here", items::open_result, "Show an object: text, JSON or image")
        .on(&[Objects, Run, Task])
        .hint("show"),
    Action::new(
        "download",
        &["w"],
        "here",
        items::download,
        "Fetch the marked objects, or the results of a run, to a local folder",
    )
    .on(&[Objects, Task, Run])
    .hint("download")
    .takes(Argument::Path),
    Action::new("invoke", &["i"], "here", items::invoke, "Invoke the function once with a payload")
        .on(&[Functions, Function])
        .hint("invoke")
        .risk(Risk::Changes)
        .takes(Argument::Function),
    Action::new("new-bucket", &["b"], "here", items::new_bucket, "Make a bucket")
        .on(&[Buckets])
        .hint("new bucket")
        .risk(Risk::Changes)
        .takes(Argument::Text),
    Action::new(
        "states",
        &["f"],
        "here",
        items::states,
        "Show all tasks, then unsuccessful, running, pending, succeeded ones",
    )
    .on(&[Run])
    .hint("states")
    .takes(Argument::Text),
    Action::new("newer-attempt", &["]"], "here", items::newer_attempt, "Show the next attempt").on(&[Task]),
    Action::new("older-attempt", &["["], "here", items::older_attempt, "Show the attempt before").on(&[Task]),
    Action::new("show-log", &["l"], "here", items::log_of, "Follow the log of what is under the cursor")
        .on(&[Functions, Function, Runs, Run, Task, Running])
        .hint("log"),
    Action::new("cancel", &["x"], "here", items::cancel, "Cancel the run or transfer under the cursor")
        .on(&[Function, Runs, Run, Transfers])
        .hint("cancel")
        .risk(Risk::Asks),
    Action::new(
        "resume",
        &["R"],
        "here",
        items::resume,
        "Run again what did not succeed; of an open run, send again what has not begun",
    )
    .on(&[Function, Runs, Run])
    .hint("again")
    .risk(Risk::Asks),
    Action::new("delete", &["d", "ctrl-d", "delete"], "here", items::delete, "Delete the marked things")
        .on(&[Functions, Function, Buckets, Objects])
        .hint("delete")
        .risk(Risk::Asks),
    // logs
    Action::new("pause", &["space", "p"], "log", logs::pause, "Stop following, or follow again")
        .on(&[Logs])
        .hint("pause"),
    Action::new("search", &["/"], "log", logs::search, "Search; small letters match both cases")
        .on(&[Logs])
        .hint("search"),
    Action::new("next-match", &["n"], "log", logs::next_match, "Go to the next match")
        .on(&[Logs])
        .hint("next"),
    Action::new("previous-match", &["N"], "log", logs::previous_match, "Go to the match before").on(&[Logs]),
    Action::new(
        "filter-log",
        &["&"],
        "log",
        logs::filter,
        "Show matching lines only; ! in front turns it round",
    )
    .on(&[Logs])
    .hint("filter"),
    Action::new("next-error", &["e"], "log", logs::next_error, "Go to the next error")
        .on(&[Logs])
        .hint("error"),
    Action::new("previous-error", &["E"], "log", logs::previous_error, "Go to the error before").on(&[Logs]),
    Action::new("wrap", &["w"], "log", logs::wrap, "Wrap long lines, or cut them").on(&[Logs]).hint("wrap"),
    Action::new("times", &["t"], "log", logs::times, "Show or hide the times").on(&[Logs]).hint("times"),
    Action::new("zoom", &["enter"], "log", logs::zoom, "Show the whole line, JSON set out")
        .on(&[Logs])
        .hint("zoom"),
    Action::new("pan-left", &["left", "h"], "log", logs::pan_left, "Scroll to the left").on(&[Logs]),
    Action::new("pan-right", &["right", "L"], "log", logs::pan_right, "Scroll to the right").on(&[Logs]),
    Action::new("follow-all", &["a"], "log", logs::follow_all, "Follow the logs of all functions")
        .on(&[Logs])
        .hint("all"),
    // lists
    Action::new(
        "filter",
        &["/"],
        "list",
        navigate::filter,
        "Show matching lines only; ! in front turns it round",
    )
    .on(TABLES)
    .hint("filter")
    .takes(Argument::Text),
    Action::new("sort", &["s"], "list", navigate::sort, "Sort by the next column").on(TABLES).hint("sort"),
    Action::new("reverse", &["S"], "list", navigate::reverse, "Turn the order round").on(TABLES),
    Action::new("mark", &["space"], "list", navigate::mark, "Mark or unmark a line")
        .on(&[Objects, Task, Transfers, Runs]),
    Action::new("mark-all", &["A"], "list", navigate::mark_all, "Mark all lines, or none")
        .on(&[Objects, Task, Transfers, Runs]),
    Action::new("down", &["down", "j"], "list", navigate::down, "Next line"),
    Action::new("up", &["up", "k"], "list", navigate::up, "Line before"),
    Action::new("page-down", &["pagedown", "ctrl-f"], "list", navigate::page_down, "Next page"),
    Action::new("page-up", &["pageup", "ctrl-b"], "list", navigate::page_up, "Page before"),
    Action::new("first", &["home", "g"], "list", navigate::first, "First line"),
    Action::new("last", &["end", "G"], "list", navigate::last, "Last line; in a log, follow"),
    Action::new(
        "back",
        &["esc", "backspace"],
        "list",
        navigate::back,
        "Clear the filter or the marks, else go back",
    ),
    // everywhere
    Action::new("functions", &["1"], "everywhere", navigate::functions, "Functions")
        .takes(Argument::Function),
    Action::new("buckets", &["2"], "everywhere", navigate::buckets, "Buckets").takes(Argument::Bucket),
    Action::new("runs", &["3"], "everywhere", navigate::runs, "Runs").takes(Argument::Run),
    Action::new("running", &["4"], "everywhere", navigate::running, "Running invocations"),
    Action::new("logs", &["5"], "everywhere", navigate::logs, "Logs").takes(Argument::Function),
    Action::new("transfers", &["6"], "everywhere", navigate::transfers, "Transfers and deployments"),
    Action::new("next-tab", &["tab"], "everywhere", navigate::next_tab, "Next tab"),
    Action::new("previous-tab", &["shift-tab"], "everywhere", navigate::previous_tab, "Tab before"),
    Action::new("refresh", &["r"], "everywhere", program::refresh, "Read again what is shown"),
    Action::new(
        "copy",
        &["y"],
        "everywhere",
        program::copy,
        "Copy name, key, ARN … of what is under the cursor",
    ),
    Action::new("deploy", &[], "everywhere", program::deploy, "Deploy a definition file")
        .risk(Risk::Changes)
        .takes(Argument::Path),
    Action::new("notices", &["!"], "everywhere", program::notices, "Read errors and warnings"),
    Action::new("dismiss", &["X"], "everywhere", program::dismiss, "Dismiss the error that is shown"),
    Action::new("context", &["c"], "everywhere", program::context, "Switch to another cloud")
        .takes(Argument::Context),
    Action::new("command", &[":"], "everywhere", program::command, "Type a command"),
    Action::new("palette", &["ctrl-p"], "everywhere", program::palette, "Find a command by what it does"),
    Action::new("theme", &[], "everywhere", program::theme, "Change the colours").takes(Argument::Theme),
    Action::new(
        "mouse",
        &["m"],
        "everywhere",
        program::mouse,
        "Use the mouse here, or leave it to the terminal",
    ),
    Action::new("redraw", &["ctrl-l"], "everywhere", program::redraw, "Draw everything again"),
    Action::new("suspend", &["ctrl-z"], "everywhere", program::suspend, "Go to the shell; fg comes back"),
    Action::new("help", &["?", "f1"], "everywhere", program::help, "Show the keys that hold here")
        .hint("help"),
    Action::new("quit", &["q", "ctrl-c"], "everywhere", program::quit, "Leave; runs go on").hint("quit"),
];

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
pub fn by_key(key: KeyEvent, kind: Kind) -> Option<&'static Action> {
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

    #[test]
    fn every_key_is_readable_and_means_one_thing_in_a_place() {
        for action in ACTIONS {
            for key in action.keys {
                assert!(Chord::parse(key).is_some(), "{key} of {}", action.name);
            }
        }
        for kind in Kind::ALL {
            for (chord, actions) in KEYS.iter() {
                let holding: Vec<_> =
                    actions.iter().filter(|action| action.holds(kind)).map(|action| action.name).collect();
                assert!(holding.len() <= 1, "{chord:?} in {kind:?} means {holding:?}");
            }
        }
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
