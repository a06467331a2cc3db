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
