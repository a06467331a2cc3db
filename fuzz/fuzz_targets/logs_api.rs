//! The local CloudWatch Logs: filter patterns, and bodies of its operations. The first line is the operation, the second
//! the body; without an operation of that name the whole is a pattern. No body is the server's fault.
#![cfg_attr(feature = "libfuzzer", no_main)]

use http::Request;
use std::sync::OnceLock;
use throng_fuzz::fuzz_target;
use throng_fuzz::line_and_text;
use throng_local::logs::{LogLimits, LogStore, LogsApi, Pattern};

const OPERATIONS: [&str; 14] = [
    "CreateLogGroup",
    "DescribeLogGroups",
    "ListLogGroups",
    "PutRetentionPolicy",
    "DeleteRetentionPolicy",
    "TagResource",
    "UntagResource",
    "ListTagsForResource",
    "CreateLogStream",
    "DeleteLogStream",
    "DescribeLogStreams",
    "PutLogEvents",
    "GetLogEvents",
    "FilterLogEvents",
];

struct Cloud {
    runtime: tokio::runtime::Runtime,
    api: LogsApi,
    _folder: tempfile::TempDir,
}

impl Cloud {
    fn get() -> &'static Self {
        static CLOUD: OnceLock<Cloud> = OnceLock::new();
        CLOUD.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let store = runtime
                .block_on(async { LogStore::open(folder.path(), LogLimits::default()) })
                .expect("a store");
            let cloud = Self { runtime, api: LogsApi::new(store), _folder: folder };
            for (operation, body) in [
                ("CreateLogGroup", r#"{"logGroupName":"g"}"#),
                ("CreateLogStream", r#"{"logGroupName":"g","logStreamName":"s"}"#),
            ] {
                assert_eq!(cloud.ask(operation, body).0, 200);
            }
            cloud
        })
    }

    fn ask(&self, operation: &str, body: &str) -> (u16, String) {
        use http_body_util::BodyExt as _;
        let request = Request::post("/")
            .header("x-amz-target", format!("Logs_20140328.{operation}"))
            .body(http_body_util::Full::new(bytes::Bytes::from(body.to_owned())))
            .expect("a request");
        self.runtime.block_on(async {
            let answer = self.api.handle(request).await;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            (status, String::from_utf8_lossy(&body).into_owned())
        })
    }
}

fuzz_target!(|text: &str| {
    let (operation, body) = line_and_text(text);
    if OPERATIONS.contains(&operation) {
        let (status, answer) = Cloud::get().ask(operation, body);
        assert!(matches!(status, 200 | 400), "{status} {answer}");
        assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok(), "{answer}");
        return;
    }
    if let Ok(pattern) = Pattern::parse(text) {
        let _ = (pattern.matches(text), pattern.matches(r#"{"run":"r","task":7,"list":[{"a":1}],"n":null}"#));
    }
    // A text in quotation marks is found where it is, and nowhere else.
    let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    if let (Ok(pattern), false) = (Pattern::parse(&quoted), text.is_empty()) {
        assert!(pattern.matches(&format!("before {text} behind")) && !pattern.matches(""));
    }
});
