//! Variables of a run and its sets of parameters, as options say them.

use crate::args::Values;
use crate::fail::Fail;
use crate::settings::pair;
use std::collections::BTreeMap;
use throng_core::run::{Sets, read_axis};

/// Variables of every task.
pub(super) fn variables(values: &Values) -> Result<BTreeMap<String, String>, Fail> {
    let mut all = BTreeMap::new();
    for text in &values.variables {
        let (name, value) = pair("-e", text)?;
        if all.insert(name.clone(), value).is_some() {
            return Err(Fail::usage(format!("-e {name} is given twice")));
        }
    }
    Ok(all)
}

/// What tasks differ in: every combination of `--sweep`, each with every line of `--params`.
pub(super) fn sets(values: &Values) -> Result<Sets, Fail> {
    let axes = values.sweep.iter().map(|text| read_axis(text)).collect::<Result<Vec<_>, _>>();
    let grid = axes.and_then(Sets::grid).map_err(|why| Fail::usage(format!("--sweep: {why}")))?;
    let Some(path) = &values.params else { return Ok(grid) };
    let all = Sets::read_csv(path).and_then(|table| grid.times(table));
    all.map_err(|why| Fail::usage(format!("--params {}: {why}", path.display())))
}
