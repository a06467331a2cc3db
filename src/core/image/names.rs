//! Names of archives: made plain, and made safe to show.

/// A name of an archive, for a message: no control characters, not endless.
pub(super) fn safe(name: &str) -> String {
    name.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Makes an archive's name relative and plain: `./a//b/` and `/a/b` are `a/b`, the root is empty. All of them are below
/// the image's root; nix writes them with a slash in front.
///
/// # Errors
/// Why it is refused.
pub(super) fn plain_name(name: &str) -> Result<String, &'static str> {
    let plain = relative(name)?;
    if plain.rsplit('/').next().is_some_and(|last| last.starts_with(".wh.")) {
        return Err("has a name that layers use for deletions (.wh.…)");
    }
    Ok(plain)
}

/// Like [`plain_name`], for layers: they may delete.
pub(super) fn relative(name: &str) -> Result<String, &'static str> {
    if name.contains('\0') {
        return Err("has a zero byte in its name");
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err("has `..` in its path");
    }
    Ok(parts.join("/"))
}
