//! The bytes that reach a real terminal.

use crate::event_loop::draw;
use crate::fixtures::*;
use crate::terminal::{enter, leave};
use crate::theme::Depth;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn screen_bytes(depth: Depth, ascii: bool, keys: &str) -> Vec<u8> {
    let mut fake = Fake::with(busy(), look(depth, ascii));
    fake.keys(keys);
    let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
    let viewport = Viewport::Fixed(Rect::new(0, 0, 80, 24));
    let mut terminal =
        Terminal::with_options(CrosstermBackend::new(Kept(Arc::clone(&bytes))), TerminalOptions { viewport })
            .unwrap();
    draw(&mut terminal, &mut fake.app).unwrap();
    // Dropping the terminal writes more.

    bytes.lock().unwrap().clone()
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    let mut parser = vt100::Parser::default();
    parser.process(b"$ throng\r\n\x1b[1mleft as it was\x1b[m");
    let before = parser.screen().contents();
    let mut bytes = Vec::new();
    enter(&mut bytes, true).unwrap();
    bytes.extend(screen_bytes(Depth::True, false, "3<enter>"));
    parser.process(&bytes);
    assert!(
        parser.screen().alternate_screen()
            && parser.screen().bracketed_paste()
            && parser.screen().hide_cursor()
    );
    assert!(parser.screen().contents().contains("scan-00000.nii.gz"));
    let mut bytes = Vec::new();
    leave(&mut bytes).unwrap();
    parser.process(&bytes);
    let screen = parser.screen();
    assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor());
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    assert_eq!(screen.contents(), before);
}

#[test]
fn a_frame_is_one_unit() {
    let bytes = screen_bytes(Depth::Ansi, false, "");
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("\x1b[?2026h") && text.ends_with("\x1b[?2026l"));
}

/// The parameters of every SGR sequence.
fn sgr(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|char: char| char.is_ascii_alphabetic())?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    sequences.collect()
}

#[test]
fn without_colours_no_colour_is_sent() {
    for keys in ["", "3", "3<enter>", "5", "5/slice<enter>", "?", "n"] {
        for parameters in sgr(&screen_bytes(Depth::Mono, false, keys)) {
            let first = parameters.split(';').next().unwrap_or("").parse::<u32>().unwrap_or(0);
            assert!(!matches!(first, 30..=38 | 40..=48 | 90..=107), "{keys}: {parameters}");
        }
    }
    assert!(sgr(&screen_bytes(Depth::Ansi, false, "3")).iter().any(|parameters| parameters != "0"));
}

#[test]
fn sixteen_colours_stay_sixteen() {
    for parameters in sgr(&screen_bytes(Depth::Ansi, false, "3<enter>")) {
        // 38;5;n with n below 16 is how the library writes the sixteen.
        let parts: Vec<u32> = parameters.split(';').filter_map(|part| part.parse().ok()).collect();
        for group in parts.windows(3) {
            if matches!(group[0], 38 | 48) {
                assert!(group[1] == 5 && group[2] < 16, "{parameters}");
            }
        }
    }
}

#[test]
fn ascii_means_ascii() {
    for keys in ["", "1<enter>", "2j<enter>", "3", "3<enter>", "3<enter>jj<enter>", "4", "6", "?", "d"] {
        let bytes = screen_bytes(Depth::Ansi, true, keys);
        let text = String::from_utf8(bytes).unwrap();
        let others: String = text.chars().filter(|char| !char.is_ascii() && *char != '…').collect();
        assert_eq!(others, "", "{keys}");
    }
}

/// The program in a pseudo-terminal of its own; `end` says how it is to end.
fn in_a_terminal(how: &str, end: impl FnOnce(&mut dyn Write, u32)) -> vt100::Parser {
    let pty =
        native_pty_system().openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "tests::look::at_the_screens", "--nocapture", "--test-threads=1"]);
    command.env("TERM", "xterm-256color");
    command.env("RUST_BACKTRACE", "0");
    command.env("THRONG_TUI_PANIC", if how == "panic" { "1" } else { "" });
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let mut writer = pty.master.take_writer().unwrap();
    let parser = Arc::new(Mutex::new(vt100::Parser::default()));
    let seen = Arc::clone(&parser);
    let reading = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            seen.lock().unwrap().process(&buffer[..count]);
        }
    });
    let deadline = Instant::now() + Duration::from_mins(1);
    while !parser.lock().unwrap().screen().contents().contains("grayscale") {
        assert!(Instant::now() < deadline, "no screen: {}", parser.lock().unwrap().screen().contents());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(parser.lock().unwrap().screen().alternate_screen());
    end(&mut *writer, child.process_id().unwrap());
    child.wait().unwrap();
    drop(writer);
    drop(pty.master);
    reading.join().unwrap();
    Arc::into_inner(parser).unwrap().into_inner().unwrap()
}

#[test]
fn however_it_ends_the_terminal_comes_back() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let by_signal = |signal| {
        move |_: &mut dyn Write, id: u32| kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap()
    };
    for (how, parser) in [
        ("q", in_a_terminal("q", |writer, _| writer.write_all(b"q").unwrap())),
        ("ctrl-c", in_a_terminal("ctrl-c", |writer, _| writer.write_all(b"\x03").unwrap())),
        ("TERM", in_a_terminal("TERM", by_signal(Signal::SIGTERM))),
        ("HUP", in_a_terminal("HUP", by_signal(Signal::SIGHUP))),
        ("INT", in_a_terminal("INT", by_signal(Signal::SIGINT))),
        ("panic", in_a_terminal("panic", |writer, _| writer.write_all(b"r").unwrap())),
    ] {
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "{how}");
        assert!(!screen.bracketed_paste(), "{how}");
        assert!(!screen.hide_cursor(), "{how}");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "{how}");
        if how == "panic" {
            assert!(screen.contents().contains("asked to"), "the report is readable: {}", screen.contents());
        } else {
            assert!(screen.contents().contains("goes on"), "{how}: {}", screen.contents());
        }
    }
}
