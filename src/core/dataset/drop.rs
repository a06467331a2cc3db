//! Dropped text → paths.
//!
//! A terminal turns dropped files into a paste; each terminal quotes in its own way. The rules, in this order:
//! one path per line (kitty, Ghostty on GTK); the whole text is a path (Alacritty, foot); `file://` URIs (file
//! managers); Windows paths (Windows Terminal); words as a POSIX shell reads them (iTerm2, Ghostty on macOS, VTE,
//! `WezTerm`); spaces escaped or not at all (`WezTerm`'s other settings), decided by what exists.

use std::path::{Path, PathBuf};

/// Files that were dropped. All of them exist on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// Absolute paths, in the order in which they were dropped.
    pub paths: Vec<PathBuf>,
}

/// Why pasted text is not a drop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDrop {
    /// It is text that names no files.
    #[error("the pasted text names no files")]
    Text,
    /// It has control characters, which no terminal pastes for a drop.
    #[error("the pasted text has control characters and was not taken for file names")]
    Control,
    /// It looks like paths, but these do not exist here.
    #[error("{}", missing(.0))]
    Missing(Vec<String>),
}

fn missing(paths: &[String]) -> String {
    let first = paths.first().map_or("", String::as_str);
    let shown: String =
        first.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(200).collect();
    let more = match paths.len() {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    format!(
        "`{shown}`{more} is not on this machine. In an SSH session a dropped file is on the computer you sit at: \
         copy it here first, for example with `scp` or `rsync`"
    )
}

/// The longest text that is looked at, in bytes.
const LONGEST: usize = 4 << 20;
/// How many pieces of unquoted text are tried against the file system.
const MOST_PIECES: usize = 256;

/// Reads pasted text. `exists` tells whether a path exists on this machine.
///
/// # Errors
/// [`NoDrop`]: it is ordinary text, or names files that are not here.
pub fn parse(text: &str, exists: &dyn Fn(&Path) -> bool) -> Result<Drop, NoDrop> {
    let text = strip_end(text);
    // Nobody drops the whole machine.
    if text.is_empty() || text == "/" || text.len() > LONGEST {
        return Err(NoDrop::Text);
    }
    let text = text.replace("\r\n", "\n");
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(NoDrop::Control);
    }
    let rules: [Rule; 5] = [whole, lines, uris, windows, words];
    let mut absent = Vec::new();
    for rule in rules {
        let candidates = rule(&text, exists);
        if candidates.is_empty() {
            continue;
        }
        match split_by_existence(candidates, exists) {
            Ok(paths) => return Ok(Drop { paths }),
            Err(missing) if absent.is_empty() => absent = missing,
            Err(_) => {}
        }
    }
    match guess(&text, exists) {
        Some(Ok(paths)) => return Ok(Drop { paths }),
        Some(Err(missing)) if absent.is_empty() => absent = missing,
        _ => {}
    }
    Err(if absent.is_empty() { NoDrop::Text } else { NoDrop::Missing(absent) })
}

/// Finds paths in text; none when it is not of this rule's shape. A path need not exist.
type Rule = fn(&str, &dyn Fn(&Path) -> bool) -> Vec<PathBuf>;

/// One trailing space or newline is the terminal's, not the name's.
fn strip_end(text: &str) -> &str {
    let text = text.strip_suffix(' ').unwrap_or(text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

fn split_by_existence(
    paths: Vec<PathBuf>,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, Vec<String>> {
    let missing: Vec<String> =
        paths.iter().filter(|path| !exists(path)).map(|path| path.to_string_lossy().into_owned()).collect();
    if missing.is_empty() { Ok(paths) } else { Err(missing) }
}

fn is_absolute(text: &str) -> bool {
    text.starts_with('/')
}

/// An absolute path, or one that begins at the person's home.
fn rooted(text: &str) -> Option<PathBuf> {
    match text.strip_prefix("~/") {
        Some(rest) => std::env::var_os("HOME").map(|home| PathBuf::from(home).join(rest)),
        None => is_absolute(text).then(|| PathBuf::from(text)),
    }
}

/// Whether `text` starts like `C:\`, `C:/` or `\\server\`.
fn is_windows(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes {
        [drive, b':', b'\\' | b'/', ..] => drive.is_ascii_alphabetic(),
        [b'\\', b'\\', next, ..] => !matches!(next, b'\\' | b' '),
        _ => false,
    }
}

/// The whole text is a path that exists, spaces and all.
fn whole(text: &str, exists: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let path = rooted(text).or_else(|| is_windows(text).then(|| PathBuf::from(text)));
    path.filter(|path| exists(path)).into_iter().collect()
}

/// Several lines, each of them a path or a URI: raw where such a file exists, else with its escapes removed.
fn lines(text: &str, exists: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    if !text.contains('\n') {
        return Vec::new();
    }
    let lines = text.split('\n').filter(|line| !line.is_empty());
    lines.map(|line| one_line(line, exists)).collect::<Option<_>>().unwrap_or_default()
}

fn one_line(line: &str, exists: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    if let Some(path) = from_uri(line) {
        return Some(path);
    }
    let path = |line: &str| rooted(line).or_else(|| is_windows(line).then(|| PathBuf::from(line)));
    if let Some(raw) = path(line).filter(|path| exists(path)) {
        return Some(raw);
    }
    let line = line.trim_end_matches(' ');
    match shlex::split(line).as_deref() {
        Some([word]) if rooted(word).is_some() => rooted(word),
        _ => path(line),
    }
}

/// `file://` URIs between white space.
fn uris(text: &str, _exists: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let strip = |word: &str| word.trim_matches(['\'', '"']).to_owned();
    text.split_whitespace().map(|word| from_uri(&strip(word))).collect::<Option<_>>().unwrap_or_default()
}

/// The path of a `file:` URI; its host is dropped.
fn from_uri(text: &str) -> Option<PathBuf> {
    let rest = text.strip_prefix("file:")?;
    let path = match rest.strip_prefix("//") {
        Some(rest) => &rest[rest.find('/')?..],
        None => rest,
    };
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    if !path.starts_with('/') || bytes.contains(&0) {
        return None;
    }
    Some(path_of_bytes(bytes))
}

#[cfg(unix)]
fn path_of_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path_of_bytes(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).trim_start_matches('/').into()
}

/// Windows paths as they are: `\` escapes nothing there, double quotes hold spaces together.
fn windows(text: &str, _exists: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let Some(words) = split_double_quotes(text) else { return Vec::new() };
    if words.iter().all(|word| is_windows(word)) {
        words.into_iter().map(PathBuf::from).collect()
    } else {
        Vec::new()
    }
}

fn split_double_quotes(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (word, tail) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = tail.trim_start();
    }
    Some(words)
}

/// Words as a POSIX shell reads them, all of them absolute.
fn words(text: &str, _exists: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let Some(words) = shlex::split(text) else { return Vec::new() };
    let path = |word: &String| from_uri(word).or_else(|| rooted(word).filter(|_| !word.contains('\0')));
    words.iter().map(path).collect::<Option<_>>().unwrap_or_default()
}

/// Paths that are not quoted, or with only their spaces escaped, so that a quote or a backslash in a name is
/// itself. What exists decides where one ends: the longest name that exists wins. An error names what is missing beside
/// paths that exist.
fn guess(text: &str, exists: &dyn Fn(&Path) -> bool) -> Option<Result<Vec<PathBuf>, Vec<String>>> {
    if !is_absolute(text) {
        return None;
    }
    // A backslash before a space stands for the space.
    let escaped = text.replace("\\ ", "\0");
    let pieces: Vec<&str> = escaped.split([' ', '\n']).filter(|piece| !piece.is_empty()).collect();
    if pieces.len() > MOST_PIECES {
        return None;
    }
    let name = |at: usize, end: usize| pieces[at..end].join(" ").replace('\0', " ");
    let (mut paths, mut missing) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < pieces.len() {
        if !is_absolute(pieces[at]) {
            return None;
        }
        let found = (at + 1..=pieces.len()).rev().find_map(|end| {
            let path = PathBuf::from(name(at, end));
            exists(&path).then_some((path, end))
        });
        if let Some((path, end)) = found {
            paths.push(path);
            at = end;
        } else {
            let next = (at + 1..pieces.len()).find(|next| is_absolute(pieces[*next]));
            let end = next.unwrap_or(pieces.len());
            missing.push(name(at, end));
            at = end;
        }
    }
    match (paths.is_empty(), missing.is_empty()) {
        (true, _) => None,
        (false, true) => Some(Ok(paths)),
        (false, false) => Some(Err(missing)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    fn drop_of(text: &str, files: &[&str]) -> Result<Vec<String>, NoDrop> {
        let exists = |path: &Path| files.iter().any(|file| Path::new(file) == path);
        parse(text, &exists).map(|drop| {
            drop.paths.iter().map(|path| path.to_str().expect("UTF-8 in these tests").to_owned()).collect()
        })
    }

    #[test]
    fn every_terminal_is_understood() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("kitty, one", "/d/a b.png", &["/d/a b.png"]),
            ("kitty, several", "/d/a b.png\n/d/it's.png\n/d/c\\d", &["/d/a b.png", "/d/it's.png", "/d/c\\d"]),
            ("kitty at a prompt", "'/d/a b.png' /d/c", &["/d/a b.png", "/d/c"]),
            ("Ghostty macOS", r"/d/a\ b\(1\).png /d/it\'s\$\&", &["/d/a b(1).png", "/d/it's$&"]),
            ("Ghostty GTK, one", "/d/a\\ b.png\n", &["/d/a b.png"]),
            ("Ghostty GTK", "/d/a\\ b.png\n/d/c\\[1\\]\n", &["/d/a b.png", "/d/c[1]"]),
            ("iTerm2", r"/d/a\ b.png /d/c\;d", &["/d/a b.png", "/d/c;d"]),
            ("WezTerm None", "/d/a b.png /d/c ", &["/d/a b.png", "/d/c"]),
            ("WezTerm SpacesOnly", r"/d/it's\ a.png /d/c ", &["/d/it's a.png", "/d/c"]),
            ("WezTerm SpacesOnly, backslash", r"/d/x\y\ a.png /d/c ", &[r"/d/x\y a.png", "/d/c"]),
            ("WezTerm Posix", r"'/d/it'\''s a.png' /d/c ", &["/d/it's a.png", "/d/c"]),
            ("WezTerm Windows", r#""C:\d\a b.png" C:\d\c "#, &[r"C:\d\a b.png", r"C:\d\c"]),
            ("Windows Terminal", r#""C:\d\a b.png" \\srv\share\c"#, &[r"C:\d\a b.png", r"\\srv\share\c"]),
            ("Windows Terminal, one", r"C:\d\c.png", &[r"C:\d\c.png"]),
            ("Windows Terminal, WSL", "'/mnt/c/a b.png' '/mnt/c/d'", &["/mnt/c/a b.png", "/mnt/c/d"]),
            ("VTE", r"'/d/a b.png' '/d/it'\''s' ", &["/d/a b.png", "/d/it's"]),
            ("Alacritty", "/d/a b (1)'s.png ", &["/d/a b (1)'s.png"]),
            ("foot, alternate screen", "/d/a\"b", &["/d/a\"b"]),
            ("foot, normal screen", "'/d/a b'", &["/d/a b"]),
            ("URIs by line", "file:///d/a%20b.png\r\nfile://host/d/%C3%A9\r\n", &["/d/a b.png", "/d/é"]),
            ("URIs by space", "file:///d/a%20b.png file:///d/c", &["/d/a b.png", "/d/c"]),
            ("quoted URI", "'file:///d/a%20b.png'", &["/d/a b.png"]),
            ("a name that ends with a space", "/d/a  ", &["/d/a "]),
            ("a name with a line break", "/d/a\nb", &["/d/a\nb"]),
        ];
        for (terminal, text, files) in cases {
            let files: Vec<_> = files.to_vec();
            assert_eq!(
                drop_of(text, &files),
                Ok(files.iter().map(ToString::to_string).collect()),
                "{terminal}"
            );
        }
    }

    #[test]
    fn text_is_not_taken_for_files() {
        for text in
            ["", " ", "hello", "see /etc/passwd", "a/b", "http://x/y", "C: drive", "'", "file:x", "~", "/"]
        {
            assert_eq!(drop_of(text, &["/etc/passwd"]), Err(NoDrop::Text), "{text:?}");
        }
        assert_eq!(drop_of("/d/a\u{1b}[31m", &["/d/a\u{1b}[31m"]), Err(NoDrop::Control));
    }

    #[test]
    fn files_of_another_machine_are_named() {
        let error = drop_of("'/Users/me/a b.png' /d/here", &["/d/here"]).unwrap_err();
        assert_eq!(error, NoDrop::Missing(vec!["/Users/me/a b.png".into()]));
        assert!(error.to_string().contains("/Users/me/a b.png") && error.to_string().contains("SSH"));
        assert_eq!(drop_of(r"C:\d\x", &[]), Err(NoDrop::Missing(vec![r"C:\d\x".into()])));
        let one = |text| match drop_of(text, &["/d/f1.txt", "/d/my file.txt"]) {
            Err(NoDrop::Missing(missing)) => missing,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(one("/d/f1.txt /d/nosuch.txt"), ["/d/nosuch.txt"]);
        assert_eq!(one("/d/my file.txt /d/no such.txt /d/f1.txt"), ["/d/no such.txt"]);
        assert_eq!(one("'/d/my file.txt' file:///d/gone"), ["/d/gone"]);
        assert_eq!(drop_of("/a\n/b", &[]), Err(NoDrop::Missing(vec!["/a".into(), "/b".into()])));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in r#"[ \\/'"a-c:C%0\n\r.é-]{0,40}"#, all in any::<bool>()) {
            let _ = parse(&text, &|_| all);
        }

        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            let _ = parse(&text, &|_| false);
            let _ = parse(&format!("file://{text}"), &|_| true);
        }

        #[test]
        fn shell_quoted_names_come_back(names in proptest::collection::vec("[^\\x00-\\x1f\\x7f-\\x9f]{1,12}", 1..5)) {
            let paths: Vec<String> = names.iter().map(|name| format!("/d/{}", name.trim_end())).collect();
            let text = shlex::try_join(paths.iter().map(String::as_str)).unwrap();
            let exists = |path: &Path| paths.iter().any(|file| Path::new(file) == path);
            let found = parse(&text, &exists).unwrap().paths;
            prop_assert_eq!(found, paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        }
    }
}
