//! Events as the runtime reads them: ours, S3's and MinIO's notifications, HTTP requests, delegated ones, anything.
//! Scripts are shown the object that is fetched, and an event that is none of these is an input as it came.
#![cfg_attr(feature = "libfuzzer", no_main)]

use throng_contract::{EventFiles, TaskEvent, TaskFile, TaskFiles, TaskRef, object_keys_from_s3_event};
use throng_fuzz::fuzz_target;

#[path = "../../runtime/src/event.rs"]
#[allow(dead_code)]
mod event;
#[path = "../../runtime/src/sigv4.rs"]
#[allow(dead_code)]
mod sigv4;

use event::{Input, read};

fuzz_target!(|data: &[u8]| {
    let request = read(data, "now");
    for job in &request.jobs {
        match &job.input {
            Input::Object { bucket, key } => {
                let shown = job.event.as_deref().expect("an event for the script");
                let shown = serde_json::from_str(shown).expect("JSON");
                let objects = object_keys_from_s3_event(&shown).expect("a notification");
                let [object] = &objects[..] else { panic!("{} objects for one job", objects.len()) };
                assert_eq!((&object.bucket, &object.key), (bucket, key));
                assert!(job.time.is_some() && !job.json_body);
            }
            // A task without an input, which only an event of ours can be.
            Input::Nothing => assert!(job.event.is_none() && !job.json_body),
            Input::Bytes(bytes) => {
                assert!(job.task.is_none() && job.event.is_none());
                // What is decoded from base64 or from JSON's escapes gets shorter, never longer.
                assert!(bytes.len() <= data.len().max(1) * 6, "{} bytes of {}", bytes.len(), data.len());
                assert!(!job.json_body || serde_json::from_slice::<serde_json::Value>(bytes).is_ok());
            }
        }
    }
    if serde_json::from_slice::<serde_json::Value>(data).is_err() {
        assert_eq!(request.jobs.len(), 1);
        assert!(matches!(&request.jobs[0].input, Input::Bytes(bytes) if bytes == data), "not as it came");
    }
    ours_is_understood(data);
});

/// What the engine sends names the same task and object to the runtime, whatever the key.
fn ours_is_understood(data: &[u8]) {
    let key = String::from_utf8_lossy(data).into_owned();
    let task = Some(TaskRef::launched("run", data.len() as u64));
    let sent = TaskEvent {
        task: task.clone(),
        send: 1,
        retries: Some(2),
        group: None,
        variables: [("ALPHA".to_owned(), "0.1".to_owned())].into(),
        parameters: Some("3".to_owned()),
        timeout_s: Some(30),
        bucket: "bucket".into(),
        key: key.clone(),
        provider: None,
        files: Some(EventFiles::Inline(TaskFiles {
            root: "in/".into(),
            folder: String::new(),
            list: vec![TaskFile { name: key.clone(), size: 1, with: None }],
        })),
    };
    let request = read(&serde_json::to_vec(&sent).expect("JSON"), "now");
    let [job] = &request.jobs[..] else { panic!("{} jobs", request.jobs.len()) };
    let input = match key.as_str() {
        "" => Input::Nothing,
        _ => Input::Object { bucket: "bucket".into(), key },
    };
    assert_eq!((&job.task, &job.input), (&task, &input));
    assert_eq!(job.files, sent.files);
    assert_eq!((&job.variables, &job.parameters), (&sent.variables, &sent.parameters));
    assert_eq!(job.timeout.map(|timeout| timeout.as_secs()), Some(30));
}
