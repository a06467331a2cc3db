//! The real binary in a pseudo-terminal: what a person sees and what their keys do.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::Home;

/// A program on a terminal of its own.
struct Screen {
    parser: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

impl Screen {
    fn open(home: &Home, rows: u16, cols: u16, arguments: &[&str]) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_throng"));
        command.args(arguments);
        command.cwd(home.path());
        command.env("THRONG_HOME", home.path().join("home"));
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env_remove("THRONG_CONTEXT");
        let child = pair.slave.spawn_command(command).expect("throng runs");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let parser =
            Arc::new(Mutex::new(vt100::Parser::new(rows.try_into().unwrap(), cols.try_into().unwrap(), 0)));
        let shown = parser.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                shown.lock().unwrap().process(&buffer[..count]);
            }
        });
        let keys = pair.master.take_writer().expect("a writer");
        Self { parser, keys, child, master: pair.master }
    }

    fn text(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    fn wait_for(&self, what: &str) -> String {
        let begin = Instant::now();
        loop {
            let text = self.text();
            if text.contains(what) {
                return text;
            }
            assert!(begin.elapsed() < Duration::from_mins(1), "no `{what}` on the screen:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("types");
        self.keys.flush().expect("types");
    }

    /// Leaves, and says whether the terminal is as it was.
    fn quit(mut self) -> bool {
        self.press("q");
        let begin = Instant::now();
        while self.child.try_wait().expect("waits").is_none() {
            assert!(begin.elapsed() < Duration::from_secs(30), "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
        let parser = self.parser.lock().unwrap();
        drop(self.master);
        !parser.screen().alternate_screen()
            && !parser.screen().bracketed_paste()
            && !parser.screen().hide_cursor()
    }
}

#[test]
fn the_demo_opens_on_its_run_and_its_results_are_shown() {
    let home = Home::new();
    let mut screen = Screen::open(&home, 24, 80, &["demo"]);
    screen.wait_for("10/10");
    screen.press("\r");
    screen.wait_for(".png");
    screen.press("o");
    screen.wait_for("▀");
    screen.press("\x1b");
    screen.wait_for("exit code 0");
    screen.press(":functions\r");
    screen.wait_for("Active");
    screen.press("5");
    screen.wait_for("START");
    assert!(screen.quit(), "the terminal is as it was");
    assert_eq!(home.json(&["runs", "last"])["counts"]["succeeded"], 10);
}

#[test]
fn files_that_are_dropped_on_a_function_become_a_run() {
    let home = Home::new();
    home.ok(&["demo", "--no-tui"]);
    let image = home.path().join("home/cache/demo/images/head-anatomical.nii");
    let mut screen = Screen::open(&home, 50, 200, &["tui"]);
    screen.press("1");
    screen.wait_for("throng-demo-slices");
    screen.press(&format!("\x1b[200~{}\x1b[201~", image.display()));
    screen.wait_for("1 file");
    screen.press("\r");
    screen.wait_for("1/1");
    assert!(screen.quit(), "the terminal is as it was");
    let runs = home.json(&["runs"]);
    assert_eq!(runs.as_array().map(Vec::len), Some(2), "{runs}");
    assert_eq!(runs[0]["counts"]["succeeded"], 1, "{runs}");
}
