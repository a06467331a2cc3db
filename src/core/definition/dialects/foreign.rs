//! Files of other programs that look like ours.

use crate::definition::node::{Node, Value};
use crate::definition::problem::Report;

/// Whether a file is a stack of `OpenFaaS`, which is refused in one sentence: `functions` there are HTTP servers.
pub(super) fn is_refused(root: &Node, report: &mut Report) -> bool {
    let text = |node: Option<&Node>| match node.map(|node| &node.value) {
        Some(Value::Text { text, .. }) => text.to_lowercase(),
        _ => String::new(),
    };
    let provider = root.get("provider");
    let named =
        matches!(text(provider.and_then(|provider| provider.get("name"))).as_str(), "openfaas" | "faas");
    let built = match root.get("functions").map(|functions| &functions.value) {
        Some(Value::Map(functions)) if !functions.is_empty() => functions
            .iter()
            .all(|(_, function)| function.get("lang").is_some() && function.get("handler").is_some()),
        _ => false,
    };
    if !named && !built {
        return false;
    }
    let at = provider.filter(|_| named).or_else(|| root.get("functions")).unwrap_or(root).at;
    let message = "this is a stack of OpenFaaS, whose functions are HTTP servers built from a template: throng runs a script for \
                   each file in an image. Write a definition that names the image and a script (`throng new` writes one to begin \
                   with)";
    report.error(at, if named { "provider" } else { "functions" }, message);
    true
}
