//! Names of groups in requests.

/// Names of groups come as names, as ARNs, with or without `:*` at the end.
pub(super) fn group_name(identifier: &str) -> &str {
    let name = identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name);
    name.strip_suffix(":*").unwrap_or(name)
}
