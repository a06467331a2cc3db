//! `tui`, and `throng` alone.

use crate::Opening;
use crate::fail::{CliResult, Fail, SOME_FAILED, USAGE};
use crate::print;
use crate::session::Session;
use throng_core::engine::{Engine, EngineOptions};

/// Opens the terminal user interface; on a run when one is named.
pub async fn open(session: &Session, run: Option<String>) -> CliResult {
    use std::io::IsTerminal;
    if !(std::io::stdin().is_terminal() && print::out_is_seen()) {
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
        programs: session.programs,
    };
    let engine = Engine::start(options).map_err(Fail::usage)?;
    let opening = Opening {
        settings: session.config.tui.clone(),
        run,
        downloads: std::env::current_dir()?,
        state_file: session.dirs.state.join("tui.json"),
    };
    (session.open_screen)(engine, opening).await.map_err(|error| Fail::new(SOME_FAILED, error))
}
