//! Tables that draw their visible rows only.

use crate::list::{Heading, ListState, RenderContext, Rows};
use crate::paint::{Draw, Line, small};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use throng_core::clean;
use throng_core::words;

/// Where the columns were drawn: start, width, number.
pub type Places = Vec<(u16, u16, usize)>;

/// Columns between two columns.
const GAP: u16 = 2;

/// Draws heading and rows; says where the columns are.
pub fn draw(
    buffer: &mut Buffer,
    area: Rect,
    rows: &dyn Rows,
    list: &ListState,
    look: &RenderContext,
) -> Places {
    if area.height == 0 || area.width < 4 {
        return Vec::new();
    }
    let inner = Rect { x: area.x + 2, width: area.width - 3, ..area };
    let headings = rows.headings();
    let places = arrange(&headings, inner);
    heading(buffer, inner.y, rows, (&headings, &places), list, look);
    let height = usize::from(area.height - 1);
    let offset = list.window(height);
    for (line, position) in (offset..list.len().min(offset + height)).enumerate() {
        let Some(row) = list.at(position) else { break };
        let y = area.y + 1 + small(line);
        draw_row(
            buffer,
            Rect { y, height: 1, ..area },
            (row, position),
            rows,
            list,
            (&headings, &places),
            look,
        );
    }
    places
}

fn heading(
    buffer: &mut Buffer,
    y: u16,
    rows: &dyn Rows,
    (columns, places): (&[Heading], &Places),
    list: &ListState,
    look: &RenderContext,
) {
    for (x, width, number) in places {
        let column = &columns[*number];
        let sorted = list.sort.filter(|sort| sort.column == *number);
        let arrow = sorted.map_or("", |sort| look.theme.symbols.sorted[usize::from(sort.descending)]);
        let title = clean!("{}{arrow}", rows.title(*number, column));
        let style =
            if sorted.is_some() { look.theme.label.add_modifier(Modifier::BOLD) } else { look.theme.label };
        let shift = if column.right { usize::from(*width).saturating_sub(words::width(&title)) } else { 0 };
        buffer.put(x + small(shift), y, title, usize::from(*width), style);
    }
}

fn draw_row(
    buffer: &mut Buffer,
    area: Rect,
    (row, position): (usize, usize),
    rows: &dyn Rows,
    list: &ListState,
    (headings, places): (&[Heading], &Places),
    look: &RenderContext,
) {
    let selected = position == list.position();
    let marked = !list.marks.is_empty() && list.marks.contains(&rows.key(row));
    for (x, width, number) in places {
        put(buffer, *x, area.y, *width, &rows.cell(row, *number, look), &headings[*number]);
    }
    if marked {
        buffer.set_style(area, look.theme.marked);
    }
    if selected {
        buffer.set_style(area, look.theme.selected);
    }
    let symbols = &look.theme.symbols;
    let [first, second] =
        [if selected { symbols.cursor } else { " " }, if marked { symbols.mark } else { " " }];
    // The cursor is a shape too, for screens without colours.
    let gutter = if marked { second } else { first };
    buffer.put(area.x, area.y, gutter, 1, if selected { look.theme.accent } else { look.theme.marked });
}

fn put(buffer: &mut Buffer, x: u16, y: u16, width: u16, cell: &Line, column: &Heading) {
    let (room, wide) = (usize::from(width), cell.width());
    if wide <= room {
        let shift = if column.right { small(room - wide) } else { 0 };
        buffer.put_line(x + shift, y, cell, width);
        return;
    }
    if column.end {
        let style = cell.spans.last().map_or(cell.style, |span| span.style);
        buffer.put(x, y, words::clip_start(&cell.text(), room), room, style);
        return;
    }
    let mut left = room.saturating_sub(1);
    let mut at = x;
    for span in &cell.spans {
        let end = buffer.put(at, y, &span.content, left, span.style);
        left -= usize::from(end - at);
        at = end;
        if left == 0 {
            break;
        }
    }
    buffer.put(at, y, "…", 1, cell.spans.last().map_or(cell.style, |span| span.style));
}

/// Which columns fit, and where. Those with the highest `drop` go first; what is left over is shared out.
fn arrange(columns: &[Heading], area: Rect) -> Places {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let need = |kept: &[usize]| -> u16 {
        let widths: u16 = kept.iter().map(|number| columns[*number].width).sum();
        widths + GAP * small(kept.len().saturating_sub(1))
    };
    while need(&kept) > area.width && kept.len() > 1 {
        let Some(worst) =
            kept.iter().enumerate().max_by_key(|(_, number)| columns[**number].drop).map(|(at, _)| at)
        else {
            break;
        };
        kept.remove(worst);
    }
    let spare = area.width.saturating_sub(need(&kept));
    let shares: u16 = kept.iter().map(|number| columns[*number].grow).sum();
    let mut x = area.x;
    let mut places = Vec::with_capacity(kept.len());
    for number in kept {
        let column = &columns[number];
        let extra = if shares == 0 {
            0
        } else {
            (u32::from(spare) * u32::from(column.grow) / u32::from(shares)).min(60)
        };
        let width = (column.width + small(extra as usize)).min(area.right().saturating_sub(x));
        places.push((x, width, number));
        x = x.saturating_add(width + GAP);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn heading(title: &'static str, width: u16, grow: u16, drop: u8) -> Heading {
        Heading { title, width, grow, drop, right: false, down: false, end: false }
    }

    const COLUMNS: [Heading; 3] = [heading("A", 10, 1, 0), heading("B", 5, 0, 2), heading("C", 5, 0, 1)];

    #[test]
    fn narrow_screens_drop_columns_by_priority() {
        let numbers = |width| {
            arrange(&COLUMNS, Rect::new(0, 0, width, 1)).iter().map(|place| place.2).collect::<Vec<_>>()
        };
        assert_eq!(numbers(40), [0, 1, 2]);
        assert_eq!(numbers(20), [0, 2]);
        assert_eq!(numbers(5), [0]);
        assert_eq!(arrange(&COLUMNS, Rect::new(2, 0, 34, 1)), [(2, 20, 0), (24, 5, 1), (31, 5, 2)]);
    }
}
