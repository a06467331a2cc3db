//! A folder of a bucket.

use super::{dim, identity, moment, plain};
use crate::filter::Filter;
use crate::list::{Column, Identity, RenderContext, RowKey, Source};
use crate::paint::{Line, Span};
use ratatui::style::Modifier;
use std::sync::{Arc, LazyLock};
use throng_core::engine::Snapshot;
use throng_core::model::ObjectInfo;
use throng_core::words::{self, Clean};

const COLUMNS: [Column<ObjectInfo>; 4] = [
    Column::text("NAME", (30, 1, 0), shown, |a, b| a.key.cmp(&b.key)),
    Column::number("SIZE", (9, 0), size, |a, b| a.size.cmp(&b.size)),
    Column::text("CHANGED", (19, 0, 1), changed, |a, b| a.modified_ms.cmp(&b.modified_ms)).down(true),
    Column::text("ETAG", (34, 0, 2), etag, |a, b| a.etag.cmp(&b.etag)),
];

/// The last part of a key, of a folder with its slash; empty for the object that stands for its folder.
fn name(object: &ObjectInfo) -> &str {
    let key = &object.key;
    let inner = if object.folder { key.strip_suffix('/').unwrap_or(key) } else { key };
    inner.rfind('/').map_or(key.as_str(), |slash| &key[slash + 1..])
}

fn shown(object: &ObjectInfo, look: &RenderContext) -> Line {
    match name(object) {
        "" => Line::raw("(this folder)"),
        name if object.folder => {
            Span::styled(Clean::new(name), look.theme.key.add_modifier(Modifier::BOLD)).into()
        }
        name => plain(name),
    }
}

fn size(object: &ObjectInfo, look: &RenderContext) -> Line {
    if object.folder { dim("folder", look) } else { Line::raw(words::bytes(object.size)) }
}

fn changed(object: &ObjectInfo, look: &RenderContext) -> Line {
    moment(object.modified_ms.filter(|_| !object.folder), look)
}

fn etag(object: &ObjectInfo, look: &RenderContext) -> Line {
    let etag = if object.folder { "" } else { object.etag.as_str() };
    dim(Clean::new(etag), look)
}

/// Objects and folders as rows.
pub struct ObjectRows<'a>(&'a Arc<Vec<ObjectInfo>>);

static NONE: LazyLock<Arc<Vec<ObjectInfo>>> = LazyLock::new(Arc::default);

impl<'a> ObjectRows<'a> {
    /// The folder, if the snapshot holds it.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, bucket: &str, prefix: &str) -> Self {
        let view = snapshot.objects.as_ref().filter(|view| view.bucket == bucket && view.prefix == prefix);
        Self(view.map_or(&*NONE, |view| &view.listing.items))
    }
}

impl Source for ObjectRows<'_> {
    type Row = ObjectInfo;
    fn columns(&self) -> &'static [Column<ObjectInfo>] {
        &COLUMNS
    }
    fn row(&self, row: usize) -> Option<&ObjectInfo> {
        self.0.get(row)
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn identities(&self) -> Vec<Identity> {
        vec![identity(self.0)]
    }
    fn key(row: &ObjectInfo) -> RowKey {
        RowKey::Text(row.key.clone())
    }
    fn admits(row: &ObjectInfo, filter: &Filter) -> bool {
        filter.pattern.matches(name(row))
    }
}
