//! Does what a plan says.

use super::plan::Plan;
use super::role::POLICY;
use super::settling::{FREE_WITHIN, SETTLES_WITHIN, is_busy, is_settling, repeated};
use super::step::{Action, Work};
use super::{DeployError, Undo, conflict, secrets, wait};
use crate::cloud::{Cloud, CloudError, FunctionDetail, FunctionSettings};
use crate::image::{Credentials, LayerProgress, PushProgress, push};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Times that something is written which somebody else changes at the same time.
const TRIES: u32 = 4;

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
    let mut applier = Applier {
        cloud,
        plan,
        progress,
        token,
        arn: None,
        undo: Vec::new(),
        at: 0,
        of: steps.len(),
        known: plan.found.clone(),
    };
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
    let detail = applier.finished().await;
    match detail {
        Ok(detail) => Ok(Applied { function: plan.function.clone(), arn: detail.info.arn, done }),
        Err(error) => {
            let step = "wait until it is active".into();
            let undo = std::mem::take(&mut applier.undo);
            Err(DeployError::Step { step, error: Box::new(error), done, undo })
        }
    }
}

pub(super) struct Applier<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) plan: &'a Plan,
    progress: &'a (dyn Fn(DeployProgress) + Send + Sync),
    pub(super) token: &'a CancellationToken,
    arn: Option<String>,
    pub(super) undo: Vec<Undo>,
    at: usize,
    of: usize,
    /// The function as it was found, or was changed by us; anything else was somebody else.
    known: Option<FunctionSettings>,
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
            return Err(DeployError::Cancelled);
        }
        let name = self.plan.function.as_str();
        let lambda = self.cloud.lambda();
        match work {
            Work::Bucket(bucket, tags) => self.bucket(bucket, tags).await?,
            Work::Shut(bucket) => self.cloud.s3().shut(bucket).await?,
            Work::Repository(name, tags) => self.repository(name, tags).await?,
            Work::Lifecycle(name, rules) => self.cloud.repositories().set_lifecycle(name, rules).await?,
            Work::Share(name, policy) => self.cloud.repositories().set_policy(name, policy).await?,
            Work::Role(role) => self.role(role).await?,
            Work::Policy(role, document) => {
                // A new role is not seen everywhere at once.
                let roles = self.cloud.roles();
                let put = || roles.set_policy(role, POLICY, document);
                self.repeated(SETTLES_WITHIN, CloudError::is_not_found, put).await?;
            }
            Work::Trust(role, document) => self.cloud.roles().set_trust(role, document).await?,
            Work::Push(image, registry) => {
                let mut registry = registry.clone();
                // Asked again: the local cloud may be another one than when the plan was made.
                if let Some((user, password)) = self.cloud.local_registry().await? {
                    registry.credentials = Some(Credentials { user, password });
                }
                push(image, &registry, |push| self.tell(label, push), self.token).await?;
            }
            Work::LogGroup(group, days, tags) => {
                if self.cloud.logs().create_group(group, tags).await? {
                    self.undo.push(Undo::LogGroup(group.clone()));
                }
                self.cloud.logs().set_retention(group, *days).await?;
            }
            Work::Retention(group, days) => self.cloud.logs().set_retention(group, *days).await?,
            Work::Create(settings, tags) => {
                self.create(settings, tags).await?;
            }
            Work::Code(settings) => {
                let known = self.known.as_ref().unwrap_or(settings);
                let (image, architecture) = (settings.image.clone(), settings.architecture.clone());
                let next = FunctionSettings { image, architecture, ..known.clone() };
                self.update(settings, next, true).await?;
            }
            Work::Configure(settings) => {
                self.update(settings, FunctionSettings::clone(settings), false).await?;
            }
            Work::Tag(tags) => lambda.tag(&self.active().await?.info.arn, tags).await?,
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

    /// Repeats a call while `passes` says so of its error.
    pub(super) async fn repeated<F, C>(
        &self,
        within: Duration,
        passes: impl Fn(&CloudError) -> bool,
        call: F,
    ) -> Result<(), DeployError>
    where
        F: Fn() -> C,
        C: Future<Output = Result<(), CloudError>>,
    {
        repeated(self.cloud, self.token, within, passes, call).await
    }

    /// Waits until the function can be changed, and is as it is known to be.
    pub(super) async fn active(&mut self) -> Result<FunctionDetail, DeployError> {
        let detail = wait::active(self.cloud, &self.plan.function, self.token).await?;
        self.as_known(detail)
    }

    fn as_known(&mut self, detail: FunctionDetail) -> Result<FunctionDetail, DeployError> {
        if let Some(known) = &self.known {
            conflict::check(known, &detail)?;
        }
        self.arn = Some(detail.info.arn.clone());
        Ok(detail)
    }

    pub(super) async fn arn(&mut self) -> Result<String, DeployError> {
        match &self.arn {
            Some(arn) => Ok(arn.clone()),
            None => Ok(self.active().await?.info.arn),
        }
    }

    async fn create(
        &mut self,
        settings: &FunctionSettings,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), DeployError> {
        let lambda = self.cloud.lambda();
        match self.repeated(SETTLES_WITHIN, is_settling, || lambda.create(settings, tags)).await {
            Ok(()) => self.undo.push(Undo::Function(settings.name.clone())),
            // Made by our first try, whose answer was lost, or by somebody else: then it is another one.
            Err(DeployError::Cloud(error)) if conflict::exists(&error) => {
                self.known = Some(settings.clone());
                conflict::check_tags(tags, &self.active().await?)?;
            }
            Err(error) => return Err(error),
        }
        self.remember().await
    }

    /// Reads the function after a change of ours, while nobody else can change it. As it is shown, not as it was asked
    /// for: some clouds leave things out.
    async fn remember(&mut self) -> Result<(), DeployError> {
        self.known = self.cloud.lambda().get(&self.plan.function).await?.map(|detail| detail.settings);
        Ok(())
    }

    /// Changes the function's image or the rest of it, unless somebody else has changed it since it was read. It is
    /// `next` then.
    async fn update(
        &mut self,
        settings: &FunctionSettings,
        next: FunctionSettings,
        image: bool,
    ) -> Result<(), DeployError> {
        let lambda = self.cloud.lambda();
        for _ in 0..TRIES {
            // Another image may be what a function needs that cannot be used.
            let detail = if image {
                let detail = wait::settled(self.cloud, &self.plan.function, self.token).await?;
                self.as_known(detail)?
            } else {
                self.active().await?
            };
            let revision = Some(detail.revision.as_str()).filter(|revision| !revision.is_empty());
            let updated = if image {
                self.repeated(FREE_WITHIN, is_busy, || lambda.update_code(settings, revision)).await
            } else {
                self.repeated(FREE_WITHIN, is_busy, || {
                    lambda.update_configuration(settings, &detail.settings, revision)
                })
                .await
            };
            match updated {
                Ok(()) => return self.remember().await,
                Err(DeployError::Cloud(error)) if conflict::is_stale(&error) => {}
                Err(error) => return Err(error),
            }
            // By our own first try, if its answer was lost; or in something that does not matter here.
            let now = wait::active(self.cloud, &self.plan.function, self.token).await?;
            if conflict::is(&now, &next) {
                return self.remember().await;
            }
        }
        Err(conflict::told(&self.plan.function, "it is changed again and again"))
    }

    /// Waits until the function is active, and sees that all of it is as it was deployed: who changed it meanwhile has
    /// won.
    async fn finished(&mut self) -> Result<FunctionDetail, DeployError> {
        let detail = self.active().await?;
        conflict::check_tags(&self.plan.desired.tags, &detail)?;
        let buckets = self.plan.desired.inputs.keys().filter(|_| self.of > 0);
        for bucket in buckets {
            let now = self.cloud.s3().notifications(bucket).await?.of(&detail.info.arn);
            if now.len() != self.plan.desired.triggers(bucket, &detail.info.arn).len() {
                return Err(conflict::told(&self.plan.function, &format!("its trigger of bucket {bucket}")));
            }
        }
        Ok(detail)
    }
}
