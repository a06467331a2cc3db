//! The local cloud's S3 through the AWS SDK, over the wire, against a daemon of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{wait_for, wait_until_running};
use throng_local::daemon::{self, ServeOptions, State};

/// A daemon in this process, on a folder of its own.
struct Cloud {
    folder: tempfile::TempDir,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Cloud {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = ServeOptions::new(folder.path().to_owned());
        let thread = std::thread::spawn(move || daemon::serve(&options).unwrap());
        let cloud = Self { folder, thread: Some(thread) };
        wait_until_running(cloud.folder.path());
        cloud
    }

    fn client(&self) -> Client {
        client(self.folder.path())
    }

    async fn bucket(&self) -> Client {
        let client = self.client();
        client.create_bucket().bucket("bkt").send().await.unwrap();
        client
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = daemon::stop(self.folder.path());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn client(folder: &Path) -> Client {
    let State::Running(endpoint, _) = daemon::status(folder) else { panic!("no daemon") };
    let pair = daemon::read_credentials(folder).unwrap().user;
    client_with(&endpoint.endpoint, &pair.access_key_id, &pair.secret_access_key)
}

fn client_with(endpoint: &str, id: &str, secret: &str) -> Client {
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

fn bytes(length: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

async fn put(client: &Client, key: &str, body: &[u8]) {
    client.put_object().bucket("bkt").key(key).body(body.to_vec().into()).send().await.unwrap();
}

async fn get(client: &Client, key: &str) -> Vec<u8> {
    let output = client.get_object().bucket("bkt").key(key).send().await.unwrap();
    output.body.collect().await.unwrap().to_vec()
}

/// Code of the error that a call was answered with.
fn code<T: std::fmt::Debug, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E>>) -> String {
    match outcome {
        Ok(output) => panic!("no error: {output:?}"),
        Err(error) => {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            format!("{status} {}", error.code().unwrap_or_default())
        }
    }
}

#[tokio::test]
async fn objects_of_every_size_come_back_with_their_headers() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    for size in [0, 1, 65_535, 65_536, 65_537, 1_048_577, 3_000_000] {
        let data = bytes(size, 1);
        let key = format!("size/{size} é+&?.bin");
        let stored = client
            .put_object()
            .bucket("bkt")
            .key(&key)
            .body(data.clone().into())
            .content_type("image/x-test")
            .cache_control("no-cache")
            .content_disposition("attachment")
            .content_encoding("identity")
            .content_language("de")
            .metadata("throng-run", "r1")
            .metadata("odd", "väl ue")
            .send()
            .await
            .unwrap();
        let back = client
            .get_object()
            .bucket("bkt")
            .key(&key)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        assert_eq!(back.content_type(), Some("image/x-test"));
        assert_eq!(back.cache_control(), Some("no-cache"));
        assert_eq!(back.content_disposition(), Some("attachment"));
        assert_eq!(back.content_encoding(), Some("identity"));
        assert_eq!(back.content_language(), Some("de"));
        assert_eq!(back.e_tag(), stored.e_tag());
        assert_eq!(back.content_length(), Some(i64::try_from(size).unwrap()));
        assert_eq!(back.checksum_crc32(), stored.checksum_crc32());
        let metadata = back.metadata().unwrap().clone();
        assert_eq!(metadata["throng-run"], "r1");
        assert!(back.body.collect().await.unwrap().to_vec() == data, "{size}");
        let head = client.head_object().bucket("bkt").key(&key).send().await.unwrap();
        assert_eq!(head.content_length(), Some(i64::try_from(size).unwrap()));
        assert_eq!(head.metadata().unwrap(), &metadata);
    }
}

#[tokio::test]
async fn ranges_and_conditions_of_readers() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    for size in [1000, 2_000_000] {
        let data = bytes(size, 2);
        put(&client, "r", &data).await;
        let range = |range: &str| client.get_object().bucket("bkt").key("r").range(range).send();
        let part = range("bytes=10-19").await.unwrap();
        assert_eq!(part.content_range(), Some(format!("bytes 10-19/{size}").as_str()));
        assert_eq!(part.body.collect().await.unwrap().to_vec(), data[10..20]);
        let tail = range("bytes=-5").await.unwrap();
        assert_eq!(tail.body.collect().await.unwrap().to_vec(), data[size - 5..]);
        let rest = range(&format!("bytes={}-", size - 3)).await.unwrap();
        assert_eq!(rest.body.collect().await.unwrap().to_vec(), data[size - 3..]);
        assert_eq!(code(range(&format!("bytes={size}-")).await), "416 InvalidRange");
    }
    let etag = client.head_object().bucket("bkt").key("r").send().await.unwrap().e_tag.unwrap();
    let get = || client.get_object().bucket("bkt").key("r");
    assert!(get().if_match(&etag).send().await.is_ok());
    assert_eq!(code(get().if_match("\"other\"").send().await), "412 PreconditionFailed");
    assert!(get().if_none_match("\"other\"").send().await.is_ok());
    assert!(code(get().if_none_match(&etag).send().await).starts_with("304"));
    let long_ago = aws_sdk_s3::primitives::DateTime::from_secs(1_000_000);
    assert_eq!(code(get().if_unmodified_since(long_ago).send().await), "412 PreconditionFailed");
    assert!(get().if_modified_since(long_ago).send().await.is_ok());
}

#[tokio::test]
async fn conditional_writes_and_errors_are_those_of_aws() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    let put = |key: &str| client.put_object().bucket("bkt").key(key).body(ByteStream::from_static(b"x"));
    assert!(put("c").if_none_match("*").send().await.is_ok());
    assert_eq!(code(put("c").if_none_match("*").send().await), "412 PreconditionFailed");
    assert_eq!(code(put("c").if_match("\"nope\"").send().await), "412 PreconditionFailed");
    assert_eq!(code(put("none").if_match("\"nope\"").send().await), "404 NoSuchKey");
    assert_eq!(code(put(&"k".repeat(1025)).send().await), "400 KeyTooLongError");
    assert!(put(&"k".repeat(1024)).send().await.is_ok());
    assert_eq!(code(put("m").content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await), "400 BadDigest");
    assert_eq!(code(put("m").content_md5("x").send().await), "400 InvalidDigest");
    assert_eq!(code(put("m").checksum_sha256("AAAA").send().await), "400 InvalidRequest");
    assert_eq!(code(put("m").checksum_crc32("AAAAAA==").send().await), "400 BadDigest");
    assert_eq!(code(client.get_object().bucket("bkt").key("m").send().await), "404 NoSuchKey");
    assert_eq!(code(client.get_object().bucket("no-such-bkt").key("m").send().await), "404 NoSuchBucket");
    assert_eq!(code(client.create_bucket().bucket("Bad_Name").send().await), "400 InvalidBucketName");
    assert_eq!(code(client.delete_bucket().bucket("bkt").send().await), "409 BucketNotEmpty");
    assert!(code(client.head_bucket().bucket("no-such-bkt").send().await).starts_with("404"));
    assert!(code(client.head_object().bucket("bkt").key("m").send().await).starts_with("404"));
    assert!(client.delete_object().bucket("bkt").key("never").send().await.is_ok());
    let versioning = client.get_bucket_versioning().bucket("bkt").send().await.unwrap();
    assert_eq!(versioning.status(), None);
    let location = client.get_bucket_location().bucket("bkt").send().await.unwrap();
    assert!(location.location_constraint().is_none_or(|place| place.as_str().is_empty()));
}

#[tokio::test]
async fn every_checksum_of_the_sdks_is_checked_stored_and_given_back() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    let data = bytes(200_000, 3);
    for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] {
        let stored = client
            .put_object()
            .bucket("bkt")
            .key(algorithm)
            .checksum_algorithm(ChecksumAlgorithm::from(algorithm))
            .body(data.clone().into())
            .send()
            .await
            .unwrap();
        let values = [
            stored.checksum_crc32(),
            stored.checksum_crc32_c(),
            stored.checksum_crc64_nvme(),
            stored.checksum_sha1(),
            stored.checksum_sha256(),
        ];
        assert_eq!(values.iter().flatten().count(), 1, "{algorithm}");
        let head = client
            .head_object()
            .bucket("bkt")
            .key(algorithm)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        let again = [
            head.checksum_crc32(),
            head.checksum_crc32_c(),
            head.checksum_crc64_nvme(),
            head.checksum_sha1(),
            head.checksum_sha256(),
        ];
        assert_eq!(again, values);
        assert_eq!(head.checksum_type(), Some(&ChecksumType::FullObject));
        // The SDK compares what it reads with the checksum in the answer.
        assert!(get(&client, algorithm).await == data);
    }
    let attributes = client
        .get_object_attributes()
        .bucket("bkt")
        .key("SHA256")
        .object_attributes(ObjectAttributes::Checksum)
        .object_attributes(ObjectAttributes::ObjectSize)
        .send()
        .await
        .unwrap();
    assert_eq!(attributes.object_size(), Some(200_000));
    assert!(attributes.checksum().unwrap().checksum_sha256().is_some());
}

#[tokio::test]
async fn listings_page_and_fold_folders() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    let mut keys = vec!["a b".to_owned(), "top".to_owned(), "zé/x".to_owned()];
    for n in 0..25 {
        keys.push(format!("d{}/f{n:02}", n % 5));
    }
    keys.sort();
    for key in &keys {
        put(&client, key, b"x").await;
    }
    let mut pages = client.list_objects_v2().bucket("bkt").into_paginator().page_size(4).send();
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await {
        seen.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    assert_eq!(seen, keys);
    let folded = |token: Option<String>| {
        client.list_objects_v2().bucket("bkt").delimiter("/").max_keys(3).set_continuation_token(token).send()
    };
    let (mut objects, mut prefixes, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let page = folded(token).await.unwrap();
        objects.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        prefixes.extend(page.common_prefixes().iter().map(|item| item.prefix().unwrap().to_owned()));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(objects, ["a b", "top"]);
    assert_eq!(prefixes, ["d0/", "d1/", "d2/", "d3/", "d4/", "zé/"]);
    let after =
        client.list_objects_v2().bucket("bkt").start_after("top").fetch_owner(true).send().await.unwrap();
    assert_eq!(after.contents()[0].key(), Some("zé/x"));
    assert!(after.contents()[0].owner().is_some());
    let encoded =
        client.list_objects_v2().bucket("bkt").encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(encoded.contents()[0].key(), Some("a+b"));
    assert_eq!(encoded.contents().last().unwrap().key(), Some("z%C3%A9/x"));
    let old = client.list_objects().bucket("bkt").delimiter("/").max_keys(2).send().await.unwrap();
    assert_eq!(old.next_marker(), Some("d0/"));
    let next = client.list_objects().bucket("bkt").delimiter("/").marker("d0/").send().await.unwrap();
    assert_eq!(next.common_prefixes()[0].prefix(), Some("d1/"));
    let none = client.list_objects_v2().bucket("bkt").max_keys(0).send().await.unwrap();
    assert_eq!((none.contents().len(), none.is_truncated()), (0, Some(false)));
    let bad = client.list_objects_v2().bucket("bkt").continuation_token("%%").send().await;
    assert_eq!(code(bad), "400 InvalidArgument");
    let versions = client.list_object_versions().bucket("bkt").prefix("d0/").send().await.unwrap();
    assert_eq!(versions.versions().len(), 5);
}

#[tokio::test]
async fn deletions_one_and_many() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    for n in 0..10 {
        put(&client, &format!("k{n}"), b"x").await;
    }
    client.delete_object().bucket("bkt").key("k0").send().await.unwrap();
    let object = |n: u32| ObjectIdentifier::builder().key(format!("k{n}")).build().unwrap();
    let delete = Delete::builder().set_objects(Some((0..9).map(object).collect())).build().unwrap();
    let outcome = client.delete_objects().bucket("bkt").delete(delete).send().await.unwrap();
    assert_eq!((outcome.deleted().len(), outcome.errors().len()), (9, 0));
    let left = client.list_objects_v2().bucket("bkt").send().await.unwrap();
    assert_eq!(left.key_count(), Some(1));
}

#[tokio::test]
async fn copies_keep_or_replace_metadata() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    for (key, size) in [("small +", 10), ("large", 700_000)] {
        let data = bytes(size, 4);
        client
            .put_object()
            .bucket("bkt")
            .key(key)
            .metadata("a", "1")
            .content_type("x/y")
            .body(data.clone().into())
            .send()
            .await
            .unwrap();
        let source = format!("bkt/{}", key.replace(' ', "%20").replace('+', "%2B"));
        let copy = || client.copy_object().bucket("bkt").copy_source(&source);
        copy().key("kept").send().await.unwrap();
        let kept = client.head_object().bucket("bkt").key("kept").send().await.unwrap();
        assert_eq!((kept.content_type(), kept.metadata().unwrap()["a"].as_str()), (Some("x/y"), "1"));
        copy()
            .key("replaced")
            .metadata_directive(MetadataDirective::Replace)
            .metadata("b", "2")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .send()
            .await
            .unwrap();
        let replaced = client
            .head_object()
            .bucket("bkt")
            .key("replaced")
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        assert_eq!(replaced.metadata().unwrap().keys().collect::<Vec<_>>(), ["b"]);
        assert!(replaced.checksum_sha256().is_some());
        // The copies have lives of their own.
        client.delete_object().bucket("bkt").key(key).send().await.unwrap();
        assert!(get(&client, "kept").await == data);
        assert!(get(&client, "replaced").await == data);
    }
    let onto_itself = client.copy_object().bucket("bkt").key("kept").copy_source("bkt/kept").send().await;
    assert_eq!(code(onto_itself), "400 InvalidRequest");
    let absent = client.copy_object().bucket("bkt").key("x").copy_source("bkt/absent").send().await;
    assert_eq!(code(absent), "404 NoSuchKey");
}

const PART: usize = 5 * 1024 * 1024;

#[tokio::test]
async fn uploads_in_parts() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    let data = bytes(2 * PART + 1000, 5);
    for (algorithm, kind) in [
        (None, None),
        (Some("CRC32"), None),
        (Some("CRC32C"), Some(ChecksumType::FullObject)),
        (Some("SHA256"), Some(ChecksumType::Composite)),
        (Some("CRC64NVME"), None),
    ] {
        let begun = client
            .create_multipart_upload()
            .bucket("bkt")
            .key("mp")
            .metadata("m", "1")
            .set_checksum_algorithm(algorithm.map(ChecksumAlgorithm::from))
            .set_checksum_type(kind.clone())
            .send()
            .await
            .unwrap();
        let id = begun.upload_id().unwrap();
        let mut parts = Vec::new();
        for (number, chunk) in (1..).zip(data.chunks(PART)) {
            let part = client
                .upload_part()
                .bucket("bkt")
                .key("mp")
                .upload_id(id)
                .part_number(number)
                .set_checksum_algorithm(algorithm.map(ChecksumAlgorithm::from))
                .body(chunk.to_vec().into())
                .send()
                .await
                .unwrap();
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(part.e_tag)
                    .set_checksum_crc32(part.checksum_crc32.filter(|_| algorithm == Some("CRC32")))
                    .set_checksum_sha256(part.checksum_sha256)
                    .build(),
            );
        }
        let listed =
            client.list_parts().bucket("bkt").key("mp").upload_id(id).max_parts(2).send().await.unwrap();
        assert_eq!((listed.parts().len(), listed.is_truncated()), (2, Some(true)));
        let uploads = client.list_multipart_uploads().bucket("bkt").send().await.unwrap();
        assert_eq!(uploads.uploads()[0].upload_id(), Some(id));
        let completed = client
            .complete_multipart_upload()
            .bucket("bkt")
            .key("mp")
            .upload_id(id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await
            .unwrap();
        assert!(completed.e_tag().unwrap().ends_with("-3\""));
        let back = client
            .get_object()
            .bucket("bkt")
            .key("mp")
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        assert_eq!(back.metadata().unwrap()["m"], "1");
        assert_eq!(back.checksum_type(), completed.checksum_type());
        assert!(back.body.collect().await.unwrap().to_vec() == data, "{algorithm:?}");
        let second = client.get_object().bucket("bkt").key("mp").part_number(2).send().await.unwrap();
        assert_eq!(second.parts_count(), Some(3));
        assert!(second.body.collect().await.unwrap().to_vec() == data[PART..2 * PART]);
        let across = format!("bytes={}-{}", PART - 5, PART + 4);
        let across = client.get_object().bucket("bkt").key("mp").range(across).send().await.unwrap();
        assert_eq!(across.body.collect().await.unwrap().to_vec(), data[PART - 5..PART + 5]);
    }
    assert!(client.list_multipart_uploads().bucket("bkt").send().await.unwrap().uploads().is_empty());
}

#[tokio::test]
async fn parts_are_copied_from_objects_and_bad_completions_refused() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    let data = bytes(PART + 10, 6);
    put(&client, "source", &data).await;
    let begun = client.create_multipart_upload().bucket("bkt").key("copy").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, range) in [(1, format!("bytes=0-{}", PART - 1)), (2, format!("bytes={PART}-{}", PART + 9))] {
        let part = client
            .upload_part_copy()
            .bucket("bkt")
            .key("copy")
            .upload_id(id)
            .part_number(number)
            .copy_source("bkt/source")
            .copy_source_range(range)
            .send()
            .await
            .unwrap();
        let etag = part.copy_part_result().unwrap().e_tag().unwrap().to_owned();
        parts.push(CompletedPart::builder().part_number(number).e_tag(etag).build());
    }
    let complete = |parts: Vec<CompletedPart>, size: Option<i64>| {
        client
            .complete_multipart_upload()
            .bucket("bkt")
            .key("copy")
            .upload_id(id)
            .set_mpu_object_size(size)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
    };
    let reversed = parts.iter().rev().cloned().collect();
    assert_eq!(code(complete(reversed, None).await), "400 InvalidPartOrder");
    let wrong = vec![CompletedPart::builder().part_number(7).e_tag("\"x\"").build()];
    assert_eq!(code(complete(wrong, None).await), "400 InvalidPart");
    assert_eq!(code(complete(parts.clone(), Some(5)).await), "400 InvalidRequest");
    complete(parts.clone(), Some(i64::try_from(data.len()).unwrap())).await.unwrap();
    assert!(get(&client, "copy").await == data);
    assert_eq!(code(complete(parts, None).await), "404 NoSuchUpload");
    let begun = client.create_multipart_upload().bucket("bkt").key("gone").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    client.abort_multipart_upload().bucket("bkt").key("gone").upload_id(id).send().await.unwrap();
    let late = client
        .upload_part()
        .bucket("bkt")
        .key("gone")
        .upload_id(id)
        .part_number(1)
        .body(ByteStream::from_static(b"late"))
        .send()
        .await;
    assert_eq!(code(late), "404 NoSuchUpload");
}

#[tokio::test]
async fn presigned_urls_work_and_expire() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    let hour = PresigningConfig::expires_in(Duration::from_hours(1)).unwrap();
    let put = client.put_object().bucket("bkt").key("signed é").presigned(hour.clone()).await.unwrap();
    let http = reqwest_client();
    let sent = http.put(put.uri()).body("by url").send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let get = client.get_object().bucket("bkt").key("signed é").presigned(hour).await.unwrap();
    assert_eq!(http.get(get.uri()).send().await.unwrap().text().await.unwrap(), "by url");
    let tampered = get.uri().replace("signed", "other");
    assert_eq!(http.get(tampered).send().await.unwrap().status(), 403);
    let past = PresigningConfig::builder()
        .start_time(std::time::SystemTime::now() - Duration::from_secs(100))
        .expires_in(Duration::from_secs(10))
        .build()
        .unwrap();
    let late = client.get_object().bucket("bkt").key("signed é").presigned(past).await.unwrap();
    let late = http.get(late.uri()).send().await.unwrap();
    assert_eq!(late.status(), 403);
    assert!(late.text().await.unwrap().contains("Request has expired"));
}

fn reqwest_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

#[tokio::test]
async fn who_does_not_sign_rightly_is_refused() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    put(&client, "k", b"x").await;
    let State::Running(endpoint, _) = daemon::status(cloud.folder.path()) else { panic!() };
    let pair = daemon::read_credentials(cloud.folder.path()).unwrap().user;
    let wrong = client_with(&endpoint.endpoint, &pair.access_key_id, "wrong");
    assert_eq!(code(wrong.list_buckets().send().await), "403 SignatureDoesNotMatch");
    let unknown = client_with(&endpoint.endpoint, "AKIAUNKNOWN", "wrong");
    assert_eq!(code(unknown.list_buckets().send().await), "403 InvalidAccessKeyId");
    let http = reqwest_client();
    let anonymous = http.get(format!("{}/bkt/k", endpoint.endpoint)).send().await.unwrap();
    assert_eq!(anonymous.status(), 403);
    let text = anonymous.text().await.unwrap();
    assert!(text.contains("<Code>AccessDenied</Code>") && text.contains("<RequestId>"), "{text}");
    let stop = http.post(format!("{}/_throng/stop", endpoint.endpoint)).send().await.unwrap();
    assert_eq!(stop.status(), 401);
    let registry = http.get(format!("{}/v2/", endpoint.endpoint)).send().await.unwrap();
    assert_eq!(registry.status(), 401);
    assert!(registry.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn tags_and_settings_are_kept() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    client
        .put_object()
        .bucket("bkt")
        .key("t")
        .tagging("a=1&b=two%20words")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    let tags = |set: &[Tag]| -> BTreeMap<String, String> {
        set.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
    };
    let got = client.get_object_tagging().bucket("bkt").key("t").send().await.unwrap();
    assert_eq!(tags(got.tag_set())["b"], "two words");
    let tagging = |key: &str| {
        Tagging::builder().tag_set(Tag::builder().key(key).value("v").build().unwrap()).build().unwrap()
    };
    client.put_object_tagging().bucket("bkt").key("t").tagging(tagging("n")).send().await.unwrap();
    let got = client.get_object_tagging().bucket("bkt").key("t").send().await.unwrap();
    assert_eq!(tags(got.tag_set()), BTreeMap::from([("n".into(), "v".into())]));
    assert_eq!(code(client.get_bucket_tagging().bucket("bkt").send().await), "404 NoSuchTagSet");
    client.put_bucket_tagging().bucket("bkt").tagging(tagging("bucket")).send().await.unwrap();
    let got = client.get_bucket_tagging().bucket("bkt").send().await.unwrap();
    assert_eq!(tags(got.tag_set()), BTreeMap::from([("bucket".into(), "v".into())]));
    let block = PublicAccessBlockConfiguration::builder().block_public_acls(true).build();
    client
        .put_public_access_block()
        .bucket("bkt")
        .public_access_block_configuration(block)
        .send()
        .await
        .unwrap();
    let got = client.get_public_access_block().bucket("bkt").send().await.unwrap();
    assert_eq!(got.public_access_block_configuration().unwrap().block_public_acls(), Some(true));
}

#[tokio::test]
async fn notifications_are_kept_and_overlaps_refused() {
    let cloud = Cloud::start();
    let client = cloud.bucket().await;
    let target = |id: &str, prefix: &str| {
        let rule = FilterRule::builder().name(FilterRuleName::Prefix).value(prefix).build();
        let filter = NotificationConfigurationFilter::builder()
            .key(S3KeyFilter::builder().filter_rules(rule).build())
            .build();
        QueueConfiguration::builder()
            .id(id)
            .queue_arn("arn:aws:sqs:us-east-1:000000000000:q")
            .events(Event::S3ObjectCreated)
            .filter(filter)
            .build()
            .unwrap()
    };
    let put = |targets: Vec<QueueConfiguration>| {
        let configuration =
            NotificationConfiguration::builder().set_queue_configurations(Some(targets)).build();
        client
            .put_bucket_notification_configuration()
            .bucket("bkt")
            .notification_configuration(configuration)
            .send()
    };
    put(vec![target("one", "in/"), target("two", "out/")]).await.unwrap();
    let kept = client.get_bucket_notification_configuration().bucket("bkt").send().await.unwrap();
    let summary = |item: &QueueConfiguration| {
        let rule = &item.filter().unwrap().key().unwrap().filter_rules()[0];
        let name = rule.name().unwrap().as_str().to_owned();
        (item.id().unwrap().to_owned(), item.events().to_vec(), name, rule.value().unwrap().to_owned())
    };
    let expected = |id: &str, prefix: &str| {
        // AWS answers `Prefix`, though its model says `prefix`.
        (id.to_owned(), vec![Event::S3ObjectCreated], "Prefix".to_owned(), prefix.to_owned())
    };
    let kept: Vec<_> = kept.queue_configurations().iter().map(summary).collect();
    assert_eq!(kept, [expected("one", "in/"), expected("two", "out/")]);
    let overlap = put(vec![target("one", "in/"), target("two", "in/x")]).await.unwrap_err();
    assert_eq!(
        overlap.message(),
        Some("Configurations overlap. Configurations on the same bucket cannot share a common event type.")
    );
    // What was refused changed nothing.
    let kept = client.get_bucket_notification_configuration().bucket("bkt").send().await.unwrap();
    assert_eq!(kept.queue_configurations().len(), 2);
    put(Vec::new()).await.unwrap();
    let none = client.get_bucket_notification_configuration().bucket("bkt").send().await.unwrap();
    assert!(none.queue_configurations().is_empty());
}

/// The daemon as a process of its own, for killing.
struct Daemon {
    home: tempfile::TempDir,
    process: Child,
}

impl Daemon {
    fn spawn(home: tempfile::TempDir) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_throng"))
            .args(["local", "serve"])
            .env("THRONG_HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self { home, process };
        wait_until_running(&daemon.folder());
        daemon
    }

    fn folder(&self) -> std::path::PathBuf {
        throng_core::dirs::Dirs::under(self.home.path()).local_cloud()
    }

    fn kill(mut self) -> tempfile::TempDir {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.home
    }
}

fn body_files(folder: &Path) -> usize {
    let Ok(shards) = std::fs::read_dir(folder.join("data/s3/blobs")) else { return 0 };
    shards.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9_and_nothing_else_is_left() {
    let daemon = Daemon::spawn(tempfile::tempdir().unwrap());
    let client = client(&daemon.folder());
    client.create_bucket().bucket("bkt").send().await.unwrap();
    let mut writers = Vec::new();
    // The SDK tries again: a request may survive the kill and be answered by the next daemon.
    let killed = Arc::new(AtomicBool::new(false));
    for writer in 0..8_u8 {
        let (client, killed) = (client.clone(), killed.clone());
        writers.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0_usize.. {
                // Small ones in the database, large ones in files, and some that replace others.
                let size = if n % 3 == 0 { 300_000 } else { 2_000 + n };
                let key = format!("w{writer}/{}", n % 50);
                let seed = u8::try_from(n % 200).unwrap();
                let put = client.put_object().bucket("bkt").key(&key).body(bytes(size, seed).into());
                // The request that the kill interrupts may or may not be there; those before it must.
                if put.send().await.is_err() {
                    return (acknowledged, Some(key));
                }
                acknowledged.push((key, size, seed));
                if killed.load(Ordering::Relaxed) {
                    break;
                }
            }
            (acknowledged, None)
        }));
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let home = daemon.kill();
    killed.store(true, Ordering::Relaxed);
    let daemon = Daemon::spawn(home);
    let client = self::client(&daemon.folder());
    let (mut checked, mut large) = (0, 0);
    for writer in writers {
        let (acknowledged, interrupted) = writer.await.unwrap();
        let last: BTreeMap<_, _> =
            acknowledged.into_iter().map(|(key, size, seed)| (key, (size, seed))).collect();
        for (key, (size, seed)) in last {
            if Some(&key) == interrupted.as_ref() {
                continue;
            }
            let data = get(&client, &key).await;
            assert!(data == bytes(size, seed), "{key}");
            checked += 1;
            large += usize::from(size == 300_000);
        }
    }
    assert!(checked > 50 && large > 10, "{checked} {large}");
    // Every file is named by an object: one file for each large object there is.
    let mut named = 0;
    let mut pages = client.list_objects_v2().bucket("bkt").into_paginator().send();
    while let Some(page) = pages.next().await {
        named += page.unwrap().contents().iter().filter(|object| object.size() > Some(65_536)).count();
    }
    assert_eq!(body_files(&daemon.folder()), named);
    assert!(daemon::stop(&daemon.folder()).unwrap());
    drop(daemon.kill());
}

#[test]
fn a_daemon_is_one_per_folder_and_leaves_no_endpoint_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = throng_core::dirs::Dirs::under(home.path()).local_cloud();
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_throng"))
            .args(["local", "start"])
            .env("THRONG_HOME", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let starters: Vec<_> = (0..4).map(|_| start()).collect();
    let answers: Vec<_> = starters.into_iter().map(|starter| starter.wait_with_output().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer.status.success()));
    assert!(answers.iter().all(|answer| answer.stdout == answers[0].stdout));
    let State::Running(first, status) = daemon::status(&folder) else { panic!("not running") };
    assert_eq!(status["pid"], first.pid);
    assert!(matches!(daemon::reset(&folder), Err(daemon::DaemonError::Running)));
    assert!(daemon::stop(&folder).unwrap());
    assert!(!folder.join("endpoint.json").exists());
    assert_eq!(daemon::status(&folder), State::Stopped);
    assert!(!daemon::stop(&folder).unwrap());
    // It comes back where it was.
    assert!(start().wait().unwrap().success());
    let State::Running(second, _) = daemon::status(&folder) else { panic!("not running") };
    assert_eq!(second.endpoint, first.endpoint);
    // After a kill -9 the files are stale; the next start does not mind.
    Command::new("kill").args(["-9", &second.pid.to_string()]).status().unwrap();
    wait_for("the killed one is seen to be gone", || daemon::status(&folder) == State::Stopped);
    assert!(folder.join("endpoint.json").exists());
    assert!(start().wait().unwrap().success());
    assert!(matches!(daemon::status(&folder), State::Running(..)));
    assert!(daemon::stop(&folder).unwrap());
    daemon::reset(&folder).unwrap();
    assert!(!folder.join("data").exists() && folder.join("credentials.json").exists());
}

#[test]
fn an_idle_daemon_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        ServeOptions { idle: Duration::from_millis(100), ..ServeOptions::new(folder.path().to_owned()) };
    daemon::serve(&options).unwrap();
    assert!(!folder.path().join("endpoint.json").exists());
}

#[test]
fn a_daemon_whose_folder_is_deleted_ends_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data/local");
    let options = ServeOptions::new(folder.clone());
    let thread = std::thread::spawn(move || daemon::serve(&options));
    wait_until_running(&folder);
    // Another one in its place is not its own.
    std::fs::rename(home.path().join("data"), home.path().join("away")).unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("daemon.lock"), "").unwrap();
    std::fs::write(folder.join("endpoint.json"), "another's").unwrap();
    let begin = Instant::now();
    while !thread.is_finished() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it goes on without its folder");
        std::thread::sleep(Duration::from_millis(5));
    }
    thread.join().unwrap().unwrap();
    assert!(folder.join("endpoint.json").exists(), "another's files are left alone");
}

#[test]
fn a_daemon_in_the_background_does_not_make_again_a_folder_that_was_deleted() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data/local");
    let mut serve = std::process::Command::new(env!("CARGO_BIN_EXE_throng"))
        .args(["local", "serve", "--detach"])
        .env("THRONG_HOME", home.path())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while serve.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = serve.kill();
    assert!(!serve.wait().unwrap().success() && !folder.exists());
}
