//! AWS's S3 client for the local cloud in a folder, and bytes to store there.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use std::path::Path;
use throng_local::daemon::{self, State};

/// A client with the keys of the cloud that runs in `folder`.
pub fn client(folder: &Path) -> Client {
    let State::Running(endpoint, _) = daemon::status(folder) else { panic!("no daemon") };
    let pair = daemon::read_credentials(folder).unwrap().user;
    client_with(&endpoint.endpoint, &pair.access_key_id, &pair.secret_access_key)
}

/// A client with these keys.
pub fn client_with(endpoint: &str, id: &str, secret: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .force_path_style(true)
        // A request that the daemon's death interrupts must not be sent to its successor.
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

/// Bytes that look like noise, the same for the same `seed`.
pub fn bytes(length: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
