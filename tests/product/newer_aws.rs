//! What a newer AWS may answer: states, architectures, package types and members that nobody knows yet break no list.
//! And what is said where nobody answers.

use crate::support::Home;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

const FUNCTIONS: &str = r#"{"Functions": [
    {"FunctionName": "odd", "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:odd", "State": "Hibernating",
     "StateReasonCode": "MoonPhase", "PackageType": "Wasm", "Architectures": ["riscv64"], "MemorySize": 99999,
     "Timeout": 5400, "LastModified": "2031-01-01T00:00:00.000+0000", "LoggingConfig": {"LogFormat": "Binary",
     "LogGroup": "/aws/lambda/odd"}, "Orbit": {"Height": 400}},
    {"FunctionName": "plain", "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:plain", "State": "Active",
     "PackageType": "Image", "Architectures": ["x86_64"], "MemorySize": 512, "Timeout": 30}
], "NextMarker": null, "Planet": "Mars"}"#;

/// Answers every request with one document.
fn cloud(document: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = answer(stream, document);
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, document: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{document}",
        document.len()
    )
}

#[test]
fn a_list_with_words_that_nobody_knows_is_shown() {
    let settings = format!(
        "endpoint = \"{}\"\nhome_bucket = \"home\"\nrole = \"arn:aws:iam::123456789012:role/r\"",
        cloud(FUNCTIONS)
    );
    let home = Home::in_context("newer", &settings);
    let functions = home.json(&["functions"]);
    let names: Vec<_> = functions.as_array().unwrap().iter().map(|function| &function["name"]).collect();
    assert_eq!(names, ["odd", "plain"], "{functions}");
    assert_eq!(
        (&functions[0]["state"], &functions[0]["architecture"], &functions[0]["memory_mb"]),
        (&"Hibernating".into(), &"riscv64".into(), &99_999.into()),
        "as AWS says it: {functions}"
    );
    assert!(home.ok(&["functions"]).contains("Hibernating"));
}

#[test]
fn where_nobody_listens_doctor_says_so_and_ends_with_3() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let settings = format!("endpoint = \"http://{nobody}\"\nhome_bucket = \"home\"");
    let home = Home::in_context("nobody", &settings);
    let output = home.run(&["doctor"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(
        text.contains("FAIL  credentials") && text.contains(&format!("does not answer: {nobody}: ")),
        "{text}"
    );
}
