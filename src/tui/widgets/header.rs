//! The first two lines: where we are, how it goes, the tabs.

use crate::tui::app::App;
use crate::tui::place::TABS;
use crate::tui::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use throng::core::engine::{Connection, Severity};
use throng::core::model::ProgressState;

/// Slowed APIs that are named; the header has one line.
const SLOWED_SHOWN: usize = 2;

/// Draws context, region, connection; on the right what goes on.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let theme = &app.look.theme;
    let context = &app.snapshot.context;
    let [filled, hollow] = theme.symbols.bullet;
    let (mark, word, style) = match &app.snapshot.connection {
        Connection::Connecting => (hollow, "connecting", theme.active),
        Connection::Online => (filled, "online", theme.good),
        Connection::Offline(_) => ("x", "offline", theme.bad),
    };
    let name =
        if context.name.is_empty() { "…".to_owned() } else { text::clean(&context.name).into_owned() };
    let name_style =
        context.color.as_deref().and_then(|color| color.parse().ok()).map_or(theme.title, |color| {
            if theme.depth == crate::tui::theme::Depth::Mono {
                theme.title
            } else {
                Style::new().fg(color).add_modifier(Modifier::BOLD)
            }
        });
    let left = Line::from(vec![
        Span::styled(" throng", theme.accent),
        Span::styled(format!("  {name}"), name_style),
        Span::styled(format!("  {}  ", text::clean(&context.region)), theme.dim),
        Span::styled(format!("{mark} {word}"), style),
    ]);
    buffer.set_line(area.x, area.y, &left, area.width);

    let left_end = text::small(left.width()) + 2;
    let right = right(app, area.width.saturating_sub(left_end).into());
    let wide = text::small(right.width());
    if wide + left_end <= area.width {
        buffer.set_line(area.right() - wide, area.y, &right, wide);
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
fn right(app: &App, room: usize) -> Line<'static> {
    let mut words = words(app);
    let wide =
        |words: &[(Matters, Span<'static>)]| words.iter().map(|(_, word)| word.width() + 2).sum::<usize>();
    while wide(&words) > room {
        let least = words.iter().map(|(matters, _)| *matters).min();
        let Some(at) = words.iter().rposition(|(matters, _)| Some(*matters) == least) else { break };
        words.remove(at);
    }
    let spans = words.into_iter().flat_map(|(_, word)| [word, Span::raw("  ")]);
    Line::from(spans.collect::<Vec<_>>())
}

fn words(app: &App) -> Vec<(Matters, Span<'static>)> {
    let theme = &app.look.theme;
    let snapshot = &app.snapshot;
    let mut words = Vec::new();
    let mut add = |matters: Matters, text: String, style: Style| {
        words.push((matters, Span::styled(text, style)));
    };
    let running: u64 = snapshot
        .runs
        .items
        .iter()
        .map(|run| run.counts.running)
        .sum::<u64>()
        .max(snapshot.running.items.len() as u64);
    if running > 0 {
        add(
            Matters::Little,
            format!(
                "{} {} running",
                theme.symbols.state(throng::core::model::TaskState::Running),
                text::count(running)
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
        add(Matters::Little, text::plural(transfers as u64, "transfer"), theme.active);
    }
    let errors = snapshot.notices.iter().filter(|notice| notice.severity == Severity::Error).count();
    if errors > 0 {
        add(Matters::Much, format!("! {}", text::plural(errors as u64, "error")), theme.bad);
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
    let counts = [
        snapshot.functions.items.len(),
        snapshot.buckets.items.len(),
        snapshot.runs.items.len(),
        snapshot.running.items.len(),
        0,
        snapshot.progress.iter().filter(|progress| progress.state == ProgressState::Active).count(),
    ];
    let narrow = area.width < 78;
    let (mut x, mut places) = (area.x, Vec::new());
    for (number, ((name, _), count)) in TABS.iter().zip(counts).enumerate() {
        let open = number == app.tab;
        let style = if open { theme.accent.add_modifier(Modifier::UNDERLINED) } else { Style::new() };
        let count =
            if count > 0 && !narrow { format!(" {}", text::count(count as u64)) } else { String::new() };
        let line = Line::from(vec![
            Span::styled(format!(" {} ", number + 1), theme.key),
            Span::styled((*name).to_owned(), style),
            Span::styled(count, theme.dim),
            Span::raw(" "),
        ]);
        let width = text::small(line.width());
        if x + width > area.right() {
            break;
        }
        buffer.set_line(x, area.y, &line, width);
        places.push((Rect { x, width, height: 1, ..area }, number));
        x += width;
    }
    places
}
