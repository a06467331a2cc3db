//! Who may ask: presigned addresses, wrong keys, no keys.

use super::{Cloud, code, put};
use crate::support::s3::client_with;
use aws_sdk_s3::presigning::PresigningConfig;
use std::time::Duration;
use throng_local::daemon::{self, State};

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
