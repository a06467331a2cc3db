//! What runs ask of functions.

use super::reports::{self, FailedAttempt, LogPlace};
use crate::cloud::{Cloud, CloudError, FunctionDetail};
use crate::definition::JoinRule;
use crate::deploy::{self, Packs, Unreadable};
use crate::logs::{LogClient, LogGroup};
use crate::model::{Axis, FunctionInfo, Millis, Place, variant_of};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use throng_contract::keys::STARTS;
use throng_contract::{Grouping, Selection};

/// Objects in this place start the function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerPlace {
    /// The bucket whose notifications start the function.
    pub bucket: String,
    /// Keys begin so.
    #[serde(default)]
    pub prefix: String,
    /// Keys end so.
    #[serde(default)]
    pub suffix: String,
}

impl TriggerPlace {
    /// Whether an object of this key starts the function.
    #[must_use]
    pub fn starts(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket && key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }

    /// What it says of inputs, for a function whose tags do not.
    #[must_use]
    pub fn selection(&self) -> Selection {
        let (path, prefix) = self.prefix.rsplit_once('/').unwrap_or(("", &self.prefix));
        let some = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
        Selection {
            bucket: self.bucket.clone(),
            path: path.to_owned(),
            prefix: some(prefix),
            suffix: some(&self.suffix),
            ..Selection::default()
        }
    }
}

/// What a launch needs to know of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionFacts {
    /// Image URI with digest.
    pub image: String,
    /// State, as Lambda says.
    pub state: String,
    /// ARN of its role.
    pub role: String,
    /// Where its outputs go, as far as it is known.
    pub outputs: Vec<Place>,
    /// What starts it, as the buckets' notifications say now.
    pub triggers: Vec<TriggerPlace>,
    /// The same, whether or not S3 acts on them yet.
    pub places: Vec<TriggerPlace>,
    /// Until when, in milliseconds since 1970, S3 may not start it yet, because the triggers are new.
    pub triggers_apply_from_ms: Millis,
    /// What of its input places is an input; everything when there are none.
    pub selections: Vec<Selection>,
    /// With which values each input is processed when a launch names none.
    pub sweep: Vec<Axis>,
    /// How its inputs become tasks of several files; `None` when each is a task.
    pub grouping: Option<Grouping>,
    /// What decides its results ([`fingerprint_of`](crate::deploy::fingerprint_of)); empty when it is not known.
    pub fingerprint: String,
    /// Time limit in seconds; 0 when unknown.
    pub timeout_s: u32,
    /// How many of it run at a time, when that is reserved.
    pub concurrency: Option<u32>,
    /// Seconds that Lambda keeps an event of it before it has begun; 0 when unknown.
    pub event_age_s: u32,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// /tmp in MiB; 0 when unknown.
    pub tmp_mb: u32,
    /// How often Lambda tries a failed event again.
    pub retries: u32,
    /// What it does about packs.
    pub packs: Packs,
    /// Whether its output paths keep results of inputs of equal names apart; `None` when that is not known.
    pub keeps_apart: Option<bool>,
    /// Whether its tasks may store over what others of the run have stored.
    pub overwrites: bool,
    /// Whether results of two of its runs never have the same keys.
    pub keeps_runs_apart: bool,
    /// What it waits for, when it is a join.
    pub join: Option<JoinRule>,
    /// Which contract its runtime keeps; `None` when that cannot be known, because throng did not deploy it.
    pub contract: Option<u32>,
}

/// The functions of a context.
#[async_trait]
pub trait FunctionApi: Send + Sync + 'static {
    /// Facts about a function. `None` when there is none of that name.
    async fn facts(&self, function: &str) -> Result<Option<FunctionFacts>, CloudError>;
    /// What objects of a bucket start, by the function's name.
    async fn started_in(&self, _bucket: &str) -> Result<Vec<(String, TriggerPlace)>, CloudError> {
        Ok(Vec::new())
    }
    /// How many invocations of functions that have reserved nothing run at a time. `None` where that is not known.
    async fn concurrency(&self) -> Result<Option<u64>, CloudError> {
        Ok(None)
    }
    /// Makes a function beside another, with other memory, for one run, and waits until it can be invoked. What is there stays.
    async fn make_variant(&self, _function: &str, _run: &str, _memory_mb: u32) -> Result<(), CloudError> {
        Ok(())
    }
    /// Deletes the function that was made for a run, if it is there.
    async fn remove_variant(&self, _run: &str) -> Result<(), CloudError> {
        Ok(())
    }
    /// Names of functions that were made for runs.
    async fn variants(&self) -> Result<Vec<String>, CloudError> {
        Ok(Vec::new())
    }
    /// Puts an event on a function's queue.
    async fn invoke_async(&self, function: &str, payload: Vec<u8>) -> Result<(), CloudError>;
    /// The first of some objects (`bucket/key`) that a function's role may not read; `None` when it may, or that cannot be known.
    async fn unreadable(
        &self,
        _function: &str,
        _role: &str,
        _objects: &[String],
    ) -> Result<Option<Unreadable>, CloudError> {
        Ok(None)
    }
    /// Where the platform logs what it does for a function. `None` when there is no such function, or no log.
    async fn log_of(&self, _function: &str) -> Result<Option<LogPlace>, CloudError> {
        Ok(None)
    }
    /// Whether nothing of a function has run for so long and nothing holds its events back, so that none can be queued. What
    /// cannot be known is `false`.
    async fn is_idle(&self, _function: &str, _quiet: Duration) -> Result<bool, CloudError> {
        Ok(false)
    }
    /// Attempts that ended badly since a time, as the platform's log tells.
    async fn failed_attempts(
        &self,
        _place: &LogPlace,
        _since_ms: Millis,
    ) -> Result<Vec<FailedAttempt>, CloudError> {
        Ok(Vec::new())
    }
}

/// Whether the making of objects is among events of a notification.
fn is_created(events: &[String]) -> bool {
    events.iter().any(|event| event.starts_with("s3:ObjectCreated:"))
}

/// The name in a function's ARN: `arn:aws:lambda:<region>:<account>:function:<name>[:<version>]`.
fn function_of(arn: &str) -> Option<&str> {
    let (_, rest) = arn.split_once(":lambda:")?;
    let (_, name) = rest.split_once(":function:")?;
    name.split(':').next().filter(|name| !name.is_empty())
}

fn log_place(detail: &FunctionDetail) -> LogPlace {
    LogPlace { group: LogGroup::of(&detail.info), json: detail.settings.log_json }
}

#[async_trait]
impl FunctionApi for Cloud {
    async fn facts(&self, function: &str) -> Result<Option<FunctionFacts>, CloudError> {
        let lambda = self.lambda();
        let Some(detail) = lambda.get(function).await? else { return Ok(None) };
        let mut triggers = Vec::new();
        let is_home = |bucket: &str| self.home_bucket().is_ok_and(|home| home == bucket);
        for permission in lambda.bucket_permissions(function).await? {
            let notifications = match self.s3().notifications(&permission.bucket).await {
                Ok(notifications) => notifications,
                // A bucket that was deleted starts nothing.
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            for trigger in notifications.of(&detail.info.arn) {
                let place = TriggerPlace {
                    bucket: permission.bucket.clone(),
                    prefix: trigger.prefix,
                    suffix: trigger.suffix,
                };
                // What starts a join is no place for inputs.
                let marks = is_home(&place.bucket) && place.prefix.starts_with(STARTS);
                if is_created(&trigger.events) && !triggers.contains(&place) && !marks {
                    triggers.push(place);
                }
            }
        }
        let FunctionInfo { image, state, memory_mb, .. } = detail.info;
        // Lambda's own default is two.
        let events = lambda.event_invoke(function).await?.unwrap_or_default();
        let retries = events.retries.unwrap_or(2);
        let event_age_s = events.event_age_s.unwrap_or(0);
        let contract = deploy::contract_of(&detail.tags);
        let keeps_apart = deploy::keeps_apart(&detail.tags);
        let triggers_apply_from_ms = deploy::triggers_apply_from_ms(&detail.tags);
        let selections = deploy::selections_of(&detail.tags);
        let selections = selections.unwrap_or_else(|| triggers.iter().map(TriggerPlace::selection).collect());
        let (role, tmp_mb, timeout_s) =
            (detail.settings.role, detail.settings.tmp_mb, detail.settings.timeout_s);
        Ok(Some(FunctionFacts {
            outputs: deploy::outputs_of(&detail.tags),
            sweep: deploy::sweep_of(&detail.tags),
            grouping: deploy::grouping_of(&detail.tags),
            fingerprint: deploy::fingerprint_of(&detail.tags),
            join: deploy::join_of(&detail.tags),
            image,
            state,
            role,
            places: triggers.clone(),
            triggers,
            triggers_apply_from_ms,
            selections,
            timeout_s,
            concurrency: detail.concurrency,
            event_age_s,
            memory_mb,
            tmp_mb,
            packs: deploy::packs_of(&detail.tags),
            retries,
            keeps_apart,
            overwrites: deploy::overwrites(&detail.tags),
            keeps_runs_apart: deploy::keeps_runs_apart(&detail.tags),
            contract,
        }))
    }

    async fn concurrency(&self) -> Result<Option<u64>, CloudError> {
        if self.is_local() {
            // The local cloud says what AWS would, and runs events on this machine.
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            return Ok(Some(2 * cores as u64));
        }
        Ok(Some(self.lambda().account_limits().await?.unreserved))
    }

    async fn started_in(&self, bucket: &str) -> Result<Vec<(String, TriggerPlace)>, CloudError> {
        let notifications = self.s3().notifications(bucket).await?;
        let triggers = notifications.triggers().into_iter().filter(|trigger| is_created(&trigger.events));
        let started = triggers.filter_map(|trigger| {
            let function = function_of(&trigger.target)?.to_owned();
            let (prefix, suffix) = (trigger.prefix, trigger.suffix);
            Some((function, TriggerPlace { bucket: bucket.to_owned(), prefix, suffix }))
        });
        Ok(started.collect())
    }

    async fn make_variant(&self, function: &str, run: &str, memory_mb: u32) -> Result<(), CloudError> {
        deploy::make_variant(self, function, run, memory_mb).await
    }

    async fn remove_variant(&self, run: &str) -> Result<(), CloudError> {
        self.lambda().delete(&variant_of(run)).await.map(drop)
    }

    async fn variants(&self) -> Result<Vec<String>, CloudError> {
        Ok(self.lambda().variants().await?.into_iter().map(|function| function.name).collect())
    }

    async fn invoke_async(&self, function: &str, payload: Vec<u8>) -> Result<(), CloudError> {
        self.lambda().invoke_async(function, payload.into()).await.map(drop)
    }

    async fn unreadable(
        &self,
        function: &str,
        role: &str,
        objects: &[String],
    ) -> Result<Option<Unreadable>, CloudError> {
        deploy::unreadable(self, function, role, objects).await
    }

    async fn log_of(&self, function: &str) -> Result<Option<LogPlace>, CloudError> {
        Ok(self.lambda().get(function).await?.map(|detail| log_place(&detail)))
    }

    async fn is_idle(&self, function: &str, quiet: Duration) -> Result<bool, CloudError> {
        let Some(detail) = self.lambda().get(function).await? else { return Ok(false) };
        // Reserved concurrency of 0 holds events back until it is changed; so does a function that does not work.
        let works = matches!(detail.state.state.as_str(), "Active" | "Inactive");
        if !works || detail.concurrency == Some(0) {
            return Ok(false);
        }
        // What began that long ago has ended since, and what began later has said so.
        let longest = Duration::from_secs(u64::from(detail.settings.timeout_s));
        reports::is_silent(&LogClient::new(self.clone()), &log_place(&detail), quiet + longest).await
    }

    async fn failed_attempts(
        &self,
        place: &LogPlace,
        since_ms: Millis,
    ) -> Result<Vec<FailedAttempt>, CloudError> {
        reports::read(&LogClient::new(self.clone()), place, since_ms).await
    }
}
