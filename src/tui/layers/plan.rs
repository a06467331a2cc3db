//! What deploying would do, before it is done.

use super::pager::{scroll_key, wrapped};
use crate::app::App;
use crate::layer::{Layer, LayerAnswer, LayerOutcome};
use crate::paint::{Line, Span};
use crate::place::tab;
use crate::theme::Theme;
use crate::typing::Question;
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use throng_core::clean;
use throng_core::deploy::Action;
use throng_core::engine::{Command, DeployRequest, PlanView, PlannedFunction};
use throng_core::words::Clean;

/// A plan that waits for a yes.
#[derive(Debug)]
pub struct PlanLayer {
    request: DeployRequest,
    /// The plan of another time, which is there until the engine has heard that a new one is wanted.
    old: Option<Arc<[PlannedFunction]>>,
    top: Cell<usize>,
    height: Cell<usize>,
    question: Question,
}

impl PlanLayer {
    /// Asks for the plan.
    pub fn open(request: DeployRequest, app: &mut App) -> Self {
        let old = match &app.snapshot.plan {
            Some(PlanView::Ready(plan)) => Some(plan.clone()),
            _ => None,
        };
        app.send(Command::Plan(request.clone()));
        Self { request, old, top: Cell::new(0), height: Cell::new(1), question: Question::default() }
    }

    /// How far the plan is that was asked for here.
    fn view<'a>(&self, app: &'a App) -> &'a PlanView {
        match &app.snapshot.plan {
            Some(PlanView::Ready(plan)) if self.old.as_ref().is_some_and(|old| Arc::ptr_eq(old, plan)) => {
                &PlanView::Making
            }
            Some(view) => view,
            None => &PlanView::Making,
        }
    }

    fn apply(&self, app: &mut App) -> LayerOutcome {
        if !matches!(self.view(app), PlanView::Ready(_)) || !self.question.takes_answer(app) {
            return LayerOutcome::Keep;
        }
        let (name, command) = match &self.request {
            DeployRequest::Form(form) => (form.name.clone(), Command::DeployForm(form.clone())),
            DeployRequest::File(path) => (path.display().to_string(), Command::DeployFile(path.clone())),
        };
        app.begin(clean!("Deploying {name} …"));
        app.send(command);
        app.open_tab(tab::FUNCTIONS);
        LayerOutcome::LayerAnswer(LayerAnswer::Done)
    }
}

/// A plan in lines: steps, cost, warnings.
fn lines(plan: &PlannedFunction, theme: &Theme) -> Vec<Line> {
    let clean = |text: &str| Clean::new(text);
    let mut lines = vec![Line::styled(clean!("function {}", clean(&plan.function)), theme.title)];
    for step in &plan.steps {
        let style = match step.action {
            Action::Create => theme.good,
            Action::Change => theme.accent,
            Action::Remove => theme.bad,
            Action::Keep => theme.dim,
        };
        let mut spans = vec![Span::styled(clean!("{:<7}", step.action), style), Span::raw(clean(&step.what))];
        if !step.detail.is_empty() {
            spans.push(Span::styled(clean!("  {}", clean(&step.detail)), theme.dim));
        }
        lines.push(Line::from(spans));
    }
    if let Some(cost) = &plan.cost {
        lines.push(Line::from(vec![Span::styled("cost   ", theme.accent), Span::raw(cost.clone())]));
    }
    lines.extend(plan.warnings.iter().map(|text| Line::styled(clean!("note   {}", clean(text)), theme.warn)));
    lines
}

impl Layer for PlanLayer {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return self.apply(app),
            KeyCode::Char('s') if control => return self.apply(app),
            KeyCode::Char('c') if control => return LayerOutcome::Close,
            KeyCode::Esc | KeyCode::Char('q' | 'n') | KeyCode::Backspace => return LayerOutcome::Close,
            _ => {}
        }
        if let Some(by) = scroll_key(key, self.height.get()) {
            self.scroll(by);
        }
        LayerOutcome::Keep
    }

    fn scroll(&mut self, by: isize) {
        self.top.set(self.top.get().saturating_add_signed(by));
    }

    fn shown(&self, at: Duration) {
        self.question.shown(at);
    }

    fn closed(&mut self, app: &mut App) {
        app.send(Command::ClosePlan);
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        let theme = &app.look.theme;
        let (mut all, ready) = match self.view(app) {
            PlanView::Making => {
                (vec![Line::styled("reading the image and asking the cloud …", theme.dim)], false)
            }
            PlanView::Failed(why) => {
                let clean = |line: &str| Line::styled(Clean::new(line), theme.bad);
                (why.lines().map(clean).collect(), false)
            }
            PlanView::Ready(plans) => {
                let blank = std::iter::once_with(Line::default);
                (
                    plans
                        .iter()
                        .flat_map(|plan| lines(plan, theme).into_iter().chain(blank.clone()))
                        .collect(),
                    true,
                )
            }
        };
        if ready {
            self.question.drawn();
        }
        while all.last().is_some_and(|line| line.width() == 0) {
            all.pop();
        }
        let room = usize::from(area.width.saturating_sub(8)).max(10);
        let widest = all.iter().map(Line::width).max().unwrap_or(0).clamp(50.min(room), room.min(110));
        let all = wrapped(&all, widest);
        let title = if ready { "What deploying would do" } else { "Plan" };
        let inner = popup::draw(frame, area, (widest + 4, all.len() + 4), title, &app.look);
        let height = usize::from(inner.height.saturating_sub(2));
        self.height.set(height);
        let top = self.top.get().min(all.len().saturating_sub(height));
        self.top.set(top);
        popup::lines(frame, inner, &all, top, 2);
        let below = all.len().saturating_sub(top + height);
        let more = if below > 0 { format!("{below} more below") } else { String::new() };
        let mut hints = vec![("esc", "back")];
        if ready {
            hints.insert(0, ("enter", "deploy"));
        }
        hints.push(("", more.as_str()));
        popup::hints(frame, inner, &hints, &app.look);
    }
}
