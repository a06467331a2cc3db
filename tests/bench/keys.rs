//! Time from a key to the frame that shows it, idle and while a run is using every core, beside `cat` on a raw terminal: what
//! the machine itself takes to pass a key through a process and back.
//!
//! `cargo bench --profile dist --bench keys [-- COUNT]`: COUNT files of 1 KiB (default 20,000) become one run; letters are
//! typed into the prompt of its page, one at a time. `THRONG=PROGRAM` measures another build of throng.
#![allow(clippy::expect_used, clippy::cast_precision_loss)]

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::ffi::OsString;
use std::io::{Read as _, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

const ROWS: u16 = 50;
const COLUMNS: u16 = 200;
/// Keys of one measurement.
const KEYS: usize = 400;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
/// A person types about ten keys a second at most.
const BETWEEN: Duration = Duration::from_millis(40);
const LIMIT: Duration = Duration::from_secs(30);
/// Title of the prompt.
const PROMPT: &str = " Command ";
const SCRIPT: &str = "#!/bin/sh\nwc -c < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/count\"\n";
const DEFINITION: &str = "functions:
  aws:
  - lambda:
      name: count
      memory: 512
      timeout: 60
      init_script: count.sh
      container: {image: 'rootfs:root'}
      input: [{storage_provider: s3, path: count/in}]
      output: [{storage_provider: s3, path: count/out}]
";

fn main() {
    let count = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(20_000);
    let program = std::env::var_os("THRONG").unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_throng")));
    let home = tempfile::tempdir().expect("a temporary folder");
    let throng = Throng { program, home: home.path() };
    throng.prepare(count);

    println!("{KEYS} keys each, {COLUMNS}x{ROWS}; milliseconds from a key to the bytes that show it");
    println!("{:<30}{:>9}{:>9}{:>9}", "", "median", "99 %", "longest");
    let idle = (measure("cat, idle", Terminal::cat()), measure("throng, idle", throng.screen()));
    throng.ok(&["run", "count", "files"]);
    let name = format!("throng, run of {count}");
    let busy = (measure("cat, during the run", Terminal::cat()), measure(&name, throng.screen()));
    let left = throng.pending();
    println!("tasks left when the last key was shown: {left}");
    assert!(left > 0, "the run ended before the measurement: give a larger COUNT");
    println!("99 % of throng to cat: {:.1} idle, {:.1} during the run", idle.1 / idle.0, busy.1 / busy.0);
    throng.ok(&["local", "stop"]);
}

/// Types [`KEYS`] letters, prints the distribution and returns the 99th percentile in milliseconds.
fn measure(name: &str, mut terminal: Terminal) -> f64 {
    let mut times: Vec<f64> = Vec::with_capacity(KEYS);
    let mut shown = String::new();
    for index in 0..KEYS {
        let letter = char::from(LETTERS[index % LETTERS.len()]);
        shown.push(letter);
        // A word of its own for every round, and never longer than the prompt.
        if shown.len() > LETTERS.len() {
            terminal.clear();
            shown = letter.to_string();
        }
        times.push(terminal.type_and_wait(letter, &shown).as_secs_f64() * 1000.0);
        std::thread::sleep(BETWEEN);
    }
    times.sort_by(f64::total_cmp);
    let percentile = times[KEYS * 99 / 100];
    println!("{name:<30}{:>9.1}{percentile:>9.1}{:>9.1}", times[KEYS / 2], times[KEYS - 1]);
    percentile
}

struct Throng<'a> {
    program: OsString,
    home: &'a Path,
}

impl Throng<'_> {
    fn prepare(&self, count: usize) {
        let files = self.home.join("files");
        std::fs::create_dir(&files).expect("makes the folder");
        for index in 0..count {
            std::fs::write(files.join(format!("f{index:06}")), [b'x'; 1024]).expect("writes a file");
        }
        std::fs::write(self.home.join("count.sh"), SCRIPT).expect("writes the script");
        std::fs::write(self.home.join("count.yaml"), DEFINITION).expect("writes the definition");
        let bin = self.home.join("root/bin");
        std::fs::create_dir_all(&bin).expect("makes the folder");
        std::fs::copy("/bin/busybox", bin.join("busybox")).expect("a static busybox in /bin");
        for name in ["sh", "wc"] {
            std::os::unix::fs::symlink("busybox", bin.join(name)).expect("links");
        }
        self.ok(&["deploy", "count.yaml"]);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.home).env("THRONG_HOME", self.home.join("home"));
        command.stdin(Stdio::null());
        command
    }

    fn ok(&self, arguments: &[&str]) {
        let output = self.command(arguments).output().expect("throng runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn pending(&self) -> u64 {
        let output = self.command(&["runs", "last", "--output", "json"]).output().expect("throng runs");
        let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        run["counts"]["pending"].as_u64().unwrap_or(0)
    }

    /// The screen with its prompt open.
    fn screen(&self) -> Terminal {
        let mut command = CommandBuilder::new(&self.program);
        command.arg("tui");
        command.cwd(self.home);
        command.env("THRONG_HOME", self.home.join("home"));
        command.env("TERM", "xterm-256color");
        let mut terminal = Terminal::open(command, true);
        terminal.wait_for("online");
        terminal.press(b":");
        terminal.wait_for(PROMPT);
        terminal
    }
}

/// What is shown, and when the last of it came.
type Shown = Arc<(Mutex<(vt100::Parser, Instant)>, Condvar)>;

fn screen() -> vt100::Parser {
    let size = |cells: u16| cells.try_into().expect("not zero");
    vt100::Parser::new(size(ROWS), size(COLUMNS), 0)
}

struct Terminal {
    shown: Shown,
    keys: Box<dyn Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    /// A prompt has a line to clear; `cat` shows what it gets.
    prompt: bool,
}

impl Terminal {
    fn cat() -> Self {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", "stty raw -echo; printf ready; exec cat"]);
        let terminal = Self::open(command, false);
        terminal.wait_for("ready");
        terminal
    }

    fn open(command: CommandBuilder, prompt: bool) -> Self {
        let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("starts");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let shown: Shown = Arc::new((Mutex::new((screen(), Instant::now())), Condvar::new()));
        let filled = shown.clone();
        std::thread::spawn(move || {
            let _master = pair.master;
            let mut buffer = [0; 1 << 14];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let came = Instant::now();
                if let Ok(mut shown) = filled.0.lock() {
                    shown.0.process(&buffer[..count]);
                    shown.1 = came;
                }
                filled.1.notify_all();
            }
        });
        Self { shown, keys, child, prompt }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).expect("types");
        self.keys.flush().expect("types");
    }

    /// Waits until a text is shown; returns when its bytes came.
    fn wait_for(&self, text: &str) -> Instant {
        let begin = Instant::now();
        let mut shown = self.shown.0.lock().expect("nobody panicked");
        while !shown.0.screen().contents().contains(text) {
            assert!(begin.elapsed() < LIMIT, "no `{text}` in\n{}", shown.0.screen().contents());
            shown = self.shown.1.wait_timeout(shown, Duration::from_secs(1)).expect("nobody panicked").0;
        }
        shown.1
    }

    fn type_and_wait(&mut self, letter: char, shown: &str) -> Duration {
        let pressed = Instant::now();
        self.press(letter.to_string().as_bytes());
        let text = if self.prompt { format!(": {shown}") } else { shown.into() };
        self.wait_for(&text).saturating_duration_since(pressed)
    }

    fn clear(&mut self) {
        if self.prompt {
            self.press(b"\x1b");
            std::thread::sleep(Duration::from_millis(200));
            self.press(b":");
            self.wait_for(PROMPT);
        } else {
            // `cat` repeats it, and the screen is empty.
            self.press(b"\x1b[2J\x1b[H");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
