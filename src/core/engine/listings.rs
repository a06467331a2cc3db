//! Reads what is looked at: functions, buckets, objects.

use super::context::Ctx;
use super::snapshot::{Listing, ListingState, ObjectsView, Snapshot};
use crate::cloud::{Cloud, CloudError, ListQuery, now_ms};
use crate::deploy;
use crate::model::{FunctionInfo, ObjectInfo, Place};
use futures::{StreamExt as _, stream};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Requests for details at a time.
const DETAILS_AT_ONCE: usize = 8;
/// Details are read again after this time, for triggers can change without the function.
const DETAILS_LAST: Duration = Duration::from_secs(20);
/// The same on AWS, where the calls are rationed; a person can ask for it at once.
const DETAILS_LAST_AWS: Duration = Duration::from_mins(5);
/// Most functions and buckets whose details are read in one look.
const MOST_DETAILS: usize = 200;
/// The same on AWS: a function costs a call of Lambda's control plane, which allows fifteen a second to everybody.
const MOST_DETAILS_AWS: usize = 20;
/// A folder with more pages than this is read again only when asked.
const PAGES_READ_AGAIN: usize = 2;

/// A list that was read just now.
pub(super) fn ready<T>(items: Vec<T>) -> Listing<T> {
    Listing { items: Arc::new(items), state: ListingState::Ready, read_ms: Some(now_ms()) }
}

/// What was read of functions and buckets, kept between two looks at them.
#[derive(Debug, Default)]
pub(super) struct Cache {
    functions: Mutex<HashMap<String, (Instant, FunctionInfo)>>,
    triggers: Mutex<HashMap<String, (Instant, Vec<String>)>>,
}

impl Cache {
    /// Forgets everything.
    pub fn clear(&self) {
        lock(&self.functions).clear();
        lock(&self.triggers).clear();
    }
}

/// How long details are good, and how many are read in one look.
fn details_of(cloud: &Cloud) -> (Duration, usize) {
    if cloud.is_local() { (DETAILS_LAST, MOST_DETAILS) } else { (DETAILS_LAST_AWS, MOST_DETAILS_AWS) }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Functions, then their details.
pub(super) async fn functions(ctx: Ctx, cache: Arc<Cache>) {
    let fail = |snap: &mut Snapshot, text| snap.functions.state = ListingState::Failed(text);
    let read = |cloud: Cloud, ctx: Ctx| {
        let cache = cache.clone();
        async move {
            let mut all = cloud.lambda().list().await?;
            all.sort_by(|a: &FunctionInfo, b| a.name.cmp(&b.name));
            let (last, most) = details_of(&cloud);
            let mut stale = fill_from_cache(&mut all, &cache, last);
            stale.truncate(most);
            let shown = all.clone();
            ctx.show(move |snap| snap.functions = ready(shown));
            if stale.is_empty() {
                return Ok(());
            }
            details(&cloud, stale, &cache).await;
            fill_from_cache(&mut all, &cache, last);
            ctx.show(move |snap| snap.functions = ready(all));
            Ok(())
        }
    };
    ctx.poll(read, fail).await;
}

/// Names of functions and buckets, once per context: dialogs offer them wherever the person is. Errors are told when
/// the lists themselves are looked at.
pub(super) async fn first_look(mut ctx: Ctx) {
    let Some(cloud) = ctx.cloud().await else { return };
    if let Ok(mut functions) = cloud.lambda().list().await {
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        ctx.show(move |snap| {
            if snap.functions.read_ms.is_none() {
                snap.functions = ready(functions);
            }
        });
    }
    if let Ok(buckets) = cloud.s3().list_buckets().await {
        ctx.show(move |snap| {
            if snap.buckets.read_ms.is_none() {
                snap.buckets = ready(buckets);
            }
        });
    }
}

/// Completes functions by what is known of them; the names of those of which nothing current is known.
fn fill_from_cache(functions: &mut [FunctionInfo], cache: &Cache, last: Duration) -> Vec<String> {
    let cache = lock(&cache.functions);
    let mut stale = Vec::new();
    for function in functions {
        let known = cache.get(&function.name);
        let same = known.filter(|(_, known)| known.modified_ms == function.modified_ms);
        if let Some((_, known)) = known {
            function.image.clone_from(&known.image);
            function.inputs.clone_from(&known.inputs);
            function.outputs.clone_from(&known.outputs);
            function.managed |= known.managed;
        }
        if same.is_none_or(|(at, _)| at.elapsed() > last) {
            stale.push(function.name.clone());
        }
    }
    stale
}

async fn details(cloud: &Cloud, names: Vec<String>, cache: &Cache) {
    let read = |name: String| async move { (detail(cloud, &name).await, name) };
    let mut all = stream::iter(names).map(read).buffer_unordered(DETAILS_AT_ONCE);
    while let Some((result, name)) = all.next().await {
        // What cannot be read in detail is still in the list.
        if let Ok(Some(info)) = result {
            lock(&cache.functions).insert(name, (Instant::now(), info));
        }
    }
}

/// A function with its image, inputs and outputs.
pub(super) async fn detail(cloud: &Cloud, name: &str) -> Result<Option<FunctionInfo>, CloudError> {
    let Some(detail) = cloud.lambda().get(name).await? else { return Ok(None) };
    let mut info = detail.info;
    info.managed |= deploy::is_ours(&detail.tags);
    info.outputs = deploy::outputs_of(&detail.tags);
    for permission in cloud.lambda().bucket_permissions(name).await? {
        let Ok(notifications) = cloud.s3().notifications(&permission.bucket).await else { continue };
        let places = notifications.of(&info.arn).into_iter().map(|trigger| Place {
            bucket: permission.bucket.clone(),
            prefix: trigger.prefix.trim_matches('/').to_owned(),
        });
        info.inputs.extend(places);
    }
    info.inputs.sort();
    info.inputs.dedup();
    Ok(Some(info))
}

/// Buckets, then what their objects start.
pub(super) async fn buckets(ctx: Ctx, cache: Arc<Cache>) {
    let fail = |snap: &mut Snapshot, text| snap.buckets.state = ListingState::Failed(text);
    let read = |cloud: Cloud, ctx: Ctx| {
        let cache = cache.clone();
        async move {
            let mut all = cloud.s3().list_buckets().await?;
            let (last, most) = details_of(&cloud);
            let mut stale = Vec::new();
            for bucket in &mut all {
                let cache = lock(&cache.triggers);
                let known = cache.get(&bucket.name);
                bucket.triggers = known.map(|(_, triggers)| triggers.clone()).unwrap_or_default();
                if known.is_none_or(|(at, _)| at.elapsed() > last) {
                    stale.push(bucket.name.clone());
                }
            }
            let shown = all.clone();
            ctx.show(move |snap| snap.buckets = ready(shown));
            stale.truncate(most);
            if stale.is_empty() {
                return Ok(());
            }
            triggers(&cloud, stale, &cache).await;
            for bucket in &mut all {
                if let Some((_, triggers)) = lock(&cache.triggers).get(&bucket.name) {
                    bucket.triggers.clone_from(triggers);
                }
            }
            ctx.show(move |snap| snap.buckets = ready(all));
            Ok(())
        }
    };
    ctx.poll(read, fail).await;
}

async fn triggers(cloud: &Cloud, names: Vec<String>, cache: &Cache) {
    let read = |name: String| async move { (cloud.s3().notifications(&name).await, name) };
    let mut all = stream::iter(names).map(read).buffer_unordered(DETAILS_AT_ONCE);
    while let Some((result, name)) = all.next().await {
        let Ok(notifications) = result else { continue };
        let functions = notifications.triggers().into_iter().filter_map(|trigger| {
            let (_, function) = trigger.target.split_once(":function:")?;
            Some(function.to_owned())
        });
        let mut functions: Vec<_> = functions.collect();
        functions.sort();
        functions.dedup();
        lock(&cache.triggers).insert(name, (Instant::now(), functions));
    }
}

/// A folder of a bucket as far as it was read.
#[derive(Default)]
struct Folder {
    bucket: String,
    prefix: String,
    items: Vec<ObjectInfo>,
    token: Option<String>,
    pages: usize,
}

impl Folder {
    /// Reads as many pages as before from the beginning, at least one.
    async fn again(&mut self, cloud: &Cloud) -> Result<(), CloudError> {
        let mut fresh = Self { bucket: self.bucket.clone(), prefix: self.prefix.clone(), ..Self::default() };
        for _ in 0..self.pages.max(1) {
            fresh.next(cloud).await?;
            if fresh.token.is_none() {
                break;
            }
        }
        *self = fresh;
        Ok(())
    }

    /// Reads the next page.
    async fn next(&mut self, cloud: &Cloud) -> Result<(), CloudError> {
        let query = ListQuery {
            prefix: &self.prefix,
            delimiter: Some("/"),
            token: self.token.as_deref(),
            ..ListQuery::default()
        };
        let page = cloud.s3().list_page(&self.bucket, query).await?;
        // The folder's own marker object is not in the folder.
        self.items.extend(page.items.into_iter().filter(|item| item.key != self.prefix));
        self.items.sort_by(|a, b| b.folder.cmp(&a.folder).then_with(|| a.key.cmp(&b.key)));
        self.token = page.next;
        self.pages += 1;
        Ok(())
    }

    fn view(&self) -> ObjectsView {
        ObjectsView {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            listing: ready(self.items.clone()),
            more: self.token.is_some(),
        }
    }
}

/// A folder of a bucket: its first pages at each period, further ones when they are asked for through `more`.
pub(super) async fn objects(
    mut ctx: Ctx,
    bucket: String,
    prefix: String,
    mut more: mpsc::UnboundedReceiver<()>,
) {
    let mut folder = Folder { bucket, prefix, ..Folder::default() };
    let mut pause = ctx.period;
    let mut further = false;
    loop {
        let Some(cloud) = ctx.cloud().await else { return };
        let began = Instant::now();
        let further_one = std::mem::take(&mut further) && folder.token.is_some();
        let read = if further_one { folder.next(&cloud).await } else { folder.again(&cloud).await };
        match read {
            Ok(()) => {
                let view = folder.view();
                ctx.show(move |snap| snap.objects = Some(view));
                ctx.update(|state| state.answered(Ok(())));
                pause = ctx.period.max(began.elapsed() * 5);
            }
            Err(error) => {
                let text = error.sentence();
                ctx.update(move |state| {
                    if let Some(view) = &mut state.snap.objects {
                        view.listing.state = ListingState::Failed(text);
                    }
                    state.dirty = true;
                    state.answered(Err(&error));
                });
                pause = (pause * 2).min(Duration::from_secs(30));
            }
        }
        let again = async {
            if folder.pages > PAGES_READ_AGAIN {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(pause).await;
        };
        tokio::select! {
            () = again => {}
            () = ctx.refresh.notified() => {}
            asked = more.recv() => {
                if asked.is_none() {
                    return;
                }
                further = true;
            }
        }
    }
}
