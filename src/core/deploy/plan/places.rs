//! What a function lives among: buckets, the repository of its image, its role, its log group.

use super::Planner;
use crate::cloud::ErrorKind;
use crate::deploy::role::{self, MadeRole, POLICY, Role};
use crate::deploy::step::{Action, Work};
use crate::deploy::target::{Ecr, ImageDestination};
use crate::deploy::{DeployError, tags};
use crate::policies::Policy;
use serde_json::{Value, json};
use throng_contract::partition::partition;

/// Images that a repository keeps.
const KEPT_IMAGES: u32 = 10;

/// The lifecycle rule of a function's repository: old images are paid for until they are deleted.
pub(super) fn lifecycle() -> Value {
    json!({"rules": [{
        "rulePriority": 1,
        "description": format!("throng: keep the newest {KEPT_IMAGES} images"),
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT_IMAGES},
        "action": {"type": "expire"},
    }]})
}

/// The statement by which Lambda reads the images of a repository: with Lambda's own id for it, since Lambda writes it, too, when
/// whoever creates a function may (Lambda developer guide, "Amazon ECR permissions").
fn readers(region: &str, account: &str) -> Value {
    let functions = format!("arn:{}:lambda:{region}:{account}:function:*", partition(region));
    json!({
        "Sid": "LambdaECRImageRetrievalPolicy",
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Condition": {"StringLike": {"aws:sourceArn": functions}},
    })
}

/// A repository's policy with a statement for Lambda; `None` when it has one already. Everybody else's statements stay.
fn shared(policy: Option<&str>, readers: &Value) -> Option<String> {
    let mut policy: Value = policy
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| json!({"Version": "2012-10-17", "Statement": []}));
    // A single statement may stand there without a list.
    let statements = match policy["Statement"].take() {
        Value::Array(statements) => statements,
        Value::Null => Vec::new(),
        one => vec![one],
    };
    let is_lambda = |service: &Value| service == "lambda.amazonaws.com";
    let reads = |statement: &Value| {
        let service = &statement["Principal"]["Service"];
        statement["Effect"] == "Allow"
            && (is_lambda(service) || service.as_array().is_some_and(|all| all.iter().any(is_lambda)))
    };
    if statements.iter().any(reads) {
        return None;
    }
    policy["Statement"] = statements.into_iter().chain([readers.clone()]).collect();
    Some(policy.to_string())
}

/// Two functions whose names differ in case only.
fn same_name(what: &str, function: &str) -> String {
    format!(
        "there is a {what} already, of another function whose name differs from `{function}` in case only: choose a name that \
         differs in more"
    )
}

impl Planner<'_> {
    pub(super) async fn buckets(&mut self) -> Result<(), DeployError> {
        self.bucket(self.desired.home.clone(), true).await?;
        for bucket in self.desired.buckets.clone() {
            self.bucket(bucket, false).await?;
        }
        Ok(())
    }

    async fn bucket(&mut self, bucket: String, home: bool) -> Result<(), DeployError> {
        let what = format!("bucket {bucket}");
        let detail = if home { "home: manifests, records, failed events" } else { "" };
        match self.cloud.s3().bucket_exists(&bucket).await {
            Ok(true) => {}
            Ok(false) => {
                let tags = tags::made(self.cloud.tags());
                self.step(Action::Create, what, detail, vec![Work::Bucket(bucket, tags)]);
                return Ok(());
            }
            Err(error) if error.kind == ErrorKind::Denied => {
                return Err(DeployError::Unfit(format!(
                    "bucket {bucket} belongs to somebody else, or you may not use it: {error}"
                )));
            }
            Err(error) => return Err(error.into()),
        }
        self.in_region(&bucket, home).await?;
        // Who may not ask may not change it either.
        match self.cloud.s3().is_shut(&bucket).await {
            Ok(false) if home => {
                self.step(Action::Change, what, "shut to the public", vec![Work::Shut(bucket)]);
                return Ok(());
            }
            Ok(false) => {
                let text =
                    format!("{what} may be made public (its public access block is off); it is left so");
                self.warnings.push(text);
            }
            Ok(true) | Err(_) => {}
        }
        self.step(Action::Keep, what, detail, Vec::new());
        Ok(())
    }

    /// Events and failed events do not leave their region.
    async fn in_region(&self, bucket: &str, home: bool) -> Result<(), DeployError> {
        if !home && !self.desired.inputs.contains_key(bucket) {
            return Ok(());
        }
        let Some(region) = self.cloud.s3().foreign_region(bucket).await else { return Ok(()) };
        let why = if home { "Lambda stores failed events" } else { "S3 starts functions" };
        Err(DeployError::Unfit(format!(
            "bucket {bucket} is in {region}, the function in {}, and {why} within one region only: use another \
             bucket, or a context in {region}",
            self.cloud.region()
        )))
    }

    pub(super) async fn repository(&mut self, target: &ImageDestination) -> Result<(), DeployError> {
        if target.ecr == Ecr::No {
            return Ok(());
        }
        let name = target.registry.repository.clone();
        let what = format!("repository {name}");
        let repositories = self.cloud.repositories();
        let rules = lifecycle();
        if target.ecr == Ecr::Foreign {
            self.step(Action::Keep, what, "in another account: it must exist", Vec::new());
            return Ok(());
        }
        let account = self.cloud.identity().await?.account.clone();
        let readers = readers(self.cloud.region(), &account);
        let Some(existing) = repositories.get(&name).await? else {
            let tags = tags::made_for(self.cloud.tags(), &self.desired.settings.name);
            let shared = shared(None, &readers).unwrap_or_default();
            let work = vec![
                Work::Repository(name.clone(), tags),
                Work::Lifecycle(name.clone(), rules.to_string()),
                Work::Share(name, shared),
            ];
            self.step(Action::Create, what, format!("keeps {KEPT_IMAGES} images"), work);
            return Ok(());
        };
        let function = &self.desired.settings.name;
        let tags = repositories.tags(&existing.arn).await?;
        if tags::is_ours(&tags) && !tags::is_of(&tags, function) {
            return Err(DeployError::Unfit(same_name(&what, function)));
        }
        let (mut words, mut work) = (Vec::new(), Vec::new());
        // Rules that somebody made stay; only where there are none, a launch was ended half-way.
        if repositories.lifecycle(&name).await?.is_none() {
            words.push(format!("keeps {KEPT_IMAGES} images"));
            work.push(Work::Lifecycle(name.clone(), rules.to_string()));
        }
        match repositories.policy(&name).await {
            Ok(policy) => {
                if let Some(policy) = shared(policy.as_deref(), &readers) {
                    words.push("Lambda may read it".into());
                    work.push(Work::Share(name, policy));
                }
            }
            // Lambda sets it by itself if it may.
            Err(error) if error.kind == ErrorKind::Denied => {
                self.warnings.push(format!("not known whether Lambda may read {what}: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
        let action = if work.is_empty() { Action::Keep } else { Action::Change };
        self.step(action, what, words.join("; "), work);
        Ok(())
    }

    pub(super) async fn role(&mut self) -> Result<(), DeployError> {
        let made = match &self.desired.role {
            Role::Named(_) => return Ok(()),
            Role::Made(made) => made.clone(),
        };
        let MadeRole { new, policy, .. } = *made;
        let what = format!("role {}", new.name);
        let set = Work::Policy(new.name.clone(), policy.to_string());
        let Some(existing) = self.cloud.roles().get(&new.name).await? else {
            let detail = "may read its inputs, write its outputs, records and log, and nothing else";
            self.step(Action::Create, what, detail, vec![Work::Role(Box::new(new)), set]);
            return Ok(());
        };
        if !tags::is_ours(&existing.tags) {
            return Err(DeployError::Unfit(format!(
                "there is a {what} already, and throng did not make it: name a role (`iam.role` in the definition, or \
                 `role` in the context), or remove that one"
            )));
        }
        let function = &self.desired.settings.name;
        if !tags::is_of(&existing.tags, function) {
            return Err(DeployError::Unfit(same_name(&what, function)));
        }
        let is = self.cloud.roles().policy(&new.name, POLICY).await?;
        let is = is.and_then(|text| serde_json::from_str::<Policy>(&text).ok());
        let (mut words, mut work) = (Vec::new(), Vec::new());
        if is.as_ref() != Some(&policy) {
            words.push("what it may do");
            work.push(set);
        }
        if !role::is_same_trust(&existing.trust, &new.trust) {
            words.push("that it may narrow itself for scripts");
            work.push(Work::Trust(new.name.clone(), new.trust));
        }
        let action = if work.is_empty() { Action::Keep } else { Action::Change };
        self.step(action, what, words.join("; "), work);
        Ok(())
    }

    pub(super) async fn log_group(&mut self) -> Result<(), DeployError> {
        let name = self.desired.settings.log_group.clone();
        let days = self.desired.retention_days;
        let what = format!("log group {name}");
        match self.cloud.logs().group(&name).await? {
            None => {
                let work = vec![Work::LogGroup(name, days, tags::made(self.cloud.tags()))];
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
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lambda_may_read_a_repository_beside_whom_somebody_else_let_in() {
        let readers = readers("cn-north-1", "123456789012");
        let new: Value = serde_json::from_str(&shared(None, &readers).unwrap()).unwrap();
        assert_eq!(new["Statement"].as_array().map(Vec::len), Some(1));
        assert!(new.to_string().contains("arn:aws-cn:lambda:cn-north-1:123456789012:function:*"), "{new}");
        let other = json!({"Sid": "Team", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["ecr:BatchGetImage"]});
        for statements in [json!([other]), other.clone()] {
            let theirs = json!({"Version": "2008-10-17", "Statement": statements}).to_string();
            let both = shared(Some(&theirs), &readers).unwrap();
            let read: Value = serde_json::from_str(&both).unwrap();
            assert_eq!(read["Statement"], json!([other, readers]));
            assert_eq!(shared(Some(&both), &readers), None, "once");
        }
    }
}
