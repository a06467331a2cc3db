//! Reads what there is and says what would be done.
//!
//! ```text
//! places     what a function lives among: buckets, the repository of its image, its role, its log group
//! triggers   what starts a function: entries in the notifications of buckets, and the permissions for them
//! ```

mod places;
mod triggers;

use super::desired::Desired;
use super::encryption::BucketKeys;
use super::request::compose_request;
use super::role::{self, Role};
use super::step::{Action, Step, Work};
use super::target;
use super::{DeployError, DeployOptions, diff, joins, network, secrets, tags, wait};
use crate::cloud::{AccountLimits, Cloud, EventInvoke, FunctionDetail, FunctionSettings};
use crate::cost::{Guess, Prices, Shape};
use crate::definition::Definition;
use crate::image::{ComposeRequest, Composed, Registry, compose, holds};
use crate::words;
use futures::future::BoxFuture;
use std::fmt;
use throng_contract::layout::ENV_SECRETS;
use tokio_util::sync::CancellationToken;

pub(super) use triggers::statement;

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
    /// What a thousand invocations cost, at a guess; `None` in the local context, where they cost nothing.
    pub cost: Option<Guess>,
    pub(super) desired: Desired,
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
        if let Some(cost) = &self.cost {
            writeln!(f, "{:<7} {cost}", "cost")?;
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
        return Err(DeployError::Definition(format!(
            "the definition is for region {region}, the context {} is in {}: take `region:` out of the definition, or use a \
             context that is in {region}",
            cloud.context().name,
            cloud.region()
        )));
    }
    let target = target::of_function(cloud, &definition.name).await?;
    let runtime = (options.runtime)(definition.architecture).ok_or_else(|| {
        let architecture = definition.architecture.as_aws();
        DeployError::Unfit(format!("this build of throng has no runtime for {architecture}"))
    })?;
    let request = ComposeRequest {
        credentials: target::credentials_for_base(cloud, definition, &target),
        ..compose_request(definition, runtime)?
    };
    let mut composed = compose(request, &options.cache, token).await?;
    if let Some(shared) = &mut composed.shared {
        let registry = &target.registry;
        shared.look_up(registry.host(), &registry.repository, &options.cache)?;
    }
    let image = target.image(&composed.digest);
    let account = cloud.identity().await?.account.clone();
    let (reader, unread) = joins::reader(cloud, definition, &options.together).await?;
    let keys = BucketKeys::of(cloud, &reader, &account).await;
    let role = Role::of(cloud, &reader, &keys).await?;
    let mut notes = role::key_notes(&role, &keys);
    notes.extend(unread);
    notes.extend(role::note(cloud, definition, &role));
    let mut desired = Desired::of(cloud, definition, &image, role)?;
    desired.tags.extend(tags::fingerprint_tag(&composed.function_config));
    let existing = cloud.lambda().get(&definition.name).await?;
    let mut planner = Planner {
        cloud,
        desired: &desired,
        existing: existing.as_ref(),
        steps: Vec::new(),
        warnings: composed.warnings.clone(),
    };
    planner.buckets().await?;
    let Planner { steps, warnings, .. } = planner;
    // Before the function, which may be started at once; taken away after it.
    let sealed = secrets::step(cloud, &desired.home, definition).await?;
    desired.settings.env.extend(sealed.stamp.map(|stamp| (ENV_SECRETS.to_owned(), stamp)));
    let mut planner = Planner { cloud, desired: &desired, existing: existing.as_ref(), steps, warnings };
    let (last, first) = sealed.step.into_iter().partition::<Vec<_>, _>(|step| step.action == Action::Remove);
    planner.steps.extend(first);
    planner.repository(&target).await?;
    let there = planner.image(&composed, target.registry).await;
    planner.role().await?;
    planner.log_group().await?;
    planner.function(there)?;
    planner.events().await?;
    planner.concurrency().await?;
    planner.triggers().await?;
    planner.steps.extend(last);
    planner.warnings.extend(secrets::notes(definition));
    planner.warnings.extend(network::notes(cloud.is_local(), definition, &desired.role));
    planner.warnings.extend(notes);
    let Planner { steps, mut warnings, .. } = planner;
    if cloud.is_local() && definition.region.as_deref().is_some_and(|region| region != cloud.region()) {
        warnings.push("the definition's region has no meaning in the local context".into());
    }
    let cost = (!cloud.is_local()).then(|| Prices::of_this_build().guess(&Shape::of(definition), THOUSAND));
    let (function, new) = (definition.name.clone(), existing.is_none());
    let found = existing.map(|existing| existing.settings);
    Ok(Plan { function, image, steps, warnings, new, cost, desired, found })
}

/// Invocations whose cost a plan shows.
const THOUSAND: u32 = 1000;

struct Planner<'a> {
    cloud: &'a Cloud,
    desired: &'a Desired,
    existing: Option<&'a FunctionDetail>,
    steps: Vec<Step>,
    warnings: Vec<String>,
}

impl Planner<'_> {
    fn step(&mut self, action: Action, what: String, detail: impl Into<String>, work: Vec<Work>) {
        self.steps.push(Step { action, what, detail: detail.into(), work });
    }

    /// Says whether the image is in its registry, as far as can be seen: somebody may have removed it.
    async fn image(&mut self, composed: &Composed, registry: Registry) -> bool {
        let what = format!("image {}", registry.repository);
        let new = diff::short(&self.desired.settings.image).to_owned();
        let same = self
            .existing
            .is_some_and(|existing| diff::same_image(&existing.settings.image, &self.desired.settings.image));
        let there = same
            && holds(&registry, &composed.digest).await.unwrap_or_else(|error| {
                self.warnings.push(format!("not known whether the image is still there: {error}"));
                true
            });
        if there {
            self.step(Action::Keep, what, new, Vec::new());
            return true;
        }
        let mib = composed.size().div_ceil(1 << 20);
        let again = if same { " again: its registry has it no more" } else { "" };
        let files = composed.shared.as_ref();
        let files = files.map(|layer| format!(" (files: {})", words::bytes(layer.size))).unwrap_or_default();
        let detail = format!("push {new}{again}, {mib} MiB or less{files}");
        let work = vec![Work::Push(Box::new(composed.clone()), registry)];
        self.step(Action::Create, what, detail, work);
        !same
    }

    fn function(&mut self, image_there: bool) -> Result<(), DeployError> {
        let wanted = &self.desired.settings;
        let what = format!("function {}", wanted.name);
        let Some(existing) = self.existing else {
            let mut detail = format!(
                "{} MiB, {} s, /tmp {} MiB, {}",
                wanted.memory_mb, wanted.timeout_s, wanted.tmp_mb, wanted.architecture
            );
            for words in network::words(wanted) {
                detail.push_str(", ");
                detail.push_str(&words);
            }
            let work = vec![Work::Create(Box::new(wanted.clone()), self.desired.tags.clone())];
            self.step(Action::Create, what, detail, work);
            return Ok(());
        };
        if !tags::is_ours_for_sure(existing)? {
            return Err(DeployError::Unfit(format!(
                "function {} exists, and throng did not make it: choose another name, or give it to throng with the tag \
                 createdby=throng",
                wanted.name
            )));
        }
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
        } else if !image_there || wait::has_failed(&existing.state) {
            words.push("the same image again".into());
            work.push(Work::Code(Box::new(wanted.clone())));
        }
        let changes = diff::settings(&existing.settings, wanted);
        if !changes.is_empty() {
            words.extend(changes);
            work.push(Work::Configure(Box::new(wanted.clone())));
        }
        let mut wanted_tags = self.desired.tags.clone();
        if existing.tags.contains_key(tags::AFTER) {
            // What was a join and is none any more says so.
            wanted_tags.entry(tags::AFTER.to_owned()).or_default();
        }
        let same_tags = wanted_tags.iter().all(|(name, value)| existing.tags.get(name) == Some(value));
        if !same_tags {
            words.push("tags".into());
            work.push(Work::Tag(wanted_tags));
        }
        let action = if work.is_empty() { Action::Keep } else { Action::Change };
        self.step(action, what, words.join("; "), work);
        Ok(())
    }

    async fn events(&mut self) -> Result<(), DeployError> {
        let name = &self.desired.settings.name;
        let is = match self.existing {
            Some(_) => self.cloud.lambda().event_invoke(name).await?,
            None => None,
        };
        // No setting of ours: what somebody has set stays.
        let event_age_s = is.as_ref().and_then(|is| is.event_age_s);
        let wanted = EventInvoke { event_age_s, ..self.desired.events.clone() };
        let detail = format!(
            "{} retries, failed ones go to {}",
            wanted.retries.unwrap_or_default(),
            self.desired.home
        );
        let action = match &is {
            Some(is) if *is == wanted => Action::Keep,
            Some(_) => Action::Change,
            None => Action::Create,
        };
        let work = if action == Action::Keep { Vec::new() } else { vec![Work::Events(wanted)] };
        self.step(action, "asynchronous events".into(), detail, work);
        Ok(())
    }

    async fn concurrency(&mut self) -> Result<(), DeployError> {
        let is = self.existing.and_then(|existing| existing.concurrency);
        let wanted = self.desired.concurrency;
        let words =
            |value: Option<u32>| value.map_or_else(|| "not limited".into(), |value| value.to_string());
        if is == wanted {
            if wanted.is_some() {
                self.step(Action::Keep, "concurrency".into(), words(wanted), Vec::new());
            }
            return Ok(());
        }
        let more = wanted.filter(|wanted| *wanted > is.unwrap_or(0) && !self.cloud.is_local());
        if let Some(wanted) = more {
            self.room_for(wanted, is.unwrap_or(0)).await?;
        }
        let action = if is.is_none() { Action::Create } else { Action::Change };
        let detail = format!("{} → {}", words(is), words(wanted));
        self.step(action, "concurrency".into(), detail, vec![Work::Concurrency(wanted)]);
        Ok(())
    }

    /// Whether the account can reserve so much, of which the function has `own` already: AWS refuses it only in the last step.
    async fn room_for(&mut self, wanted: u32, own: u32) -> Result<(), DeployError> {
        match self.cloud.lambda().account_limits().await {
            Ok(limits) => match too_much(wanted, own, limits) {
                Some(why) => Err(DeployError::Unfit(why)),
                None => Ok(()),
            },
            Err(error) => {
                self.warnings.push(format!("not known whether so much concurrency can be reserved: {error}"));
                Ok(())
            }
        }
    }
}

/// Invocations at a time that an account keeps for functions without a reservation (Lambda, `PutFunctionConcurrency`); new accounts
/// have no more than 10 in all, and can reserve nothing.
const UNRESERVED: u64 = 100;

/// Why an account cannot reserve so much for a function that has `own` already; `None` when it can.
fn too_much(wanted: u32, own: u32, limits: AccountLimits) -> Option<String> {
    let kept = UNRESERVED.min(limits.concurrent);
    let most = (limits.unreserved + u64::from(own)).saturating_sub(kept);
    (u64::from(wanted) > most).then(|| {
        let way = if most == 0 { "leave `concurrency` out" } else { "ask for less" };
        format!(
            "the account runs {} invocations at a time and keeps {kept} of them unreserved: this function can reserve {most} at \
             most, not {wanted}. To go on, {way}, or have the quota raised (Service Quotas: Lambda, Concurrent executions)",
            limits.concurrent
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_accounts_can_reserve_nothing() {
        let new = AccountLimits { concurrent: 10, unreserved: 10 };
        let why = too_much(5, 0, new).unwrap_or_default();
        assert!(why.contains("10 invocations at a time") && why.contains("leave `concurrency` out"), "{why}");
        let usual = AccountLimits { concurrent: 1000, unreserved: 950 };
        assert_eq!(too_much(850, 0, usual), None);
        assert_eq!(too_much(900, 50, usual), None, "what it has already counts");
        assert!(too_much(851, 0, usual).is_some_and(|why| why.contains("850 at most")));
    }
}
