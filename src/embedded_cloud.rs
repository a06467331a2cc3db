//! The embedded cloud behind the command line's verbs.

use std::path::Path;
use throng_cli::{EmbeddedCloud, ServeFailure, ServeRequest};
use throng_contract::local::{LocalCredentials, LocalEndpoint};
use throng_core::config::{LocalConfig, SandboxNetwork};
use throng_core::doctor::Check;
use throng_local::daemon::{self, ServeOptions, State};
use throng_local::faults::Plan;
use throng_local::lambda::FunctionNetwork;
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
            network: match request.network {
                SandboxNetwork::Private => FunctionNetwork::Private,
                SandboxNetwork::None => FunctionNetwork::None,
                SandboxNetwork::Host => FunctionNetwork::Host,
            },
            ports: request.ports.clone(),
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

    fn collect(&self, folder: &Path, hours: u32) -> Result<serde_json::Value, String> {
        daemon::collect(folder, hours).map_err(|error| error.to_string())
    }

    fn reset(&self, folder: &Path) -> Result<(), String> {
        daemon::reset(folder).map_err(|error| error.to_string())
    }

    fn check_sandbox(&self, config: &LocalConfig) -> Vec<Check> {
        let check = |Finding { subject, level, detail, remedy }| Check {
            ok: level != Level::Bad,
            ..Check::note(&subject, detail, remedy)
        };
        sandbox::check().into_iter().map(check).chain([reach(config)]).collect()
    }
}

/// What functions reach of the network.
fn reach(config: &LocalConfig) -> Check {
    let ports: Vec<_> = config.sandbox_ports.iter().map(ToString::to_string).collect();
    match config.sandbox_network {
        SandboxNetwork::Private => {
            let found = format!(
                "the local cloud, storage that their definition names, and other machines at TCP ports {}; nothing else \
                 of this machine",
                ports.join(", ")
            );
            Check::note("functions reach", found, "more ports: `sandbox_ports` in [local] of config.toml")
        }
        SandboxNetwork::None => {
            let found = "the local cloud and storage that their definition names";
            Check::note("functions reach", found, "`sandbox_network` in [local] of config.toml is \"none\"")
        }
        SandboxNetwork::Host => {
            let found = "everything that this machine reaches, and every service on it";
            Check::note("functions reach", found, "`sandbox_network` in [local] of config.toml is \"host\"")
        }
    }
}
