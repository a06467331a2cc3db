//! The `:` prompt and the palette: commands by name, or by what they do.

use crate::app::App;
use crate::layer::{Layer, LayerOutcome};
use crate::paint::{Draw, Line, Span, small};
use crate::registry::{self, ACTIONS, Action, Argument};
use crate::theme;
use crate::widgets::input::Field;
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use throng_core::clean;
use throng_core::words::Clean;

/// Suggestions that are shown at most.
const SHOWN: usize = 12;

/// A command that is being typed.
#[derive(Debug)]
pub struct Prompt {
    field: Field,
    position: Option<usize>,
    palette: bool,
}

/// A completion: the whole line, and a remark.
struct Suggestion {
    line: String,
    remark: String,
}

impl Prompt {
    /// By name.
    #[must_use]
    pub fn commands() -> Self {
        Self { field: Field::default(), position: None, palette: false }
    }

    /// By any word of name or help.
    #[must_use]
    pub fn palette() -> Self {
        Self { field: Field::default(), position: Some(0), palette: true }
    }

    fn suggestions(&self, app: &App) -> Vec<Suggestion> {
        let typed = self.field.text().trim_start().to_lowercase();
        if self.palette {
            let words: Vec<&str> = typed.split_whitespace().collect();
            return ACTIONS
                .iter()
                .filter(|action| action.holds(app.kind()))
                .filter(|action| {
                    let text = format!("{} {}", action.name, action.help).to_lowercase();
                    words.iter().all(|word| text.contains(word))
                })
                .map(of_action)
                .collect();
        }
        match typed.split_once(' ') {
            None => ACTIONS
                .iter()
                .filter(|action| action.name.starts_with(&typed) && action.holds(app.kind()))
                .map(of_action)
                .collect(),
            Some((name, start)) => registry::by_name(name).map_or_else(Vec::new, |action| {
                let start = start.trim_start();
                arguments(action.argument, start, app)
                    .into_iter()
                    .map(|argument| Suggestion {
                        line: format!("{} {argument}", action.name),
                        remark: String::new(),
                    })
                    .collect()
            }),
        }
    }

    fn submit(&mut self, app: &mut App) -> LayerOutcome {
        let suggestions = self.suggestions(app);
        let chosen = self.position.and_then(|position| suggestions.get(position));
        let line =
            chosen.map_or_else(|| self.field.text().trim().to_owned(), |suggestion| suggestion.line.clone());
        if line.is_empty() {
            return LayerOutcome::Close;
        }
        let (name, argument) = line.split_once(' ').unwrap_or((&line, ""));
        match registry::by_name(name).filter(|action| action.holds(app.kind())) {
            Some(action) => app.perform(action, argument.trim()),
            None if registry::by_name(name).is_some() => app.refuse(clean!(":{name} does not hold here.")),
            None => app.refuse(clean!("There is no command {name}. Press ? for those there are.")),
        }
        LayerOutcome::Close
    }

    fn complete(&mut self, app: &App) {
        let suggestions = self.suggestions(app);
        if let Some(chosen) = suggestions.get(self.position.unwrap_or(0)) {
            let takes = registry::by_name(chosen.line.split(' ').next().unwrap_or(""))
                .is_some_and(|action| action.argument != Argument::None);
            let space = if takes && !chosen.line.contains(' ') { " " } else { "" };
            self.field.set(&format!("{}{space}", chosen.line));
            self.position = None;
            self.palette = false;
        }
    }
}

fn of_action(action: &Action) -> Suggestion {
    let keys = if action.keys.is_empty() { String::new() } else { format!("  [{}]", action.keys.join(" ")) };
    Suggestion { line: action.name.to_owned(), remark: format!("{}{keys}", action.help) }
}

fn arguments(argument: Argument, start: &str, app: &App) -> Vec<String> {
    let snapshot = &app.snapshot;
    let names: Vec<String> = match argument {
        Argument::Context => snapshot.contexts.iter().map(|context| context.name.clone()).collect(),
        Argument::Function => snapshot.functions.items.iter().map(|function| function.name.clone()).collect(),
        Argument::Bucket => snapshot.buckets.items.iter().map(|bucket| bucket.name.clone()).collect(),
        Argument::Run => snapshot.runs.items.iter().map(|run| run.id.clone()).collect(),
        Argument::Theme => theme::NAMES.iter().map(|name| (*name).to_owned()).collect(),
        Argument::Path => super::files::completions(start).into_iter().map(|entry| entry.path).collect(),
        Argument::None | Argument::Text => Vec::new(),
    };
    names.into_iter().filter(|name| name.to_lowercase().starts_with(&start.to_lowercase())).collect()
}

impl Layer for Prompt {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        let count = self.suggestions(app).len().min(SHOWN);
        match key.code {
            KeyCode::Esc => return LayerOutcome::Close,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return LayerOutcome::Close;
            }
            KeyCode::Backspace if self.field.text().is_empty() => return LayerOutcome::Close,
            KeyCode::Enter => return self.submit(app),
            KeyCode::Tab => self.complete(app),
            KeyCode::Down if count > 0 => {
                self.position = Some(self.position.map_or(0, |at| (at + 1) % count));
            }
            KeyCode::Up if count > 0 => {
                self.position = Some(self.position.map_or(count - 1, |at| (at + count - 1) % count));
            }
            _ => {
                if self.field.key(key) {
                    self.position = self.palette.then_some(0);
                }
            }
        }
        LayerOutcome::Keep
    }

    fn paste(&mut self, text: &str, _: &mut App) -> LayerOutcome {
        self.field.paste(text);
        LayerOutcome::Keep
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        let theme = &app.look.theme;
        let suggestions = self.suggestions(app);
        let shown = suggestions.len().min(SHOWN);
        let title = if self.palette { "Find a command" } else { "Command" };
        let inner = popup::draw(frame, area, (84, shown + 5), title, &app.look);
        let x =
            frame.buffer_mut().put(inner.x, inner.y, if self.palette { "> " } else { ": " }, 2, theme.accent);
        self.field.draw(
            frame,
            Rect { x, width: inner.right().saturating_sub(x), height: 1, ..inner },
            true,
            &app.look,
        );
        for (row, suggestion) in
            suggestions.iter().take(usize::from(inner.height.saturating_sub(3))).take(SHOWN).enumerate()
        {
            let y = inner.y + 1 + small(row);
            let line = Line::from(vec![
                Span::raw(clean!("{:<18}", Clean::new(&suggestion.line))),
                Span::styled(suggestion.remark.clone(), theme.dim),
            ]);
            frame.buffer_mut().put_line(inner.x, y, &line, inner.width);
            if self.position == Some(row) {
                frame.buffer_mut().set_style(Rect { y, height: 1, ..inner }, theme.selected);
            }
        }
        popup::hints(frame, inner, &[("tab", "complete"), ("enter", "do it"), ("esc", "close")], &app.look);
    }
}
