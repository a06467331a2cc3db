//! The engine for scripts: verbs, printers, exit codes.
//!
//! ```text
//! args             the command line: verbs and their options
//! embedded_cloud   the local cloud, as the command line asks for it
//! fail             how a verb can end badly, and the exit code for each
//! fuzzing          readers of outside input, for the fuzz targets
//! print            tables for people, JSON for programs; progress on standard error
//! scar             the command line of SCAR, brought into ours before it is parsed
//! session          what every verb needs: folders, configuration, the cloud of the chosen context
//! settings         options that make or change a definition
//! transfer         uploads and downloads with a status line
//! verbs            a file per group of verbs
//! waiting          says for whom a verb waits, to a person who would see nothing
//! ```

mod args;
mod embedded_cloud;
mod fail;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod print;
mod scar;
mod session;
mod settings;
mod transfer;
mod verbs;
mod waiting;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod hostile;

pub use embedded_cloud::{EmbeddedCloud, ServeFailure, ServeRequest};

use args::{Cli, Verb};
use clap::{CommandFactory, FromArgMatches as _};
use fail::{CliResult, Fail};
use session::Session;
use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use throng_core::config::TuiConfig;
use throng_core::engine::Engine;
use throng_core::image::Programs;
use throng_core::lines;

/// Set to `debug`, `info`, `throng=trace` …: what throng says of itself on standard error.
const ENV_LOG: &str = "THRONG_LOG";

/// What the command line is given by the program that it is part of.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// What `throng --version` says: the version, and the commit where that is known.
    pub version: &'static str,
    /// What goes into functions.
    pub programs: Programs,
    /// Controls the local cloud, of which the command line knows nothing else.
    pub embedded_cloud: &'static dyn EmbeddedCloud,
    /// Opens the screen, of which the command line knows nothing else.
    pub open_screen: OpenScreen,
}

/// Shows an engine on the terminal until the person leaves; gives what went wrong as a sentence.
pub type OpenScreen = fn(Engine, Opening) -> Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// How the screen is opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// How it looks.
    pub settings: TuiConfig,
    /// The run that is shown first; where the person was last when `None`.
    pub run: Option<String>,
    /// Where downloads go.
    pub downloads: PathBuf,
    /// Where the last view is remembered.
    pub state_file: PathBuf,
}

/// Runs what the command line asks for.
pub fn main(product: Product) -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_else(|| "throng".into());
    let outcome = scar::translate(words.collect()).map_err(Fail::usage).and_then(|translated| {
        let cli = parse(std::iter::once(program).chain(translated.arguments), product.version);
        if let Some(warning) = &translated.warning {
            print::note(lines!("warning: {warning}"));
        }
        dispatch(cli, product)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fail) => {
            if !fail.message.is_empty() {
                print::note(lines!("throng: {}", fail.message));
            }
            ExitCode::from(fail.code)
        }
    }
}

/// Reads the command line; help, the version and what is wrong end the process here.
fn parse(words: impl IntoIterator<Item = OsString>, version: &'static str) -> Cli {
    let command = Cli::command().version(version);
    let read = |matches| Cli::from_arg_matches(&matches);
    command.try_get_matches_from(words).and_then(read).unwrap_or_else(|error| error.exit())
}

fn dispatch(cli: Cli, product: Product) -> CliResult {
    match &cli.verb {
        Some(Verb::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "throng", &mut text);
            print::data(&text);
            return Ok(());
        }
        Some(Verb::Man) => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut text)?;
            print::data(&text);
            return Ok(());
        }
        _ => {}
    }
    let screen = matches!(&cli.verb, None | Some(Verb::Tui))
        || matches!(&cli.verb, Some(Verb::Demo(demo)) if !demo.no_tui);
    if !screen {
        // The daemon's goes to a file: who looks there wants to know when it began and why it ended.
        let daemon = matches!(&cli.verb, Some(Verb::Local(args::Local::Serve { .. })));
        log_to_stderr(match (cli.global.verbose, daemon) {
            (true, _) => "throng=debug",
            (false, true) => "throng=info",
            (false, false) => "throng=warn",
        });
    }
    if let Some(Verb::Local(local)) = &cli.verb {
        return verbs::local::control(local, &cli.global, product.embedded_cloud);
    }
    if let Some(Verb::Migrate(migrate)) = &cli.verb {
        return verbs::migrate::migrate(migrate);
    }
    if let Some(Verb::New(new)) = &cli.verb {
        return verbs::new::new(new, cli.global.output, product.programs);
    }
    let session = Session::new(&cli.global, product)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        if !screen {
            session.watch_interrupt();
            waiting::tell();
        }
        Box::pin(run(&session, cli.verb.unwrap_or(Verb::Tui))).await
    });
    // What is still under way (a log that is followed) must not hold the process back.
    runtime.shutdown_background();
    outcome
}

async fn run(session: &Session, verb: Verb) -> CliResult {
    match verb {
        Verb::Tui => verbs::tui::open(session, None).await,
        Verb::Demo(demo) => Box::pin(verbs::demo::run(session, demo)).await,
        Verb::Deploy(deploy) => verbs::deploy::deploy(session, *deploy).await,
        Verb::Upgrade(upgrade) => verbs::upgrade::upgrade(session, upgrade).await,
        Verb::Check(check) => verbs::deploy::check(session, &check),
        Verb::Run(run) => Box::pin(verbs::runs::launch(session, run)).await,
        Verb::Runs(runs) => verbs::runs::list(session, runs).await,
        Verb::Tasks(tasks) => verbs::runs::tasks(session, tasks).await,
        Verb::Cancel(cancel) => verbs::runs::cancel(session, cancel).await,
        Verb::Invoke(invoke) => verbs::invoke::invoke(session, invoke).await,
        Verb::Functions(functions) => verbs::functions::list(session, functions).await,
        Verb::Ls(ls) => verbs::objects::list(session, ls).await,
        Verb::Put(put) => verbs::objects::put(session, put).await,
        Verb::Get(get) => verbs::objects::get(session, get).await,
        Verb::Rm(rm) => verbs::remove::remove(session, rm).await,
        Verb::Logs(logs) => verbs::logs::print(session, logs).await,
        Verb::Image(image) => verbs::image::control(session, image).await,
        Verb::Doctor(args) => Box::pin(verbs::doctor::examine(session, &args)).await,
        Verb::Local(_) | Verb::Migrate(_) | Verb::New(_) | Verb::Completions { .. } | Verb::Man => {
            Err(Fail::usage("not here"))
        }
    }
}

fn log_to_stderr(fallback: &str) {
    let filter = std::env::var(ENV_LOG).unwrap_or_else(|_| fallback.to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_default();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| print::LogWriter)
        // It would print them, and panic where that fails, too.
        .log_internal_errors(false)
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
