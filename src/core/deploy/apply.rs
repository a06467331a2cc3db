//! Does what a plan says.

use super::plan::{Action, Plan, Work};
use super::role::POLICY;
use super::{DeployError, Undo, secrets, tags, wait};
use crate::core::cloud::{BucketPermission, Cloud, CloudError, ErrorKind, NewRole, partition};
use crate::core::image::{LayerProgress, PushProgress, push};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A new role or a new permission is not seen everywhere at once.
const SETTLES_WITHIN: Duration = Duration::from_secs(40);
/// Changes are refused while another one is under way.
const FREE_WITHIN: Duration = Duration::from_mins(1);

/// How far applying is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployProgress {
    /// What is being done.
    pub label: String,
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Bytes of the image that are there.
    pub bytes: u64,
    /// Bytes of the image in all; 0 while none is pushed.
    pub bytes_total: u64,
    /// Each layer of the image that is being pushed.
    pub layers: Arc<[LayerProgress]>,
}

/// What came of applying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The function's name.
    pub function: String,
    /// Its ARN.
    pub arn: String,
    /// What was done, in words; empty when nothing had to be.
    pub done: Vec<String>,
}

/// Applies a plan. When it fails, the error says what was done and what can be taken back with [`undo`](super::undo); applying the
/// definition again goes on from there.
///
/// # Errors
/// [`DeployError::Step`]
pub fn apply<'a>(
    cloud: &'a Cloud,
    plan: &'a Plan,
    progress: &'a (dyn Fn(DeployProgress) + Send + Sync),
    token: &'a CancellationToken,
) -> BoxFuture<'a, Result<Applied, DeployError>> {
    Box::pin(perform(cloud, plan, progress, token))
}

async fn perform(
    cloud: &Cloud,
    plan: &Plan,
    progress: &(dyn Fn(DeployProgress) + Send + Sync),
    token: &CancellationToken,
) -> Result<Applied, DeployError> {
    let steps: Vec<_> = plan.steps.iter().filter(|step| step.action != Action::Keep).collect();
    let mut applier =
        Applier { cloud, plan, progress, token, arn: None, undo: Vec::new(), at: 0, of: steps.len() };
    let mut done = Vec::new();
    for step in steps {
        let label = format!("{} {}", step.action, step.what);
        applier.tell(&label, PushProgress::default());
        for work in &step.work {
            if let Err(error) = applier.work(work, &label).await {
                let undo = std::mem::take(&mut applier.undo);
                return Err(DeployError::Step { step: label, error: Box::new(error), done, undo });
            }
        }
        applier.at += 1;
        done.push(label);
    }
    applier.tell("wait until it is active", PushProgress::default());
    let detail = wait::active(cloud, &plan.function, token).await;
    match detail {
        Ok(detail) => Ok(Applied { function: plan.function.clone(), arn: detail.info.arn, done }),
        Err(error) => {
            let step = "wait until it is active".into();
            let undo = std::mem::take(&mut applier.undo);
            Err(DeployError::Step { step, error: Box::new(error), done, undo })
        }
    }
}

struct Applier<'a> {
    cloud: &'a Cloud,
    plan: &'a Plan,
    progress: &'a (dyn Fn(DeployProgress) + Send + Sync),
    token: &'a CancellationToken,
    arn: Option<String>,
    undo: Vec<Undo>,
    at: usize,
    of: usize,
}

impl Applier<'_> {
    fn tell(&self, label: &str, push: PushProgress) {
        (self.progress)(DeployProgress {
            label: label.to_owned(),
            step: self.at as u64,
            steps: self.of as u64,
            bytes: push.bytes,
            bytes_total: push.bytes_total,
            layers: push.layers,
        });
    }

    async fn work(&mut self, work: &Work, label: &str) -> Result<(), DeployError> {
        if self.token.is_cancelled() {
            return Err(CloudError::cancelled("deploy").into());
        }
        let name = self.plan.function.as_str();
        let lambda = self.cloud.lambda();
        match work {
            Work::Bucket(bucket, tags) => self.bucket(bucket, tags).await?,
            Work::Shut(bucket) => self.cloud.s3().shut(bucket).await?,
            Work::Repository(name, tags) => self.repository(name, tags).await?,
            Work::Lifecycle(name, rules) => self.cloud.repositories().set_lifecycle(name, rules).await?,
            Work::Role(role) => self.role(role).await?,
            Work::Policy(role, document) => {
                // A new role is not seen everywhere at once.
                let roles = self.cloud.roles();
                let put = || roles.set_policy(role, POLICY, document);
                self.repeated(SETTLES_WITHIN, CloudError::is_not_found, put).await?;
            }
            Work::Push(image, registry) => {
                push(image, registry, |push| self.tell(label, push), self.token).await?;
            }
            Work::LogGroup(group, days, tags) => {
                self.cloud.logs().create_group(group, tags).await?;
                self.undo.push(Undo::LogGroup(group.clone()));
                self.cloud.logs().set_retention(group, *days).await?;
            }
            Work::Retention(group, days) => self.cloud.logs().set_retention(group, *days).await?,
            Work::Create(settings, tags) => {
                self.repeated(SETTLES_WITHIN, is_settling, || lambda.create(settings, tags)).await?;
                self.undo.push(Undo::Function(name.to_owned()));
            }
            Work::Code(settings) => {
                self.active().await?;
                self.repeated(FREE_WITHIN, is_busy, || lambda.update_code(settings)).await?;
            }
            Work::Configure(settings) => {
                self.active().await?;
                self.repeated(FREE_WITHIN, is_busy, || lambda.update_configuration(settings)).await?;
            }
            Work::Tag(tags) => lambda.tag(&self.active().await?, tags).await?,
            Work::Events(events) => {
                self.active().await?;
                self.repeated(SETTLES_WITHIN, is_settling, || lambda.set_event_invoke(name, events)).await?;
            }
            Work::Concurrency(concurrency) => lambda.set_concurrency(name, *concurrency).await?,
            Work::Permit(permission) => self.permit(permission).await?,
            Work::Forbid(permission) => {
                lambda.remove_permission(name, &permission.sid).await?;
            }
            Work::Trigger(bucket) => self.trigger(bucket).await?,
            Work::StoreKeys(keys) => self.undo.extend(secrets::store(self.cloud, keys).await?),
            Work::ForgetKeys(bucket, key) => secrets::forget(self.cloud, bucket, key).await?,
        }
        Ok(())
    }

    async fn bucket(&mut self, bucket: &str, tags: &BTreeMap<String, String>) -> Result<(), DeployError> {
        match self.cloud.s3().create_bucket(bucket).await {
            Ok(()) => {
                self.undo.push(Undo::Bucket(bucket.to_owned()));
                self.cloud.s3().shut(bucket).await?;
                self.cloud.s3().tag_bucket(bucket, tags).await?;
            }
            // Made meanwhile: by us if it can be used.
            Err(error)
                if error.kind == ErrorKind::Conflict && self.cloud.s3().bucket_exists(bucket).await? => {}
            Err(error) if error.kind == ErrorKind::Conflict => {
                return Err(DeployError::Unfit(format!(
                    "bucket {bucket} belongs to somebody else (names are shared by everybody): choose another name"
                )));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn repository(&mut self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), DeployError> {
        match self.cloud.repositories().create(name, tags).await {
            Ok(()) => self.undo.push(Undo::Repository(name.to_owned())),
            // Another deployment of the same function made it meanwhile.
            Err(error) if error.kind == ErrorKind::Conflict => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn role(&mut self, role: &NewRole) -> Result<(), DeployError> {
        match self.cloud.roles().create(role).await {
            Ok(()) => self.undo.push(Undo::Role(role.name.clone())),
            Err(error) if error.kind == ErrorKind::Conflict => {
                let there = self.cloud.roles().get(&role.name).await?;
                if !there.is_some_and(|there| tags::is_ours(&there.tags)) {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Waits until the function can be changed; its ARN.
    async fn active(&mut self) -> Result<String, DeployError> {
        let detail = wait::active(self.cloud, &self.plan.function, self.token).await?;
        self.arn = Some(detail.info.arn.clone());
        Ok(detail.info.arn)
    }

    async fn arn(&mut self) -> Result<String, DeployError> {
        match &self.arn {
            Some(arn) => Ok(arn.clone()),
            None => self.active().await,
        }
    }

    async fn permit(&mut self, permission: &BucketPermission) -> Result<(), DeployError> {
        let arn = self.arn().await?;
        let account = arn.split(':').nth(4).unwrap_or_default();
        let bucket = format!("arn:{}:s3:::{}", partition(self.cloud.region()), permission.bucket);
        let permit =
            self.cloud.lambda().permit_bucket(&self.plan.function, permission, &bucket, account).await;
        match permit {
            Err(error) if error.kind != ErrorKind::Conflict => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Reads the bucket's notifications again, right before they are written, so that little time is left for
    /// somebody else to change them meanwhile.
    async fn trigger(&mut self, bucket: &str) -> Result<(), DeployError> {
        let arn = self.arn().await?;
        let wanted = self.plan.wanted.triggers(bucket, &arn);
        let cloud = self.cloud;
        let put = || {
            let (arn, wanted) = (&arn, &wanted);
            async move {
                let mut notifications = cloud.s3().notifications(bucket).await?;
                notifications
                    .replace(arn, wanted)
                    .map_err(|error| CloudError { what: bucket.to_owned(), ..error })?;
                cloud.s3().put_notifications(bucket, &notifications).await
            }
        };
        self.repeated(SETTLES_WITHIN, is_settling, put).await?;
        self.undo.push(Undo::Triggers { bucket: bucket.to_owned(), arn });
        Ok(())
    }

    /// Repeats a call while `transient` says so. The local cloud needs no repetition.
    async fn repeated<F, C>(
        &self,
        within: Duration,
        transient: fn(&CloudError) -> bool,
        call: F,
    ) -> Result<(), DeployError>
    where
        F: Fn() -> C,
        C: Future<Output = Result<(), CloudError>>,
    {
        let deadline = Instant::now() + if self.cloud.is_local() { Duration::from_secs(5) } else { within };
        let mut pause = Duration::from_millis(if self.cloud.is_local() { 50 } else { 1000 });
        loop {
            match call().await {
                Ok(()) => return Ok(()),
                Err(error) if transient(&error) && Instant::now() < deadline => {}
                Err(error) => return Err(error.into()),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.token.cancelled() => return Err(CloudError::cancelled("deploy").into()),
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

/// Whether a role or a permission may not have arrived everywhere yet.
fn is_settling(error: &CloudError) -> bool {
    let message = error.message.as_str();
    message.contains("cannot be assumed by Lambda")
        || message.contains("execution role does not have permissions")
        || message.contains("configure access to your environment variables because the KMS key is invalid")
        || message.contains("Unable to validate the following destination configurations")
        || is_busy(error)
}

/// Whether another change of the function is under way.
fn is_busy(error: &CloudError) -> bool {
    error.kind == ErrorKind::Conflict && error.message.contains("in progress")
}
