//! Who asks the local cloud: authorization headers and presigned queries of any shape are denied without the key, a
//! request that was signed with it is let in, and one that was changed on its way is not.
//!
//! The first line is the header or the query, the second the path and query of the request, the rest its body.
#![cfg_attr(feature = "libfuzzer", no_main)]

use aws_sigv4::http_request::SignableBody;
use http::Request;
use std::time::SystemTime;
use throng_fuzz::fuzz_target;
use throng_fuzz::s3::{BUCKET, Cloud, access, credentials, signed};
use throng_fuzz::{line_and_rest, line_and_text};
use throng_local::protocol::auth::{Authorization, basic, service, verify};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (claim, rest) = line_and_text(text);
    let (target, body) = line_and_rest(rest.as_bytes());
    let target = String::from_utf8_lossy(target);
    claimed(claim, body);
    presigned(claim);
    if target.starts_with('/') && !target.starts_with("//") {
        signed_and_changed(&target, body);
    }
});

fn claimed(claim: &str, body: &[u8]) {
    let Ok(request) = Request::post("/2015-03-31/functions")
        .header("host", "localhost")
        .header("authorization", claim)
        .header("x-amz-date", "20261123T214500Z")
        .body(())
    else {
        return;
    };
    let (parts, ()) = request.into_parts();
    if let Some(claim) = Authorization::parse(&parts.headers) {
        assert_eq!(service(&parts).as_deref(), Some(claim.service));
    }
    let denied = verify(&parts, body, &access(), SystemTime::now()).expect_err("let in without the key");
    assert!(denied.status.is_client_error() && !denied.message.contains("secret of"), "{denied}");
    assert!(!basic(&parts.headers, &credentials().user, None) || claim.contains("dXNlcj"), "{claim}");
    let (mut request, ()) = (Request::get(format!("/{BUCKET}")).body(()).expect("a request"), ());
    request.headers_mut().clone_from(&parts.headers);
    let answer = Cloud::get().send(request, &[]);
    assert!(answer.status.is_client_error() || answer.status.as_u16() == 501, "{}", answer.text());
}

fn presigned(query: &str) {
    let Ok(request) = Request::get(format!("/{BUCKET}/key?{query}")).header("host", "localhost").body(())
    else {
        return;
    };
    let (parts, ()) = request.into_parts();
    let _ = service(&parts);
    let answer = Cloud::get().send(Request::from_parts(parts, ()), &[]);
    assert!(!answer.status.is_success(), "let in by {query}: {}", answer.text());
}

fn signed_and_changed(target: &str, body: &[u8]) {
    let Ok(request) = Request::post(target).header("host", "localhost").header("x-other", "value").body(())
    else {
        return;
    };
    let headers = signed("lambda", &request, SignableBody::Bytes(body));
    let (mut parts, ()) = request.into_parts();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().expect("a name");
        parts.headers.insert(name, value.parse().expect("a value"));
    }
    if !parts.headers.contains_key("authorization") {
        return;
    }
    let now = SystemTime::now();
    let outcome = verify(&parts, body, &access(), now);
    assert!(outcome.is_ok(), "{target}: {outcome:?}");
    assert_eq!(service(&parts).as_deref(), Some("lambda"));
    let longer = [body, b"x"].concat();
    assert!(verify(&parts, &longer, &access(), now).is_err(), "another body");
    parts.headers.insert("x-other", http::HeaderValue::from_static("changed"));
    assert!(verify(&parts, body, &access(), now).is_err(), "another header");
}
