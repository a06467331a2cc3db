//! throng: a terminal workload manager for high-throughput serverless file processing.

mod cli;
mod tui;

fn main() -> std::process::ExitCode {
    // Before any thread exists: the helper process of the sandboxes must have one only.
    if std::env::args_os().nth(1).is_some_and(|first| first == throng::local::sandbox::HELPER_ARGUMENT) {
        throng::local::sandbox::helper_main();
    }
    cli::main()
}
