//! The protocol, asked with signed requests as clients and attackers write them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{checked, service};
use crate::access::{Access, NoRoles};
use crate::db::{CLOUD, Db, DbError};
use crate::protocol::RequestIds;
use crate::s3::{NotificationTargets, ObjectStore};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use md5::{Digest as _, Md5};
use rusqlite::Transaction;
use std::sync::Arc;
use std::time::SystemTime;
use throng_contract::local::AccessKey;

const SECRET: &str = "secret of user";

struct Nobody;

impl NotificationTargets for Nobody {
    fn check(&self, _: &Transaction<'_>, _: &str, _: &str) -> Result<(), String> {
        Ok(())
    }
    fn enqueue(&self, _: &Transaction<'_>, _: &str, _: &str) -> Result<(), DbError> {
        Ok(())
    }
    fn committed(&self) {}
}

struct Cloud {
    service: s3s::service::S3Service,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    /// `200`, or `400 BadDigest`.
    fn short(&self) -> String {
        let code = self.text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        code.map_or_else(|| self.status.to_string(), |(code, _)| format!("{} {code}", self.status))
    }

    fn element(&self, name: &str) -> String {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let inner = self.text.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
        inner.map(|(inner, _)| inner.to_owned()).unwrap_or_default()
    }
}

type Headers<'a> = &'a [(&'a str, &'a str)];

impl Cloud {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("cloud.db"), &CLOUD).unwrap();
        let store = ObjectStore::open(folder.path(), db, Arc::new(Nobody)).unwrap();
        let pair =
            |id: &str| AccessKey { access_key_id: id.into(), secret_access_key: format!("secret of {id}") };
        let access = Arc::new(Access::new(pair("user"), Arc::new(NoRoles)));
        let cloud = Self { service: service(store, access), _folder: folder };
        assert_eq!(cloud.ask("PUT", "/bkt", &[], b"").await.short(), "200");
        cloud
    }

    async fn ask(&self, method: &str, target: &str, headers: Headers<'_>, body: &[u8]) -> Answer {
        self.signed(method, target, headers, None, |_, _| body.to_vec()).await
    }

    async fn stored(&self, key: &str) -> String {
        self.ask("GET", &format!("/bkt/{key}"), &[], b"").await.text
    }

    /// `body` gets the signature of the head and its time, which the signatures of chunks continue.
    async fn signed(
        &self,
        method: &str,
        target: &str,
        headers: Headers<'_>,
        hash: Option<&str>,
        body: impl FnOnce(&str, &str) -> Vec<u8>,
    ) -> Answer {
        let mut builder = Request::builder().method(method).uri(target).header("host", "localhost");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut body = Some(body);
        let known = hash.is_none().then(|| body.take().map(|body| body("", "")).unwrap_or_default());
        let signable = match (&known, hash) {
            (Some(bytes), _) => SignableBody::Bytes(bytes),
            (None, hash) => SignableBody::Precomputed(hash.unwrap_or_default().to_owned()),
        };
        let mut request = builder.body(()).unwrap();
        let (added, signature, time) = signature_of(&request, signable);
        for (name, value) in added {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let bytes = known.unwrap_or_else(|| body.map(|body| body(&signature, &time)).unwrap_or_default());
        request.headers_mut().insert("content-length", bytes.len().to_string().parse().unwrap());
        request.extensions_mut().insert(RequestIds::random());
        let request = request.map(|()| Full::new(Bytes::from(bytes)));
        let answer = match checked(request).await {
            Ok(request) => self.service.call(request).await.unwrap(),
            Err(refusal) => refusal.to_http_response().unwrap(),
        };
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Answer { status, text: String::from_utf8_lossy(&body).into_owned() }
    }
}

fn signature_of(request: &Request<()>, body: SignableBody<'_>) -> (Vec<(String, String)>, String, String) {
    let identity = Credentials::new("user", SECRET, None, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .unwrap();
    let headers: Vec<_> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let whole = format!("http://localhost{}", request.uri());
    let signable = SignableRequest::new(request.method().as_str(), whole, headers.into_iter(), body);
    let output = sign(signable.unwrap(), &params.into()).unwrap();
    let signature = output.signature().to_owned();
    let added: Vec<(String, String)> =
        output.output().headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let time = added.iter().find(|(name, _)| name == "x-amz-date").unwrap().1.clone();
    (added, signature, time)
}

/// A body in signed chunks.
fn chunks(pieces: &[&[u8]], seed: &str, time: &str) -> Vec<u8> {
    use sha2::Sha256;
    let day: String = time.chars().take(8).collect();
    let key = v4::generate_signing_key(SECRET, SystemTime::now(), "us-east-1", "s3");
    let (mut out, mut previous) = (Vec::new(), seed.to_owned());
    for piece in pieces {
        let to_sign = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{time}\n{day}/us-east-1/s3/aws4_request\n{previous}\n{}\n{}",
            hex::encode(Sha256::digest(b"")),
            hex::encode(Sha256::digest(piece))
        );
        previous = v4::calculate_signature(&key, to_sign.as_bytes());
        out.extend_from_slice(format!("{:x};chunk-signature={previous}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out
}

const SIGNED_CHUNKS: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

#[tokio::test]
async fn a_signed_body_that_is_cut_at_the_end_of_a_chunk_is_refused() {
    let cloud = Cloud::new().await;
    let headers = [("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", "10")];
    let put = async |target: &str, pieces: &[&[u8]]| {
        cloud
            .signed("PUT", target, &headers, Some(SIGNED_CHUNKS), |seed, time| chunks(pieces, seed, time))
            .await
    };
    assert_eq!(put("/bkt/k", &[b"whole", b"-body", b""]).await.short(), "200");
    let cut = put("/bkt/k", &[b"whole"]).await;
    assert_eq!(cut.short(), "400 IncompleteBody", "{}", cut.text);
    assert_eq!(put("/bkt/k", &[b"whole", b"-body and more", b""]).await.short(), "400 IncompleteBody");
    assert_eq!(cloud.stored("k").await, "whole-body", "the object that was there stays");

    let begun = cloud.ask("POST", "/bkt/p?uploads", &[], b"").await;
    let part = format!("/bkt/p?partNumber=1&uploadId={}", begun.element("UploadId"));
    assert_eq!(put(&part, &[b"whole"]).await.short(), "400 IncompleteBody");
    assert_eq!(put(&part, &[b"whole", b"-body", b""]).await.short(), "200");
}

#[tokio::test]
async fn checksums_are_compared_or_refused_and_never_stored_unread() {
    let cloud = Cloud::new().await;
    let put = async |headers: Headers<'_>| cloud.ask("PUT", "/bkt/k", headers, b"body").await.short();
    assert_eq!(put(&[("content-md5", &BASE64.encode(Md5::digest(b"body")))]).await, "200");
    assert_eq!(put(&[("content-md5", &BASE64.encode(Md5::digest(b"other")))]).await, "400 BadDigest");
    assert_eq!(put(&[("x-amz-checksum-crc32", "AAAAAA==")]).await, "400 BadDigest");
    for unknown in ["sha512", "md5", "xxhash64", "xxhash3", "xxhash128"] {
        let header = format!("x-amz-checksum-{unknown}");
        assert_eq!(put(&[(&header, "AAAA")]).await, "501 NotImplemented", "{unknown}");
    }
    let trailer = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "4"),
        ("x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1"),
    ];
    let crc = BASE64.encode(0xcb35_2a3a_u32.to_be_bytes());
    let body = format!("4\r\nbody\r\n0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n").into_bytes();
    let hash = Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    let half = cloud.signed("PUT", "/bkt/k", &trailer, hash, |_, _| body).await;
    assert_eq!(half.status, 400, "one of two announced trailers is missing: {}", half.text);
}

#[tokio::test]
async fn documents_have_checksums_too() {
    let cloud = Cloud::new().await;
    for (query, document) in [
        ("/bkt?tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
        ("/bkt?delete", "<Delete><Object><Key>k</Key></Object></Delete>"),
    ] {
        let method = if query.ends_with("delete") { "POST" } else { "PUT" };
        let ask =
            async |headers: Headers<'_>| cloud.ask(method, query, headers, document.as_bytes()).await.short();
        assert_eq!(ask(&[("content-md5", &BASE64.encode(Md5::digest(b"other")))]).await, "400 BadDigest");
        assert_eq!(ask(&[("x-amz-checksum-crc32", "AAAAAA==")]).await, "400 BadDigest");
        let right = ask(&[("content-md5", &BASE64.encode(Md5::digest(document)))]).await;
        assert!(right.starts_with("20"), "{query}: {right}");
    }
}

#[tokio::test]
async fn requests_that_would_overwrite_data_otherwise_are_refused() {
    let cloud = Cloud::new().await;
    assert_eq!(cloud.ask("PUT", "/bkt/k", &[], b"before").await.short(), "200");
    for (target, headers) in [
        ("/bkt/k?renameObject", &[("x-amz-rename-source", "bkt/other")][..]),
        ("/bkt/k?renameObject", &[]),
        ("/bkt/k", &[("x-amz-write-offset-bytes", "6")]),
        ("/bkt/k?append", &[]),
        ("/bkt/k", &[("x-amz-server-side-encryption-customer-algorithm", "AES256")]),
    ] {
        let refused = cloud.ask("PUT", target, headers, b"").await;
        assert_eq!(refused.short(), "501 NotImplemented", "{target} {headers:?}");
    }
    assert_eq!(cloud.stored("k").await, "before");
}

#[tokio::test]
async fn a_completion_that_is_repeated_is_answered_as_before() {
    let cloud = Cloud::new().await;
    let id = cloud.ask("POST", "/bkt/k?uploads", &[], b"").await.element("UploadId");
    cloud.ask("PUT", &format!("/bkt/k?partNumber=1&uploadId={id}"), &[], b"part").await;
    let etag = hex::encode(Md5::digest(b"part"));
    let list = |etag: &str| {
        format!(
            "<CompleteMultipartUpload><Part><ETag>\"{etag}\"</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
        )
        .into_bytes()
    };
    let end = async |key: &str, document: Vec<u8>| {
        cloud.ask("POST", &format!("/bkt/{key}?uploadId={id}"), &[], &document).await
    };
    let first = end("k", list(&etag)).await;
    let again = end("k", list(&etag)).await;
    assert_eq!((first.short(), again.short()), ("200".into(), "200".into()), "{}", again.text);
    assert_eq!(again.element("ETag"), first.element("ETag"));
    assert_eq!(again.element("ChecksumCRC64NVME"), first.element("ChecksumCRC64NVME"));
    assert_eq!(end("k", list(&"0".repeat(32))).await.short(), "400 InvalidPart");
    assert_eq!(end("other", list(&etag)).await.short(), "404 NoSuchUpload");
    assert_eq!(cloud.stored("k").await, "part");
}

#[tokio::test]
async fn keys_that_xml_cannot_say_are_listed_encoded_read_and_deleted() {
    let cloud = Cloud::new().await;
    let keys = ["d%01x/a", "c%09", "c%0D", "c%0A", "c%1F", "%EF%BF%BE", "%EF%BF%BF", "plain"];
    for key in keys {
        assert_eq!(cloud.ask("PUT", &format!("/bkt/{key}"), &[], b"x").await.short(), "200", "{key}");
        cloud.ask("POST", &format!("/bkt/{key}?uploads"), &[], b"").await;
    }
    for list in ["?list-type=2", "?", "?versions", "?uploads"] {
        let sign = if list == "?" { "" } else { "&" };
        let answer = cloud.ask("GET", &format!("/bkt{list}{sign}encoding-type=url"), &[], b"").await;
        for key in keys {
            assert!(answer.text.contains(&format!("<Key>{key}</Key>")), "{list} {key}: {}", answer.text);
        }
        let folders = format!("/bkt{list}{sign}encoding-type=url&delimiter=/");
        let answer = cloud.ask("GET", &folders, &[], b"").await;
        assert!(answer.text.contains("<Prefix>d%01x/</Prefix>"), "{list}: {}", answer.text);
    }
    for key in keys {
        assert_eq!(cloud.stored(key).await, "x", "{key}");
        assert_eq!(cloud.ask("DELETE", &format!("/bkt/{key}"), &[], b"").await.short(), "204", "{key}");
    }
    let left = cloud.ask("GET", "/bkt?list-type=2&encoding-type=url", &[], b"").await;
    assert!(!left.text.contains("<Contents>"), "{}", left.text);
}

#[tokio::test]
async fn lifecycle_rules_that_are_kept_are_taken_and_others_refused() {
    let cloud = Cloud::new().await;
    let put = async |rule: &str| {
        let document = format!("<LifecycleConfiguration>{rule}</LifecycleConfiguration>");
        cloud.ask("PUT", "/bkt?lifecycle", &[], document.as_bytes()).await.short()
    };
    let abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
    let rule =
        format!("<Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix>p/</Prefix></Filter>{abort}</Rule>");
    assert_eq!(put(&rule).await, "200");
    let shown = cloud.ask("GET", "/bkt?lifecycle", &[], b"").await;
    assert!(shown.text.contains(abort) && shown.text.contains("<Prefix>p/</Prefix>"), "{}", shown.text);
    let moves = "<Rule><Status>Enabled</Status><Filter/><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>";
    assert_eq!(put(moves).await, "501 NotImplemented");
    assert_eq!(cloud.ask("DELETE", "/bkt?lifecycle", &[], b"").await.short(), "204");
    let none = cloud.ask("GET", "/bkt?lifecycle", &[], b"").await;
    assert_eq!(none.short(), "404 NoSuchLifecycleConfiguration");
}
