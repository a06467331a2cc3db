//! `storage_providers.webdav`: servers of `WebDAV`, such as dCache, with a user's name and password or a bearer token.
//!
//! A path there is `folder[/folder…]` from the server's root or from the path of `hostname`; its first part stands where S3 has
//! the bucket.

use super::fields::{Fields, Spanned, show};
use super::problem::{Position, Report};
use throng_contract::{Protocol, ProviderKeys, StorageProvider};

/// Keys of an entry.
pub(super) const KEYS: &[&str] = &["hostname", "login", "password", "token", "verify"];

/// Reads a text that is a secret, with what was written where it came from the environment.
pub(super) type Secret = Option<(String, Option<String>)>;

/// Where a server is, its keys, and how they were written where they came from the environment.
pub(super) type Server = (StorageProvider, ProviderKeys, [Option<String>; 2]);

/// Checks and puts together what an entry says. `hostname` is expanded already, and also as it was written.
pub(super) fn provider(
    fields: &Fields<'_>,
    at: Position,
    hostname: Option<(Spanned<String>, String, bool)>,
    mut secret: impl FnMut(&str, &mut Report) -> Secret,
    report: &mut Report,
) -> Option<Server> {
    let verify = fields.flag("verify", report).unwrap_or(true);
    let endpoint = endpoint(fields, at, hostname, report);
    let given = |name: &str| fields.node(name).is_some();
    let keys = match (given("token"), given("login") || given("password")) {
        (true, true) => {
            let message = "give `token`, or `login` and `password`, not both";
            report.error(at, &fields.key("token"), message);
            None
        }
        (true, false) => secret("token", report).map(|token| ((String::new(), None), token)),
        (false, _) => {
            let (login, password) = (secret("login", report), secret("password", report));
            login.zip(password)
        }
    };
    let ((login, written_login), (password, written_password)) = keys?;
    if login.contains(':') {
        report.error(at, &fields.key("login"), "holds a colon, which basic authentication does not allow");
        return None;
    }
    let storage = StorageProvider {
        endpoint: Some(endpoint?),
        region: String::new(),
        verify,
        protocol: Protocol::Webdav,
    };
    let keys = ProviderKeys { access_key: login, secret_key: password };
    Some((storage, keys, [written_login, written_password]))
}

fn endpoint(
    fields: &Fields<'_>,
    at: Position,
    hostname: Option<(Spanned<String>, String, bool)>,
    report: &mut Report,
) -> Option<String> {
    let key = fields.key("hostname");
    let Some((text, written, unset)) = hostname else {
        if fields.node("hostname").is_none() {
            report.error(at, &key, "is missing: `host`, `host:port` or `https://host[:port][/path]`");
        }
        return None;
    };
    if unset {
        return Some(text.value);
    }
    match address(&text.value, &written) {
        Ok((endpoint, open)) => {
            if open {
                let message = "the password goes over the network for everybody to read: use https";
                report.warn(text.at, &key, message);
            }
            Some(endpoint)
        }
        Err(why) => {
            report.error(text.at, &key, why);
            None
        }
    }
}

/// A server's address without a slash at its end, and whether others can listen to what is sent there. SCAR takes a host's name
/// and means https.
fn address(text: &str, written: &str) -> Result<(String, bool), String> {
    if text.contains('@') {
        return Err("must not hold a user name or password: `login` and `password` are for that".into());
    }
    let wrong = || {
        format!("{} is not an address: `host`, `host:port` or `https://host[:port][/path]`", show(written))
    };
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = url::Url::parse(&whole).map_err(|_| wrong())?;
    let plain = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !plain {
        return Err(wrong());
    }
    let loopback = match url.host() {
        None => return Err(wrong()),
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
    };
    Ok((url.as_str().trim_end_matches('/').to_owned(), url.scheme() == "http" && !loopback))
}

/// Splits a path of a server into its first part, which stands where S3 has the bucket, and the folder below it.
pub(super) fn split(text: &Spanned<String>, key: &str, report: &mut Report) -> Option<(String, String)> {
    let parts: Vec<&str> = text.value.trim().split('/').filter(|part| !part.is_empty()).collect();
    let wrong = |part: &&str| matches!(*part, "." | "..") || part.chars().any(char::is_control);
    let message = match parts.first() {
        None => "is empty: a folder of the server, such as `data/in`".to_owned(),
        Some(_) if parts.iter().any(wrong) => {
            format!("{} is not a path: `.`, `..` and control characters are not allowed", show(&text.value))
        }
        Some(_) if text.value.len() > 900 => "is longer than 900 bytes".to_owned(),
        Some(first) => return Some(((*first).to_owned(), parts[1..].join("/"))),
    };
    report.error(text.at, key, message);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_or_urls_and_hold_no_password() {
        for (text, expected, open) in [
            ("dcache.lab", "https://dcache.lab", false),
            ("dcache.lab:2880/", "https://dcache.lab:2880", false),
            (
                "https://cloud.lab/remote.php/dav/files/me/",
                "https://cloud.lab/remote.php/dav/files/me",
                false,
            ),
            ("http://127.0.0.1:9", "http://127.0.0.1:9", false),
            ("http://dcache.lab", "http://dcache.lab", true),
        ] {
            assert_eq!(address(text, text), Ok((expected.to_owned(), open)), "{text}");
        }
        for text in ["", "ftp://x", "https://x?a=b", "https://x#y", "https://"] {
            assert!(address(text, text).is_err(), "{text}");
        }
        assert!(address("https://me:hidden@x", "").is_err_and(|why| !why.contains("hidden")));
    }
}
