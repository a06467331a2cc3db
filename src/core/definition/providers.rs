//! `storage_providers`: S3 endpoints and servers of `WebDAV` besides the context's own, with keys of their own.

use super::fields::{Fields, Spanned, show};
use super::limits;
use super::node::{Node, Value};
use super::problem::{Position, Report, closest};
use super::secrets::{Environment, expand};
use super::webdav;
use std::collections::{BTreeMap, BTreeSet};
use throng_contract::{OutputRule, Protocol, ProviderInput, ProviderKeys, StorageProvider};

/// Providers and the keys of each entry. SCAR knows five.
const KINDS: &[(&str, &[&str])] = &[
    ("s3", &["access_key", "secret_key", "region"]),
    ("minio", &["endpoint", "verify", "region", "access_key", "secret_key"]),
    ("onedata", &["oneprovider_host", "token", "space"]),
    ("webdav", webdav::KEYS),
    (
        "rucio",
        &[
            "endpoint",
            "host",
            "account",
            "auth_host",
            "rse",
            "oidc_agent",
            "oidc_audience",
            "client_id",
            "refresh_token",
        ],
    ),
];
/// Those that are served.
const SERVED: &[&str] = &["s3", "minio", "webdav"];
/// Those that are not, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    (
        "onedata",
        "`onedata` is not served: name the S3 gateway of its provider (OneS3) as `minio.ID`, or let the script fetch and store the \
         files with Onedata's own client or REST interface, with its token under `secrets`",
    ),
    (
        "rucio",
        "`rucio` is not served: it only knows where files are. Name the storage that holds them, which speaks S3 or WebDAV, as \
         `minio.ID` or `webdav.ID`, or let the script fetch them with `rucio download`, with its token under `secrets`",
    ),
];
/// What `MinIO` signs for unless it is told otherwise, and where AWS's S3 began.
const REGION: &str = "us-east-1";

/// A storage provider with keys of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Where it is.
    pub storage: StorageProvider,
    /// Its keys.
    pub keys: ProviderKeys,
    /// `access_key` and `secret_key` (of `WebDAV` `login` and `password`, or the second alone: `token`) as written, where they came from the environment (`${NAME}`).
    pub written: [Option<String>; 2],
}

/// What is known of a provider of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It has no keys of its own: the function's role is meant.
    Role,
    /// It has.
    Keys(Box<Provider>),
    /// It is wrong, which was reported.
    Broken,
}

/// Where an input or output is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// In what the function's role may use.
    Own,
    /// At the provider of this name.
    Provider(String),
}

impl Storage {
    /// Whether paths there are of a server of `WebDAV`: their first part is no bucket.
    pub fn is_webdav(&self) -> bool {
        matches!(self, Self::Provider(name) if name.starts_with("webdav."))
    }
}

/// The providers of a file, by `type.id`.
pub(super) type Providers = BTreeMap<String, Known>;

/// Reads `storage_providers`. What is wrong with one that no input or output of the file names is a warning.
pub(super) fn read(
    top: &Fields<'_>,
    root: &Node,
    environment: Environment<'_>,
    report: &mut Report,
) -> Providers {
    let mut named = BTreeSet::new();
    if let Some(functions) = root.get("functions") {
        named_in(functions, &mut named);
    }
    let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let block = top.map("storage_providers", &kinds, report);
    let mut found = Providers::new();
    for (kind, keys) in KINDS {
        let Some(node) = block.node(kind) else { continue };
        let path = block.key(kind);
        let Value::Map(entries) = &node.value else {
            let message = format!("must be a map from ids to credentials, this is {}", node.kind());
            report.error(node.at, &path, message);
            continue;
        };
        for (id, entry) in entries {
            let path = format!("{path}.{}", id.text);
            let fields = Fields::new(entry, &path, keys, report);
            if id.text.is_empty() || !id.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            {
                let message =
                    format!("{} is not an id: letters, digits, - and _ are allowed", show(&id.text));
                report.error(id.at, &path, message);
                continue;
            }
            let name = format!("{kind}.{}", id.text);
            let known = if SERVED.contains(kind) {
                let mut own = Report { unset: report.unset, ..Report::new(report.file.clone()) };
                let reader = Reader { fields, at: id.at, environment };
                let known = match *kind {
                    "webdav" => reader.webdav(&mut own).map(|provider| Known::Keys(Box::new(provider))),
                    kind => reader.read(kind == "minio", id.text == "default", &mut own),
                };
                report.take(own, named.contains(&name));
                known.unwrap_or(Known::Broken)
            } else {
                Known::Broken
            };
            found.insert(name, known);
        }
    }
    found
}

/// Every provider that a `storage_provider` below a node names.
fn named_in(node: &Node, found: &mut BTreeSet<String>) {
    match &node.value {
        Value::Text { .. } => {}
        Value::List(items) => items.iter().for_each(|item| named_in(item, found)),
        Value::Map(entries) => {
            for (key, node) in entries {
                match &node.value {
                    Value::Text { text, .. } if key.text == "storage_provider" => {
                        let default = if text.contains('.') { "" } else { ".default" };
                        found.insert(format!("{text}{default}"));
                    }
                    _ => named_in(node, found),
                }
            }
        }
    }
}

/// Reads one entry.
struct Reader<'a> {
    fields: Fields<'a>,
    at: Position,
    environment: Environment<'a>,
}

impl Reader<'_> {
    /// `None` when something is wrong, which has been reported then.
    fn read(&self, minio: bool, default: bool, report: &mut Report) -> Option<Known> {
        let given = |name: &str| self.fields.node(name).is_some();
        if !minio && !given("access_key") && !given("secret_key") {
            if default {
                return Some(Known::Role);
            }
            let message = "has no `access_key` and `secret_key`: give them, or write `s3` for buckets that the \
                 function's role may use";
            report.error(self.at, &self.fields.path, message);
            return None;
        }
        let endpoint = minio.then(|| self.endpoint(report));
        let region = self.region(minio, report);
        let verify = !minio || self.fields.flag("verify", report).unwrap_or(true);
        let (access_key, secret_key) = (self.secret("access_key", report), self.secret("secret_key", report));
        let (access_key, secret_key) = (access_key?, secret_key?);
        let endpoint = match endpoint {
            Some(endpoint) => Some(endpoint?),
            None => None,
        };
        let written = [access_key.1, secret_key.1];
        let keys = ProviderKeys { access_key: access_key.0, secret_key: secret_key.0 };
        let storage = StorageProvider { endpoint, region: region?, verify, protocol: Protocol::S3 };
        Some(Known::Keys(Box::new(Provider { storage, keys, written })))
    }

    /// A server of `WebDAV`; `None` when something is wrong, which has been reported then.
    fn webdav(&self, report: &mut Report) -> Option<Provider> {
        let hostname = self.expanded("hostname", report);
        let secret = |name: &str, report: &mut Report| self.secret(name, report);
        let (storage, keys, written) = webdav::provider(&self.fields, self.at, hostname, secret, report)?;
        Some(Provider { storage, keys, written })
    }

    /// A text in which `${NAME}` was replaced, and the text as written, for messages.
    ///
    /// The flag says that a variable is not set, so that there is nothing to be checked.
    fn expanded(&self, name: &str, report: &mut Report) -> Option<(Spanned<String>, String, bool)> {
        let text = self.fields.text(name, report)?;
        let expanded = expand(&text, &self.environment, &self.fields.key(name), report)?;
        let value = expanded.text.trim().to_owned();
        Some((Spanned { at: text.at, value }, text.value, expanded.unset))
    }

    fn endpoint(&self, report: &mut Report) -> Option<String> {
        let key = self.fields.key("endpoint");
        if self.fields.node("endpoint").is_none() {
            report.error(self.at, &key, "is missing: `http://host:port` or `https://host[:port]`");
            return None;
        }
        let (text, written, unset) = self.expanded("endpoint", report)?;
        if unset {
            return Some(text.value);
        }
        match address(&text.value, &written) {
            Ok(endpoint) => Some(endpoint),
            Err(why) => {
                report.error(text.at, &key, why);
                None
            }
        }
    }

    fn region(&self, minio: bool, report: &mut Report) -> Option<String> {
        if self.fields.node("region").is_none() {
            return Some(REGION.to_owned());
        }
        let (text, written, unset) = self.expanded("region", report)?;
        if unset {
            return Some(text.value);
        }
        let key = self.fields.key("region");
        if !minio {
            return Some(limits::region(&text, &written, &key, report));
        }
        let good = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        match text.value.as_str() {
            "" => Some(REGION.to_owned()),
            value if value.bytes().all(good) => Some(text.value),
            _ => {
                report.error(text.at, &key, format!("{} is not a region: such as us-east-1", show(&written)));
                None
            }
        }
    }

    /// A key, and the text as written when it came from the environment. Its value is in no message.
    fn secret(&self, name: &str, report: &mut Report) -> Option<(String, Option<String>)> {
        let key = self.fields.key(name);
        if self.fields.node(name).is_none() {
            report.error(self.at, &key, "is missing: the provider needs it");
        }
        let text = self.fields.text(name, report)?;
        let expanded = expand(&text, &self.environment, &key, report)?;
        let value = expanded.text.trim();
        // A password may have spaces within.
        let space = name == "password";
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_graphic() || (space && b == b' ')) {
            let message =
                "must be printable characters without spaces, and not empty (its value is not shown)";
            report.error(text.at, &key, message);
            return None;
        }
        if !expanded.from_environment && matches!(name, "secret_key" | "password" | "token") {
            let message = "stands in the file for everybody who can read it: write `${NAME}`, and give the value in the \
                 environment variable NAME";
            report.warn(text.at, &key, message);
        }
        Some((value.to_owned(), expanded.from_environment.then_some(text.value)))
    }
}

/// Checks an endpoint; without a slash at its end. Messages have it as `written`.
fn address(text: &str, written: &str) -> Result<String, String> {
    if text.contains('@') {
        return Err(
            "must not hold a user name or password: `access_key` and `secret_key` are for that".into()
        );
    }
    let wrong =
        || format!("{} is not an endpoint: `http://host:port` or `https://host[:port]`", show(written));
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let plain = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !plain {
        return Err(wrong());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Which storage an input or output is in. `None`: that is wrong, and was reported.
pub(super) fn of_place(
    fields: &Fields<'_>,
    at: Position,
    providers: &Providers,
    report: &mut Report,
) -> Option<Storage> {
    let key = fields.key("storage_provider");
    let Some(text) = fields.text("storage_provider", report) else {
        if fields.node("storage_provider").is_none() {
            report.error(at, &key, "is missing: write `s3`, or a provider such as `minio.ID`");
        }
        return None;
    };
    let (kind, id) = text.value.split_once('.').unwrap_or((&text.value, "default"));
    let mut refuse = |message: String| report.error(text.at, &key, message);
    if !SERVED.contains(&kind) {
        let way = REFUSED.iter().find(|(known, _)| *known == kind).map(|(_, way)| (*way).to_owned());
        let unknown = || {
            format!(
                "{} is not a storage provider: use `s3`, `s3.ID`, `minio.ID` or `webdav.ID`",
                show(&text.value)
            )
        };
        refuse(way.unwrap_or_else(unknown));
        return None;
    }
    let name = format!("{kind}.{id}");
    match providers.get(&name) {
        Some(Known::Role) => Some(Storage::Own),
        Some(Known::Keys(_)) => Some(Storage::Provider(name)),
        Some(Known::Broken) => None,
        None if name == "s3.default" => Some(Storage::Own),
        None => {
            let known: Vec<&str> = providers.keys().map(String::as_str).collect();
            let or = if kind == "s3" { ", or write `s3`" } else { "" };
            let hint = closest(&name, &known).map_or_else(
                || format!("define it under `storage_providers.{kind}`{or}"),
                |meant| format!("did you mean `{meant}`?"),
            );
            refuse(format!("no storage provider {}; {hint}", show(&name)));
            None
        }
    }
}

/// Those of `all` that a function's inputs and outputs name.
pub(super) fn used(
    all: &Providers,
    inputs: &[ProviderInput],
    outputs: &[OutputRule],
) -> BTreeMap<String, Provider> {
    let names = inputs.iter().map(|input| &input.provider);
    let names = names.chain(outputs.iter().filter_map(|output| output.provider.as_ref()));
    let provider = |name: &String| match all.get(name) {
        Some(Known::Keys(provider)) => Some((name.clone(), (**provider).clone())),
        _ => None,
    };
    names.filter_map(provider).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_a_scheme_a_host_and_a_port() {
        for (text, expected) in [
            ("http://minio.lab:9000/", "http://minio.lab:9000"),
            ("https://minio.lab", "https://minio.lab"),
            ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ] {
            assert_eq!(address(text, text).as_deref(), Ok(expected));
        }
        for text in ["", "minio.lab:9000", "ftp://x", "http://x/path", "http://x?a=b", "http://"] {
            assert!(address(text, text).is_err_and(|why| why.contains("not an endpoint")), "{text}");
        }
        let refused = |why: String| why.contains("user name") && !why.contains("hidden");
        assert!(address("http://user:hidden@x", "").is_err_and(refused));
    }
}
