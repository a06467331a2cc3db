//! The embedded cloud behind the command line's verbs.

use std::path::Path;
use throng_cli::{EmbeddedCloud, ServeFailure, ServeRequest};
use throng_contract::local::{LocalCredentials, LocalEndpoint};
use throng_core::doctor::Check;
use throng_local::daemon::{self, ServeOptions, State};
use throng_local::faults::Plan;
use throng_local::logs::LogLimits;
use throng_local::sandbox::{self, Finding, Level};

/// The one that is linked into this program.
#[derive(Debug)]
pub struct Linked;

impl EmbeddedCloud for Linked {
    fn serve(&self, request: &ServeRequest) -> Result<(), ServeFailure> {
        let plan = request.faults.as_deref().map(Plan::read).transpose();
        let options = ServeOptions {
            port: request.port,
            idle: request.idle,
            time_scale: request.time_scale,
            max_environments: request.max_environments,
            detach: request.detach,
            logs: LogLimits { group: request.log_bytes_per_function, total: request.log_bytes },
            faults: plan.map_err(|error| ServeFailure::Request(error.to_string()))?,
            ..ServeOptions::new(request.folder.clone())
        };
        daemon::serve(&options).map_err(|error| ServeFailure::Cloud(error.to_string()))
    }

    fn start(&self, folder: &Path, arguments: &[String]) -> Result<LocalEndpoint, String> {
        daemon::start(folder, arguments).map_err(|error| error.to_string())
    }

    fn stop(&self, folder: &Path) -> Result<bool, String> {
        daemon::stop(folder).map_err(|error| error.to_string())
    }

    fn status(&self, folder: &Path) -> Option<(LocalEndpoint, serde_json::Value)> {
        match daemon::status(folder) {
            State::Running(endpoint, status) => Some((endpoint, status)),
            State::Stopped => None,
        }
    }

    fn credentials(&self, folder: &Path) -> std::io::Result<LocalCredentials> {
        daemon::read_credentials(folder)
    }

    fn reset(&self, folder: &Path) -> Result<(), String> {
        daemon::reset(folder).map_err(|error| error.to_string())
    }

    fn check_sandbox(&self) -> Vec<Check> {
        let check = |Finding { subject, level, detail, remedy }| Check {
            ok: level != Level::Bad,
            ..Check::note(&subject, detail, remedy)
        };
        sandbox::check().into_iter().map(check).collect()
    }
}
