//! Every job asks whether its context is read-only before it asks the cloud: here nobody would answer.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::cloud::{Cloud, local};
use crate::config::{ContextConfig, RunsConfig, UploadConfig};
use crate::deploy::RemoveOptions;
use crate::dirs::Dirs;
use crate::image::Programs;
use crate::model::Place;
use crate::run::{Inputs, LaunchRequest, Resend};
use std::path::Path;
use std::sync::Arc;
use throng_contract::local::{AccessKey, LocalCredentials, LocalEndpoint};
use tokio_util::sync::CancellationToken;

const RUN: &str = "20261123-214500-k3x9";

fn context(home: &Path, read_only: bool) -> JobContext {
    let key = AccessKey { access_key_id: "id".into(), secret_access_key: "secret".into() };
    let endpoint = "http://127.0.0.1:9".to_owned();
    let found = local::Found {
        endpoint: LocalEndpoint { endpoint, pid: 0, version: String::new(), started_ms: 0 },
        credentials: LocalCredentials { user: key.clone(), function: key },
        identity: None,
        stranger: None,
    };
    let cloud = Cloud::at(&ContextConfig { read_only, ..ContextConfig::local() }, found);
    let settings = JobSettings {
        dirs: Dirs::under(home),
        upload: UploadConfig::default(),
        programs: Programs::NONE,
        resend_after: RunsConfig::default().resend_after(),
    };
    JobContext::new(cloud, Arc::new(settings))
}

#[tokio::test]
async fn no_job_that_changes_something_begins_in_a_read_only_context() {
    let home = tempfile::tempdir().unwrap();
    let context = context(home.path(), true);
    let observer = Observer::silent(CancellationToken::new());
    let inputs = Inputs::Unsuccessful { run: RUN.into() };
    let request = LaunchRequest::new("f", inputs);
    let to = Place { bucket: "b".into(), prefix: String::new() };
    let files = UploadRequest { paths: vec![home.path().to_owned()], to };
    let options = RemoveOptions::default();
    let keys = ["a".to_owned()];
    for refused in [
        launch(&context, request, &observer).await.map(drop),
        resume(&context, RUN).await.map(drop),
        send_again(&context, RUN, Resend::Silent, &observer).await.map(drop),
        rerun(&context, RUN, Which::Unsuccessful, None, &observer).await.map(drop),
        cancel(&context, RUN).await.map(drop),
        invoke(&context, "f", Vec::new(), &observer).await.map(drop),
        invoke_async(&context, "f", Vec::new()).await.map(drop),
        upload(&context, files, &observer).await.map(drop),
        delete(&context, "b", &keys, &observer).await.map(drop),
        create_bucket(&context, "b").await,
        delete_bucket(&context, "b", true).await,
        apply(&context, &[], &observer).await.map(drop),
        remove(&context, "f", options).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), JobErrorKind::ReadOnly);
    }
}

#[test]
fn runs_that_were_interrupted_stay_as_they_are_in_a_read_only_context() {
    let home = tempfile::tempdir().unwrap();
    let read_only = context(home.path(), true);
    assert!(interrupted_runs(&read_only).unwrap().is_empty(), "there is nothing to refuse");
    std::fs::create_dir_all(read_only.dirs().state.join("runs/local").join(RUN)).unwrap();
    assert_eq!(interrupted_runs(&read_only).unwrap_err().kind(), JobErrorKind::ReadOnly);
    assert_eq!(interrupted_runs(&context(home.path(), false)).unwrap(), [RUN]);
}
