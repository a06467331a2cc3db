//! Bars and sparklines made of characters.

use crate::paint::{Line, Span};
use crate::theme::Theme;
use ratatui::style::Style;
use throng_core::model::{Counts, TaskState};

/// How many of `width` cells a part takes; something that is there takes at least one.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small width")]
pub fn cells(part: f64, whole: f64, width: usize) -> usize {
    if part <= 0.0 || whole <= 0.0 || width == 0 {
        return 0;
    }
    ((part / whole * width as f64).round() as usize).clamp(1, width)
}

/// Tasks by state as parts of one bar.
#[must_use]
pub fn line(counts: &Counts, width: usize, theme: &Theme) -> Line {
    let total = counts.total() as f64;
    let mut counts = *counts;
    let order = [
        TaskState::Succeeded,
        TaskState::Failed,
        TaskState::TimedOut,
        TaskState::Expired,
        TaskState::Cancelled,
        TaskState::Running,
        TaskState::Pending,
    ];
    let mut parts: Vec<(TaskState, usize)> =
        order.iter().map(|state| (*state, cells(*counts.of(*state) as f64, total, width))).collect();
    // Rounding is paid for by the largest part.
    let sum: usize = parts.iter().map(|part| part.1).sum();
    if let Some(largest) = parts.iter_mut().max_by_key(|part| part.1) {
        largest.1 = (largest.1 + width).saturating_sub(sum);
    }
    if total == 0.0 {
        parts = vec![(TaskState::Pending, width)];
    }
    Line::from(
        parts
            .into_iter()
            .filter(|part| part.1 > 0)
            .map(|(state, cells)| Span::styled(theme.symbols.bar(state).repeat(cells), theme.state(state)))
            .collect::<Vec<_>>(),
    )
}

/// A bar for a share between 0 and 1; dots while it cannot be told.
#[must_use]
pub fn progress(share: Option<f64>, width: usize, style: Style, theme: &Theme) -> Line {
    let Some(share) = share else {
        return Line::from(Span::styled(theme.symbols.dot.repeat(width), theme.dim));
    };
    let full = if share >= 1.0 { width } else { cells(share, 1.0, width).min(width.saturating_sub(1)) };
    let filled = theme.symbols.bar(TaskState::Succeeded);
    Line::from(vec![
        Span::styled(filled.repeat(full), style),
        Span::styled(theme.symbols.bar_empty.repeat(width - full), theme.rule),
    ])
}

/// Heights of the last values, as many as fit.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "an index of at most 7")]
pub fn sparkline(values: &[u64], width: usize, theme: &Theme) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    let most = shown.iter().max().copied().unwrap_or(0).max(1);
    let steps = theme.symbols.spark;
    let last = steps.len() as u64 - 1;
    shown
        .iter()
        .map(|value| if *value == 0 { " " } else { steps[(value * last).div_ceil(most) as usize] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Depth;

    #[test]
    fn bars_fill_their_width_whatever_the_counts() {
        let theme = Theme::new("auto", Depth::Ansi, true);
        for counts in [
            Counts::default(),
            Counts { succeeded: 1, ..Counts::default() },
            Counts { succeeded: 99_999, failed: 1, running: 1, timed_out: 1, ..Counts::default() },
            Counts { pending: 3, running: 1, succeeded: 3, failed: 3, ..Counts::default() },
        ] {
            assert_eq!(line(&counts, 20, &theme).width(), 20, "{counts:?}");
        }
        let counts = Counts { succeeded: 99_999, failed: 1, ..Counts::default() };
        assert!(line(&counts, 20, &theme).to_string().contains('x'), "one failure is seen");
    }

    #[test]
    fn an_unfinished_bar_never_looks_full() {
        let theme = Theme::new("auto", Depth::Ansi, true);
        assert_eq!(progress(Some(0.999), 5, Style::new(), &theme).to_string(), "====.");
        assert_eq!(progress(Some(1.0), 5, Style::new(), &theme).to_string(), "=====");
        assert_eq!(sparkline(&[0, 1, 9], 10, &theme), " .#");
    }
}
