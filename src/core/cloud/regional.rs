//! S3 in the region of each bucket. AWS answers requests for a bucket in the bucket's own region only; which one
//! that is, any region's endpoint tells in the header `x-amz-bucket-region`, also when it refuses.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_smithy_types::retry::RetryConfig;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Clients for S3 by region. Cheap to clone; clones share what is known of buckets.
#[derive(Clone)]
pub(crate) struct Regional {
    /// For the context's region.
    home: Client,
    region: Arc<str>,
    /// Another endpoint than AWS's own has every bucket.
    one_for_all: bool,
    /// Region by bucket.
    known: Arc<Mutex<HashMap<String, String>>>,
    /// Clients for other regions.
    others: Arc<Mutex<HashMap<String, Client>>>,
}

impl Regional {
    /// `home` is for `region`. With `one_for_all` it is used for every bucket.
    pub(super) fn new(home: Client, region: &str, one_for_all: bool) -> Self {
        Self { home, region: region.into(), one_for_all, known: Arc::default(), others: Arc::default() }
    }

    /// The same without retries.
    pub(crate) fn without_retries(&self) -> Self {
        let config = self.home.config().to_builder().retry_config(RetryConfig::disabled()).build();
        Self { home: Client::from_conf(config), others: Arc::default(), ..self.clone() }
    }

    /// Whether it is another endpoint than AWS's own.
    pub(super) const fn is_elsewhere(&self) -> bool {
        self.one_for_all
    }

    /// The client for what is not about a bucket.
    pub(super) const fn home(&self) -> &Client {
        &self.home
    }

    /// The client for a bucket. One request finds out where it is, once; an unknown bucket is looked for in the
    /// context's region, and again the next time: it may be made meanwhile.
    pub(crate) async fn of(&self, bucket: &str) -> Client {
        match self.region_of(bucket).await {
            Some(region) => self.in_region(&region),
            None => self.home.clone(),
        }
    }

    /// The region of a bucket; `None` when it is not known or there is only one endpoint.
    pub(super) async fn region_of(&self, bucket: &str) -> Option<String> {
        if self.one_for_all {
            return None;
        }
        if let Some(region) = lock(&self.known).get(bucket) {
            return Some(region.clone());
        }
        let region = match self.home.head_bucket().bucket(bucket).send().await {
            Ok(found) => found.bucket_region().map(str::to_owned),
            Err(error) => error
                .raw_response()
                .and_then(|answer| answer.headers().get("x-amz-bucket-region"))
                .map(str::to_owned),
        }?;
        lock(&self.known).insert(bucket.to_owned(), region.clone());
        Some(region)
    }

    /// Forgets where a bucket is, because it is deleted or made.
    pub(super) fn forget(&self, bucket: &str) {
        lock(&self.known).remove(bucket);
    }

    fn in_region(&self, region: &str) -> Client {
        if region == &*self.region {
            return self.home.clone();
        }
        let other = || {
            let config = self.home.config().to_builder().region(Region::new(region.to_owned())).build();
            Client::from_conf(config)
        };
        lock(&self.others).entry(region.to_owned()).or_insert_with(other).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aws_credential_types::Credentials;
    use aws_sdk_s3::config::BehaviorVersion;
    use aws_sdk_s3::config::retry::RetryConfig as Retry;
    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use aws_smithy_types::body::SdkBody;

    /// S3 as it is: only the region of the bucket `far` answers, the others tell where it is.
    #[derive(Clone, Debug, Default)]
    struct Wire(Arc<Mutex<Vec<String>>>);

    impl HttpConnector for Wire {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let host = request.uri().split('/').nth(2).unwrap_or_default().to_owned();
            lock(&self.0).push(format!("{} {host}", request.method()));
            let right = host.contains("eu-west-1");
            let status = if right { 200 } else { 301 };
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
            response.headers_mut().insert("x-amz-bucket-region", "eu-west-1");
            HttpConnectorFuture::ready(Ok(response))
        }
    }

    impl HttpClient for Wire {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    fn regional(wire: &Wire, one_for_all: bool) -> Regional {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-2"))
            .credentials_provider(Credentials::new("a", "b", None, None, "test"))
            .retry_config(Retry::disabled())
            .http_client(wire.clone())
            .build();
        Regional::new(Client::from_conf(config), "us-east-2", one_for_all)
    }

    #[tokio::test]
    async fn a_bucket_is_asked_in_its_own_region_which_is_found_out_once() {
        let wire = Wire::default();
        let regional = regional(&wire, false);
        for key in ["a", "b"] {
            regional.of("far").await.head_object().bucket("far").key(key).send().await.unwrap();
        }
        let home = "HEAD far.s3.us-east-2.amazonaws.com";
        let far = "HEAD far.s3.eu-west-1.amazonaws.com";
        assert_eq!(*lock(&wire.0), [home, far, far]);
        // A clone without retries knows it already; a bucket that is made anew is looked for again.
        regional.without_retries().of("far").await.head_object().bucket("far").key("c").send().await.unwrap();
        regional.forget("far");
        regional.of("far").await;
        assert_eq!(lock(&wire.0)[3..], [far, home]);
    }

    #[tokio::test]
    async fn another_endpoint_has_every_bucket() {
        let wire = Wire::default();
        assert_eq!(regional(&wire, true).region_of("far").await, None);
        assert!(lock(&wire.0).is_empty(), "nothing was asked");
    }
}
