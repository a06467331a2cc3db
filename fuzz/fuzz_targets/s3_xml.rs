//! XML bodies of S3 requests: notifications, multipart uploads, deletions, tags and what else is set on buckets. None is
//! answered with an error of the server, and what is set comes back the same.
//!
//! The first byte says which request it is, the rest is its body.
#![cfg_attr(feature = "libfuzzer", no_main)]

use throng_fuzz::fuzz_target;
use throng_fuzz::s3::{Answer, BUCKET, Cloud};

/// Requests whose answer to GET says what was set.
const SETTINGS: [&str; 6] =
    ["notification", "tagging", "publicAccessBlock", "ownershipControls", "versioning", "object-tagging"];

fuzz_target!(|data: &[u8]| {
    let [which, body @ ..] = data else { return };
    let cloud = Cloud::get();
    match which % 16 {
        0 => _ = checked(ask(cloud, "POST", &format!("/{BUCKET}?delete"), body), body),
        1 => complete(cloud, body),
        2 => _ = checked(ask(cloud, "PUT", "/another-bucket", body), body),
        which => setting(cloud, SETTINGS[usize::from(which) % SETTINGS.len()], body),
    }
});

fn ask(cloud: &Cloud, method: &str, target: &str, body: &[u8]) -> Answer {
    cloud.ask(method, target, &[], &[body], None)
}

/// No body of a client is the server's fault.
fn checked(answer: Answer, body: &[u8]) -> Answer {
    let text = answer.text();
    let code = answer.status.as_u16();
    assert!(code < 500 || code == 501, "{code} {text}\nfor {}", String::from_utf8_lossy(body));
    assert!(!text.contains("secret of"), "{text}");
    answer
}

fn setting(cloud: &Cloud, name: &str, body: &[u8]) {
    let target = match name.strip_prefix("object-") {
        Some(name) => {
            assert!(ask(cloud, "PUT", &format!("/{BUCKET}/tagged"), b"x").status.is_success());
            format!("/{BUCKET}/tagged?{name}")
        }
        None => format!("/{BUCKET}?{name}"),
    };
    let before = ask(cloud, "GET", &target, b"");
    let answer = checked(ask(cloud, "PUT", &target, body), body);
    let after = checked(ask(cloud, "GET", &target, b""), body);
    if !answer.status.is_success() {
        assert_eq!(before.text(), after.text(), "refused, and yet something changed");
        return;
    }
    // What a bucket says of itself can be set again and changes nothing.
    if after.status.is_success() {
        let again = checked(ask(cloud, "PUT", &target, &after.body), &after.body);
        assert!(again.status.is_success(), "{}\nfor {}", again.text(), after.text());
        assert_eq!(ask(cloud, "GET", &target, b"").text(), after.text());
    }
}

/// Completes an upload of one part.
fn complete(cloud: &Cloud, body: &[u8]) {
    let begun = ask(cloud, "POST", &format!("/{BUCKET}/large?uploads"), b"").text();
    let id =
        begun.split("<UploadId>").nth(1).and_then(|rest| rest.split('<').next()).expect("an id").to_owned();
    let part = ask(cloud, "PUT", &format!("/{BUCKET}/large?partNumber=1&uploadId={id}"), b"part");
    assert!(part.status.is_success(), "{}", part.text());
    let target = format!("/{BUCKET}/large?uploadId={id}");
    let answer = checked(ask(cloud, "POST", &target, body), body);
    if answer.status.is_success() && !answer.text().contains("<Error>") {
        let stored = ask(cloud, "GET", &format!("/{BUCKET}/large"), b"");
        assert_eq!(stored.body, &b"part"[..], "completed with something else");
    } else {
        assert!(ask(cloud, "DELETE", &target, b"").status.is_success(), "the upload is gone");
    }
}
