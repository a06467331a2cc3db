//! Choosing local files: a path that is typed with completion, and the folder it leads to.

use crate::actions::program::expand;
use crate::app::App;
use crate::layer::{Layer, LayerAnswer, LayerOutcome};
use crate::paint::{Draw, Line, Span, small};
use crate::widgets::input::Field;
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::collections::BTreeMap;
use std::path::PathBuf;
use throng_core::clean;
use throng_core::words::{self, Clean};

/// Entries of a folder that are read at most.
const MOST: usize = 5000;

/// A file or folder that completes what was typed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path as it would be typed; folders end with `/`.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Size in bytes; `None` for a folder.
    pub size: Option<u64>,
}

/// What completes a typed path: entries of its folder whose name begins like its last part; folders first.
#[must_use]
pub fn completions(typed: &str) -> Vec<Entry> {
    let (folder, start) = typed.rfind('/').map_or(("", typed), |at| typed.split_at(at + 1));
    let place = if folder.is_empty() { PathBuf::from(".") } else { expand(folder) };
    let Ok(read) = std::fs::read_dir(place) else { return Vec::new() };
    let mut entries: Vec<Entry> = read
        .take(MOST)
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            if !name.to_lowercase().starts_with(&start.to_lowercase())
                || (name.starts_with('.') && !start.starts_with('.'))
            {
                return None;
            }
            let meta = std::fs::metadata(entry.path()).ok()?;
            let slash = if meta.is_dir() { "/" } else { "" };
            Some(Entry {
                path: format!("{folder}{name}{slash}"),
                name: format!("{name}{slash}"),
                size: meta.is_file().then_some(meta.len()),
            })
        })
        .collect();
    entries.sort_by(|a, b| (a.size.is_some(), &a.name).cmp(&(b.size.is_some(), &b.name)));
    entries
}

/// A file chooser.
#[derive(Debug)]
pub struct Files {
    title: Clean,
    field: Field,
    entries: Vec<Entry>,
    position: usize,
    marks: BTreeMap<PathBuf, u64>,
    /// Whether one file is wanted, with these endings.
    one: Option<&'static [&'static str]>,
}

impl Files {
    /// Several files and folders.
    #[must_use]
    pub fn many(title: impl Into<Clean>, start: &str) -> Self {
        let mut files = Self {
            title: title.into(),
            field: Field::new(start),
            entries: Vec::new(),
            position: 0,
            marks: BTreeMap::new(),
            one: None,
        };
        files.read();
        files
    }

    /// One file; when endings are given, others are not shown.
    #[must_use]
    pub fn one(title: impl Into<Clean>, endings: &'static [&'static str]) -> Self {
        let mut files = Self { one: Some(endings), ..Self::many(title, "") };
        files.read();
        files
    }

    fn read(&mut self) {
        self.entries = completions(self.field.text());
        if let Some(endings) = self.one.filter(|endings| !endings.is_empty()) {
            self.entries.retain(|entry| {
                entry.size.is_none() || endings.iter().any(|ending| entry.name.ends_with(ending))
            });
        }
        self.position = self.position.min(self.entries.len().saturating_sub(1));
    }

    fn go_into(&mut self, path: &str) {
        self.field.set(path);
        self.position = 0;
        self.read();
    }

    fn mark(&mut self) {
        if let Some(entry) = self.entries.get(self.position) {
            let path = expand(&entry.path);
            if self.marks.remove(&path).is_none() {
                self.marks.insert(path, entry.size.unwrap_or(0));
            }
            self.position = (self.position + 1).min(self.entries.len().saturating_sub(1));
        }
    }

    fn enter(&mut self, app: &mut App) -> LayerOutcome {
        if !self.marks.is_empty() {
            let paths = std::mem::take(&mut self.marks).into_keys().collect();
            return LayerOutcome::LayerAnswer(LayerAnswer::Paths(paths));
        }
        match self.entries.get(self.position).cloned() {
            Some(entry) if entry.size.is_none() => {
                self.go_into(&entry.path);
                LayerOutcome::Keep
            }
            Some(entry) => LayerOutcome::LayerAnswer(LayerAnswer::Paths(vec![expand(&entry.path)])),
            None => {
                let typed = self.field.text().trim();
                // A glob is for the engine to resolve.
                if typed.contains(['*', '?', '[']) {
                    return LayerOutcome::LayerAnswer(LayerAnswer::Paths(vec![expand(typed)]));
                }
                app.refuse(clean!("There is no {typed} here."));
                LayerOutcome::Keep
            }
        }
    }

    fn whole_folder(&self) -> LayerOutcome {
        let typed = self.field.text();
        let folder = typed.rfind('/').map_or(".", |at| &typed[..=at]);
        LayerOutcome::LayerAnswer(LayerAnswer::Paths(vec![expand(folder)]))
    }

    fn up(&mut self) {
        let typed = self.field.text().trim_end_matches('/').to_owned();
        let parent = match typed.rfind('/') {
            Some(at) => typed[..=at].to_owned(),
            None if typed.is_empty() || typed.ends_with("..") => {
                if typed.is_empty() {
                    "../".to_owned()
                } else {
                    format!("{typed}/../")
                }
            }
            None => String::new(),
        };
        self.go_into(&parent);
    }
}

impl Layer for Files {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let last = self.entries.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => return LayerOutcome::Close,
            KeyCode::Char('c') if control => return LayerOutcome::Close,
            KeyCode::Enter => return self.enter(app),
            KeyCode::Char('o') if control && self.one.is_none() => return self.whole_folder(),
            KeyCode::Char(' ') if self.one.is_none() => self.mark(),
            KeyCode::Tab => {
                if let Some(entry) = self.entries.get(self.position).cloned() {
                    self.go_into(&entry.path);
                }
            }
            KeyCode::BackTab | KeyCode::Left => self.up(),
            KeyCode::Up => self.position = self.position.saturating_sub(1),
            KeyCode::Down => self.position = (self.position + 1).min(last),
            KeyCode::PageUp => self.position = self.position.saturating_sub(10),
            KeyCode::PageDown => self.position = (self.position + 10).min(last),
            _ => {
                if self.field.key(key) {
                    self.position = 0;
                    self.read();
                }
            }
        }
        LayerOutcome::Keep
    }

    fn paste(&mut self, pasted: &str, _: &mut App) -> LayerOutcome {
        if let crate::drop::Dropped::Here(paths) = crate::drop::parse(pasted) {
            LayerOutcome::LayerAnswer(LayerAnswer::Paths(paths))
        } else {
            self.field.paste(pasted);
            self.read();
            LayerOutcome::Keep
        }
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn scroll(&mut self, by: isize) {
        self.position = self.position.saturating_add_signed(by).min(self.entries.len().saturating_sub(1));
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        let theme = &app.look.theme;
        let inner = popup::draw(frame, area, (84, 24), &self.title, &app.look);
        let x = frame.buffer_mut().put(inner.x, inner.y, "path ", 5, theme.accent);
        self.field.draw(
            frame,
            Rect { x, width: inner.right().saturating_sub(x), height: 1, ..inner },
            true,
            &app.look,
        );
        let height = usize::from(inner.height.saturating_sub(4));
        let skip = (self.position + 1).saturating_sub(height);
        for (row, entry) in self.entries.iter().enumerate().skip(skip).take(height) {
            let y = inner.y + 2 + small(row - skip);
            let marked = self.marks.contains_key(&expand(&entry.path));
            let size = entry.size.map_or_else(|| "folder".to_owned(), words::bytes);
            let room = usize::from(inner.width).saturating_sub(14);
            let name = Clean::new(&entry.name);
            let name = words::clip(&name, room);
            let pad = " ".repeat(room.saturating_sub(words::width(&name)));
            let line = Line::from(vec![
                Span::styled(if marked { theme.symbols.mark } else { " " }, theme.marked),
                Span::styled(
                    clean!(" {name}{pad}"),
                    if entry.size.is_none() { theme.key } else { ratatui::style::Style::new() },
                ),
                Span::styled(clean!("{size:>10}"), theme.dim),
            ]);
            frame.buffer_mut().put_line(inner.x, y, &line, inner.width);
            if row == self.position {
                frame.buffer_mut().set_style(Rect { y, height: 1, ..inner }, theme.selected);
            }
        }
        if self.entries.is_empty() {
            frame.buffer_mut().put(
                inner.x + 2,
                inner.y + 2,
                "nothing here begins so",
                usize::from(inner.width) - 2,
                theme.dim,
            );
        }
        let marked = format!("{} marked, {}", self.marks.len(), words::bytes(self.marks.values().sum()));
        let mut hints = vec![("enter", "choose"), ("tab", "into"), ("shift-tab", "up")];
        if self.one.is_none() {
            hints.extend([("space", "mark"), ("ctrl-o", "whole folder")]);
            if !self.marks.is_empty() {
                hints.push(("", marked.as_str()));
            }
        }
        popup::hints(frame, inner, &hints, &app.look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_paths_are_completed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("scans")).unwrap();
        std::fs::write(folder.path().join("Script.sh"), "x").unwrap();
        std::fs::write(folder.path().join(".hidden"), "x").unwrap();
        let base = folder.path().display();
        let names = |typed: &str| completions(typed).into_iter().map(|entry| entry.name).collect::<Vec<_>>();
        assert_eq!(names(&format!("{base}/")), ["scans/", "Script.sh"]);
        assert_eq!(names(&format!("{base}/scr")), ["Script.sh"]);
        assert_eq!(names(&format!("{base}/.h")), [".hidden"]);
        assert_eq!(names(&format!("{base}/none/")), [""; 0]);
    }
}
