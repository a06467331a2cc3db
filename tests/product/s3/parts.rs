//! Uploads in parts.

use super::{Cloud, code, get, put};
use crate::support::s3::bytes;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::*;

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
    let first = complete(parts.clone(), Some(i64::try_from(data.len()).unwrap())).await.unwrap();
    assert!(get(&client, "copy").await == data);
    // An answer may be lost: the same request again is answered as it was.
    let again = complete(parts.clone(), None).await.unwrap();
    assert_eq!(again.e_tag(), first.e_tag());
    assert_eq!(code(complete(parts[..1].to_vec(), None).await), "400 InvalidPart");
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
