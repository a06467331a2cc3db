//! Which names of this machine a request may be for. A web page whose name its owner lets point to 127.0.0.1 ("DNS
//! rebinding") can make a browser send requests here, under that name.

use crate::protocol::body::{Body, text};
use http::{HeaderMap, Response, StatusCode, Uri, header};

/// Whether a request names this machine's loopback as its host, or is signed: a signature covers the host, and no browser
/// has the keys.
pub fn is_meant(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(is_loopback) || is_signed(headers, uri)
}

/// `localhost`, a name below it, or a loopback address, with any port: it may be another one behind `ssh -L`.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_signed(headers: &HeaderMap, uri: &Uri) -> bool {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.is_some_and(|value| value.starts_with("AWS"))
        || uri.query().is_some_and(|query| query.contains("X-Amz-Signature="))
}

/// The answer to a request for another host.
pub fn refusal() -> Response<Body> {
    text(
        StatusCode::MISDIRECTED_REQUEST,
        "this is the local cloud of throng; its name is localhost or 127.0.0.1\n",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_loopback_are_meant() {
        for host in
            ["127.0.0.1:9000", "localhost", "LOCALHOST:1", "[::1]:9000", "bucket.localhost:9000", "127.1.2.3"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:9000",
            "10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
