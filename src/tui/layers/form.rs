//! The form that launches a function.

use super::files::{Files, completions};
use super::plan::PlanLayer;
use crate::actions::program::expand;
use crate::app::App;
use crate::layer::{Layer, LayerAnswer, LayerOutcome};
use crate::paint::{Draw, Line, small};
use crate::place::tab;
use crate::typing::Question;
use crate::widgets::input::Field;
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::time::Duration;
use throng_core::clean;
use throng_core::engine::{Command, DeployRequest};
use throng_core::model::FunctionForm;

const FIELDS: [(&str, &str); 7] = [
    ("name", "letters, digits, - and _; at most 64"),
    ("image", "registry reference, archive, folder, or scratch"),
    ("script", "path of the script; empty for the image's own command"),
    ("memory MiB", "128 to 10240"),
    ("timeout s", "1 to 900"),
    ("input", "bucket or bucket/folder whose new objects start it; may be empty"),
    ("output", "bucket or bucket/folder for results; may be empty"),
];
const NAME: usize = 0;
const IMAGE: usize = 1;
const SCRIPT: usize = 2;
const MEMORY: usize = 3;
const TIMEOUT: usize = 4;
const INPUT: usize = 5;
const OUTPUT: usize = 6;

/// The form.
#[derive(Debug)]
pub struct LaunchForm {
    fields: Vec<Field>,
    focus: usize,
    error: Option<(usize, String)>,
    /// It was said that leaving forgets what is filled in.
    warned: bool,
    question: Question,
}

impl Default for LaunchForm {
    fn default() -> Self {
        let fields = ["", "", "", "512", "300", "", ""].map(Field::new);
        Self { fields: fields.into(), focus: 0, error: None, warned: false, question: Question::default() }
    }
}

impl LaunchForm {
    fn value(&self, field: usize) -> String {
        self.fields[field].text().trim().to_owned()
    }

    fn number(&self, field: usize, least: u32, most: u32) -> Result<u32, (usize, String)> {
        let number: u32 =
            self.value(field).parse().map_err(|_| (field, format!("a number from {least} to {most}")))?;
        if (least..=most).contains(&number) {
            Ok(number)
        } else {
            Err((field, format!("from {least} to {most}")))
        }
    }

    /// What was filled in, or which field is wrong.
    fn check(&self) -> Result<FunctionForm, (usize, String)> {
        let name = self.value(NAME);
        let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
        if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
            return Err((NAME, "1 to 64 letters, digits, - or _".into()));
        }
        if self.value(IMAGE).is_empty() {
            return Err((IMAGE, "an image is needed".into()));
        }
        let script = self.value(SCRIPT);
        if !script.is_empty() && !expand(&script).is_file() {
            return Err((SCRIPT, "there is no such file".into()));
        }
        let (input, output) = (self.value(INPUT), self.value(OUTPUT));
        if !input.is_empty() && input.trim_matches('/') == output.trim_matches('/') {
            return Err((OUTPUT, "results would start the function again: choose another folder".into()));
        }
        Ok(FunctionForm {
            name,
            image: self.value(IMAGE),
            script: if script.is_empty() { script } else { expand(&script).display().to_string() },
            memory_mb: self.number(MEMORY, 128, 10_240)?,
            timeout_s: self.number(TIMEOUT, 1, 900)?,
            input,
            output,
            architecture: None,
        })
    }

    /// Deploys what was filled in; where that costs money, the plan is shown first. `plan` asks for it anyway.
    fn submit(&mut self, app: &mut App, plan: bool) -> LayerOutcome {
        match self.check() {
            Ok(form) => send(DeployRequest::Form(form), app, plan),
            Err(error) => {
                self.focus = error.0;
                self.error = Some(error);
                LayerOutcome::Keep
            }
        }
    }

    /// Leaves; says first that what was filled in would be forgotten.
    fn leave(&mut self, app: &mut App) -> LayerOutcome {
        let filled =
            [NAME, IMAGE, SCRIPT, INPUT, OUTPUT].into_iter().any(|field| !self.value(field).is_empty());
        if !filled {
            return LayerOutcome::Close;
        }
        self.warned = true;
        app.refuse("esc once more forgets what is filled in.");
        LayerOutcome::Keep
    }

    /// Completes a path or a bucket.
    fn complete(&mut self, app: &App) {
        let typed = self.value(self.focus);
        let choices: Vec<String> = match self.focus {
            SCRIPT | IMAGE => completions(&typed).into_iter().map(|entry| entry.path).collect(),
            INPUT | OUTPUT => app
                .snapshot
                .buckets
                .items
                .iter()
                .map(|bucket| bucket.name.clone())
                .filter(|name| name.starts_with(&typed))
                .collect(),
            _ => return,
        };
        let Some(first) = choices.first() else { return };
        let common = choices.iter().fold(first.as_str(), |common, choice| {
            let same =
                common.char_indices().zip(choice.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
            &common[..same.unwrap_or(common.len().min(choice.len()))]
        });
        if common.len() > typed.len() {
            let common = common.to_owned();
            self.fields[self.focus].set(&common);
        } else if self.focus == SCRIPT {
            self.fields[self.focus].set(first);
        }
    }
}

fn send(request: DeployRequest, app: &mut App, plan: bool) -> LayerOutcome {
    if plan || !app.snapshot.context.local {
        let layer = PlanLayer::open(request, app);
        app.push(layer);
        return LayerOutcome::Keep;
    }
    let (name, command) = match request {
        DeployRequest::Form(form) => (form.name.clone(), Command::DeployForm(form)),
        DeployRequest::File(path) => (path.display().to_string(), Command::DeployFile(path)),
    };
    app.begin(clean!("Deploying {name} …"));
    app.send(command);
    app.open_tab(tab::FUNCTIONS);
    LayerOutcome::Close
}

impl Layer for LaunchForm {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let warned = std::mem::take(&mut self.warned);
        match key.code {
            KeyCode::Esc if warned => return LayerOutcome::Close,
            KeyCode::Esc => return self.leave(app),
            KeyCode::Char('c') if control => return self.leave(app),
            KeyCode::Char('s') if control => return self.submit(app, false),
            KeyCode::Char('d') if control => return self.submit(app, true),
            KeyCode::Char('y') if control => app.push(Files::one("Definition file", &[".yaml", ".yml"])),
            KeyCode::Char('o') if control && self.focus == SCRIPT => app.push(Files::one("Script", &[])),
            KeyCode::Char(' ') if control => self.complete(app),
            KeyCode::Right if matches!(self.focus, SCRIPT | IMAGE | INPUT | OUTPUT) => self.complete(app),
            // Lines that were pasted into the wrong window fill in no form and send it.
            KeyCode::Enter if self.focus == OUTPUT && !self.question.is_read(app) => {}
            KeyCode::Enter if self.focus == OUTPUT => return self.submit(app, false),
            KeyCode::Down | KeyCode::Tab | KeyCode::Enter => self.focus = (self.focus + 1) % FIELDS.len(),
            KeyCode::Up | KeyCode::BackTab => self.focus = (self.focus + FIELDS.len() - 1) % FIELDS.len(),
            _ => {
                if self.fields[self.focus].key(key) {
                    self.error = None;
                }
            }
        }
        LayerOutcome::Keep
    }

    fn paste(&mut self, pasted: &str, _: &mut App) -> LayerOutcome {
        match crate::drop::parse(pasted) {
            crate::drop::Dropped::Here(paths) if paths.len() == 1 => {
                self.fields[self.focus].set(&paths[0].display().to_string());
            }
            _ => self.fields[self.focus].paste(pasted),
        }
        LayerOutcome::Keep
    }

    fn answer(&mut self, answer: LayerAnswer, app: &mut App) -> LayerOutcome {
        let paths = match answer {
            LayerAnswer::Paths(paths) => paths,
            LayerAnswer::Done => return LayerOutcome::Close,
        };
        let Some(path) = paths.first() else { return LayerOutcome::Keep };
        let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if yaml {
            return send(DeployRequest::File(path.clone()), app, true);
        }
        self.fields[SCRIPT].set(&path.display().to_string());
        LayerOutcome::Keep
    }

    fn shown(&self, at: Duration) {
        self.question.shown(at);
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        self.question.drawn();
        let look = &app.look;
        let inner = popup::draw(frame, area, (84, FIELDS.len() + 8), "Launch a function", look);
        for (row, (name, _)) in FIELDS.iter().enumerate() {
            let y = inner.y + 1 + small(row);
            let focus = row == self.focus;
            let style = if focus { look.theme.accent } else { look.theme.dim };
            let cursor = if focus { look.theme.symbols.cursor } else { " " };
            let x = frame.buffer_mut().put(inner.x, y, clean!("{cursor} {name:<12}"), 14, style);
            self.fields[row].draw(
                frame,
                Rect { x, y, width: inner.right().saturating_sub(x), height: 1 },
                focus,
                look,
            );
        }
        let y = inner.y + small(FIELDS.len()) + 2;
        let line = match &self.error {
            Some((field, error)) => Line::styled(clean!("{}: {error}", FIELDS[*field].0), look.theme.bad),
            None => Line::styled(FIELDS[self.focus].1, look.theme.dim),
        };
        if y < inner.bottom() {
            frame.buffer_mut().put_line(inner.x + 2, y, &line, inner.width.saturating_sub(2));
        }
        let mut hints = vec![("ctrl-s", "launch"), ("ctrl-d", "dry run"), ("ctrl-y", "use a YAML file")];
        match self.focus {
            SCRIPT => hints.extend([("right", "complete"), ("ctrl-o", "browse")]),
            IMAGE | INPUT | OUTPUT => hints.push(("right", "complete")),
            _ => {}
        }
        hints.push(("esc", "close"));
        popup::hints(frame, inner, &hints, look);
    }
}
