//! The role that a function runs as: the one that the definition or the context names, or one of its own.

use super::DeployError;
use super::encryption::BucketKeys;
use super::tags;
use crate::cloud::{Cloud, NewRole};
use crate::definition::Definition;
use crate::model::Place;
use crate::policies::{self, Policy, Scope};
use sha2::{Digest as _, Sha256};
use throng_contract::partition::partition;

/// Name of the inline policy of a role that throng makes.
pub(super) const POLICY: &str = "throng";
/// Path of the roles that throng makes, so that a person's policy can name them all.
const PATH: &str = "/throng/";
/// Longest name (IAM, `CreateRole`).
const LONGEST: usize = 64;

/// A function's role.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
    /// Somebody else's; used as it is.
    Named(String),
    /// Made for this function alone.
    Made(Box<MadeRole>),
}

/// Whether a role is there to be used. Those of AWS are somebody else's to look after; of the local cloud's, one that was not
/// made there is of no use.
async fn is_there(cloud: &Cloud, arn: &str) -> Result<bool, DeployError> {
    if !cloud.is_local() {
        return Ok(true);
    }
    let name = arn.rsplit('/').next().unwrap_or(arn);
    Ok(cloud.roles().get(name).await?.is_some_and(|role| role.arn == arn))
}

/// A role that is made for a function.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MadeRole {
    pub new: NewRole,
    pub arn: String,
    pub policy: Policy,
}

impl Role {
    pub fn arn(&self) -> &str {
        match self {
            Self::Named(arn) => arn,
            Self::Made(made) => &made.arn,
        }
    }

    /// The role that `definition` asks for.
    pub async fn of(cloud: &Cloud, definition: &Definition, keys: &BucketKeys) -> Result<Self, DeployError> {
        if let Some(named) = named(cloud, definition)
            && is_there(cloud, named).await?
        {
            return Ok(Self::Named(named.to_owned()));
        }
        let account = cloud.identity().await?.account.clone();
        let name = name_of(cloud.region(), &definition.name);
        let partition = partition(cloud.region());
        let arn = format!("arn:{partition}:iam::{account}:role{PATH}{name}");
        let trust = policies::trust(&account, &arn);
        let keys = keys.arns.iter().cloned().collect();
        let scope = Scope { role: Some(arn.clone()), keys, ..scope(cloud, definition, account)? };
        Ok(Self::Made(Box::new(MadeRole {
            arn,
            policy: policies::function(&scope),
            new: NewRole {
                path: PATH.into(),
                name,
                description: format!("What the function {} may do. Made by throng.", definition.name),
                trust,
                tags: tags::made_for(cloud.tags(), &definition.name),
            },
        })))
    }
}

/// Whether two trust policies say the same, however they are written.
pub(super) fn is_same_trust(a: &str, b: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    a == b || read(a).is_some_and(|a| Some(a) == read(b))
}

/// The role that the definition or the context names.
fn named<'a>(cloud: &'a Cloud, definition: &'a Definition) -> Option<&'a str> {
    definition.role.as_deref().or(cloud.role())
}

/// What a person should know of a role that is not throng's, where buckets are encrypted with keys.
pub(super) fn key_notes(role: &Role, keys: &BucketKeys) -> Vec<String> {
    let mut notes = keys.unknown.clone();
    if let Role::Named(arn) = role {
        let needs = |note: &String| {
            format!("{note}: role {arn} must be allowed kms:Decrypt and kms:GenerateDataKey on it")
        };
        notes.extend(keys.notes.iter().map(needs));
    }
    notes
}

/// What a person should know of a role that is not used.
pub(super) fn note(cloud: &Cloud, definition: &Definition, role: &Role) -> Option<String> {
    let named = named(cloud, definition).filter(|_| matches!(role, Role::Made(_)))?;
    Some(format!(
        "the local cloud has no role {named}: here the function may do what a role that throng makes allows. To try \
         what that one allows, make it here (`aws iam create-role`, `put-role-policy`)"
    ))
}

fn scope(cloud: &Cloud, definition: &Definition, account: String) -> Result<Scope, DeployError> {
    let place = |bucket: &str, prefix: &str| Place { bucket: bucket.into(), prefix: prefix.into() };
    Ok(Scope {
        region: cloud.region().to_owned(),
        account,
        home: cloud.home_bucket()?.to_owned(),
        function: Some(definition.name.clone()),
        inputs: definition.input_places().map(|(bucket, path)| place(bucket, path)).collect(),
        outputs: definition.own_places(),
        joins: definition.join.is_some(),
        network: definition.network.is_some() && !cloud.is_local(),
        access_points: if cloud.is_local() {
            Vec::new()
        } else {
            definition.file_systems.iter().map(|file_system| file_system.arn.clone()).collect()
        },
        ..Scope::default()
    })
}

/// The name of the role that throng makes for a function. Roles belong to the account, functions to a region.
pub(super) fn name_of(region: &str, function: &str) -> String {
    let name = format!("throng-{region}-{function}");
    if name.len() <= LONGEST {
        return name;
    }
    let digest = hex::encode(Sha256::digest(name.as_bytes()));
    format!("{}-{}", &name[..LONGEST - 9], &digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_stay_apart() {
        assert_eq!(name_of("eu-west-1", "grayify"), "throng-eu-west-1-grayify");
        let (a, b) = (format!("{}a", "x".repeat(63)), format!("{}b", "x".repeat(63)));
        let names = [name_of("ap-southeast-3", &a), name_of("ap-southeast-3", &b)];
        assert!(names[0] != names[1] && names.iter().all(|name| name.len() == 64), "{names:?}");
    }
}
