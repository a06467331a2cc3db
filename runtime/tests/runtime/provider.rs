//! Storage providers: a second S3 with keys of its own, which checks signatures.

use crate::rig::{Answer, Request, Response, Rig, decode, function, serve_over};
use hmac::{Hmac, KeyInit, Mac};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use throng_contract::{
    FailureClass, FunctionConfig, OutputRule, Protocol, ProviderAccess, ProviderInput, ProviderKeys,
    ProviderSecrets, StorageProvider, TaskState, versions,
};

/// A certificate that the server signed itself, with its key.
const PEM: &[u8] = include_bytes!("lab.pem");

/// An S3 on its own port that lets one pair of keys in.
struct Lab {
    endpoint: String,
    shared: Arc<Mutex<Shelf>>,
}

struct Shelf {
    keys: (String, String),
    objects: BTreeMap<String, Vec<u8>>,
    refused: usize,
}

impl Lab {
    fn start(id: &str, secret: &str) -> Self {
        Self::listen(id, secret, None)
    }

    /// Speaks TLS with [`PEM`].
    fn start_tls(id: &str, secret: &str) -> Self {
        let chain = vec![CertificateDer::from_pem_slice(PEM).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(PEM).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self::listen(id, secret, Some(Arc::new(config)))
    }

    fn listen(id: &str, secret: &str, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = format!("{scheme}://{}", listener.local_addr().unwrap());
        let keys = (id.to_owned(), secret.to_owned());
        let shared = Arc::new(Mutex::new(Shelf { keys, objects: BTreeMap::new(), refused: 0 }));
        let shelf = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shelf, tls) = (shelf.clone(), tls.clone());
                std::thread::spawn(move || {
                    stream.set_nodelay(true).unwrap();
                    let answer = |request: &Request| s3(request, &mut shelf.lock().unwrap());
                    match tls {
                        None => serve_over(&stream, answer),
                        Some(config) => {
                            let connection = rustls::ServerConnection::new(config).unwrap();
                            serve_over(rustls::StreamOwned::new(connection, stream), answer);
                        }
                    }
                });
            }
        });
        Self { endpoint, shared }
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        self.shared.lock().unwrap().objects.insert(path.into(), bytes.into());
    }

    fn list(&self) -> Vec<String> {
        self.shared.lock().unwrap().objects.keys().cloned().collect()
    }

    fn refused(&self) -> usize {
        self.shared.lock().unwrap().refused
    }

    fn storage(&self) -> StorageProvider {
        StorageProvider {
            endpoint: Some(self.endpoint.clone()),
            region: "eu-lab-1".into(),
            verify: true,
            protocol: Protocol::S3,
        }
    }

    fn access(&self, id: &str, secret: &str) -> ProviderAccess {
        let keys = ProviderKeys { access_key: id.into(), secret_key: secret.into() };
        ProviderAccess { storage: self.storage(), keys }
    }
}

fn s3(request: &Request, shelf: &mut Shelf) -> Response {
    let refuse = |code: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>who?</Message></Error>");
        (403, Vec::new(), body.into_bytes())
    };
    assert!(!request.headers.contains_key("x-amz-security-token"), "the role's token is not for others");
    let claim = &request.headers["authorization"];
    if !claim.contains(&format!("Credential={}/", shelf.keys.0)) {
        shelf.refused += 1;
        return refuse("InvalidAccessKeyId");
    }
    if signature(request, &shelf.keys.1) != claim.rsplit_once("Signature=").unwrap().1 {
        shelf.refused += 1;
        return refuse("SignatureDoesNotMatch");
    }
    let key = decode(request.path.trim_start_matches('/'));
    match request.method.as_str() {
        "PUT" => {
            shelf.objects.insert(key, request.body.clone());
            (200, vec![("etag".into(), "\"e\"".into())], Vec::new())
        }
        _ => match shelf.objects.get(&key) {
            Some(bytes) => (200, vec![("etag".into(), "\"e\"".into())], bytes.clone()),
            None => (404, Vec::new(), b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
        },
    }
}

/// The signature that a request should have (AWS, "Signature Version 4 signing process").
fn signature(request: &Request, secret: &str) -> String {
    let claim = &request.headers["authorization"];
    let field = |name: &str| {
        let start = claim.split_once(&format!("{name}=")).unwrap().1;
        start.split([',', ' ']).next().unwrap().to_owned()
    };
    let scope = field("Credential").split_once('/').unwrap().1.to_owned();
    let names = field("SignedHeaders");
    let mut headers = String::new();
    for name in names.split(';') {
        let _ = writeln!(headers, "{name}:{}", request.headers[name]);
    }
    let hash = &request.headers["x-amz-content-sha256"];
    assert_eq!(*hash, hex::encode(Sha256::digest(&request.body)), "the body is what was signed");
    let canonical = format!("{}\n{}\n\n{headers}\n{names}\n{hash}", request.method, request.path);
    let time = &request.headers["x-amz-date"];
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let hmac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part));
    hex::encode(hmac(&key, &text))
}

fn secrets(providers: &[(&str, ProviderAccess)]) -> Vec<u8> {
    let providers = providers.iter().map(|(name, access)| ((*name).to_owned(), access.clone())).collect();
    serde_json::to_vec(&ProviderSecrets { version: versions::SECRETS, providers, variables: BTreeMap::new() })
        .unwrap()
}

const SECRETS: &str = "home/secrets/f/providers.json";

/// A function that knows `minio.lab` and writes to its bucket `results` and to the own bucket `out`.
fn lab_function(lab: &Lab) -> FunctionConfig {
    let mut function = function(true);
    let rule = |provider: Option<&str>, bucket: &str, suffix: &[&str]| OutputRule {
        provider: provider.map(str::to_owned),
        bucket: bucket.into(),
        path: "of run".into(),
        prefix: Vec::new(),
        suffix: suffix.iter().map(ToString::to_string).collect(),
    };
    function.outputs =
        vec![rule(None, "out", &[".log"]), rule(Some("minio.lab"), "results", &[".txt", ".log"])];
    function.providers.insert("minio.lab".into(), lab.storage());
    function.provider_inputs =
        vec![ProviderInput { provider: "minio.lab".into(), bucket: "pictures".into(), path: "in".into() }];
    function
}

const SCRIPT: &str =
    "cat \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/é.txt\"; env > \"$TMP_OUTPUT_DIR/env.log\"";

fn task(provider: Option<&str>) -> Value {
    json!({"throng": {"run": "r", "task": 1}, "bucket": "pictures", "key": "in/a b", "provider": provider})
}

fn error(answer: &Answer) -> String {
    answer.body["errorMessage"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn inputs_and_outputs_of_two_endpoints_with_their_own_keys() {
    let lab = Lab::start("lab-id", "lab-secret");
    let mut rig = Rig::start(&lab_function(&lab), Some(SCRIPT), &[]);
    rig.put(SECRETS, &secrets(&[("minio.lab", lab.access("lab-id", "lab-secret"))]));
    lab.put("pictures/in/a b", b"hello");
    rig.put("pictures/in/a b", b"another object of the same name");

    let answer = rig.invoke(&task(Some("minio.lab")));
    assert!(answer.ok, "{answer:?}");
    assert_eq!(lab.list(), ["pictures/in/a b", "results/of run/env.log", "results/of run/é.txt"]);
    assert_eq!(lab.shared.lock().unwrap().objects["results/of run/é.txt"], b"hello");
    assert_eq!(rig.list("out/"), ["out/of run/env.log"]);
    let record = rig.record();
    assert_eq!((record.provider.as_deref(), record.bytes_in), (Some("minio.lab"), 5));
    let outputs: Vec<_> =
        record.outputs.iter().map(|output| (output.provider.as_deref(), output.bucket.as_str())).collect();
    assert_eq!(outputs, [(None, "out"), (Some("minio.lab"), "results"), (Some("minio.lab"), "results")]);
    let seen = [rig.get("out/of run/env.log").unwrap(), serde_json::to_vec(&rig.records()).unwrap()].concat();
    assert!(
        !String::from_utf8_lossy(&seen).contains("lab-secret"),
        "neither variables nor records hold keys"
    );

    // The keys are read once for an environment, and by the first task that needs them.
    assert!(rig.invoke(&task(Some("minio.lab"))).ok);
    let reads = rig.requests().iter().filter(|request| request.contains("secrets/")).count();
    assert_eq!(reads, 1);
}

#[test]
fn functions_without_providers_never_ask_for_keys() {
    let mut rig = Rig::with_script("cat \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/x\"");
    rig.put("pictures/in/a b", b"x");
    assert!(rig.invoke(&task(None)).ok);
    assert!(!rig.requests().iter().any(|request| request.contains("secrets/")));
}

#[test]
fn wrong_keys_are_refused_in_words_and_changed_ones_are_taken_up() {
    let lab = Lab::start("lab-id", "new-secret");
    let mut rig = Rig::start(&lab_function(&lab), Some(SCRIPT), &[]);
    rig.put(SECRETS, &secrets(&[("minio.lab", lab.access("lab-id", "old-secret"))]));
    lab.put("pictures/in/a b", b"hello");
    let answer = rig.invoke(&task(Some("minio.lab")));
    assert_eq!(answer.error_type, "Throng.Input");
    let said = error(&answer);
    for part in ["minio.lab://pictures/in/a b", &lab.endpoint, "keys of this storage provider are wrong"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("old-secret"), "{said}");
    assert_eq!(
        (rig.record().class, lab.refused()),
        (Some(FailureClass::Input), 1),
        "the same keys are not tried twice"
    );

    rig.put(SECRETS, &secrets(&[("minio.lab", lab.access("lab-id", "new-secret"))]));
    let answer = rig.invoke(&task(Some("minio.lab")));
    assert!(answer.ok, "the environment lives on with the new keys: {answer:?}");
    let read = rig.record().requests.read;
    assert!(read >= 3, "the refused request, the new keys, the input: {read}");
}

#[test]
fn outputs_that_a_provider_refuses_fail_the_task() {
    let lab = Lab::start("lab-id", "lab-secret");
    let mut rig = Rig::start(&lab_function(&lab), Some(SCRIPT), &[]);
    rig.put(SECRETS, &secrets(&[("minio.lab", lab.access("other-id", "lab-secret"))]));
    rig.put("pictures/in/a b", b"hello");
    let answer = rig.invoke(&task(None));
    assert_eq!(answer.error_type, "Throng.Output");
    assert!(error(&answer).contains("minio.lab://results/of run/"), "{}", error(&answer));
    assert_eq!((rig.record().state, rig.record().class), (TaskState::Failed, Some(FailureClass::Output)));
}

#[test]
fn missing_keys_and_unknown_providers_say_what_to_do() {
    let lab = Lab::start("lab-id", "lab-secret");
    let mut rig = Rig::start(&lab_function(&lab), Some(SCRIPT), &[]);
    let said = error(&rig.invoke(&task(Some("minio.lab"))));
    assert!(said.contains("the keys of minio.lab cannot be had") && said.contains(SECRETS), "{said}");
    rig.put(SECRETS, b"{\"version\": 1, \"providers\": {\"minio.lab\": \"lab-secret\"}}");
    let said = error(&rig.invoke(&task(Some("minio.lab"))));
    assert!(said.contains("not in the form") && !said.contains("lab-secret"), "{said}");
    rig.put(SECRETS, &secrets(&[]));
    let said = error(&rig.invoke(&task(Some("minio.lab"))));
    assert!(said.contains("deploy the function again"), "{said}");
    let said = error(&rig.invoke(&task(Some("minio.nowhere"))));
    assert!(said.contains("no storage provider minio.nowhere"), "{said}");
}

#[test]
fn an_event_of_the_providers_server_is_fetched_there() {
    let lab = Lab::start("lab-id", "lab-secret");
    let mut rig = Rig::start(&lab_function(&lab), Some(SCRIPT), &[]);
    rig.put(SECRETS, &secrets(&[("minio.lab", lab.access("lab-id", "lab-secret"))]));
    lab.put("pictures/in/a b", b"hello");
    // As MinIO's webhook sends it (minio: docs/bucket/notifications).
    let event = json!({"EventName": "s3:ObjectCreated:Put", "Key": "pictures/in/a b", "Records": [{
        "eventVersion": "2.0", "eventSource": "minio:s3", "eventTime": "2026-01-02T03:04:05.000Z",
        "s3": {"bucket": {"name": "pictures"}, "object": {"key": "in%2Fa+b"}}}]});
    let answer = rig.invoke(&event);
    assert!(answer.ok, "{answer:?}");
    assert_eq!(rig.record().provider.as_deref(), Some("minio.lab"));

    let mut plain = Rig::with_script("true");
    plain.put("pictures/in/a b", b"the role's own, and not what is meant");
    let said = error(&plain.invoke(&event));
    assert!(said.contains("MinIO") && said.contains("no `input`"), "{said}");
}

#[test]
fn a_certificate_is_checked_unless_the_definition_says_otherwise() {
    let lab = Lab::start_tls("lab-id", "lab-secret");
    lab.put("pictures/in/a b", b"hello");
    let mut function = lab_function(&lab);
    let access = secrets(&[("minio.lab", lab.access("lab-id", "lab-secret"))]);
    let mut strict = Rig::start(&function, Some(SCRIPT), &[]);
    strict.put(SECRETS, &access);
    let answer = strict.invoke_raw(task(Some("minio.lab")).to_string().as_bytes(), Duration::from_secs(5));
    assert!(error(&answer).contains("certificate"), "{answer:?}");
    assert_eq!(lab.list(), ["pictures/in/a b"]);

    function.providers.get_mut("minio.lab").unwrap().verify = false;
    let mut lax = Rig::start(&function, Some(SCRIPT), &[]);
    lax.put(SECRETS, &access);
    let answer = lax.invoke(&task(Some("minio.lab")));
    assert!(answer.ok, "{answer:?}");
    assert_eq!(lab.list().len(), 3);
}
