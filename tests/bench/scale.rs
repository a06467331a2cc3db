//! What runs of many tasks cost: requests and dollars, memory, and the time from the last record to the run shown complete.
//!
//! `cargo bench --profile dist --bench scale [-- COUNT...]` (default 1,000 10,000 100,000): the engine launches, follows, opens and
//! reads the results of a run over a store that makes records as they are asked for, each request taking 20 ms, at the pace for
//! AWS. Tasks end at an even rate in `SECONDS` of the run. Beside them: a plain list of all records, one page after the other.
#![allow(clippy::expect_used, clippy::cast_precision_loss)]
#![allow(unsafe_code, reason = "an allocator that counts")]

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use throng_contract::keys::{BLOCK, RecordName, record_key};
use throng_contract::{AttemptRecord, EventRef, OutputObject, TaskRef, TaskState};
use throng_core::cloud::{CloudError, ErrorKind, now_ms};
use throng_core::dataset::Objects;
use throng_core::dataset::objects::{Head, List, Listed, Page, Put, PutPart, Reading};
use throng_core::dataset::upload::UploadOptions;
use throng_core::run::{
    self, FollowOptions, Follower, FunctionApi, FunctionFacts, Inputs, LaunchRequest, RunContext, prepare,
};
use tokio_util::sync::CancellationToken;

/// Of a request, as from a machine in the same region.
const LATENCY: Duration = Duration::from_millis(20);
/// Within which the tasks end, one after the other.
const SECONDS: u64 = 60;
/// Objects of a page.
const PAGE: u64 = 1000;
const HOME: &str = "home";
const INPUTS: &str = "data";

/// Counts the bytes that are in use.
struct Counting;

static IN_USE: AtomicI64 = AtomicI64::new(0);

// SAFETY: everything is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(signed(layout.size()), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(signed(layout.size()), Ordering::Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        IN_USE.fetch_add(signed(size) - signed(layout.size()), Ordering::Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Requests that were made.
#[derive(Clone, Copy, Debug, Default)]
struct Requests {
    lists: u64,
    gets: u64,
    puts: u64,
    heads: u64,
    invocations: u64,
}

impl Requests {
    fn since(self, before: Self) -> Self {
        Self {
            lists: self.lists - before.lists,
            gets: self.gets - before.gets,
            puts: self.puts - before.puts,
            heads: self.heads - before.heads,
            invocations: self.invocations - before.invocations,
        }
    }

    /// In dollars, by the prices of this build.
    fn dollars(self) -> f64 {
        let prices = throng_core::cost::Prices::of_this_build();
        let (write, read) = prices.requests();
        ((self.lists + self.puts) as f64).mul_add(write, (self.gets + self.heads) as f64 * read)
    }
}

/// A store that makes inputs and records as they are asked for, and keeps what is put into it.
struct Synthetic {
    tasks: u64,
    run: OnceLock<String>,
    began_ms: u64,
    /// Tasks that have ended.
    ended: AtomicU64,
    kept: Mutex<BTreeMap<(String, String), Bytes>>,
    /// Bytes of what is kept.
    held: AtomicI64,
    counted: Mutex<Requests>,
    latency: Duration,
}

impl Synthetic {
    fn new(tasks: u64) -> Self {
        Self {
            tasks,
            run: OnceLock::new(),
            began_ms: now_ms(),
            ended: AtomicU64::new(0),
            kept: Mutex::default(),
            held: AtomicI64::new(0),
            counted: Mutex::default(),
            latency: LATENCY,
        }
    }

    fn count(&self, add: impl FnOnce(&mut Requests)) {
        add(&mut self.counted.lock().expect("no panic"));
    }

    fn counted(&self) -> Requests {
        *self.counted.lock().expect("no panic")
    }

    fn record(&self, task: u64) -> AttemptRecord {
        let run = self.run.get().expect("launched");
        let id = format!("5ca4a8d2-0000-4000-8000-{task:012x}");
        let began_ms = self.began_ms + task * SECONDS * 1000 / self.tasks;
        AttemptRecord {
            task: Some(TaskRef::launched(run, task)),
            bucket: INPUTS.into(),
            key: input(task),
            state: TaskState::Succeeded,
            exit_code: Some(0),
            ended_ms: began_ms + 900,
            event: Some(EventRef { id: format!("{run}.{task}.0"), retries: None }),
            outputs: vec![OutputObject {
                bucket: "out".into(),
                key: format!("results/{task:07}.nii.gz"),
                size: 1_000,
                sha256: format!("{task:064x}"),
                provider: None,
                place: Some("results".into()),
            }],
            peak_memory: 40 << 20,
            ..AttemptRecord::begun("f", &id, began_ms)
        }
    }

    fn body(&self, bucket: &str, key: &str) -> Option<Bytes> {
        if key.starts_with("l/") {
            let task = RecordName::parse(key)?.task?.as_number()?;
            return Some(serde_json::to_vec(&self.record(task)).expect("JSON").into());
        }
        self.kept.lock().expect("no panic").get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    /// Keys below a prefix, in order: of the inputs from a token on, of records a block.
    fn keys(&self, list: &List) -> Vec<String> {
        if list.bucket == INPUTS {
            let first = list.token.as_ref().map_or(0, |token| token.parse().expect("our token"));
            return (first..self.tasks.min(first + PAGE)).map(input).collect();
        }
        if list.prefix.starts_with("l/") {
            let parts: Vec<&str> = list.prefix.trim_end_matches('/').split('/').collect();
            let [.., "0", block] = parts[..] else { return Vec::new() };
            let first = block.parse::<u64>().expect("a block") * BLOCK;
            let ended = self.ended.load(Ordering::Relaxed);
            let mut keys: Vec<String> =
                (first..ended.min(first + BLOCK)).map(|task| record_key(&self.record(task))).collect();
            keys.sort_unstable();
            return keys;
        }
        let kept = self.kept.lock().expect("no panic");
        let here =
            kept.keys().filter(|(bucket, key)| *bucket == list.bucket && key.starts_with(&list.prefix));
        here.map(|(_, key)| key.clone()).collect()
    }
}

fn input(task: u64) -> String {
    format!("study/in/sub-{:03}/scan-{task:07}.nii.gz", task % 500)
}

#[async_trait]
impl Objects for Synthetic {
    async fn put(&self, put: Put) -> Result<String, CloudError> {
        self.count(|counted| counted.puts += 1);
        tokio::time::sleep(self.latency).await;
        let mut kept = self.kept.lock().expect("no panic");
        let name = (put.bucket, put.key);
        if put.only_new && kept.contains_key(&name) {
            return Err(CloudError::new(ErrorKind::Conflict, "s3:PutObject", &name.1, "it exists"));
        }
        // What came with more room than it needs is not the follower's.
        let body = Bytes::copy_from_slice(&put.body);
        self.held.fetch_add(signed(body.len() + 2 * name.1.len()), Ordering::Relaxed);
        kept.insert(name, body);
        Ok(String::new())
    }

    async fn open(&self, bucket: &str, key: &str) -> Result<Option<Reading>, CloudError> {
        self.count(|counted| counted.gets += 1);
        tokio::time::sleep(self.latency).await;
        Ok(self.body(bucket, key).map(|body| Reading {
            size: body.len() as u64,
            etag: String::new(),
            body: futures::stream::once(async move { Ok(body) }).boxed(),
        }))
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, CloudError> {
        self.count(|counted| counted.heads += 1);
        tokio::time::sleep(self.latency).await;
        let (etag, metadata) = (String::new(), Vec::new());
        let body = self.body(bucket, key);
        Ok(body.map(|body| Head { size: body.len() as u64, etag, metadata, modified_ms: None, kms: false }))
    }

    async fn list(&self, list: &List) -> Result<Page, CloudError> {
        self.count(|counted| counted.lists += 1);
        tokio::time::sleep(self.latency).await;
        let mut page = Page::default();
        for key in self.keys(list) {
            match key[list.prefix.len()..].split_once('/').filter(|_| list.folders) {
                Some((folder, _)) => {
                    let folder = format!("{}{folder}/", list.prefix);
                    if page.folders.last() != Some(&folder) {
                        page.folders.push(folder);
                    }
                }
                None => {
                    page.objects.push(Listed { key, size: 1, etag: String::new(), modified_ms: None });
                }
            }
        }
        if list.bucket == INPUTS {
            let before: u64 = list.token.as_ref().map_or(0, |token| token.parse().expect("our token"));
            let next = before + page.objects.len() as u64;
            page.next = (next < self.tasks).then(|| next.to_string());
        }
        Ok(page)
    }

    async fn begin_parts(
        &self,
        _: &str,
        key: &str,
        _: &[(&'static str, String)],
        _: Option<&'static str>,
    ) -> Result<String, CloudError> {
        Err(none(key))
    }

    async fn put_part(&self, part: PutPart) -> Result<String, CloudError> {
        Err(none(&part.key))
    }

    async fn finish_parts(&self, _: &str, key: &str, _: &str, _: &[(i32, String)]) -> Result<(), CloudError> {
        Err(none(key))
    }

    async fn abort_parts(&self, _: &str, key: &str, _: &str) -> Result<(), CloudError> {
        Err(none(key))
    }
}

fn none(key: &str) -> CloudError {
    CloudError::new(ErrorKind::Other, "s3:PutObject", key, "no parts here")
}

/// Functions that do nothing, counted.
struct Idle(Arc<Synthetic>);

#[async_trait]
impl FunctionApi for Idle {
    async fn facts(&self, _function: &str) -> Result<Option<FunctionFacts>, CloudError> {
        // All of a run is sent at once: nothing ends before.
        let (state, concurrency) = ("Active".into(), Some(u32::MAX));
        Ok(Some(FunctionFacts { state, concurrency, ..FunctionFacts::default() }))
    }

    async fn invoke_async(&self, _function: &str, _payload: Vec<u8>) -> Result<(), CloudError> {
        self.0.count(|counted| counted.invocations += 1);
        Ok(())
    }
}

fn main() {
    let mut counts: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![1_000, 10_000, 100_000];
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for count in counts {
        println!("{}", runtime.block_on(measure(count)));
    }
}

async fn measure(tasks: u64) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(Synthetic::new(tasks));
    let context = RunContext {
        store: store.clone(),
        functions: Arc::new(Idle(store.clone())),
        home: HOME.into(),
        context: "aws".into(),
        state: folder.path().to_owned(),
        upload: UploadOptions::default(),
        local: false,
    };
    let mut text =
        format!("\n{tasks} tasks that end within {SECONDS} s, {LATENCY:?} a request, the pace for AWS\n");
    let heads =
        ["LIST", "GET", "PUT", "HEAD", "invoked", "$ of S3"].map(|head| format!("{head:>9}")).concat();
    let _ = writeln!(text, "{:<34}{heads}{:>9}", "", "s");
    let mut line = |name: &str, requests: Requests, seconds: f64| {
        let Requests { lists, gets, puts, heads, invocations } = requests;
        let dollars = requests.dollars();
        let _ = writeln!(
            text,
            "{name:<34}{lists:>9}{gets:>9}{puts:>9}{heads:>9}{invocations:>9}{dollars:>9.4}{seconds:>9.2}"
        );
    };

    let begin = Instant::now();
    let inputs = Inputs::Objects { provider: None, bucket: INPUTS.into(), keys: vec!["study/in/".into()] };
    let launch = prepare(&context, LaunchRequest::new("f", inputs), &CancellationToken::new()).await;
    let launch = launch.expect("a run");
    let run = launch.header().id.clone();
    store.run.set(run.clone()).expect("once");
    launch.send(Arc::default(), &CancellationToken::new()).await.expect("sends");
    line("launched", store.counted(), begin.elapsed().as_secs_f64());

    let before = (store.counted(), IN_USE.load(Ordering::Relaxed), store.held.load(Ordering::Relaxed));
    let mut follower = Follower::open(&context, &run).await.expect("a run");
    follower.load_inputs().await.expect("a manifest");
    let known = IN_USE.load(Ordering::Relaxed);
    let ending = tokio::spawn(end_tasks(store.clone()));
    let (begin, mut busiest, mut second) = (Instant::now(), 0, (0, store.counted().lists));
    let mut shown = None;
    run::wait(&mut follower, &CancellationToken::new(), |follower| {
        if follower.is_settled() {
            shown.get_or_insert_with(Instant::now);
        }
        let now = begin.elapsed().as_secs();
        if now > second.0 {
            let lists = store.counted().lists;
            busiest = busiest.max((lists - second.1) / (now - second.0));
            second = (now, lists);
        }
    })
    .await
    .expect("it ends");
    let last = ending.await.expect("ends");
    let shown = shown.expect("shown").saturating_duration_since(last);
    let asked = store.counted().since(before.0);
    line("asked to its end", asked, begin.elapsed().as_secs_f64());
    assert_eq!(follower.summary().counts.succeeded, tasks);
    let kept = store.held.load(Ordering::Relaxed) - before.2;
    let used = IN_USE.load(Ordering::Relaxed) - before.1 - kept;
    let inputs_alone = known - before.1;
    drop(follower);

    let counted = store.counted();
    let begin = Instant::now();
    let mut follower = Follower::open(&context, &run).await.expect("a run");
    let mut polled = Ok(true);
    while polled.expect("it answers") || !follower.has_read_all() {
        polled = follower.poll().await;
    }
    follower.load_inputs().await.expect("a manifest");
    assert!(follower.is_settled());
    line("opened when it had settled", store.counted().since(counted), begin.elapsed().as_secs_f64());
    drop(follower);

    let (counted, begin) = (store.counted(), Instant::now());
    let results = run::results(&context, &run).await.expect("results");
    assert_eq!(results.named().0.values().map(Vec::len).sum::<usize>() as u64, tasks);
    line("what its tasks have stored", store.counted().since(counted), begin.elapsed().as_secs_f64());
    drop(results);

    let plain = Requests { lists: tasks.div_ceil(PAGE), ..Requests::default() };
    line("all records listed once, plainly", plain, plain.lists as f64 * LATENCY.as_secs_f64());

    let each = |bytes: i64| bytes as f64 / tasks as f64;
    let key = input(0).len() as f64;
    let _ = writeln!(
        text,
        "follower: {:.0} bytes a decided task, {:.0} of them before it began; {key:.0} are the input's key",
        each(used),
        each(inputs_alone),
    );
    let pace = FollowOptions::of(&context);
    let _ = writeln!(
        text,
        "last record to shown complete: {:.2} s (looks {:?} to {:?} apart); lists a second: {:.1} on average, {busiest} at most",
        shown.as_secs_f64(),
        pace.fast,
        pace.slow,
        asked.lists as f64 / (SECONDS as f64 + shown.as_secs_f64()),
    );
    text
}

/// Ends all tasks, one after the other; gives when the last did.
async fn end_tasks(store: Arc<Synthetic>) -> Instant {
    let begin = Instant::now();
    loop {
        let part = begin.elapsed().as_secs_f64() / SECONDS as f64;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the tasks")]
        let ended = (store.tasks as f64 * part.min(1.0)) as u64;
        store.ended.store(ended, Ordering::Relaxed);
        if ended == store.tasks {
            return Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
