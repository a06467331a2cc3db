//! throng: a terminal workload manager for high-throughput serverless file processing.
//!
//! Puts the program together: which programs go into functions, how the screen is opened, who the sandboxes' helper is.
//!
//! ```text
//! embedded_cloud   the embedded cloud behind the command line's verbs
//! ```

mod embedded_cloud;

use std::process::ExitCode;
use throng_cli::{Opening, Product};
use throng_core::engine::Engine;
use throng_core::image::Programs;
use throng_core::model::Architecture;
use throng_local::sandbox;
use throng_tui::TuiOptions;

fn main() -> ExitCode {
    // Before any thread exists: the helper process of the sandboxes must have one only.
    if std::env::args_os().nth(1).is_some_and(|first| first == sandbox::HELPER_ARGUMENT) {
        sandbox::helper_main();
    }
    // Hundreds of files and connections are open at a time; what a shell allows at first is often less.
    let _ = throng_local::server::raise_open_files();
    // Our own faults are reported with a trace; the screen's hook, set later, gives the terminal back before that.
    let _ = color_eyre::install();
    let programs = Programs {
        runtime: |architecture| embedded(architecture, throng_embedded::RUNTIME),
        slices: |architecture| embedded(architecture, throng_embedded::SLICES),
    };
    let open_screen =
        |engine, opening| -> std::pin::Pin<Box<dyn Future<Output = _>>> { Box::pin(open(engine, opening)) };
    throng_cli::main(Product {
        version: env!("THRONG_VERSION"),
        programs,
        embedded_cloud: &embedded_cloud::Linked,
        open_screen,
    })
}

async fn open(engine: Engine, opening: Opening) -> Result<(), String> {
    let options = TuiOptions {
        start_view: opening.run.map(|run| format!("runs {run}")),
        downloads: opening.downloads,
        state_file: Some(opening.state_file),
        ..TuiOptions::new(&opening.settings)
    };
    throng_tui::run(engine, options).await.map_err(|error| format!("{error:#}"))
}

fn embedded(architecture: Architecture, program: throng_embedded::Program) -> Option<bytes::Bytes> {
    let built = match architecture {
        Architecture::X86_64 => program.x86_64,
        Architecture::Arm64 => program.arm64,
    };
    built.map(bytes::Bytes::from_static)
}
