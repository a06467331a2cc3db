//! Takes a layer over from another repository of the same registry, which sends nothing.

use super::Registry;
use super::registry::{authentication, http};
use oci_client::client::Client;
use oci_client::{Reference, RegistryOperation};

/// Whether the registry took the layer over. Any refusal is a no: then the layer is sent.
pub(super) async fn mount(client: &Client, registry: &Registry, from: &Reference, digest: &str) -> bool {
    let target = registry.reference();
    let auth = authentication(registry.credentials.as_ref());
    match client.auth(&both(&target, from), &auth, RegistryOperation::Pull).await {
        Ok(Some(token)) => mount_with(&token, registry, from, digest).await.unwrap_or(false),
        // No tokens here.
        _ => client.mount_blob(&target, from, digest).await.is_ok(),
    }
}

/// A reference for which the client asks for one token over both repositories. Its own tokens are for one repository, and a
/// registry that wants tokens mounts nothing from a repository that the token does not name. The scopes of a token are
/// separated by spaces (<https://distribution.github.io/distribution/spec/auth/token/>); the client writes
/// `repository:NAME:pull`.
fn both(target: &Reference, from: &Reference) -> Reference {
    let scopes = format!("{}:pull,push repository:{}", target.repository(), from.repository());
    Reference::with_tag(target.registry().to_owned(), scopes, "any".to_owned())
}

async fn mount_with(
    token: &str,
    registry: &Registry,
    from: &Reference,
    digest: &str,
) -> Result<bool, reqwest::Error> {
    let scheme = if registry.plain_http() { "http" } else { "https" };
    let url = format!("{scheme}://{}/v2/{}/blobs/uploads/", registry.host(), registry.repository);
    let query = [("mount", digest), ("from", from.repository())];
    let request = http(registry.host())?.post(url).query(&query).bearer_auth(token);
    let answer = request.header(reqwest::header::CONTENT_LENGTH, 0).send().await?;
    Ok(answer.status() == reqwest::StatusCode::CREATED)
}
