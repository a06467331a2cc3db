//! The program itself.

use crate::app::{App, Effect};
use crate::clipboard::{self, Copied};
use crate::layers::confirm::Confirm;
use crate::layers::form::LaunchForm;
use crate::layers::help::help_lines;
use crate::layers::menu::{Item, Menu};
use crate::layers::notices::Notices;
use crate::layers::pager::Pager;
use crate::layers::plan::PlanLayer;
use crate::layers::prompt::Prompt;
use crate::theme::{self, Depth, Theme};
use std::path::PathBuf;
use throng_core::clean;
use throng_core::engine::{Command, DeployRequest, Severity};
use throng_core::model::{Progress, ProgressState, RunSummary};
use throng_core::words::{self, Clean};

pub fn launch(app: &mut App, _: &str) {
    app.push(LaunchForm::default());
}

pub fn deploy(app: &mut App, path: &str) {
    if path.trim().is_empty() {
        return launch(app, "");
    }
    let path = expand(path.trim());
    let plan = PlanLayer::open(DeployRequest::File(path), app);
    app.push(plan);
}

/// A typed path: `~/` is the person's home.
#[must_use]
pub fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ if path == "~" => std::env::var_os("HOME").map_or_else(|| path.into(), PathBuf::from),
        _ => PathBuf::from(path),
    }
}

pub fn refresh(app: &mut App, _: &str) {
    app.send(Command::Refresh);
    app.begin("Reading again …");
}

pub fn copy(app: &mut App, _: &str) {
    let texts = super::items::copyable(app);
    match texts.len() {
        0 => app.refuse("There is nothing to copy here."),
        1 => copy_text(app, &texts[0].1),
        _ => {
            let items = texts
                .into_iter()
                .map(|(name, text)| {
                    let detail = text.clone();
                    Item::new(name, detail, move |app| copy_text(app, &text))
                })
                .collect();
            app.push(Menu::new("Copy", items));
        }
    }
}

/// Puts a text on the person's clipboard, and says which way it went once that is known.
pub fn copy_text(app: &mut App, text: &str) {
    if app.clipboard.is_terminal_only() {
        return send_to_terminal(app, text.to_owned());
    }
    app.begin("Copying …");
    let (clipboard, own) = (app.clipboard.clone(), text.to_owned());
    app.copying = Some((text.to_owned(), app.job(move || clipboard.copy(&own))));
    copied(app);
}

/// Says what became of the text that was being copied, when that is known by now.
pub fn copied(app: &mut App) {
    let Some((text, job)) = app.copying.take() else { return };
    match job.get() {
        None => app.copying = Some((text, job)),
        Some(Copied::To(places)) => app.say(clipboard::told(places, &short(&text))),
        Some(Copied::Nowhere) => send_to_terminal(app, text),
    }
}

fn send_to_terminal(app: &mut App, text: String) {
    app.say(clipboard::sent(&short(&text)));
    app.effects.push(Effect::Copy(text));
}

/// The beginning of a copied text.
fn short(text: &str) -> Clean {
    words::clip(&Clean::new(text), 60)
}

pub fn notices(app: &mut App, _: &str) {
    if app.snapshot.notices.is_empty() {
        app.say("No errors or warnings.");
    } else {
        app.push(Notices::default());
    }
}

pub fn dismiss(app: &mut App, _: &str) {
    if let Some(notice) = app.snapshot.notices.iter().rev().find(|notice| notice.severity != Severity::Info) {
        app.send(Command::Dismiss(notice.id));
    }
}

pub fn context(app: &mut App, name: &str) {
    if name.is_empty() {
        let now = app.snapshot.context.name.clone();
        let items = app
            .snapshot
            .contexts
            .iter()
            .map(|context| {
                let name = context.name.clone();
                let place = if context.local { "on this machine" } else { context.region.as_str() };
                let state = if context.name == now { "  (here)" } else { "" };
                let gate = if context.read_only { "  read-only" } else { "" };
                Item::new(&context.name, format!("{place}{gate}{state}"), move |app| switch(app, &name))
            })
            .collect();
        app.push(Menu::new("Switch to another cloud", items));
    } else {
        switch(app, name);
    }
}

fn switch(app: &mut App, name: &str) {
    let known = app.snapshot.contexts.iter().find(|context| context.name == name).cloned();
    match known {
        Some(context) => app.switch_context(context),
        None => app.refuse(clean!("There is no context {name}. Press c for those there are.")),
    }
}

pub fn command(app: &mut App, _: &str) {
    app.push(Prompt::commands());
}

pub fn palette(app: &mut App, _: &str) {
    app.push(Prompt::palette());
}

pub fn theme(app: &mut App, name: &str) {
    if name.is_empty() {
        let items =
            theme::NAMES.iter().map(|name| Item::new(*name, "", move |app| set_theme(app, name))).collect();
        app.push(Menu::new("Colours", items));
    } else {
        set_theme(app, name);
    }
}

fn set_theme(app: &mut App, name: &str) {
    if theme::NAMES.contains(&name) {
        let depth =
            if app.look.theme.depth == Depth::Mono { Depth::detect(false) } else { app.look.theme.depth };
        app.look.theme = Theme::new(name, depth, app.look.theme.symbols.ascii);
    } else {
        app.refuse(clean!("There is no theme {name}: there are {}.", theme::NAMES.join(", ")));
    }
}

pub fn mouse(app: &mut App, _: &str) {
    app.mouse = !app.mouse;
    app.effects.push(Effect::Mouse(app.mouse));
    app.say(if app.mouse {
        "Mouse on: click selects, wheel scrolls, headings sort."
    } else {
        "Mouse off: the terminal selects text."
    });
}

pub fn redraw(app: &mut App, _: &str) {
    app.effects.push(Effect::Redraw);
}

pub fn suspend(app: &mut App, _: &str) {
    app.effects.push(Effect::Suspend);
}

pub fn help(app: &mut App, _: &str) {
    let lines = help_lines(app.kind(), &app.look);
    app.push(Pager::new("Keys and commands", lines).hanging());
}

/// How much of what is under way the question before leaving names.
const MOST_NAMED: usize = 5;
/// Runs with unsent tasks that it names.
const MOST_RUNS: usize = 3;

/// Leaves; asks first when something would stop.
pub fn quit(app: &mut App, _: &str) {
    let active = app.snapshot.progress.iter().filter(|progress| progress.state == ProgressState::Active);
    let active: Vec<_> = active.collect();
    if active.is_empty() {
        app.quit = true;
        return;
    }
    let mut lines = vec!["Under way in this program:".to_owned()];
    lines.extend(active.iter().take(MOST_NAMED).map(|progress| format!("  {}", under_way(progress))));
    if active.len() > MOST_NAMED {
        lines.push(format!("  and {} more", active.len() - MOST_NAMED));
    }
    lines.extend([
        "Leaving stops it; uploads go on where they were next time.".to_owned(),
        "Tasks that have been sent go on without throng.".to_owned(),
    ]);
    let open = app.snapshot.runs.items.iter().filter(|run| run.unsent > 0 && run.ended_ms.is_none());
    for RunSummary { id, unsent, .. } in open.take(MOST_RUNS) {
        let tasks = words::plural(*unsent, "task");
        lines.push(format!("Run {id}: {tasks} not sent, which stay pending;"));
        lines.push(format!("  throng run --resume {id} goes on, or the screen"));
    }
    app.push(Confirm::yes("Leave now?", lines, |app| app.quit = true));
}

/// What is under way, and how much of it is left.
fn under_way(progress: &Progress) -> String {
    let left = progress.items_total.map_or(0, |total| total.saturating_sub(progress.items));
    match (progress.held, left) {
        (0, 0) => progress.label.clone(),
        (0, left) => format!("{}: {} left", progress.label, words::count(left)),
        (held, _) => format!("{}: {} held back", progress.label, words::count(held)),
    }
}
