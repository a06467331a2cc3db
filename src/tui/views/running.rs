//! Invocations that are under way.

use super::items::Item;
use super::{dim, plain};
use crate::list::{Column, RenderContext, RowKey};
use crate::paint::{Line, Span};
use throng_core::model::InvocationInfo;
use throng_core::words::{self, Clean};

impl Item for InvocationInfo {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::number("TIME", (8, 0), time, |a, b| a.started_ms.cmp(&b.started_ms)).down(false),
        Column::text(
            "FUNCTION",
            (14, 1, 0),
            |invocation, _| plain(&invocation.function),
            |a, b| a.function.cmp(&b.function),
        ),
        Column::number(
            "TASK",
            (7, 2),
            |invocation, _| Line::raw(invocation.task.as_ref().map_or_else(String::new, ToString::to_string)),
            |a, b| a.task.cmp(&b.task),
        ),
        Column::<Self>::text(
            "INPUT",
            (24, 3, 1),
            |invocation, _| plain(invocation.input.as_deref().unwrap_or("")),
            |a, b| a.input.cmp(&b.input),
        )
        .end(),
        Column::text(
            "RUN",
            (22, 0, 4),
            |invocation, look| dim(Clean::new(invocation.run.as_deref().unwrap_or("")), look),
            |a, b| a.run.cmp(&b.run),
        ),
        Column::text(
            "REQUEST",
            (36, 0, 3),
            |invocation, look| dim(Clean::new(&invocation.request_id), look),
            |a, b| a.request_id.cmp(&b.request_id),
        ),
    ];

    fn key(&self) -> RowKey {
        RowKey::Text(self.request_id.clone())
    }
    fn words(&self) -> String {
        let text = [&self.function, &self.request_id].into_iter().chain(&self.input).chain(&self.run);
        text.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

fn time(invocation: &InvocationInfo, look: &RenderContext) -> Line {
    let time = words::seconds(look.now.saturating_sub(invocation.started_ms) as f64 / 1000.0);
    Span::styled(time, look.theme.active).into()
}
