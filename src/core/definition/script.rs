//! The script of a function: that it is there, and that what runs it will understand its bytes.

use super::fields::Spanned;
use super::limits;
use super::problem::Report;
use crate::regular;
use std::path::{Path, PathBuf};

/// Programs that take a carriage return for a part of a word.
const SHELLS: [&[u8]; 9] = [b"sh", b"bash", b"dash", b"ash", b"ksh", b"mksh", b"zsh", b"busybox", b"yash"];

/// What is wrong with a script's bytes.
#[derive(Debug, PartialEq, Eq)]
enum Doubt {
    /// It cannot work.
    Fails(String),
    /// It may work.
    May(String),
}

/// Whether a definition holds the script itself where it could name a file: no name of a file begins so, or has lines.
pub(super) fn is_inline(text: &str) -> bool {
    text.contains('\n') || text.starts_with("#!")
}

/// Looks at a script that a definition holds.
pub(super) fn inline(script: &Spanned<String>, key: &str, report: &mut Report) {
    match doubt(script.value.as_bytes()) {
        None => {}
        Some(Doubt::Fails(why)) => report.error(script.at, key, format!("the script {why}")),
        Some(Doubt::May(why)) => report.warn(script.at, key, format!("the script {why}")),
    }
}

/// The script's absolute path; an error unless it is a file that can be read.
pub(super) fn existing(script: &Spanned<String>, base: &Path, key: &str, report: &mut Report) -> PathBuf {
    let path = base.join(&script.value);
    let shown = path.display();
    match std::fs::metadata(&path) {
        Ok(file) if file.is_file() && file.len() > limits::SCRIPT_BYTES => {
            let limit = limits::SCRIPT_BYTES / 1024 / 1024;
            let message = format!("{shown} is larger than {limit} MiB: put programs into the image");
            report.error(script.at, key, message);
        }
        Ok(file) if file.is_file() => {
            match regular::read(&path, limits::SCRIPT_BYTES, "a script").map(|text| doubt(&text)) {
                Ok(None) => {}
                Ok(Some(Doubt::Fails(why))) => report.error(script.at, key, format!("{shown} {why}")),
                Ok(Some(Doubt::May(why))) => report.warn(script.at, key, format!("{shown} {why}")),
                Err(error) => report.error(script.at, key, format!("cannot read {shown}: {error}")),
            }
        }
        Ok(_) => report.error(script.at, key, format!("{shown} is not a file: name the script itself")),
        Err(error) => {
            let message = format!("no script at {shown} ({error}); paths start at the definition's folder");
            report.error(script.at, key, message);
        }
    }
    std::path::absolute(&path).unwrap_or(path)
}

/// What is wrong with a script, for people; the sentence goes on after its name.
fn doubt(text: &[u8]) -> Option<Doubt> {
    if text.starts_with(b"\x7fELF") {
        return None;
    }
    let fails = |why: String| Some(Doubt::Fails(why));
    if matches!(text, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'#', 0, b'!', 0, ..] | [0, b'#', 0, b'!', ..]) {
        return fails(
            "is in UTF-16, which no interpreter reads: save it as UTF-8 (`iconv -f UTF-16 -t UTF-8 OLD > NEW`)".into(),
        );
    }
    if text.starts_with(&[0xef, 0xbb, 0xbf]) {
        return fails(
            "begins with a byte order mark, so that its first line is not seen: save it as UTF-8 without one"
                .into(),
        );
    }
    let line_of = |at: usize| text[..at].split(|byte| *byte == b'\n').count();
    let old_mac = || (!text.contains(&b'\n')).then(|| text.iter().position(|byte| *byte == b'\r')).flatten();
    let at = text.windows(2).position(|pair| pair == b"\r\n").or_else(old_mac)?;
    let first = text.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let dos = text.contains(&b'\n');
    let interpreter = interpreter(first);
    let shell = interpreter.is_none_or(|name| SHELLS.contains(&name));
    let ends = if dos { "DOS line ends (CR LF)" } else { "old Mac line ends (CR)" };
    let advice = "write it with Unix line ends (`dos2unix`, or `sed -i 's/\\r$//'`)";
    if at == first.len() {
        let asked = String::from_utf8_lossy(first.strip_prefix(b"#!").unwrap_or_default());
        let why = if interpreter.is_some() {
            format!("has {ends}: its first line asks for `{}\\r`", asked.trim())
        } else {
            format!("has {ends}, which the shell takes for a part of each command")
        };
        let why = format!("{why}; {advice}");
        return Some(if shell || !dos { Doubt::Fails(why) } else { Doubt::May(why) });
    }
    shell.then(|| {
        Doubt::May(format!(
            "has a DOS line end (CR LF) in line {}, which the shell takes for a part of the command; {advice}",
            line_of(at)
        ))
    })
}

/// The name of the program that a first line asks for, which is not `env` itself; `None` when it asks for none.
fn interpreter(line: &[u8]) -> Option<&[u8]> {
    let mut words = line.strip_prefix(b"#!")?.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let name =
        |word: &'_ [u8]| -> usize { word.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1) };
    let program = words.next()?;
    let program = &program[name(program)..];
    if program != b"env" {
        return Some(program);
    }
    let program = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
    Some(&program[name(program)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &[u8]) -> Option<(bool, String)> {
        doubt(text).map(|doubt| match doubt {
            Doubt::Fails(why) => (true, why),
            Doubt::May(why) => (false, why),
        })
    }

    #[test]
    fn scripts_that_cannot_work_are_refused_with_what_they_ask_for() {
        for (text, words) in [
            (&b"#!/bin/sh\r\nset -e\r\n"[..], "asks for `/bin/sh\\r`"),
            (b"#! /usr/bin/env bash\r\nls\r\n", "asks for `/usr/bin/env bash\\r`"),
            (b"ls\r\nls\r\n", "part of each command"),
            (b"#!/usr/bin/python3\rprint(1)\r", "old Mac"),
            (b"\xff\xfe#\0!\0/\0", "UTF-16"),
            (b"\xfe\xff\0#\0!\0/", "UTF-16"),
            (b"#\0!\0/\0", "UTF-16"),
            (b"\xef\xbb\xbf#!/bin/sh\n", "byte order mark"),
        ] {
            let shown = String::from_utf8_lossy(text);
            let (fails, why) = said(text).unwrap_or_default();
            assert!(fails && why.contains(words), "{shown:?}: {why}");
        }
    }

    #[test]
    fn what_may_work_is_told_and_what_works_is_not() {
        let python = said(b"#!/usr/bin/env -S python3 -u\r\nprint(1)\r\n").unwrap_or_default();
        assert!(!python.0 && python.1.contains("python3 -u\\r`"), "{python:?}");
        let one = said(b"#!/bin/sh\nls\necho x\r\n").unwrap_or_default();
        assert!(!one.0 && one.1.contains("line 3"), "{one:?}");
        for fine in [&b"#!/bin/sh\nprintf 'a\\r'\n"[..], b"", b"\x7fELF\r\n", b"#!/bin/sh\nprintf 'x\ry'\n"] {
            assert_eq!(said(fine), None);
        }
    }
}
