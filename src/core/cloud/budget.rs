//! The budget of calls: one per account and region in the process, whatever number of contexts and connections use it.
//!
//! AWS counts calls per account, region and API, whoever makes them. Of each quota a fifth is left alone: for the
//! console, for colleagues, and for the attempts that the SDK repeats by itself without asking here first.

use super::calls::CallMeter;
use super::limiter::{Limiter, Pace};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use throng_contract::partition::is_host_of_aws;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// What is taken of each quota.
const SHARE: f64 = 0.8;
/// Live Tail sessions that AWS allows at a time per account and region.
const TAIL_SESSIONS: usize = 15;
/// Of them, those that are left for others.
const TAILS_FOR_OTHERS: usize = 3;
/// What other clouds than AWS are asked per second and API at most: their quotas are not known, and many have none. When
/// one says that it is too much, it is asked less.
const UNLIMITED: f64 = 100_000.0;

/// The limits of an account in a region, shared by everything that calls it. Rates: calls per second.
#[derive(Debug)]
pub struct Limits {
    /// Lambda's control plane: 15 per second over all its calls but Invoke and `GetFunction`.
    pub lambda_control: Limiter,
    /// Lambda's `GetFunction`: 100 per second.
    pub lambda_get: Limiter,
    /// Lambda's Invoke: ten times the concurrency.
    pub lambda_invoke: Limiter,
    /// S3 calls that write: 3,500 per second and prefix.
    pub s3_write: Limiter,
    /// S3 calls that read: 5,500 per second and prefix.
    pub s3_read: Limiter,
    /// `FilterLogEvents`: 5 to 25 per second by region.
    pub logs_filter: Limiter,
    /// `GetLogEvents`: 10 to 30 per second by region.
    pub logs_get: Limiter,
    /// `DescribeLogGroups`: 10 per second.
    pub logs_describe: Limiter,
    /// `StartLiveTail`: 5 per second.
    pub logs_tail: Limiter,
    /// Every other call to `CloudWatch` Logs: 10 per second each.
    pub logs_control: Limiter,
    /// Everything else: IAM, ECR, STS; their quotas are larger, but differ by call.
    pub other: Limiter,
    tails: Arc<Semaphore>,
    most_tails: usize,
    calls: CallMeter,
    throttles: watch::Sender<u64>,
}

/// An API that is called more slowly than it could be, because the cloud throttled it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slowed {
    /// What of the cloud it is, for people: `logs`, `functions`.
    pub what: &'static str,
    /// Calls per second that are allowed now; 0 while the cloud asked for a pause.
    pub rate: f64,
    /// Calls per second that are allowed otherwise.
    pub ceiling: f64,
    /// Answers so far that said there were too many calls.
    pub throttled: u64,
}

impl std::fmt::Display for Slowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, rate, .. } = self;
        if *rate <= 0.0 {
            write!(f, "{what} paused (throttled)")
        } else {
            write!(f, "{what} slowed to {rate:.1}/s (throttled)")
        }
    }
}

impl Limits {
    /// Limits of the embedded cloud, which has no quotas to speak of.
    #[must_use]
    pub fn local() -> Self {
        Self::of(|_| UNLIMITED, "", 1_000)
    }

    /// AWS's quotas in a region, less what is left for others.
    #[must_use]
    pub fn aws(region: &str) -> Self {
        Self::of(|quota| quota * SHARE, region, TAIL_SESSIONS - TAILS_FOR_OTHERS)
    }

    /// AWS's quotas, but for what is asked at another endpoint than AWS's own: whether S3, Lambda and logs are.
    #[must_use]
    pub fn of_endpoints(region: &str, elsewhere: [bool; 3]) -> Self {
        let mut limits = Self::aws(region);
        let free = Self::local();
        let [s3, lambda, logs] = elsewhere;
        if s3 {
            (limits.s3_write, limits.s3_read) = (free.s3_write, free.s3_read);
        }
        if lambda {
            limits.lambda_control = free.lambda_control;
            limits.lambda_get = free.lambda_get;
            limits.lambda_invoke = free.lambda_invoke;
        }
        if logs {
            limits.logs_filter = free.logs_filter;
            limits.logs_get = free.logs_get;
            limits.logs_describe = free.logs_describe;
            limits.logs_tail = free.logs_tail;
            limits.logs_control = free.logs_control;
        }
        limits
    }

    fn of(rate: impl Fn(f64) -> f64, region: &str, most_tails: usize) -> Self {
        let limit = |quota: f64| {
            let rate = rate(quota);
            // No second sees more calls than the quota, burst and all.
            let burst = if rate < quota { quota - rate } else { rate };
            Limiter::with_burst(rate, burst)
        };
        Self {
            lambda_control: limit(15.0),
            lambda_get: limit(100.0),
            lambda_invoke: limit(2_500.0),
            s3_write: limit(3_500.0),
            s3_read: limit(5_500.0),
            logs_filter: limit(filter_quota(region)),
            logs_get: limit(get_quota(region)),
            logs_describe: limit(10.0),
            logs_tail: limit(5.0),
            logs_control: limit(10.0),
            other: limit(10.0),
            tails: Arc::new(Semaphore::new(most_tails)),
            most_tails,
            calls: CallMeter::default(),
            throttles: watch::Sender::new(0),
        }
    }

    /// The limit that an operation is counted against.
    pub(super) fn limiter(&self, service: &str, operation: &str) -> &Limiter {
        match (service, operation) {
            ("Lambda", "Invoke") => &self.lambda_invoke,
            ("Lambda", "GetFunction") => &self.lambda_get,
            ("Lambda", _) => &self.lambda_control,
            ("CloudWatch Logs", "FilterLogEvents") => &self.logs_filter,
            ("CloudWatch Logs", "GetLogEvents") => &self.logs_get,
            ("CloudWatch Logs", "DescribeLogGroups") => &self.logs_describe,
            ("CloudWatch Logs", "StartLiveTail") => &self.logs_tail,
            ("CloudWatch Logs", _) => &self.logs_control,
            ("S3", name) if ["Get", "Head", "List"].iter().any(|reads| name.starts_with(reads)) => {
                &self.s3_read
            }
            ("S3", _) => &self.s3_write,
            _ => &self.other,
        }
    }

    /// The cloud throttled an attempt. Only the limit of its own API falls.
    pub(crate) fn throttled(&self, service: &str, operation: &str, pause: Option<std::time::Duration>) {
        self.calls.throttled(service, operation);
        self.limiter(service, operation).throttled(pause);
        self.throttles.send_modify(|count| *count += 1);
    }

    /// What is slowed down at the moment.
    #[must_use]
    pub fn slowed(&self) -> Vec<Slowed> {
        let all = [
            ("logs", &self.logs_filter),
            ("live tails", &self.logs_tail),
            ("log groups", &self.logs_describe),
            ("log settings", &self.logs_control),
            ("log streams", &self.logs_get),
            ("functions", &self.lambda_control),
            ("function details", &self.lambda_get),
            ("invocations", &self.lambda_invoke),
            ("uploads", &self.s3_write),
            ("listings", &self.s3_read),
            ("account calls", &self.other),
        ];
        let slowed = |(what, limiter): (&'static str, &Limiter)| {
            let Pace { rate, ceiling, throttled, slowed } = limiter.pace();
            slowed.then_some(Slowed { what, rate, ceiling, throttled })
        };
        all.into_iter().filter_map(slowed).collect()
    }

    /// How often something was throttled; changes when it is again.
    #[must_use]
    pub fn throttles(&self) -> watch::Receiver<u64> {
        self.throttles.subscribe()
    }

    /// What was called so far.
    #[must_use]
    pub const fn calls(&self) -> &CallMeter {
        &self.calls
    }

    /// Takes one of the Live Tail sessions that may be open at a time; `None` when all are taken.
    pub(crate) fn tail_session(&self) -> Option<OwnedSemaphorePermit> {
        self.tails.clone().try_acquire_owned().ok()
    }

    /// Live Tail sessions that are open, and how many may be.
    #[must_use]
    pub fn tail_sessions(&self) -> (usize, usize) {
        (self.most_tails.saturating_sub(self.tails.available_permits()), self.most_tails)
    }
}

/// Calls of `FilterLogEvents` per second (quotas of `CloudWatch` Logs, 2026).
fn filter_quota(region: &str) -> f64 {
    match region {
        "us-east-1" => 25.0,
        "eu-central-1" | "ca-west-1" | "il-central-1" | "ap-northeast-3" | "ap-southeast-3" => 5.0,
        _ => 10.0,
    }
}

/// Calls of `GetLogEvents` per second: 30 in one region, 10 or 25 in others; where it is not sure, the lower.
fn get_quota(region: &str) -> f64 {
    if region == "eu-west-3" { 30.0 } else { 10.0 }
}

/// Whether an address is one of AWS's own, whose quotas hold there.
pub(crate) fn is_aws(url: &str) -> bool {
    url::Url::parse(url).ok().is_some_and(|url| url.host_str().is_some_and(is_host_of_aws))
}

/// Whose quotas they are: the profile (or the environment's keys), the region, and the endpoints of S3, Lambda and logs
/// where they are not AWS's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Account {
    pub profile: Option<String>,
    pub region: String,
    pub elsewhere: [Option<String>; 3],
}

/// The budget of an account and region. It lives as long as anything uses it.
pub(super) fn shared(account: Account) -> Arc<Limits> {
    static ALL: OnceLock<Mutex<HashMap<Account, Weak<Limits>>>> = OnceLock::new();
    let mut all = ALL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(&account).and_then(Weak::upgrade) {
        return known;
    }
    all.retain(|_, limits| limits.strong_count() > 0);
    let elsewhere = account.elsewhere.each_ref().map(Option::is_some);
    let limits = Arc::new(Limits::of_endpoints(&account.region, elsewhere));
    all.insert(account, Arc::downgrade(&limits));
    limits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn account(profile: &str, region: &str) -> Account {
        Account { profile: Some(profile.into()), region: region.into(), elsewhere: [None, None, None] }
    }

    #[test]
    fn each_region_has_its_quota_less_a_fifth() {
        for (region, rate) in
            [("us-east-1", 20.0), ("eu-central-1", 4.0), ("ap-southeast-3", 4.0), ("eu-west-1", 8.0)]
        {
            let pace = Limits::aws(region).logs_filter.pace();
            assert!((pace.rate - rate).abs() < 1e-9, "{region}: {}", pace.rate);
        }
        let limits = Limits::aws("eu-west-1");
        assert!((limits.lambda_control.pace().rate - 12.0).abs() < 1e-9);
        assert!((limits.lambda_get.pace().rate - 80.0).abs() < 1e-9);
        assert!((limits.logs_tail.pace().rate - 4.0).abs() < 1e-9);
    }

    #[test]
    fn contexts_of_one_profile_and_region_share_a_budget() {
        let one = shared(account("budget-test", "eu-west-1"));
        assert!(Arc::ptr_eq(&one, &shared(account("budget-test", "eu-west-1"))));
        assert!(!Arc::ptr_eq(&one, &shared(account("budget-test", "eu-west-2"))));
        assert!(!Arc::ptr_eq(&one, &shared(account("budget-other", "eu-west-1"))));
        one.throttled("CloudWatch Logs", "FilterLogEvents", None);
        drop(one);
        assert!(shared(account("budget-test", "eu-west-1")).slowed().is_empty(), "nobody used it any more");
    }

    #[test]
    fn quotas_of_aws_hold_at_aws_alone() {
        for (url, aws) in [
            ("https://s3.eu-west-1.amazonaws.com", true),
            ("https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com", true),
            ("https://s3.cn-north-1.amazonaws.com.cn/", true),
            ("https://minio.lab:9000", false),
            ("https://amazonaws.com.example.org", false),
            ("http://127.0.0.1:9000", false),
        ] {
            assert_eq!(is_aws(url), aws, "{url}");
        }
        let limits = Limits::of_endpoints("eu-west-1", [true, false, false]);
        assert!(limits.s3_write.pace().rate > 50_000.0, "MinIO has no 2,800 per second");
        assert!((limits.lambda_get.pace().rate - 80.0).abs() < 1e-9, "Lambda is AWS's still");
    }

    /// Feedback counts from how fast it went, not from a limit that nobody knows.
    #[test]
    fn another_cloud_that_says_slow_down_is_asked_less_than_before() {
        let limits = Limits::of_endpoints("eu-west-1", [true, true, true]);
        let now = std::time::Instant::now();
        for call in 0..2_000_u32 {
            limits.s3_write.called_at(now + Duration::from_millis(u64::from(call)));
        }
        let pace = limits.s3_write.throttled_and_pace(now + Duration::from_secs(2));
        assert!((500.0..700.0).contains(&pace.rate), "1,000 per second were too many: {pace:?}");
    }

    #[test]
    fn only_the_throttled_api_is_slowed() {
        let limits = Limits::aws("eu-central-1");
        limits.throttled("CloudWatch Logs", "FilterLogEvents", None);
        let slowed = limits.slowed();
        assert_eq!(slowed.len(), 1, "{slowed:?}");
        assert_eq!((slowed[0].what, slowed[0].throttled), ("logs", 1));
        assert!(slowed[0].to_string().starts_with("logs slowed to 2.4/s"), "{}", slowed[0]);
        limits.throttled("Lambda", "GetPolicy", Some(Duration::from_secs(5)));
        limits.throttled("S3", "ListObjectsV2", None);
        let names: Vec<_> = limits.slowed().iter().map(|one| one.what).collect();
        assert_eq!(names, ["logs", "functions", "listings"]);
        assert_eq!(limits.slowed()[1].to_string(), "functions paused (throttled)");
        limits.throttled("STS", "GetCallerIdentity", None);
        assert_eq!(limits.slowed().len(), 4);
    }

    #[test]
    fn live_tails_are_counted_and_some_are_left() {
        let limits = Limits::aws("eu-west-1");
        let mut open: Vec<_> = std::iter::from_fn(|| limits.tail_session()).collect();
        assert_eq!((open.len(), limits.tail_sessions()), (12, (12, 12)));
        open.pop();
        assert!(limits.tail_session().is_some());
    }
}
