//! `tui`, and `throng` alone.

use crate::cli::fail::{Fail, Outcome, SOME_FAILED, USAGE};
use crate::cli::session::Session;
use crate::tui;
use throng::core::config::ImageProtocol;
use throng::core::engine::{Engine, EngineOptions};

/// Opens the terminal user interface; on a run when one is named.
pub async fn open(session: &Session, run: Option<String>) -> Outcome {
    use std::io::IsTerminal;
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(Fail::new(
            USAGE,
            "the screen needs a terminal; `throng help` lists the verbs for scripts",
        ));
    }
    let options = EngineOptions {
        config: session.config.clone(),
        dirs: session.dirs.clone(),
        context: None,
        exe: None,
    };
    let engine = Engine::start(options).map_err(Fail::usage)?;
    let settings = &session.config.tui;
    let options = tui::TuiOptions {
        theme: settings.theme.clone(),
        mouse: settings.mouse,
        start_view: run.map(|run| format!("runs {run}")),
        no_color: !settings.color,
        ascii: settings.ascii,
        halfblocks: settings.images == ImageProtocol::Halfblocks,
        downloads: std::env::current_dir()?,
        state_file: Some(session.dirs.state.join("tui.json")),
    };
    tui::run(engine, options).await.map_err(|error| Fail::new(SOME_FAILED, format!("{error:#}")))
}
