//! Moves an image to a registry.

use super::blob::{Blob, BlobSource};
use super::compose::Composed;
use super::mount::mount;
use super::registry::{ATTEMPTS, client, explain, is_loopback, log_in, pause, retryable, unauthorized};
use super::shared::SharedLayer;
use super::{Credentials, ImageError};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use oci_client::client::Client;
use oci_client::errors::OciDistributionError;
use oci_client::{Reference, RegistryOperation};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

/// Layers on their way at a time.
const PARALLEL: usize = 3;

/// A place for an image.
#[derive(Clone, Debug)]
pub struct Registry {
    /// `https://…` or `http://host:port`, as ECR's `proxyEndpoint`.
    pub base_url: String,
    /// Repository; it must exist where registries want that (ECR).
    pub repository: String,
    /// The tag that the manifest gets.
    pub tag: String,
    /// None for anonymous access.
    pub credentials: Option<Credentials>,
}

impl Registry {
    /// `host[:port]`
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.base_url.split_once("://").map_or(self.base_url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// `host/repository@digest`: what a function is created with.
    #[must_use]
    pub fn uri(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host(), self.repository)
    }

    /// Whether it is asked without TLS. Without a scheme, that is for this machine only.
    pub(super) fn plain_http(&self) -> bool {
        match self.base_url.split_once("://") {
            Some((scheme, _)) => scheme == "http",
            None => is_loopback(self.host()),
        }
    }

    pub(super) fn reference(&self) -> Reference {
        Reference::with_tag(self.host().to_owned(), self.repository.clone(), self.tag.clone())
    }
}

/// How far a push is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushProgress {
    /// Bytes that are there, whether sent or found.
    pub bytes: u64,
    /// Bytes in all.
    pub bytes_total: u64,
    /// Blobs that are there.
    pub blobs: u64,
    /// Blobs in all.
    pub blobs_total: u64,
    /// Of `bytes`: those that were there already or were mounted, and were not sent.
    pub skipped: u64,
    /// Each blob: the configuration, then the layers, bottom first.
    pub layers: Arc<[LayerProgress]>,
}

/// How far a layer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerProgress {
    /// The digest of the compressed layer.
    pub digest: String,
    /// How many bytes are to be sent.
    pub size: u64,
    /// Bytes that were sent; of a layer that was there, none.
    pub sent: u64,
    /// How it is.
    pub state: LayerState,
}

/// How a layer of a push is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LayerState {
    /// Its turn has not come.
    #[default]
    Waiting,
    /// It is being looked for or sent.
    Moving,
    /// It was there already, or was taken over from another repository; nothing was sent.
    There,
    /// It was sent.
    Sent,
}

/// Pushes an image: each blob that is missing, then the manifest with the tag. Returns the image's URI with its
/// digest. Pushing again sends nothing but the manifest.
///
/// # Errors
/// [`ImageError::Registry`] with the registry's own words; [`ImageError::Content`] when a layer is not what its
/// digest says; [`ImageError::Cancelled`].
pub async fn push(
    image: &Composed,
    registry: &Registry,
    progress: impl Fn(PushProgress) + Send + Sync,
    cancel: &CancellationToken,
) -> Result<String, ImageError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(ImageError::Cancelled),
        result = push_all(image, registry, &progress) => result,
    }
}

async fn push_all(
    image: &Composed,
    registry: &Registry,
    progress: &(dyn Fn(PushProgress) + Send + Sync),
) -> Result<String, ImageError> {
    let client = client(registry.host(), registry.plain_http())?;
    let target = registry.reference();
    log_in(&client, &target, registry.credentials.as_ref(), RegistryOperation::Push).await?;
    // A layer may be in an image twice.
    let mut seen = HashSet::new();
    let blobs: Vec<&Blob> = image.blobs.iter().filter(|blob| seen.insert(&blob.digest)).collect();
    let (shared, meter) = (image.shared.as_ref(), Meter::new(&blobs));
    let pusher = Pusher { shared, client: &client, target: &target, registry, meter, progress };
    pusher.tell();
    // Collected first: a closure in the stream would keep callers from proving the future to be `Send`.
    let sends: Vec<_> =
        blobs.iter().zip(&pusher.meter.layers).map(|(blob, meter)| pusher.blob(blob, meter)).collect();
    let sending = stream::iter(sends).buffer_unordered(PARALLEL);
    let done = sending.try_collect::<Vec<()>>();
    let watched = async {
        // Bytes in flight are told from here: the stream that counts them must not borrow.
        let mut clock = tokio::time::interval(std::time::Duration::from_millis(100));
        loop {
            clock.tick().await;
            pusher.tell();
        }
    };
    tokio::select! {
        result = done => result.map(|_| ())?,
        () = watched => {}
    }
    pusher.tell();
    pusher.manifest(image).await
}

/// Counters that streams share.
#[derive(Debug, Default)]
struct Meter {
    layers: Vec<LayerMeter>,
}

/// Of one blob.
#[derive(Debug)]
struct LayerMeter {
    digest: String,
    size: u64,
    sent: Arc<AtomicU64>,
    state: Mutex<LayerState>,
}

impl Meter {
    fn new(blobs: &[&Blob]) -> Self {
        let layer = |blob: &&Blob| LayerMeter {
            digest: blob.digest.clone(),
            size: blob.size,
            sent: Arc::default(),
            state: Mutex::default(),
        };
        Self { layers: blobs.iter().map(layer).collect() }
    }

    fn progress(&self) -> PushProgress {
        let layers: Arc<[_]> = self.layers.iter().map(LayerMeter::progress).collect();
        let of = |state: LayerState| layers.iter().filter(move |layer| layer.state == state);
        let skipped = of(LayerState::There).map(|layer| layer.size).sum();
        PushProgress {
            bytes: layers.iter().map(|layer| layer.sent).sum::<u64>() + skipped,
            bytes_total: layers.iter().map(|layer| layer.size).sum(),
            blobs: (of(LayerState::There).count() + of(LayerState::Sent).count()) as u64,
            blobs_total: layers.len() as u64,
            skipped,
            layers,
        }
    }
}

impl LayerMeter {
    fn set(&self, state: LayerState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn progress(&self) -> LayerProgress {
        LayerProgress {
            digest: self.digest.clone(),
            size: self.size,
            sent: self.sent.load(Ordering::Relaxed),
            state: *self.state.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

struct Pusher<'a> {
    shared: Option<&'a SharedLayer>,
    client: &'a Client,
    target: &'a Reference,
    registry: &'a Registry,
    meter: Meter,
    progress: &'a (dyn Fn(PushProgress) + Send + Sync),
}

impl Pusher<'_> {
    fn tell(&self) {
        (self.progress)(self.meter.progress());
    }

    async fn blob(&self, blob: &Blob, meter: &LayerMeter) -> Result<(), ImageError> {
        let mut attempt = 1;
        meter.set(LayerState::Moving);
        loop {
            match self.send_if_missing(blob, &meter.sent).await {
                Ok(there) => {
                    meter.set(if there { LayerState::There } else { LayerState::Sent });
                    return Ok(());
                }
                Err(error) => {
                    // It begins anew.
                    meter.sent.store(0, Ordering::Relaxed);
                    match error {
                        SendError::Blob(error) => return Err(error),
                        SendError::Registry(error) if attempt < ATTEMPTS && retryable(&error) => {
                            pause(attempt).await;
                        }
                        // Logging in looked well, but its answer was that of a registry in trouble, which asks for
                        // no credentials.
                        SendError::Registry(error) if attempt == 1 && unauthorized(&error) => {
                            let credentials = self.registry.credentials.as_ref();
                            log_in(self.client, self.target, credentials, RegistryOperation::Push).await?;
                        }
                        SendError::Registry(error) => {
                            return Err(self.explain(&format!("cannot push {}", blob.digest), &error));
                        }
                    }
                }
            }
            attempt += 1;
        }
    }

    /// `true` when it is there already.
    async fn send_if_missing(&self, blob: &Blob, sent: &Arc<AtomicU64>) -> Result<bool, SendError> {
        if self.client.blob_exists(self.target, &blob.digest).await? || self.mounted(blob).await {
            return Ok(true);
        }
        let body = counted(verified(open(blob).await?, blob), sent.clone());
        let failure = Arc::new(Mutex::new(None));
        let kept = failure.clone();
        let body = body.map_err(move |error| {
            // The registry's answer hides why the body ended.
            let text = error.to_string();
            if let (Ok(own), Ok(mut kept)) = (error.downcast::<ImageError>(), kept.lock()) {
                *kept = Some(own);
            }
            OciDistributionError::IoError(std::io::Error::other(text))
        });
        let result = self.client.push_blob_stream(self.target, body, &blob.digest, Some(blob.size)).await;
        if let Some(own) = failure.lock().ok().and_then(|mut kept| kept.take()) {
            return Err(SendError::Blob(own));
        }
        result?;
        Ok(false)
    }

    /// Tries to take a layer over from another repository of the same registry, which sends nothing.
    async fn mounted(&self, blob: &Blob) -> bool {
        let BlobSource::Registry(remote) = &blob.source else { return self.shared(blob).await };
        remote.reference.registry() == self.registry.host()
            && remote.reference.repository() != self.registry.repository
            && mount(self.client, self.registry, &remote.reference, &blob.digest).await
    }

    /// As [`mounted`](Self::mounted), for a layer that functions deployed before have.
    async fn shared(&self, blob: &Blob) -> bool {
        let Some(layer) = self.shared.filter(|layer| layer.digest == blob.digest) else { return false };
        for name in layer.elsewhere(self.registry.host(), &self.registry.repository) {
            let tag = self.registry.tag.clone();
            let from = Reference::with_tag(self.registry.host().to_owned(), name.to_owned(), tag);
            if mount(self.client, self.registry, &from, &blob.digest).await {
                return true;
            }
        }
        false
    }

    async fn manifest(&self, image: &Composed) -> Result<String, ImageError> {
        let media_type = http::HeaderValue::from_static(image.media_type);
        let mut attempt = 1;
        let mut target = self.target.clone();
        loop {
            let body = image.manifest.clone();
            match self.client.push_manifest_raw(&target, body, media_type.clone()).await {
                Ok(_) => return Ok(self.registry.uri(&image.digest)),
                // The repository keeps its tags as they are: the image gets one of its own. Functions name the digest anyway.
                Err(error) if target.tag() == self.target.tag() && tag_is_taken(&error) => {
                    let own = own_tag(&image.digest);
                    target = Reference::with_tag(
                        self.target.registry().to_owned(),
                        self.target.repository().to_owned(),
                        own,
                    );
                }
                // The very image, pushed before.
                Err(error) if tag_is_taken(&error) => return Ok(self.registry.uri(&image.digest)),
                Err(error) if attempt < ATTEMPTS && retryable(&error) => pause(attempt).await,
                Err(error) => return Err(self.explain("the manifest was not accepted", &error)),
            }
            attempt += 1;
        }
    }

    fn explain(&self, what: &str, error: &OciDistributionError) -> ImageError {
        explain(&format!("{}/{}", self.registry.host(), self.registry.repository), what, error)
    }
}

/// Whether a manifest was refused because its tag is taken, in a repository whose tags do not change (Amazon ECR: `IMMUTABLE`).
fn tag_is_taken(error: &OciDistributionError) -> bool {
    let text = error.to_string();
    text.contains("ImageTagAlreadyExists")
        || text.contains("tag is immutable")
        || text.contains("cannot be overwritten because")
}

/// A tag that no other image has.
fn own_tag(digest: &str) -> String {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    format!("sha256-{}", hex.get(..16).unwrap_or(hex))
}

enum SendError {
    Blob(ImageError),
    Registry(OciDistributionError),
}

impl From<OciDistributionError> for SendError {
    fn from(error: OciDistributionError) -> Self {
        Self::Registry(error)
    }
}

type Body = BoxStream<'static, std::io::Result<Bytes>>;

/// A blob's bytes as a stream. Nothing is held in memory but a buffer.
async fn open(blob: &Blob) -> Result<Body, SendError> {
    match &blob.source {
        BlobSource::Bytes(bytes) => Ok(stream::iter([Ok(bytes.clone())]).boxed()),
        BlobSource::Registry(remote) => Ok(remote.stream(&blob.digest).await?),
        BlobSource::File { path, offset } => {
            let fail = |error| SendError::Blob(ImageError::file("cannot read", path, error));
            let mut file = tokio::fs::File::open(path).await.map_err(fail)?;
            file.seek(std::io::SeekFrom::Start(*offset)).await.map_err(fail)?;
            Ok(ReaderStream::with_capacity(file.take(blob.size), 256 * 1024).boxed())
        }
    }
}

/// Gives an error instead of the last bytes when all of them are not what the digest says. The end alone is too late:
/// a request is complete when its announced length has been sent.
fn verified(body: Body, blob: &Blob) -> Body {
    let (digest, size) = (blob.digest.clone(), blob.size);
    stream::try_unfold((body, Sha256::new(), 0), move |(mut body, mut hash, mut seen)| {
        let digest = digest.clone();
        async move {
            let damaged = |what: String| {
                let message = format!("{digest} has {what}: the image is damaged or was changed meanwhile");
                Err(ImageError::Content(message).into_io())
            };
            let Some(bytes) = body.next().await else {
                return if seen == size { Ok(None) } else { damaged(format!("{seen} bytes, not {size}")) };
            };
            let bytes = bytes?;
            hash.update(&bytes);
            seen += bytes.len() as u64;
            if seen >= size {
                let found = format!("sha256:{}", hex::encode(hash.clone().finalize()));
                if found != digest {
                    return damaged(format!("bytes of the digest {found}"));
                }
            }
            Ok(Some((bytes, (body, hash, seen))))
        }
    })
    .boxed()
}

fn counted(body: Body, sent: Arc<AtomicU64>) -> Body {
    body.inspect_ok(move |bytes| {
        sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    })
    .boxed()
}
