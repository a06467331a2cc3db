//! Reads what there is and says what would be done.

use super::wanted::Wanted;
use super::{DeployError, DeployOptions, diff, target};
use crate::core::cloud::{
    BucketPermission, Cloud, CloudError, ErrorKind, EventInvoke, FunctionDetail, FunctionSettings,
};
use crate::core::definition::Definition;
use crate::core::image::{ComposeRequest, Composed, Registry, compose};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use throng_runtime::contract::local::ACCOUNT;
use tokio_util::sync::CancellationToken;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes something.
    Create,
    /// Changes something.
    Change,
    /// Takes something away.
    Remove,
    /// Leaves it as it is.
    Keep,
}

/// A step of a plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// To what, like `bucket pictures`.
    pub what: String,
    /// More words; may be empty.
    pub detail: String,
    pub(super) work: Vec<Work>,
}

/// What applying a step does.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Bucket(String),
    Push(Box<Composed>, Registry),
    LogGroup(String, u32, BTreeMap<String, String>),
    Retention(String, u32),
    Create(Box<FunctionSettings>, BTreeMap<String, String>),
    Code(Box<FunctionSettings>),
    Configure(Box<FunctionSettings>),
    Tag(BTreeMap<String, String>),
    Events(EventInvoke),
    Concurrency(Option<u32>),
    Permit(BucketPermission),
    Trigger(String),
    Forbid(BucketPermission),
}

/// What deploying a definition would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The function's name.
    pub function: String,
    /// The image's URI with its digest.
    pub image: String,
    /// In the order in which they are done.
    pub steps: Vec<Step>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Whether the function is new.
    pub new: bool,
    pub(super) wanted: Wanted,
    /// The function as it was found.
    pub(super) found: Option<FunctionSettings>,
}

impl Plan {
    /// Whether applying it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Keep)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Remove => "remove",
            Self::Keep => "keep",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            write!(f, "{:<7} {}", step.action, step.what)?;
            if !step.detail.is_empty() {
                write!(f, " ({})", step.detail)?;
            }
            writeln!(f)?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

/// Makes the image (on this machine only) and compares what a definition asks for with what there is. Nothing is
/// changed.
///
/// # Errors
/// The image cannot be made, the cloud does not answer, or what is asked for cannot be deployed.
#[must_use]
pub fn plan<'a>(
    cloud: &'a Cloud,
    definition: &'a Definition,
    options: &'a DeployOptions,
    token: &'a CancellationToken,
) -> BoxFuture<'a, Result<Plan, DeployError>> {
    // Boxed with one lifetime: the compiler cannot prove the plain future to be `Send`.
    Box::pin(make(cloud, definition, options, token))
}

async fn make(
    cloud: &Cloud,
    definition: &Definition,
    options: &DeployOptions,
    token: &CancellationToken,
) -> Result<Plan, DeployError> {
    if let Some(region) = definition.region.as_deref()
        && !cloud.is_local()
        && region != cloud.region()
    {
        return Err(DeployError::Unfit(format!(
            "the definition is for region {region}, the context {} is in {}",
            cloud.context().name,
            cloud.region()
        )));
    }
    let registry = target::registry(cloud, &definition.name)?;
    let runtime = (options.runtime)(definition.architecture).ok_or_else(|| {
        let architecture = definition.architecture.as_aws();
        DeployError::Unfit(format!("this build of throng has no runtime for {architecture}"))
    })?;
    let composed = compose(ComposeRequest::of(definition, runtime)?, &options.cache, token).await?;
    let image = registry.uri(&composed.digest);
    let wanted = Wanted::of(cloud, definition, &image)?;
    let existing = cloud.lambda().get(&definition.name).await?;
    let mut planner = Planner { cloud, wanted: &wanted, existing: existing.as_ref(), steps: Vec::new() };
    planner.buckets().await?;
    planner.image(&composed, registry);
    planner.log_group().await?;
    planner.function()?;
    planner.events().await?;
    planner.concurrency();
    planner.triggers().await?;
    let steps = planner.steps;
    let mut warnings = composed.warnings;
    if cloud.is_local() && definition.region.as_deref().is_some_and(|region| region != cloud.region()) {
        warnings.push("the definition's region has no meaning in the local context".into());
    }
    let (function, new) = (definition.name.clone(), existing.is_none());
    let found = existing.map(|existing| existing.settings);
    Ok(Plan { function, image, steps, warnings, new, wanted, found })
}

struct Planner<'a> {
    cloud: &'a Cloud,
    wanted: &'a Wanted,
    existing: Option<&'a FunctionDetail>,
    steps: Vec<Step>,
}

impl Planner<'_> {
    fn step(&mut self, action: Action, what: String, detail: impl Into<String>, work: Vec<Work>) {
        self.steps.push(Step { action, what, detail: detail.into(), work });
    }

    async fn buckets(&mut self) -> Result<(), DeployError> {
        let home = (self.wanted.home.clone(), "home: manifests, records, failed events");
        let others = self.wanted.buckets.iter().map(|bucket| (bucket.clone(), ""));
        for (bucket, detail) in std::iter::once(home).chain(others) {
            let what = format!("bucket {bucket}");
            match self.cloud.s3().bucket_exists(&bucket).await {
                Ok(true) => self.step(Action::Keep, what, detail, Vec::new()),
                Ok(false) => self.step(Action::Create, what, detail, vec![Work::Bucket(bucket)]),
                Err(error) if error.kind == ErrorKind::Denied => {
                    return Err(DeployError::Unfit(format!(
                        "bucket {bucket} belongs to somebody else, or you may not use it: {error}"
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn image(&mut self, composed: &Composed, registry: Registry) {
        let what = format!("image {}", registry.repository);
        let new = diff::short(&self.wanted.settings.image).to_owned();
        let same = self
            .existing
            .is_some_and(|existing| diff::same_image(&existing.settings.image, &self.wanted.settings.image));
        if same {
            return self.step(Action::Keep, what, new, Vec::new());
        }
        let mib = composed.size().div_ceil(1 << 20);
        let detail = format!("push {new}, {mib} MiB or less");
        let work = vec![Work::Push(Box::new(composed.clone()), registry)];
        self.step(Action::Create, what, detail, work);
    }

    async fn log_group(&mut self) -> Result<(), DeployError> {
        let name = self.wanted.settings.log_group.clone();
        let days = self.wanted.retention_days;
        let what = format!("log group {name}");
        match self.cloud.logs().group(&name).await? {
            None => {
                let work = vec![Work::LogGroup(name, days, self.cloud.tags().clone())];
                self.step(Action::Create, what, format!("kept {days} days"), work);
            }
            Some(group) if group.retention_days == Some(days) => {
                self.step(Action::Keep, what, "", Vec::new());
            }
            Some(group) => {
                let before =
                    group.retention_days.map_or_else(|| "ever".into(), |days| format!("{days} days"));
                let detail = format!("kept {before} → {days} days");
                self.step(Action::Change, what, detail, vec![Work::Retention(name, days)]);
            }
        }
        Ok(())
    }

    fn function(&mut self) -> Result<(), DeployError> {
        let wanted = &self.wanted.settings;
        let what = format!("function {}", wanted.name);
        let Some(existing) = self.existing else {
            let detail = format!(
                "{} MiB, {} s, /tmp {} MiB, {}",
                wanted.memory_mb, wanted.timeout_s, wanted.tmp_mb, wanted.architecture
            );
            let work = vec![Work::Create(Box::new(wanted.clone()), self.wanted.tags.clone())];
            self.step(Action::Create, what, detail, work);
            return Ok(());
        };
        if existing.settings.image.is_empty() {
            return Err(DeployError::Unfit(format!(
                "function {} exists and is not made of an image (its kind cannot be changed): delete it or choose \
                 another name",
                wanted.name
            )));
        }
        let mut words = Vec::new();
        let mut work = Vec::new();
        let other_architecture = existing.settings.architecture != wanted.architecture;
        if other_architecture || !diff::same_image(&existing.settings.image, &wanted.image) {
            let (old, new) = (diff::short(&existing.settings.image), diff::short(&wanted.image));
            words.push(format!("image {old} → {new}"));
            work.push(Work::Code(Box::new(wanted.clone())));
        }
        let changes = diff::settings(&existing.settings, wanted);
        if !changes.is_empty() {
            words.extend(changes);
            work.push(Work::Configure(Box::new(wanted.clone())));
        }
        let same_tags = self.wanted.tags.iter().all(|(name, value)| existing.tags.get(name) == Some(value));
        if !same_tags {
            words.push("tags".into());
            work.push(Work::Tag(self.wanted.tags.clone()));
        }
        let action = if work.is_empty() { Action::Keep } else { Action::Change };
        self.step(action, what, words.join("; "), work);
        Ok(())
    }

    async fn events(&mut self) -> Result<(), DeployError> {
        let wanted = self.wanted.events.clone();
        let name = &self.wanted.settings.name;
        let is = match self.existing {
            Some(_) => self.cloud.lambda().event_invoke(name).await?,
            None => None,
        };
        let detail =
            format!("{} retries, failed ones go to {}", wanted.retries.unwrap_or_default(), self.wanted.home);
        let action = match &is {
            Some(is) if *is == wanted => Action::Keep,
            Some(_) => Action::Change,
            None => Action::Create,
        };
        let work = if action == Action::Keep { Vec::new() } else { vec![Work::Events(wanted)] };
        self.step(action, "asynchronous events".into(), detail, work);
        Ok(())
    }

    fn concurrency(&mut self) {
        let is = self.existing.and_then(|existing| existing.concurrency);
        let wanted = self.wanted.concurrency;
        let words =
            |value: Option<u32>| value.map_or_else(|| "not limited".into(), |value| value.to_string());
        if is == wanted {
            if wanted.is_some() {
                self.step(Action::Keep, "concurrency".into(), words(wanted), Vec::new());
            }
            return;
        }
        let action = if is.is_none() { Action::Create } else { Action::Change };
        let detail = format!("{} → {}", words(is), words(wanted));
        self.step(action, "concurrency".into(), detail, vec![Work::Concurrency(wanted)]);
    }

    async fn triggers(&mut self) -> Result<(), DeployError> {
        let name = self.wanted.settings.name.clone();
        let arn = match self.existing {
            Some(existing) => existing.info.arn.clone(),
            None => format!("arn:aws:lambda:{}:{ACCOUNT}:function:{name}", self.cloud.region()),
        };
        let permissions = match self.existing {
            Some(_) => self.cloud.lambda().bucket_permissions(&name).await?,
            None => Vec::new(),
        };
        for bucket in self.wanted.inputs.keys() {
            self.trigger(bucket, &arn, &permissions).await?;
        }
        for permission in permissions {
            let ours = permission.sid == statement(&permission.bucket);
            if ours && !self.wanted.inputs.contains_key(&permission.bucket) {
                let what = format!("trigger of bucket {}", permission.bucket);
                let work = vec![Work::Trigger(permission.bucket.clone()), Work::Forbid(permission)];
                self.step(Action::Remove, what, "the definition has no input there any more", work);
            }
        }
        Ok(())
    }

    async fn trigger(
        &mut self,
        bucket: &str,
        arn: &str,
        permissions: &[BucketPermission],
    ) -> Result<(), DeployError> {
        let wanted = self.wanted.triggers(bucket, arn);
        let (what, detail) = (format!("trigger of bucket {bucket}"), describe(&wanted));
        let mut work = Vec::new();
        let sid = statement(bucket);
        if !permissions.iter().any(|permission| permission.sid == sid) {
            work.push(Work::Permit(BucketPermission { sid, bucket: bucket.to_owned() }));
        }
        let mut notifications = match self.cloud.s3().notifications(bucket).await {
            Ok(notifications) => notifications,
            Err(error) if error.is_not_found() => {
                work.push(Work::Trigger(bucket.to_owned()));
                self.step(Action::Create, what, detail, work);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let is = notifications.of(arn);
        // Refused here, before anything is made.
        notifications
            .replace(arn, &wanted)
            .map_err(|error| CloudError { what: bucket.to_owned(), ..error })?;
        if !same(&is, &wanted) {
            work.push(Work::Trigger(bucket.to_owned()));
        }
        let action = match (work.is_empty(), is.is_empty()) {
            (true, _) => Action::Keep,
            (false, true) => Action::Create,
            (false, false) => Action::Change,
        };
        self.step(action, what, detail, work);
        Ok(())
    }
}

/// Id of the statement that lets a bucket start a function: letters, digits, `-` and `_`, at most 100.
pub(super) fn statement(bucket: &str) -> String {
    format!("throng-s3-{}", bucket.replace('.', "_"))
}

/// Whether both say the same, in whatever order.
pub(super) fn same(is: &[crate::core::cloud::Trigger], wanted: &[crate::core::cloud::Trigger]) -> bool {
    is.len() == wanted.len() && wanted.iter().all(|trigger| is.contains(trigger))
}

fn describe(triggers: &[crate::core::cloud::Trigger]) -> String {
    let one = |trigger: &crate::core::cloud::Trigger| format!("{}*{}", trigger.prefix, trigger.suffix);
    triggers.iter().map(one).collect::<Vec<_>>().join(", ")
}
