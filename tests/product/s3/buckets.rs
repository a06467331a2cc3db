//! Tags, settings and notifications of buckets.

use super::{Cloud, code};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::*;
use std::collections::BTreeMap;

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
