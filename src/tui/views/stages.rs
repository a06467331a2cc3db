//! The stages of a chained run in one line: how each stands, the open one underlined; where there is room, the keys that lead to the others.

use crate::list::RenderContext;
use crate::paint::{Line, Span};
use ratatui::style::{Modifier, Style};
use throng_core::clean;
use throng_core::model::{StageSummary, TaskState};
use throng_core::words::{self, Clean};

/// How many places between stages take.
const ARROW: usize = 3;

/// The strip, unless there is but one stage. Too long for the width, it folds the stages that are far from the open one.
#[must_use]
pub fn strip(stages: &[StageSummary], open: usize, width: usize, look: &RenderContext) -> Option<Line> {
    if stages.len() < 2 {
        return None;
    }
    let cells: Vec<Vec<Span>> = (0..stages.len()).map(|at| cell(stages, at, at == open, look)).collect();
    let long = |range: &std::ops::Range<usize>| {
        let spans = cells[range.clone()].iter().flatten().map(Span::width).sum::<usize>();
        spans + ARROW * range.len().saturating_sub(1)
    };
    let mut shown = 0..stages.len();
    while long(&shown) + folded(&shown, stages.len()) > width && shown.len() > 1 {
        // The end that is farther from the open stage goes first.
        if open.saturating_sub(shown.start) >= (shown.end - 1).saturating_sub(open) {
            shown.start += 1;
        } else {
            shown.end -= 1;
        }
    }
    let arrow = || Span::styled(if look.theme.symbols.ascii { " > " } else { " → " }, look.theme.dim);
    let more = |count: usize| Span::styled(clean!("{count} more"), look.theme.dim);
    let mut spans = Vec::new();
    if shown.start > 0 {
        spans.extend([more(shown.start), arrow()]);
    }
    for at in shown.clone() {
        if at > shown.start {
            spans.push(arrow());
        }
        spans.extend(cells[at].iter().cloned());
    }
    if shown.end < stages.len() {
        spans.extend([arrow(), more(stages.len() - shown.end)]);
    }
    let keys = [Span::styled("   { }", look.theme.key), Span::styled(" stages", look.theme.dim)];
    let long: usize = spans.iter().chain(&keys).map(Span::width).sum();
    if long <= width {
        spans.extend(keys);
    }
    Some(Line::from(spans))
}

/// Room for the words that stand for folded stages.
fn folded(shown: &std::ops::Range<usize>, all: usize) -> usize {
    let one = |hidden: usize| if hidden > 0 { words::width(&format!("{hidden} more")) + ARROW } else { 0 };
    one(shown.start) + one(all - shown.end)
}

/// One stage: `detect 68/136 ● 4 ✗ 1`, `split 2/2 ✓`, `montage ○ waits for detect`.
fn cell(stages: &[StageSummary], at: usize, is_open: bool, look: &RenderContext) -> Vec<Span> {
    let stage = &stages[at];
    let theme = &look.theme;
    let name = if is_open { Style::new().add_modifier(Modifier::UNDERLINED) } else { Style::new() };
    let mut spans = vec![Span::styled(Clean::new(&stage.function), name)];
    let symbol = |state: TaskState| theme.symbols.state(state);
    let counts = &stage.counts;
    if (counts.total() == 0 && !stage.complete) || stage.waits {
        let before = stage.from.iter().filter_map(|from| stages.get(*from)).find(|before| !before.complete);
        let waits = before.map_or_else(String::new, |before| format!(" waits for {}", before.function));
        spans.push(Span::styled(clean!(" {}{}", symbol(TaskState::Pending), Clean::new(&waits)), theme.dim));
        return spans;
    }
    let (done, total) = (words::count(counts.done()), words::count(counts.total()));
    spans.push(Span::raw(clean!(" {done}/{total}")));
    let bad = counts.unsuccessful();
    if stage.complete && bad == 0 {
        spans.push(Span::styled(
            clean!(" {}", symbol(TaskState::Succeeded)),
            theme.state(TaskState::Succeeded),
        ));
    }
    for (count, state) in [(counts.running, TaskState::Running), (bad, TaskState::Failed)] {
        if count > 0 {
            spans
                .push(Span::styled(clean!(" {} {}", symbol(state), words::count(count)), theme.state(state)));
        }
    }
    spans
}
