//! A program on a terminal of its own: what it shows, and keys for it.

use super::Home;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A program on a terminal of its own.
pub struct Screen {
    parser: Arc<Mutex<vt100::Parser>>,
    written: Arc<Mutex<Vec<u8>>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

impl Screen {
    pub fn open(home: &Home, rows: u16, cols: u16, arguments: &[&str]) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_throng"));
        command.args(arguments);
        command.cwd(home.path());
        command.env("THRONG_HOME", home.path().join("home"));
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env_remove("THRONG_CONTEXT");
        for (name, value) in home.variables() {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("throng runs");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let parser =
            Arc::new(Mutex::new(vt100::Parser::new(rows.try_into().unwrap(), cols.try_into().unwrap(), 0)));
        let shown = parser.clone();
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = written.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                kept.lock().unwrap().extend(&buffer[..count]);
                shown.lock().unwrap().process(&buffer[..count]);
            }
        });
        let keys = pair.master.take_writer().expect("a writer");
        Self { parser, written, keys, child, master: pair.master }
    }

    pub fn text(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    /// Reads what is shown, with its colours.
    pub fn with_screen<T>(&self, read: impl FnOnce(&vt100::Screen) -> T) -> T {
        read(self.parser.lock().unwrap().screen())
    }

    /// Everything that was written to the terminal, as it was.
    pub fn written(&self) -> Vec<u8> {
        self.written.lock().unwrap().clone()
    }

    pub fn wait_for(&self, what: &str) -> String {
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

    /// Waits until something is no longer shown.
    pub fn wait_without(&self, what: &str) -> String {
        let begin = Instant::now();
        loop {
            let text = self.text();
            if !text.contains(what) {
                return text;
            }
            assert!(begin.elapsed() < Duration::from_mins(1), "`{what}` stays on the screen:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("types");
        self.keys.flush().expect("types");
    }

    /// Answers a question, until it is not shown any more: questions take no answer at once.
    pub fn answer(&mut self, keys: &str, question: &str) {
        let begin = Instant::now();
        while self.text().contains(question) {
            assert!(
                begin.elapsed() < Duration::from_mins(1),
                "`{question}` takes no answer:\n{}",
                self.text()
            );
            self.press(keys);
            let pressed = Instant::now();
            while self.text().contains(question) && pressed.elapsed() < Duration::from_secs(2) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Leaves, and says whether the terminal is as it was.
    pub fn quit(mut self) -> bool {
        self.press("q");
        let begin = Instant::now();
        while self.child.try_wait().expect("waits").is_none() {
            assert!(begin.elapsed() < Duration::from_secs(30), "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
        // Its last words may still be on their way through the reader.
        let begin = Instant::now();
        while !self.is_as_it_was() && begin.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.is_as_it_was()
    }

    fn is_as_it_was(&self) -> bool {
        let parser = self.parser.lock().unwrap();
        let screen = parser.screen();
        !screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor()
    }
}
