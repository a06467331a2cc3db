//! One function: what it is; its runs stand below.

use super::functions;
use crate::list::RenderContext;
use crate::widgets::facts::Facts;
use throng_core::clean;
use throng_core::model::{FunctionInfo, Place};
use throng_core::words::{self, Clean};

/// What is known about a function.
#[must_use]
pub fn facts(function: &FunctionInfo, look: &RenderContext) -> Facts {
    let places = |places: &[Place]| Clean::join(places.iter().map(|place| clean!("{place}")), ", ");
    let (state, style) = functions::state(function, look);
    let mut facts = Facts::default();
    facts.styled("state", state, style);
    facts.add("reason", &function.state_reason);
    facts.add("about", &function.description);
    facts.add("image", &functions::short_image(&function.image));
    facts.add(
        "size",
        &clean!(
            "{} MiB memory, {} s, {} MiB /tmp, {}",
            function.memory_mb,
            function.timeout_s,
            function.tmp_mb,
            function.architecture
        ),
    );
    facts.add("input", &places(&function.inputs));
    facts.add("output", &places(&function.outputs));
    facts.add("log", &function.log_group);
    let changed = function.modified_ms.map_or_else(String::new, |ms| words::date_time(ms, &look.zone));
    facts.add("changed", &changed);
    if !function.managed {
        facts.add("note", "not deployed by throng");
    }
    facts
}
