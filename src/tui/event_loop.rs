//! Input, snapshots, time: one loop. Input first; everything that waits is taken before one frame is drawn, and frames
//! keep a small distance. Nothing is drawn when nothing changed.

use super::app::{App, Effect};
use super::terminal::{Guard, Output, Synchronized, set_mouse};
use super::{input, screen};
use color_eyre::eyre::{Result, WrapErr, eyre};
use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{Event, EventStream};
use crossterm::queue;
use futures::StreamExt;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use std::io::{self, Write};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use throng_core::clean;
use tokio::time::Instant;

/// Least time between two frames.
const DISTANCE: Duration = Duration::from_millis(10);
/// Ages and durations change once a second.
const SECOND: Duration = Duration::from_secs(1);
/// OSC 52 beyond this many bytes is cut off by many terminals.
const LONGEST_COPY: usize = 55_000;

type Screen = Terminal<CrosstermBackend<Output>>;

/// Ends when the person leaves, or the terminal does.
///
/// # Errors
/// When the terminal cannot be written to.
pub async fn run(
    app: &mut App,
    guard: &Guard,
    mut snapshots: tokio::sync::watch::Receiver<Arc<throng_core::engine::Snapshot>>,
) -> Result<()> {
    let writer = super::terminal::output();
    let mut terminal =
        Terminal::new(CrosstermBackend::new(writer)).wrap_err("the terminal's size is unknown")?;
    let mut events = EventStream::new();
    let mut signals = Signals::new()?;
    let bell = Arc::clone(&app.bell);
    app.look_at();
    let (mut dirty, mut drawn) = (true, None::<Instant>);
    let mut open = true;
    while !app.quit {
        if !guard.holds() {
            // A panic elsewhere gave the terminal back; its report must stay readable.
            return Err(eyre!("a part of throng has failed, see above"));
        }
        let now = Instant::now();
        let earliest = drawn.map_or(now, |drawn| drawn + DISTANCE);
        if dirty && now >= earliest {
            draw(&mut terminal, app).wrap_err("the terminal cannot be written to")?;
            (dirty, drawn) = (false, Some(Instant::now()));
            continue;
        }
        let wake = if dirty { Some(earliest) } else { app.animates().then(|| drawn.unwrap_or(now) + SECOND) };
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                Signal::End => break,
                Signal::Stop => app.effects.push(Effect::Suspend),
            },
            event = events.next() => {
                let Some(Ok(first)) = event else { break };
                let mut batch = vec![first];
                while let Some(Ok(event)) = at_once(&mut events).await {
                    batch.push(event);
                }
                dirty |= input::handle(app, batch);
            }
            () = bell.notified() => {
                super::actions::program::copied(app);
                dirty = true;
            }
            changed = snapshots.changed(), if open => {
                // Without its engine the screen stays as it is.
                open = changed.is_ok();
                let newest = Arc::clone(&snapshots.borrow_and_update());
                app.take(newest);
                dirty = true;
            }
            () = tokio::time::sleep_until(wake.unwrap_or(now)), if wake.is_some() => dirty = true,
        }
        for effect in std::mem::take(&mut app.effects) {
            dirty = true;
            perform(effect, app, guard, &mut terminal)?;
        }
    }
    Ok(())
}

/// The next event, if it is there already. Polled with the loop's own waker: the stream keeps the first waker that finds
/// nothing, so one that wakes nobody (`now_or_never`) would let the next key wait for something else to happen.
async fn at_once(events: &mut EventStream) -> Option<io::Result<Event>> {
    std::future::poll_fn(|context| match events.poll_next_unpin(context) {
        Poll::Ready(event) => Poll::Ready(event),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Draws one frame as one unit.
///
/// # Errors
/// When the terminal cannot be written to.
pub fn draw<W: Write>(terminal: &mut Terminal<CrosstermBackend<W>>, app: &mut App) -> io::Result<()> {
    app.prepare();
    Synchronized::begin(terminal.backend_mut())?;
    let drawn = frame(terminal, app);
    Synchronized::end(terminal.backend_mut())?;
    drawn?;
    app.shown();
    Ok(())
}

/// Draws one frame on any backend.
///
/// # Errors
/// Those of the backend.
pub fn frame<B: Backend>(terminal: &mut Terminal<B>, app: &mut App) -> Result<(), B::Error> {
    let mut hits = None;
    terminal.draw(|frame| hits = Some(screen::draw(frame, app)))?;
    app.hits = hits.unwrap_or_default();
    Ok(())
}

fn perform(effect: Effect, app: &mut App, guard: &Guard, terminal: &mut Screen) -> Result<()> {
    match effect {
        Effect::Copy(text) if text.len() > LONGEST_COPY => {
            app.refuse(clean!(
                "{} is too much for the terminal's clipboard.",
                throng_core::words::bytes(text.len() as u64)
            ));
        }
        Effect::Copy(text) => {
            let writer = terminal.backend_mut();
            queue!(writer, CopyToClipboard::to_clipboard_from(text))?;
            Write::flush(writer)?;
        }
        Effect::Suspend => {
            guard.suspend(app.mouse)?;
            app.typing.interrupted();
            terminal.clear()?;
        }
        Effect::Redraw => terminal.clear()?,
        Effect::Mouse(on) => set_mouse(terminal.backend_mut(), on)?,
    }
    Ok(())
}

enum Signal {
    End,
    Stop,
}

#[cfg(unix)]
struct Signals {
    end: [tokio::signal::unix::Signal; 3],
    stop: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            end: [
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::interrupt())?,
            ],
            stop: signal(SignalKind::from_raw(nix::libc::SIGTSTP))?,
        })
    }

    async fn next(&mut self) -> Signal {
        let [terminate, hangup, interrupt] = &mut self.end;
        tokio::select! {
            _ = terminate.recv() => Signal::End,
            _ = hangup.recv() => Signal::End,
            _ = interrupt.recv() => Signal::End,
            _ = self.stop.recv() => Signal::Stop,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        std::future::pending().await
    }
}

/// Whether an event can change the screen.
#[must_use]
pub const fn matters(event: &Event) -> bool {
    !matches!(event, Event::FocusGained | Event::FocusLost)
}
