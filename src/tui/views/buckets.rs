//! All buckets.

use super::items::Item;
use super::{moment, plain};
use crate::list::{Column, RenderContext, RowKey};
use crate::paint::{Line, Span};
use throng_core::clean;
use throng_core::model::BucketInfo;
use throng_core::words::Clean;

impl Item for BucketInfo {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("NAME", (24, 2, 0), |bucket, _| plain(&bucket.name), |a, b| a.name.cmp(&b.name)),
        Column::text("STARTS", (16, 3, 2), starts, |a, b| a.triggers.cmp(&b.triggers)),
        Column::<Self>::text(
            "CREATED",
            (19, 0, 1),
            |bucket, look| moment(bucket.created_ms, look),
            |a, b| a.created_ms.cmp(&b.created_ms),
        )
        .down(true),
    ];

    fn key(&self) -> RowKey {
        RowKey::Text(self.name.clone())
    }
    fn words(&self) -> String {
        format!("{} {}", self.name, self.triggers.join(" "))
    }
}

fn starts(bucket: &BucketInfo, look: &RenderContext) -> Line {
    if bucket.triggers.is_empty() {
        return Line::default();
    }
    let names = Clean::join(bucket.triggers.iter().map(|name| Clean::new(name)), ", ");
    Line::from(vec![Span::styled(clean!("{} ", look.theme.symbols.arrow), look.theme.dim), Span::raw(names)])
}
