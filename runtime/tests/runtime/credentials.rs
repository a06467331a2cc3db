//! Credentials of scripts.

use crate::rig::{Rig, function};

/// A script's SDK finds an endpoint, not keys; the endpoint asks STS when it is asked, and says why when it cannot.
#[test]
fn scripts_get_narrowed_credentials_when_they_ask_and_none_of_the_roles() {
    let role = ("THRONG_ROLE", "arn:aws:iam::123456789012:role/throng/f");
    let mut rig = Rig::start(&function(true), Some("cat /proc/self/environ | tr '\\0' '\\n'"), &[role]);
    rig.put("in/a", b"1");
    assert!(rig.notify(&["a"]).ok);
    let printed = rig.printed();
    assert!(
        !printed.iter().any(|line| line.contains("secret") || line.starts_with("THRONG_ROLE")),
        "{printed:?}"
    );
    let value = |name: &str| {
        let line = printed.iter().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.expect(name).to_owned()
    };
    let (uri, token) =
        (value("AWS_CONTAINER_CREDENTIALS_FULL_URI"), value("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    let asked = |rig: &Rig| rig.requests().iter().filter(|body| body.contains("Action=AssumeRole")).count();
    assert_eq!(asked(&rig), 0, "not before it is asked for");

    assert!(get(&uri, "wrong").starts_with("HTTP/1.1 401"));
    rig.fault("/", 403);
    let refused = get(&uri, &token);
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("not you"), "{refused}");
    let given = get(&uri, &token);
    assert!(given.contains(r#""AccessKeyId":"ASIANARROW""#) && given.contains(r#""Token":"t""#), "{given}");
    assert_eq!(get(&uri, &token), given, "kept while they are good");
    assert_eq!(asked(&rig), 2);
    let body = rig.requests().into_iter().find(|body| body.contains("Action=AssumeRole")).unwrap();
    assert!(body.contains("%22Deny%22") && body.contains("arn%3Aaws%3As3%3A%3A%3Ahome%2F%2A"), "{body}");
}

fn get(uri: &str, token: &str) -> String {
    use std::io::{Read as _, Write as _};
    let (host, path) = uri.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
