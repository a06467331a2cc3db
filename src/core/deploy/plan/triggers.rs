//! What starts a function: entries in the notifications of buckets, and the permissions for them.

use super::Planner;
use crate::cloud::{BucketPermission, CloudError, Trigger};
use crate::deploy::DeployError;
use crate::deploy::step::{Action, Work};
use throng_contract::local::ACCOUNT;
use throng_contract::partition::partition;

/// Notifications of a bucket, at most (S3, quotas).
const MOST: usize = 100;

impl Planner<'_> {
    pub(super) async fn triggers(&mut self) -> Result<(), DeployError> {
        let name = self.desired.settings.name.clone();
        let arn = if let Some(existing) = self.existing {
            existing.info.arn.clone()
        } else {
            // Nobody has it yet: the account does not matter.
            let region = self.cloud.region();
            format!("arn:{}:lambda:{region}:{ACCOUNT}:function:{name}", partition(region))
        };
        let permissions = match self.existing {
            Some(_) => self.cloud.lambda().bucket_permissions(&name).await?,
            None => Vec::new(),
        };
        for bucket in self.desired.inputs.keys() {
            self.trigger(bucket, &arn, &permissions).await?;
        }
        for permission in permissions {
            let ours = permission.sid == statement(&permission.bucket);
            if ours && !self.desired.inputs.contains_key(&permission.bucket) {
                let markers = permission.bucket == self.desired.home;
                let why = if markers {
                    "no marker starts it any more"
                } else {
                    "the definition has no input there any more"
                };
                let what = format!("trigger of bucket {}", permission.bucket);
                let work = vec![Work::Trigger(permission.bucket.clone()), Work::Forbid(permission)];
                self.step(Action::Remove, what, why, work);
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
        let wanted = self.desired.triggers(bucket, arn);
        let kind = if bucket == self.desired.home { "start markers in" } else { "trigger of" };
        let what = format!("{kind} bucket {bucket}");
        let detail = describe(&wanted);
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
        let others = notifications.triggers().len() - is.len();
        if others + wanted.len() > MOST {
            return Err(DeployError::Unfit(format!(
                "bucket {bucket} has {others} notifications of others, and S3 takes {MOST} in all: remove functions that are not \
                 needed, or use another bucket"
            )));
        }
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
pub(in crate::deploy) fn statement(bucket: &str) -> String {
    format!("throng-s3-{}", bucket.replace('.', "_"))
}

/// Whether both say the same, in whatever order.
fn same(is: &[Trigger], wanted: &[Trigger]) -> bool {
    is.len() == wanted.len() && wanted.iter().all(|trigger| is.contains(trigger))
}

fn describe(triggers: &[Trigger]) -> String {
    let one = |trigger: &Trigger| format!("{}*{}", trigger.prefix, trigger.suffix);
    triggers.iter().map(one).collect::<Vec<_>>().join(", ")
}
