//! The HTTP client: blocking, keep-alive, with our own name lookup.

use crate::dns::Resolver;
use std::sync::Arc;
use std::time::Duration;
use ureq::config::Config;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Timeout};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest silence of S3.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes of the buffers that each connection has.
const BUFFER: usize = 64 * 1024;

/// A client for the Runtime API: it may stay silent as long as there is no event.
pub fn patient() -> Agent {
    Agent::with_parts(common().build(), DefaultConnector::default(), Resolver::system())
}

/// A client for S3. `tls` says whether an https address is to be expected; the certificates are looked at only then.
/// Without `verify` any certificate is taken, as a definition asks for servers that signed their own.
pub fn storage(tls: bool, verify: bool) -> Agent {
    let mut config = common()
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .max_idle_connections_per_host(8);
    if tls {
        config = config.tls_config(tls_config(verify));
    }
    Agent::with_parts(config.build(), DefaultConnector::default(), Resolver::system())
}

fn common() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // MKCOL.
        .allow_non_standard_methods(true)
        .proxy(None)
        .no_delay(true)
        .user_agent(concat!("throng-runtime/", env!("CARGO_PKG_VERSION")))
        .accept("")
        .accept_encoding("")
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
}

/// Mozilla's roots, or those in the file that `AWS_CA_BUNDLE` names, as for other AWS clients.
fn tls_config(verify: bool) -> TlsConfig {
    let builder = TlsConfig::builder()
        .disable_verification(!verify)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    match std::env::var_os("AWS_CA_BUNDLE").and_then(|path| std::fs::read(path).ok()) {
        Some(pem) => {
            let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            builder.root_certs(RootCerts::new_with_certs(&certificates)).build()
        }
        None => builder.build(),
    }
}

/// Whether the same request may succeed a moment later.
pub fn is_transient(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Timeout(which) => *which != Timeout::Global,
        ureq::Error::Io(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Protocol(_) => true,
        _ => false,
    }
}
