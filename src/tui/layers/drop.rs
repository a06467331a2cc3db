//! Files were dropped or chosen: what shall be done with them?

use super::plan::PlanLayer;
use crate::app::{App, Job};
use crate::layer::{Layer, LayerAnswer, LayerOutcome};
use crate::paint::{Line, Span, small};
use crate::place::Route;
use crate::typing::Question;
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use throng_core::clean;
use throng_core::engine::{Command, DeployRequest};
use throng_core::jobs;
use throng_core::model::Place;
use throng_core::words::{self, Clean};

/// Files that are counted at most before the dialog says "more than".
const MOST: u64 = 200_000;

/// Where files can go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropTarget {
    /// The dropped file is a definition, and its functions are deployed.
    Deploy(PathBuf),
    /// Each is processed by a function.
    Function(String),
    /// They are stored in a folder of a bucket.
    Bucket(String, String),
}

impl DropTarget {
    const fn job(&self) -> jobs::Job {
        match self {
            Self::Deploy(_) => jobs::Job::Deploy,
            Self::Function(_) => jobs::Job::Launch,
            Self::Bucket(..) => jobs::Job::Upload,
        }
    }

    /// The one that the open place suggests.
    #[must_use]
    pub fn suggested(app: &mut App) -> Option<Self> {
        let snapshot = app.snapshot.clone();
        let row = app.with_list(|list, _| list.row());
        let target = match &app.page().place {
            Route::Functions => Some(Self::Function(snapshot.functions.items.get(row?)?.name.clone())),
            Route::Function(name) => Some(Self::Function(name.clone())),
            Route::Buckets => {
                Some(Self::Bucket(snapshot.buckets.items.get(row?)?.name.clone(), String::new()))
            }
            Route::Objects { bucket, prefix } => {
                Some(Self::Bucket(bucket.clone(), prefix.trim_end_matches('/').to_owned()))
            }
            Route::Run(run) | Route::Task { run, .. } => snapshot
                .run
                .as_ref()
                .filter(|view| view.summary.id == *run)
                .map(|view| Self::Function(view.summary.function.clone())),
            _ => None,
        };
        target.filter(|target| !target.is_home(app))
    }

    /// Whether it is throng's own bucket: files of a person do not belong there.
    fn is_home(&self, app: &App) -> bool {
        matches!(self, Self::Bucket(bucket, _) if Some(bucket) == app.snapshot.context.home.as_ref())
    }
}

/// The largest file that is looked into for a definition, in bytes.
const DEFINITION: u64 = 1 << 20;

/// Whether a file looks like a definition: YAML with functions.
fn is_definition(path: &Path) -> bool {
    let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let small = || std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= DEFINITION);
    yaml && small()
        && std::fs::read_to_string(path)
            .is_ok_and(|text| text.lines().any(|line| line.starts_with("functions:")))
}

/// How much was dropped.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    files: u64,
    bytes: u64,
    more: bool,
    unreadable: u64,
}

fn count(paths: &[PathBuf]) -> Amount {
    let mut amount = Amount::default();
    // A file that is dropped beside its folder is one file.
    let mut seen = HashSet::new();
    for entry in paths.iter().flat_map(|path| walkdir::WalkDir::new(path).follow_links(true)) {
        let looked = entry.map(|entry| {
            let named = entry.file_name().to_str().is_some();
            let meta = entry.metadata().map(|meta| (meta.is_file(), meta.len()));
            meta.map(|(file, bytes)| (named || !file, file && seen.insert(entry.into_path()), bytes))
        });
        match looked {
            // Keys are UTF-8: a file that is named otherwise cannot be one.
            Ok(Ok((false, ..))) => amount.unreadable += 1,
            Ok(Ok((_, true, bytes))) => {
                amount.files += 1;
                amount.bytes += bytes;
            }
            Ok(Ok(_)) => {}
            _ => amount.unreadable += 1,
        }
        if amount.files >= MOST {
            amount.more = true;
            break;
        }
    }
    amount
}

/// The dialog.
pub struct DropDialog {
    paths: Vec<PathBuf>,
    amount: Job<Amount>,
    targets: Vec<DropTarget>,
    position: usize,
    question: Question,
    /// The upload that the engine was asked about last: what it starts.
    asked: RefCell<Option<(Vec<PathBuf>, Place)>>,
}

impl DropDialog {
    /// For files that are here.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>, target: Option<DropTarget>, app: &App) -> Self {
        let mut targets: Vec<DropTarget> = target.into_iter().collect();
        let functions =
            app.snapshot.functions.items.iter().map(|function| DropTarget::Function(function.name.clone()));
        let buckets = app
            .snapshot
            .buckets
            .items
            .iter()
            .map(|bucket| DropTarget::Bucket(bucket.name.clone(), String::new()));
        for other in functions.chain(buckets.filter(|bucket| !bucket.is_home(app))) {
            if !targets.contains(&other) {
                targets.push(other);
            }
        }
        let mut dialog = Self {
            paths: Vec::new(),
            amount: app.job(Amount::default),
            targets,
            position: 0,
            question: Question::default(),
            asked: RefCell::default(),
        };
        dialog.add(paths, app);
        dialog
    }

    /// More files were dropped at once.
    pub fn add(&mut self, paths: Vec<PathBuf>, app: &App) {
        for path in paths {
            if !self.paths.contains(&path) {
                self.paths.push(path);
            }
        }
        // What was read before is another question.
        self.question.changed();
        self.targets.retain(|target| !matches!(target, DropTarget::Deploy(_)));
        if let [path] = &self.paths[..]
            && is_definition(path)
        {
            self.targets.insert(0, DropTarget::Deploy(path.clone()));
        }
        let paths = self.paths.clone();
        self.amount = app.job(move || count(&paths));
    }

    fn go(&mut self, app: &mut App) -> LayerOutcome {
        let Some(target) = self.targets.get(self.position).cloned() else {
            app.refuse("There is no function and no bucket yet. Press n to launch a function.");
            return LayerOutcome::Close;
        };
        if !app.permits(target.job()) {
            app.refuse(clean!("Context {} is read-only.", app.snapshot.context.name));
            return LayerOutcome::Close;
        }
        let paths = std::mem::take(&mut self.paths);
        match target {
            DropTarget::Deploy(path) => {
                let plan = PlanLayer::open(DeployRequest::File(path), app);
                app.push(plan);
            }
            DropTarget::Function(function) => {
                app.start_run(&function.clone(), Command::RunFiles { function, paths });
            }
            DropTarget::Bucket(bucket, prefix) => {
                app.begin(clean!("Uploading to {bucket}/{prefix} …"));
                app.send(Command::Upload { paths, bucket, prefix });
            }
        }
        LayerOutcome::Close
    }

    /// What the arrival of the files starts, when they are to be uploaded. Asks the engine when it does not know.
    fn starts(&self, app: &App) -> Option<Line> {
        let Some(DropTarget::Bucket(bucket, prefix)) = self.targets.get(self.position) else { return None };
        let to = Place { bucket: bucket.clone(), prefix: prefix.clone() };
        let wanted = Some((self.paths.clone(), to));
        if *self.asked.borrow() != wanted {
            let (paths, to) = wanted.clone()?;
            self.asked.replace(wanted.clone());
            app.send(Command::WhatStarts { paths, to });
        }
        let (paths, to) = wanted?;
        let known = app.snapshot.starts.as_ref().filter(|known| known.paths == paths && known.to == to)?;
        let theme = &app.look.theme;
        if known.functions.is_empty() {
            return Some(Line::styled("  → starts no function", theme.dim));
        }
        let each = known
            .functions
            .iter()
            .map(|(function, files)| format!("{function} on {}", words::plural(*files, "file")));
        let each = each.collect::<Vec<_>>().join(", ");
        Some(Line::styled(clean!("  → starts {}", Clean::new(&each)), theme.accent))
    }

    fn amount(&self) -> String {
        let Some(amount) = self.amount.get() else { return "counting …".to_owned() };
        let more = if amount.more { "more than " } else { "" };
        let unreadable = if amount.unreadable > 0 {
            format!(", without {} that cannot be read", amount.unreadable)
        } else {
            String::new()
        };
        format!("{more}{}, {}{unreadable}", words::plural(amount.files, "file"), words::bytes(amount.bytes))
    }
}

impl Layer for DropDialog {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        let last = self.targets.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'n') => return LayerOutcome::Close,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return LayerOutcome::Close;
            }
            KeyCode::Enter | KeyCode::Char('y') if self.question.takes_answer(app) => return self.go(app),
            KeyCode::Up | KeyCode::Char('k') => self.position = self.position.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.position = (self.position + 1).min(last),
            _ => {}
        }
        LayerOutcome::Keep
    }

    /// Some terminals paste every dropped file on its own.
    fn paste(&mut self, pasted: &str, app: &mut App) -> LayerOutcome {
        if let crate::drop::Dropped::Here(paths) = crate::drop::parse(pasted) {
            self.add(paths, app);
        }
        LayerOutcome::Keep
    }

    fn answer(&mut self, answer: LayerAnswer, app: &mut App) -> LayerOutcome {
        let LayerAnswer::Paths(paths) = answer else { return LayerOutcome::Keep };
        self.add(paths, app);
        LayerOutcome::Keep
    }

    fn shown(&self, at: Duration) {
        self.question.shown(at);
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn scroll(&mut self, by: isize) {
        self.position = self.position.saturating_add_signed(by).min(self.targets.len().saturating_sub(1));
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        self.question.drawn();
        let theme = &app.look.theme;
        let names = self.paths.len().min(4);
        let inner =
            popup::draw(frame, area, (76, names + self.targets.len().min(10) + 9), "Files", &app.look);
        let mut lines = vec![Line::styled(self.amount(), theme.title)];
        for path in self.paths.iter().take(names) {
            let shown = path.display().to_string();
            let shown = Clean::new(&shown);
            lines.push(Line::styled(
                clean!("  {}", words::clip_start(&shown, usize::from(inner.width).saturating_sub(3))),
                theme.dim,
            ));
        }
        if self.paths.len() > names {
            lines.push(Line::styled(clean!("  and {} more", self.paths.len() - names), theme.dim));
        }
        lines.push(self.starts(app).unwrap_or_else(|| Line::raw("")));
        lines.push(Line::raw(""));
        let first = lines.len();
        let room = usize::from(inner.height).saturating_sub(first + 2).max(1);
        let skip = (self.position + 1).saturating_sub(room);
        for target in self.targets.iter().skip(skip).take(room) {
            let (verb, name) = match target {
                DropTarget::Deploy(path) => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    ("deploy definition  ", name)
                }
                DropTarget::Function(name) => ("process each with  ", name.clone()),
                DropTarget::Bucket(bucket, prefix) if prefix.is_empty() => {
                    ("upload to bucket   ", bucket.clone())
                }
                DropTarget::Bucket(bucket, prefix) => ("upload to folder   ", format!("{bucket}/{prefix}")),
            };
            lines.push(Line::from(vec![Span::styled(verb, theme.dim), Span::raw(Clean::new(&name))]));
        }
        popup::lines(frame, inner, &lines, 0, 1);
        if !self.targets.is_empty() {
            let y = inner.y + small(first + self.position - skip);
            frame.buffer_mut().set_style(Rect { y, height: 1, ..inner }, theme.selected);
        }
        popup::hints(
            frame,
            inner,
            &[("enter", "do it"), ("up down", "other target"), ("esc", "no")],
            &app.look,
        );
    }
}
