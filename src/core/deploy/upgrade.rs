//! A function that an older throng deployed gets today's runtime and what its role must be allowed for it. Its image, script
//! and settings stay as they are; its definition is not needed.

use super::desired::Desired;
use super::role::{POLICY, Role, is_same_trust, name_of};
use super::step::{Action, Step, Work};
use super::{DeployError, DeployOptions, Plan, diff, tags, target, wait};
use crate::cloud::{Cloud, FunctionDetail, FunctionSettings};
use crate::image::{self, Upgrade};
use crate::model::Architecture;
use crate::policies::{self, Policy, Scope};
use std::collections::BTreeMap;
use throng_contract::layout::{ENV_ROLE, TAG_CONTRACT};
use throng_contract::versions;
use tokio_util::sync::CancellationToken;

/// Says what upgrading a function would do; the image is made on this machine only. Applied like any plan.
///
/// # Errors
/// There is no such function, throng did not deploy it, or its image cannot be read.
pub async fn upgrade(
    cloud: &Cloud,
    function: &str,
    options: &DeployOptions,
    token: &CancellationToken,
) -> Result<Plan, DeployError> {
    let found = cloud.lambda().get(function).await?;
    let found = found.ok_or_else(|| DeployError::Unfit(format!("there is no function `{function}`")))?;
    if !tags::is_ours_for_sure(&found)? {
        return Err(DeployError::Unfit(format!("throng did not deploy the function `{function}`")));
    }
    let mut steps = Vec::new();
    let mut settings = found.settings.clone();
    let current = tags::contract_of(&found.tags).unwrap_or(1);
    let mut warnings = Vec::new();
    if current < versions::CONTRACT {
        warnings = runtime(cloud, &found, &mut settings, &mut steps, options, token).await?;
        role(cloud, function, &found.settings.role, &mut steps, &mut warnings).await?;
    }
    let mut all_tags = found.tags.clone();
    all_tags.insert(TAG_CONTRACT.into(), versions::CONTRACT.to_string());
    all_tags.entry(tags::PACK.into()).or_insert_with(tags::no_pack);
    Ok(Plan {
        function: function.to_owned(),
        image: settings.image.clone(),
        steps,
        warnings,
        new: false,
        cost: None,
        desired: Desired {
            home: cloud.home_bucket()?.to_owned(),
            buckets: Vec::new(),
            role: Role::Named(settings.role.clone()),
            settings,
            tags: all_tags,
            retention_days: 0,
            events: crate::cloud::EventInvoke::default(),
            concurrency: found.concurrency,
            inputs: BTreeMap::new(),
        },
        found: Some(found.settings),
    })
}

/// The image with today's runtime.
async fn runtime(
    cloud: &Cloud,
    found: &FunctionDetail,
    settings: &mut FunctionSettings,
    steps: &mut Vec<Step>,
    options: &DeployOptions,
    token: &CancellationToken,
) -> Result<Vec<String>, DeployError> {
    let name = &found.settings.name;
    if wait::has_failed(&found.state) {
        return Err(DeployError::Unfit(format!(
            "the function `{name}` has failed: deploy its definition again"
        )));
    }
    let architecture = match found.settings.architecture.as_str() {
        "arm64" => Architecture::Arm64,
        _ => Architecture::X86_64,
    };
    let runtime = (options.runtime)(architecture).ok_or_else(|| {
        DeployError::Unfit(format!("this build of throng has no runtime for {}", architecture.as_aws()))
    })?;
    let target = target::of_function(cloud, name).await?;
    let digest = diff::digest(&found.settings.image);
    let wanted = Upgrade {
        registry: &target.registry,
        digest,
        architecture,
        runtime,
        function_variables: found.settings.env.keys().cloned().collect(),
    };
    let composed = image::upgrade(wanted, &options.cache, token).await?;
    settings.image = target.image(&composed.digest);
    settings.env.insert(ENV_ROLE.to_owned(), settings.role.clone());
    let detail = format!("image {} → {}", diff::short(&found.settings.image), diff::short(&settings.image));
    let warnings = composed.warnings.clone();
    let mut tag = BTreeMap::from([
        (TAG_CONTRACT.to_owned(), versions::CONTRACT.to_string()),
        (tags::PACK.to_owned(), tags::no_pack()),
    ]);
    tag.extend(tags::fingerprint_tag(&composed.function_config));
    steps.push(step("image", "today's runtime", vec![Work::Push(Box::new(composed), target.registry)]));
    let configured = Box::new(settings.clone());
    let work = vec![Work::Code(configured.clone()), Work::Configure(configured), Work::Tag(tag)];
    steps.push(step(&format!("function {name}"), &detail, work));
    Ok(warnings)
}

/// What the role must be allowed, when throng made it. The places that it may read and write are kept.
async fn role(
    cloud: &Cloud,
    function: &str,
    arn: &str,
    steps: &mut Vec<Step>,
    warnings: &mut Vec<String>,
) -> Result<(), DeployError> {
    let name = name_of(cloud.region(), function);
    let Some(existing) = cloud.roles().get(&name).await?.filter(|role| role.arn == arn) else {
        // In the local cloud, functions of version 0.1 have a role that nobody made: it may do everything.
        if cloud.is_local() {
            return Ok(());
        }
        warnings.push(format!(
            "its role {arn} is yours: give it what `throng doctor --policy function` prints, or records cannot be stored"
        ));
        return Ok(());
    };
    let old = cloud.roles().policy(&name, POLICY).await?;
    let old = old.and_then(|text| serde_json::from_str::<Policy>(&text).ok()).unwrap_or_default();
    let scope = Scope {
        region: cloud.region().to_owned(),
        account: cloud.identity().await?.account.clone(),
        home: cloud.home_bucket()?.to_owned(),
        function: Some(function.to_owned()),
        role: Some(arn.to_owned()),
        ..Scope::default()
    };
    let (new, trust) = (policies::renewed(&old, &scope), policies::trust(&scope.account, arn));
    let mut work = Vec::new();
    if new != old {
        work.push(Work::Policy(name.clone(), new.to_string()));
    }
    if !is_same_trust(&existing.trust, &trust) {
        work.push(Work::Trust(name.clone(), trust));
    }
    if !work.is_empty() {
        let detail = "records of today, and that it may narrow itself for scripts";
        steps.insert(0, step(&format!("role {name}"), detail, work));
    }
    Ok(())
}

fn step(what: &str, detail: &str, work: Vec<Work>) -> Step {
    Step { action: Action::Change, what: what.to_owned(), detail: detail.to_owned(), work }
}
