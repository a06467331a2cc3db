//! The first two lines: where we are, how it goes, the tabs.

use crate::app::App;
use crate::paint::{Draw, Line, Span, small};
use crate::place::TABS;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use throng_core::clean;
use throng_core::engine::{Connection, Listing, Severity, Snapshot};
use throng_core::model::ProgressState;
use throng_core::words::{self, Clean};

/// Slowed APIs that are named; the header has one line.
const SLOWED_SHOWN: usize = 2;
/// A list that was read this long ago is not counted in its tab, in milliseconds.
const FRESH_MS: u64 = 60_000;

/// Draws context, region, connection; on the right what goes on.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let theme = &app.look.theme;
    let context = &app.snapshot.context;
    let [filled, hollow] = theme.symbols.bullet;
    let (mark, word, style) = match &app.snapshot.connection {
        Connection::Connecting => (hollow, "connecting", theme.active),
        Connection::Online => (filled, "online", theme.good),
        Connection::Offline(_) => ("x", "offline", theme.bad),
        Connection::NotSignedIn(_) => ("x", "not signed in", theme.bad),
        Connection::Unusable(_) => ("x", "not connected", theme.bad),
    };
    let name = if context.name.is_empty() { "…".into() } else { Clean::new(&context.name) };
    let name_style =
        context.color.as_deref().and_then(|color| color.parse().ok()).map_or(theme.title, |color| {
            if theme.depth == crate::theme::Depth::Mono {
                theme.title
            } else {
                Style::new().fg(color).add_modifier(Modifier::BOLD)
            }
        });
    let left = Line::from(vec![
        Span::styled(" throng", theme.accent),
        Span::styled(clean!("  {name}"), name_style),
        Span::styled(clean!("  {}  ", context.region), theme.dim),
        Span::styled(clean!("{mark} {word}"), style),
    ]);
    buffer.put_line(area.x, area.y, &left, area.width);

    let left_end = small(left.width()) + 2;
    let right = right(app, area.width.saturating_sub(left_end).into());
    let wide = small(right.width());
    if wide + left_end <= area.width {
        buffer.put_line(area.right() - wide, area.y, &right, wide);
    }
}

/// How much a word in the header matters, when there is no room for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Matters {
    Little,
    Some,
    Much,
}

/// What goes on: as much of it as there is room for, what matters the most at any rate.
fn right(app: &App, room: usize) -> Line {
    let mut words = words(app);
    let wide = |words: &[(Matters, Span)]| words.iter().map(|(_, word)| word.width() + 2).sum::<usize>();
    while wide(&words) > room {
        let least = words.iter().map(|(matters, _)| *matters).min();
        let Some(at) = words.iter().rposition(|(matters, _)| Some(*matters) == least) else { break };
        words.remove(at);
    }
    let spans = words.into_iter().flat_map(|(_, word)| [word, Span::raw("  ")]);
    Line::from(spans.collect::<Vec<_>>())
}

/// Tasks that run, as the newest list of runs says.
fn running(snapshot: &Snapshot) -> u64 {
    snapshot.runs.items.iter().map(|run| run.counts.running).sum()
}

/// How many there are of what was read just now; 0 of what was read long ago, for nobody keeps that number right.
fn fresh<T>(listing: &Listing<T>, now: u64) -> u64 {
    let fresh = listing.read_ms.is_some_and(|read| now.saturating_sub(read) < FRESH_MS);
    if fresh { listing.items.len() as u64 } else { 0 }
}

fn words(app: &App) -> Vec<(Matters, Span)> {
    let theme = &app.look.theme;
    let snapshot = &app.snapshot;
    let mut words = Vec::new();
    let mut add = |matters: Matters, text: String, style: Style| {
        words.push((matters, Span::styled(text, style)));
    };
    let running = running(snapshot);
    if running > 0 {
        add(
            Matters::Little,
            format!(
                "{} {} running",
                theme.symbols.state(throng_core::model::TaskState::Running),
                words::count(running)
            ),
            theme.active,
        );
    }
    for slowed in snapshot.slowed.iter().take(SLOWED_SHOWN) {
        add(Matters::Some, slowed.to_string(), theme.warn);
    }
    let transfers =
        snapshot.progress.iter().filter(|progress| progress.state == ProgressState::Active).count();
    if transfers > 0 {
        add(Matters::Little, words::plural(transfers as u64, "transfer"), theme.active);
    }
    let errors = snapshot.notices.iter().filter(|notice| notice.severity == Severity::Error).count();
    if errors > 0 {
        add(Matters::Much, format!("! {}", words::plural(errors as u64, "error")), theme.bad);
    }
    if snapshot.context.read_only {
        add(Matters::Much, " READ-ONLY ".to_owned(), theme.badge);
    }
    words
}

/// Draws the tabs; says where they are.
pub fn tabs(buffer: &mut Buffer, area: Rect, app: &App) -> Vec<(Rect, usize)> {
    let theme = &app.look.theme;
    let snapshot = &app.snapshot;
    let counts: [_; TABS.len()] = [
        fresh(&snapshot.functions, app.look.now),
        fresh(&snapshot.buckets, app.look.now),
        fresh(&snapshot.runs, app.look.now),
        running(snapshot),
        0,
        snapshot.progress.iter().filter(|progress| progress.state == ProgressState::Active).count() as u64,
    ];
    let room = usize::from(area.width);
    let shapes = [(true, "  "), (true, " "), (false, "  "), (false, " ")];
    let line = |(counted, gap): (bool, &str)| {
        let tab = |(number, ((name, _), count)): (usize, (&(&str, _), u64))| {
            let open = number == app.tab;
            let style = if open { theme.accent.add_modifier(Modifier::UNDERLINED) } else { Style::new() };
            let counted = counted && count > 0;
            let count = if counted { format!(" ({})", words::count(count)) } else { String::new() };
            Line::from(vec![
                Span::styled(clean!("{} ", number + 1), theme.key),
                Span::styled((*name).to_owned(), style),
                Span::styled(count, theme.dim),
                Span::raw(gap.to_owned()),
            ])
        };
        TABS.iter().zip(counts).enumerate().map(tab).collect::<Vec<_>>()
    };
    // Where there is no room for the numbers, the names are more important.
    let wide = |lines: &[Line]| lines.iter().map(Line::width).sum::<usize>();
    let fitting = shapes.into_iter().map(line).find(|lines| wide(lines) <= room);
    let (mut x, mut places) = (area.x + 1, Vec::new());
    for (number, line) in fitting.unwrap_or_else(|| line((false, " "))).iter().enumerate() {
        let width = small(line.width());
        if x >= area.right() {
            break;
        }
        buffer.put_line(x, area.y, line, area.right() - x);
        places.push((Rect { x, width: width.min(area.right() - x), height: 1, ..area }, number));
        x += width;
    }
    places
}
