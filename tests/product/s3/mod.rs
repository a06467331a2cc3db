//! The local cloud's S3 through the AWS SDK, over the wire, against a daemon of its own.

mod access;
mod buckets;
mod objects;
mod parts;

use crate::support::s3::client;
use crate::support::wait_until_running;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use throng_local::daemon::{self, ServeOptions};

/// A daemon in this process, on a folder of its own.
struct Cloud {
    folder: tempfile::TempDir,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Cloud {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = ServeOptions::new(folder.path().to_owned());
        let thread = std::thread::spawn(move || daemon::serve(&options).unwrap());
        let cloud = Self { folder, thread: Some(thread) };
        wait_until_running(cloud.folder.path());
        cloud
    }

    fn client(&self) -> Client {
        client(self.folder.path())
    }

    async fn bucket(&self) -> Client {
        let client = self.client();
        client.create_bucket().bucket("bkt").send().await.unwrap();
        client
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = daemon::stop(self.folder.path());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn put(client: &Client, key: &str, body: &[u8]) {
    client.put_object().bucket("bkt").key(key).body(body.to_vec().into()).send().await.unwrap();
}

async fn get(client: &Client, key: &str) -> Vec<u8> {
    let output = client.get_object().bucket("bkt").key(key).send().await.unwrap();
    output.body.collect().await.unwrap().to_vec()
}

/// Code of the error that a call was answered with.
fn code<T: std::fmt::Debug, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E>>) -> String {
    match outcome {
        Ok(output) => panic!("no error: {output:?}"),
        Err(error) => {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            format!("{status} {}", error.code().unwrap_or_default())
        }
    }
}
