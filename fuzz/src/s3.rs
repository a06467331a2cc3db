//! The local cloud's S3 in a temporary folder, asked as clients ask.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use throng_contract::local::{AccessKey, LocalCredentials};
use throng_local::access::{Access, NoRoles};
use throng_local::db::{CLOUD as FORMAT, Db, DbError};
use throng_local::s3::{NotificationTargets, ObjectStore, service};

/// The bucket that is there.
pub const BUCKET: &str = "fuzz";

/// The keys of a client.
pub fn credentials() -> LocalCredentials {
    let pair =
        |id: &str| AccessKey { access_key_id: id.into(), secret_access_key: format!("secret of {id}") };
    LocalCredentials { user: pair("user"), function: pair("function") }
}

/// Who may ask: the client alone.
pub fn access() -> Arc<Access> {
    Arc::new(Access::new(credentials().user, Arc::new(NoRoles)))
}

/// Signs a request for a service and gives the headers that this adds. `hash` is what stands for the body.
pub fn signed(service: &str, request: &Request<()>, body: SignableBody<'_>) -> Vec<(String, String)> {
    let pair = credentials().user;
    let identity = Credentials::new(pair.access_key_id, pair.secret_access_key, None, None, "fuzz").into();
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .expect("all parameters");
    let headers: Vec<_> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let whole = format!("http://localhost{}", request.uri());
    let signable = SignableRequest::new(request.method().as_str(), whole, headers.into_iter(), body);
    let Ok(signed) = sign(signable.expect("a URI"), &params.into()) else { return Vec::new() };
    let headers = signed.output().headers();
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// No function exists, and none is told anything.
struct Nobody;

impl NotificationTargets for Nobody {
    fn check(&self, _: &rusqlite::Transaction<'_>, arn: &str, _: &str) -> Result<(), String> {
        if arn.ends_with(":f") { Ok(()) } else { Err("no such function".into()) }
    }

    fn enqueue(&self, _: &rusqlite::Transaction<'_>, _: &str, _: &str) -> Result<(), DbError> {
        Ok(())
    }

    fn committed(&self) {}
}

/// The service, with [`BUCKET`].
pub struct Cloud {
    service: s3s::service::S3Service,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

/// An answer, read.
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Cloud {
    /// One for all inputs of a process.
    pub fn get() -> &'static Self {
        static CLOUD: OnceLock<Cloud> = OnceLock::new();
        CLOUD.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let db = Db::open(&folder.path().join("cloud.db"), &FORMAT).expect("a database");
            let store = ObjectStore::open(folder.path(), db, Arc::new(Nobody)).expect("a store");
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let service = service(store, access());
            let cloud = Self { service, runtime, _folder: folder };
            let created = cloud.ask("PUT", &format!("/{BUCKET}"), &[], &[], None);
            assert_eq!(created.status, StatusCode::OK, "{}", created.text());
            cloud
        })
    }

    /// Sends a signed request whose body comes in pieces. `hash` is the `x-amz-content-sha256` to sign in place of the
    /// body's own.
    pub fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        pieces: &[&[u8]],
        hash: Option<&str>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(target).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let whole = pieces.concat();
        let request = request.header("content-length", whole.len()).body(()).expect("a request");
        let body = match hash {
            Some(hash) => SignableBody::Precomputed(hash.to_owned()),
            None => SignableBody::Bytes(&whole),
        };
        let added: BTreeMap<String, String> = signed("s3", &request, body).into_iter().collect();
        let (mut parts, ()) = request.into_parts();
        for (name, value) in added {
            let name: http::HeaderName = name.parse().expect("a name");
            parts.headers.insert(name, value.parse().expect("a value"));
        }
        self.send(Request::from_parts(parts, ()), pieces)
    }

    /// Sends a request as it is.
    pub fn send(&self, request: Request<()>, pieces: &[&[u8]]) -> Answer {
        let frames: Vec<Result<Frame<Bytes>, std::io::Error>> =
            pieces.iter().map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
        let body = s3s::Body::http_body_unsync(StreamBody::new(futures::stream::iter(frames)));
        let mut request = request.map(|()| body);
        request.extensions_mut().insert(throng_local::protocol::RequestIds::random());
        self.runtime.block_on(async {
            let answer = self.service.call(request).await.expect("an answer");
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            Answer { status: parts.status, headers: parts.headers, body }
        })
    }
}
