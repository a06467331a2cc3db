//! The terminal: taken over, and given back as it was, whatever happens.

#![allow(
    clippy::disallowed_methods,
    reason = "what is written here are commands to the terminal, and clean text"
)]

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::style::ResetColor;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{Command, queue};
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use throng_core::words::Clean;

/// Reports clicks and the wheel in SGR form; no motion, which costs bytes over SSH.
struct MouseOn;
/// Ends [`MouseOn`].
struct MouseOff;

impl Command for MouseOn {
    fn write_ansi(&self, f: &mut impl fmt::Write) -> fmt::Result {
        f.write_str("\x1b[?1000h\x1b[?1006h")
    }
    #[cfg(windows)]
    fn execute_winapi(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Command for MouseOff {
    fn write_ansi(&self, f: &mut impl fmt::Write) -> fmt::Result {
        f.write_str("\x1b[?1006l\x1b[?1000l")
    }
    #[cfg(windows)]
    fn execute_winapi(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Where drawing goes.
pub type Output = BufWriter<WhileTaken>;

/// Where drawing goes.
pub fn output() -> Output {
    BufWriter::with_capacity(64 << 10, WhileTaken(()))
}

/// Standard output as long as the terminal is ours: what is drawn after a panic on another thread gave it back would hide the
/// report.
pub struct WhileTaken(());

impl Write for WhileTaken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _drawing = drawing();
        if TAKEN.load(Ordering::SeqCst) { io::stdout().write(bytes) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let _drawing = drawing();
        if TAKEN.load(Ordering::SeqCst) { io::stdout().flush() } else { Ok(()) }
    }
}

/// Held while something is drawn, and while the terminal is given back.
fn drawing() -> MutexGuard<'static, ()> {
    static DRAWING: Mutex<()> = Mutex::new(());
    DRAWING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line on standard error, when the terminal is the person's again.
pub fn say(line: &Clean) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Whether the terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Writes what takes a terminal over.
///
/// # Errors
/// When it cannot be written to.
pub fn enter(out: &mut impl Write, mouse: bool) -> io::Result<()> {
    queue!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, Hide)?;
    set_mouse(out, mouse)?;
    out.flush()
}

/// Writes what gives a terminal back; harmless when it is not taken.
///
/// # Errors
/// When it cannot be written to.
pub fn leave(out: &mut impl Write) -> io::Result<()> {
    queue!(
        out,
        EndSynchronizedUpdate,
        MouseOff,
        DisableFocusChange,
        DisableBracketedPaste,
        ResetColor,
        LeaveAlternateScreen,
        Show
    )?;
    out.flush()
}

/// Reports the mouse, or does not.
///
/// # Errors
/// When the terminal cannot be written to.
pub fn set_mouse(out: &mut impl Write, on: bool) -> io::Result<()> {
    if on {
        queue!(out, MouseOn)?;
    } else {
        queue!(out, MouseOff)?;
    }
    out.flush()
}

/// The terminal, taken over; given back when dropped.
pub struct Guard(());

impl Guard {
    /// Takes the terminal over. A panic gives it back before anything is reported.
    ///
    /// # Errors
    /// When standard output is not a terminal or cannot be written to.
    pub fn take(mouse: bool) -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                report(panic);
            }));
        });
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let guard = Self(());
        enter(&mut io::stdout(), mouse)?;
        Ok(guard)
    }

    /// Whether the terminal is still ours; a panic on any thread gives it back.
    #[must_use]
    #[allow(clippy::unused_self, reason = "only the holder may ask")]
    pub fn holds(&self) -> bool {
        TAKEN.load(Ordering::SeqCst)
    }

    /// Stops the program as ctrl-z does in a shell, and takes the terminal over again afterwards.
    ///
    /// # Errors
    /// When the terminal cannot be taken over again.
    #[allow(clippy::unused_self, reason = "who holds the terminal may let it go")]
    pub fn suspend(&self, mouse: bool) -> io::Result<()> {
        restore();
        #[cfg(unix)]
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP).map_err(io::Error::from)?;
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        enter(&mut io::stdout(), mouse)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    let _drawing = drawing();
    if TAKEN.swap(false, Ordering::SeqCst) {
        // There is nobody to tell when the terminal is gone.
        let _ = leave(&mut io::stdout());
        let _ = disable_raw_mode();
    }
}

/// While it lives, the terminal collects what is written and shows it at once.
pub struct Synchronized;

impl Synchronized {
    /// Begins.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn begin(out: &mut impl Write) -> io::Result<()> {
        queue!(out, BeginSynchronizedUpdate)
    }

    /// Ends.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn end(out: &mut impl Write) -> io::Result<()> {
        queue!(out, EndSynchronizedUpdate)?;
        out.flush()
    }
}
