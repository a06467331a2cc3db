//! Objects: bodies, headers, conditions, checksums, listings, deletions, copies.

use super::{Cloud, code, get, put};
use crate::support::s3::bytes;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::*;

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
