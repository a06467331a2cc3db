//! What is executed for a task: the event's script with the event's arguments, the entry point with them, the function's script, or the image's own
//! entry point.

use crate::event::Request;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where programs are looked for when the image says nothing.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The interpreter of scripts that name none.
const SHELL: &str = "/bin/sh";
/// The longest first line that is looked at; the kernel's own limit is 256.
const FIRST_LINE: u64 = 1024;

/// A program with its arguments. The program's path is absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Absolute path.
    pub path: PathBuf,
    /// Arguments, without the program's name.
    pub arguments: Vec<OsString>,
}

/// Chooses programs; remembers how the function's own script is started.
pub struct Chooser<'a> {
    settings: &'a crate::config::RuntimeSettings,
    search: String,
    own: Option<Program>,
}

impl<'a> Chooser<'a> {
    /// `search` is the PATH of the function.
    pub const fn new(settings: &'a crate::config::RuntimeSettings, search: String) -> Self {
        Self { settings, search, own: None }
    }

    /// The program for an event. A script in the event is written to `scratch`. The error is a sentence.
    pub fn choose(&mut self, request: &Request, scratch: &Path) -> Result<Program, String> {
        let function = &self.settings.function;
        if let Some(text) = &request.script {
            write_script(scratch, text)
                .map_err(|error| format!("the event's script cannot be written: {error}"))?;
            let mut program = of_script(scratch)?;
            program.arguments.extend(request.arguments.iter().flatten().map(OsString::from));
            return Ok(program);
        }
        if let Some(arguments) = &request.arguments {
            return self.of_image(arguments);
        }
        if !function.script {
            return self.of_image(&function.cmd);
        }
        if self.own.is_none() {
            self.own = Some(of_script(&self.settings.script)?);
        }
        self.own.clone().ok_or_else(String::new)
    }

    /// The image's entry point with `arguments`.
    fn of_image(&self, arguments: &[String]) -> Result<Program, String> {
        let function = &self.settings.function;
        let mut words = function.entrypoint.iter().chain(arguments);
        let program =
            words.next().ok_or("the function has no script, and its image has no entry point to run")?;
        Ok(Program { path: self.find(program)?, arguments: words.map(OsString::from).collect() })
    }

    fn find(&self, program: &str) -> Result<PathBuf, String> {
        if program.contains('/') {
            let path = Path::new("/").join(&self.settings.function.workdir).join(program);
            return if path.exists() { Ok(path) } else { Err(format!("the image has no program {program}")) };
        }
        self.search
            .split(':')
            .filter(|folder| !folder.is_empty())
            .map(|folder| Path::new(folder).join(program))
            .find(|path| {
                path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
            })
            .ok_or_else(|| format!("the image has no program `{program}` in {}", self.search))
    }
}

fn write_script(path: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(path)?;
    file.write_all(text)
}

/// How a script is started: by the interpreter of its first line, by itself when it is a program, or by the shell.
fn of_script(script: &Path) -> Result<Program, String> {
    let mut head = Vec::new();
    std::fs::File::open(script)
        .and_then(|file| file.take(FIRST_LINE).read_to_end(&mut head))
        .map_err(|error| format!("the function's script {}: {error}", script.display()))?;
    if head.starts_with(b"\x7fELF") {
        return Ok(Program { path: script.to_owned(), arguments: Vec::new() });
    }
    let Some((interpreter, argument)) = shebang(&head) else {
        if !Path::new(SHELL).exists() {
            return Err(format!(
                "the image has no {SHELL} to run the script with; begin the script with `#!` and the path of an \
                 interpreter that is in the image, or use an image with a shell"
            ));
        }
        return Ok(Program { path: SHELL.into(), arguments: vec![script.into()] });
    };
    let path = Path::new(OsStr::from_bytes(interpreter));
    if !path.is_absolute() || !path.exists() {
        return Err(format!(
            "the script's first line asks for {}, which is not in the image",
            path.display()
        ));
    }
    let argument = argument.map(|argument| OsStr::from_bytes(argument).to_owned());
    Ok(Program { path: path.to_owned(), arguments: argument.into_iter().chain([script.into()]).collect() })
}

/// Interpreter and argument of a first line, split as Linux does: the rest of the line is one argument.
fn shebang(head: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (interpreter, rest) = line.split_at(end);
    let rest = rest.trim_ascii();
    (!interpreter.is_empty()).then_some((interpreter, (!rest.is_empty()).then_some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_are_split_as_linux_does() {
        assert_eq!(shebang(b"#!/bin/bash\nx"), Some((&b"/bin/bash"[..], None)));
        assert_eq!(
            shebang(b"#! /usr/bin/env  -S python3 -u \r\n"),
            Some((&b"/usr/bin/env"[..], Some(&b"-S python3 -u"[..])))
        );
        assert_eq!(shebang(b"echo"), None);
        assert_eq!(shebang(b"#!\n/bin/sh"), None);
    }
}
