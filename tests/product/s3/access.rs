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

/// The registry and the control of the daemon are the person's alone, and no web page can lead a browser there.
#[tokio::test]
async fn registry_and_control_are_the_persons_alone() {
    let cloud = Cloud::start();
    let State::Running(endpoint, _) = daemon::status(cloud.folder.path()) else { panic!() };
    let keys = daemon::read_credentials(cloud.folder.path()).unwrap();
    let http = reqwest_client();
    let url = |path: &str| format!("{}{path}", endpoint.endpoint);
    let status = async |path: &str, pair: Option<&throng_contract::local::AccessKey>, host: Option<&str>| {
        let mut request = http.get(url(path));
        if let Some(pair) = pair {
            request = request.basic_auth(&pair.access_key_id, Some(&pair.secret_access_key));
        }
        if let Some(host) = host {
            request = request.header("host", host);
        }
        request.send().await.unwrap().status().as_u16()
    };
    for path in ["/_throng/status", "/_throng/status?counts", "/_throng/anything", "/v2/", "/v2/_catalog"] {
        assert_eq!(status(path, None, None).await, 401, "{path}: nobody's");
        assert_eq!(status(path, Some(&keys.function), None).await, 401, "{path}: what functions had");
        assert_eq!(status(path, Some(&keys.user), Some("evil.example")).await, 421, "{path}: another name");
    }
    assert_eq!(status("/_throng/status", Some(&keys.user), None).await, 200);
    assert_eq!(status("/_throng/status", Some(&keys.user), Some("localhost:1")).await, 200, "a tunnel");
    assert_eq!(status("/v2/", Some(&keys.user), None).await, 200);
    for (question, expected) in [("", 400), ("?x", 400), (&format!("?{}", "0a".repeat(32)), 200)] {
        let answer = http.get(url(&format!("/_throng/proof{question}"))).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{question}");
        let text = answer.text().await.unwrap();
        let only_a_digest = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        assert_eq!(only_a_digest, expected == 200, "it reveals nothing else: {text}");
    }
}
