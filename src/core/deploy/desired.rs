//! What a definition asks of the cloud.

use super::role::Role;
use super::{DeployError, tags};
use crate::cloud::{Cloud, EventInvoke, FunctionSettings, Trigger};
use crate::definition::{self, Definition};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use throng_contract::keys::STARTS;
use throng_contract::layout::{ENV_HOME_BUCKET, ENV_ROLE, TAG_CONTRACT};
use throng_contract::partition::partition;
use throng_contract::versions;

/// Longest description that Lambda takes.
const DESCRIPTION: usize = 256;

/// Everything that is to exist.
#[derive(Clone, Debug)]
pub(super) struct Desired {
    pub home: String,
    /// Input and output buckets, without the home bucket.
    pub buckets: Vec<String>,
    pub settings: FunctionSettings,
    pub role: Role,
    pub tags: BTreeMap<String, String>,
    pub retention_days: u32,
    pub events: EventInvoke,
    pub concurrency: Option<u32>,
    /// By bucket: prefix and suffix.
    pub inputs: BTreeMap<String, Vec<(String, String)>>,
}

impl Desired {
    /// What `definition` asks for; `image` is the image's URI with its digest.
    pub fn of(cloud: &Cloud, definition: &Definition, image: &str, role: Role) -> Result<Self, DeployError> {
        let home = cloud.home_bucket()?.to_owned();
        let mut env = definition.lambda_env.clone();
        env.insert(ENV_HOME_BUCKET.into(), home.clone());
        env.insert(ENV_ROLE.into(), role.arn().to_owned());
        let mut buckets: BTreeSet<_> =
            definition.input_places().map(|(bucket, _)| bucket.to_owned()).collect();
        buckets.extend(definition.inputs.iter().map(|input| input.bucket.clone()));
        buckets.extend(definition.own_outputs().map(|output| output.bucket.clone()));
        buckets.remove(&home);
        let mut inputs = BTreeMap::<_, Vec<_>>::new();
        for input in &definition.inputs {
            let filter = (input.key_prefix(), input.suffix.clone());
            inputs.entry(input.bucket.clone()).or_default().push(filter);
        }
        // What starts a join, and what is left of a pack.
        if definition.join.is_some() || tags::packs(definition) {
            let markers = (format!("{STARTS}{}/", definition.name), String::new());
            inputs.entry(home.clone()).or_default().push(markers);
        }
        // The local cloud has neither, and refuses both.
        let network = definition.network.as_ref().filter(|_| !cloud.is_local());
        let file_systems = if cloud.is_local() { &[][..] } else { &definition.file_systems };
        let settings = FunctionSettings {
            name: definition.name.clone(),
            image: image.to_owned(),
            role: role.arn().to_owned(),
            description: definition.description.chars().take(DESCRIPTION).collect(),
            memory_mb: definition.memory_mb,
            timeout_s: definition.timeout_s,
            tmp_mb: definition.tmp_mb,
            architecture: definition.architecture.as_aws().to_owned(),
            env,
            log_group: format!("/aws/lambda/{}", definition.name),
            log_json: true,
            subnets: network.map(|network| network.subnets.clone()).unwrap_or_default(),
            security_groups: network.map(|network| network.security_groups.clone()).unwrap_or_default(),
            file_systems: file_systems
                .iter()
                .map(|file_system| (file_system.arn.clone(), file_system.path.clone()))
                .collect(),
        };
        let events = EventInvoke {
            retries: Some(definition.retries.into()),
            on_failure: Some(format!("arn:{}:s3:::{home}", partition(cloud.region()))),
            event_age_s: None,
        };
        Ok(Self {
            tags: all_tags(cloud, definition, &settings),
            home,
            buckets: buckets.into_iter().collect(),
            settings,
            role,
            retention_days: definition.log_retention_days,
            events,
            concurrency: definition.concurrency,
            inputs,
        })
    }

    /// The triggers of a bucket.
    pub fn triggers(&self, bucket: &str, function_arn: &str) -> Vec<Trigger> {
        let rules = self.inputs.get(bucket).map(Vec::as_slice).unwrap_or_default();
        let trigger = |(number, (prefix, suffix)): (usize, &(String, String))| {
            let id = format!("throng-{}-{number}", self.settings.name);
            Trigger::created(&id, function_arn, prefix, suffix)
        };
        rules.iter().enumerate().map(trigger).collect()
    }
}

fn all_tags(cloud: &Cloud, definition: &Definition, settings: &FunctionSettings) -> BTreeMap<String, String> {
    let mut all = cloud.tags().clone();
    all.extend(definition.tags.clone());
    all.insert(tags::CREATED_BY.into(), tags::THRONG.into());
    all.insert(TAG_CONTRACT.into(), versions::CONTRACT.to_string());
    all.insert(tags::DEFINITION.into(), definition_digest(definition, settings));
    all.insert(tags::NAMES.into(), tags::names_tag(definition::keeps_apart(definition)));
    // Always said: a tag of an earlier deployment stays otherwise.
    all.insert(tags::RUNS.into(), tags::names_tag(definition::keeps_runs_apart(definition)));
    all.insert(tags::COLLISIONS.into(), tags::collisions_tag(definition.overwrites));
    if let Some(value) = tags::output_tag(&definition.own_places()) {
        all.insert(tags::OUTPUT.into(), value);
    }
    all.extend(tags::of_join(definition.join.as_ref()));
    all.insert(tags::PACK.into(), tags::pack_tag(definition));
    all.extend(tags::select_tags(definition.selections_with_rules()));
    all.extend(tags::group_tags(definition.grouping.as_ref()));
    all.extend(tags::sweep_tags(&definition.sweep));
    all
}

/// Digest of what the definition says. Of variables only the names count: values may be secret.
fn definition_digest(definition: &Definition, settings: &FunctionSettings) -> String {
    let mut hash = Sha256::new();
    let image = super::diff::digest(&settings.image);
    let names: Vec<_> = settings.env.keys().collect();
    let mut text = format!(
        "{image}|{}|{}|{}|{}|{names:?}|{:?}|{:?}|{:?}|{}|{:?}|{:?}{}",
        settings.memory_mb,
        settings.timeout_s,
        settings.tmp_mb,
        settings.architecture,
        definition.inputs,
        definition.selections_with_rules(),
        definition.outputs,
        definition.retries,
        definition.concurrency,
        definition.expect,
        definition.join.as_ref().map_or_else(String::new, |join| format!("|{join:?}")),
    );
    if let Some(grouping) = &definition.grouping {
        let _ = write!(text, "|{grouping:?}");
    }
    if definition.overwrites {
        text.push_str("|overwrites");
    }
    if !definition.sweep.is_empty() {
        let _ = write!(text, "|{:?}", definition.sweep);
    }
    if definition.pack.is_some() {
        let _ = write!(text, "|pack {:?} {:?}", definition.pack, definition.task_timeout_s);
    }
    // Added where there are any, so that the digests of other definitions stay.
    if definition.network.is_some() || !definition.script_secrets.is_empty() {
        let secrets: Vec<_> = definition.script_secrets.keys().collect();
        let _ = write!(text, "|{:?}|{:?}|{secrets:?}", definition.network, definition.file_systems);
    }
    hash.update(text.as_bytes());
    hex::encode(&hash.finalize()[..16])
}
