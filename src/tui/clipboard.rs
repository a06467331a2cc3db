//! How a text gets to the person's clipboard: into tmux's buffer, by a clipboard program of this session, or by asking the
//! terminal (OSC 52), which does not say whether it obeys; tmux ignores that unless it is told otherwise.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use throng_core::clean;
use throng_core::words::Clean;

/// A program that takes longer is given up: its display or its server does not answer.
const WITHIN: Duration = Duration::from_secs(2);
/// Pause between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// A program that takes a text on its standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    path: PathBuf,
    arguments: &'static [&'static str],
    /// Where the text is then, in words.
    place: &'static str,
}

/// The ways to the clipboard that this session has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clipboard {
    programs: Vec<Program>,
    within: Duration,
}

/// What became of a text that was to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It is in these places, in words.
    To(Vec<&'static str>),
    /// No program has taken it: the terminal is left.
    Nowhere,
}

impl Clipboard {
    /// That of the session that this process belongs to.
    #[must_use]
    pub fn of_session() -> Self {
        Self::of(&|name| std::env::var_os(name), cfg!(target_os = "macos"))
    }

    /// By the variables of a session.
    fn of(variable: &dyn Fn(&str) -> Option<OsString>, macos: bool) -> Self {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let path = variable("PATH").unwrap_or_default();
        let find = |name: &str| {
            std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| is_program(path))
        };
        let program =
            |name: &str, arguments, place| find(name).map(|path| Program { path, arguments, place });
        let tmux =
            is_set("TMUX").then(|| program("tmux", &["load-buffer", "-w", "-"], "tmux's buffer")).flatten();
        let local = [
            (is_set("WAYLAND_DISPLAY"), "wl-copy", &[][..]),
            (is_set("DISPLAY"), "xclip", &["-selection", "clipboard", "-in"]),
            (is_set("DISPLAY"), "xsel", &["--clipboard", "--input"]),
            // Over SSH it would be the clipboard of a machine that nobody sits at.
            (macos && !is_set("SSH_CONNECTION"), "pbcopy", &[]),
        ];
        let local = local
            .into_iter()
            .filter(|(holds, ..)| *holds)
            .find_map(|(_, name, arguments)| program(name, arguments, "the clipboard"));
        Self { programs: tmux.into_iter().chain(local).collect(), within: WITHIN }
    }

    /// Whether only the terminal can be asked.
    #[must_use]
    pub const fn is_terminal_only(&self) -> bool {
        self.programs.is_empty()
    }

    /// Gives a text to the programs. Takes up to some seconds: not for the thread that draws.
    #[must_use]
    pub fn copy(&self, text: &str) -> Copied {
        let taken = self.programs.iter().filter(|program| program.takes(text, self.within));
        let places: Vec<_> = taken.map(|program| program.place).collect();
        if places.is_empty() { Copied::Nowhere } else { Copied::To(places) }
    }
}

impl Program {
    /// Whether it has taken a text in time.
    fn takes(&self, text: &str, within: Duration) -> bool {
        if self.run(self.arguments, text, within) {
            return true;
        }
        // Before tmux 3.2 a buffer could not be handed on to the terminal.
        let plain: Vec<_> = self.arguments.iter().copied().filter(|argument| *argument != "-w").collect();
        plain.len() < self.arguments.len() && self.run(&plain, text, within)
    }

    fn run(&self, arguments: &[&str], text: &str, within: Duration) -> bool {
        let begun = Instant::now();
        let mut command = Command::new(&self.path);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else { return false };
        if let Some(mut input) = child.stdin.take() {
            let text = text.to_owned();
            // A program that does not read holds up this thread only, and that ends with the program.
            std::thread::spawn(move || input.write_all(text.as_bytes()));
        }
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) if begun.elapsed() < within => std::thread::sleep(LOOK),
                _ => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return false;
                }
            }
        }
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Says where a text is.
#[must_use]
pub fn told(places: &[&'static str], text: &Clean) -> Clean {
    clean!("Copied to {}: {text}", places.join(" and "))
}

/// Says that a text was sent to the terminal, which does not answer.
#[must_use]
pub fn sent(text: &Clean) -> Clean {
    clean!("Sent to the terminal's clipboard; it may ignore it: {text}")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A folder with programs of these names, each of which does what a script says.
    fn programs(scripts: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in scripts {
            let path = folder.path().join(name);
            let script = format!("#!/bin/sh\ncd {}\n{script}\n", folder.path().display());
            // By another process: a file that is open for writing here, or in what another test has just forked, is busy.
            let mut shell = Command::new("sh");
            shell.args(["-c", "printf '%s' \"$1\" > \"$0\" && chmod 755 \"$0\""]).arg(&path).arg(&script);
            assert!(shell.status().unwrap().success());
        }
        folder
    }

    fn session(folder: &Path, set: &[&str], macos: bool) -> Clipboard {
        let variable = |name: &str| match name {
            "PATH" => Some(folder.into()),
            _ => set.contains(&name).then(|| "x".into()),
        };
        Clipboard::of(&variable, macos)
    }

    const TAKES: &str = "echo \"$@\" > arguments; cat > taken";

    #[test]
    fn a_text_goes_where_the_session_has_a_clipboard() {
        let all = ["tmux", "wl-copy", "xclip", "xsel", "pbcopy"].map(|name| (name, TAKES));
        let folder = programs(&all);
        let names = |set: &[&str], macos| {
            let programs = session(folder.path(), set, macos).programs.into_iter();
            let name = |program: Program| program.path.file_name().unwrap().to_str().unwrap().to_owned();
            programs.map(name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&[], false), "", "a terminal alone");
        assert_eq!(names(&["TMUX"], false), "tmux");
        assert_eq!(names(&["WAYLAND_DISPLAY", "DISPLAY"], false), "wl-copy");
        assert_eq!(names(&["TMUX", "DISPLAY"], false), "tmux xclip");
        assert_eq!(names(&[], true), "pbcopy");
        assert_eq!(names(&["SSH_CONNECTION"], true), "", "nobody sits at that machine");
        let none = programs(&[]);
        assert!(session(none.path(), &["TMUX", "DISPLAY"], false).is_terminal_only());
    }

    #[test]
    fn tmux_gets_the_text_as_it_is_and_an_old_one_without_what_it_does_not_know() {
        let text = "s3://scans/a\u{1b}[31m b.txt\n";
        let folder = programs(&[("tmux", TAKES)]);
        let copied = session(folder.path(), &["TMUX"], false).copy(text);
        assert_eq!(copied, Copied::To(vec!["tmux's buffer"]));
        assert_eq!(std::fs::read_to_string(folder.path().join("taken")).unwrap(), text);
        assert_eq!(std::fs::read_to_string(folder.path().join("arguments")).unwrap(), "load-buffer -w -\n");
        let old = programs(&[("tmux", &format!("[ \"$2\" = -w ] && exit 1\n{TAKES}"))]);
        assert_eq!(session(old.path(), &["TMUX"], false).copy(text), Copied::To(vec!["tmux's buffer"]));
        assert_eq!(std::fs::read_to_string(old.path().join("arguments")).unwrap(), "load-buffer -\n");
    }

    #[test]
    fn a_program_that_fails_or_hangs_has_not_taken_the_text() {
        let folder = programs(&[("tmux", "exit 1"), ("wl-copy", TAKES), ("xclip", "exec sleep 60")]);
        let both = session(folder.path(), &["TMUX", "WAYLAND_DISPLAY"], false).copy("a");
        assert_eq!(both, Copied::To(vec!["the clipboard"]), "it does not claim more");
        assert_eq!(session(folder.path(), &["TMUX"], false).copy("a"), Copied::Nowhere);
        // More than a pipe holds, and nobody reads it.
        let text = "x".repeat(1 << 20);
        let hanging = session(folder.path(), &["DISPLAY"], false);
        let hanging = Clipboard { within: Duration::from_millis(50), ..hanging };
        assert_eq!(hanging.copy(&text), Copied::Nowhere);
    }

    #[test]
    fn what_is_said_is_what_is_known() {
        let text = Clean::new("a.txt");
        assert_eq!(
            &*told(&["tmux's buffer", "the clipboard"], &text),
            "Copied to tmux's buffer and the clipboard: a.txt"
        );
        assert!(sent(&text).contains("may ignore it"));
    }
}
