//! Makes what a function lives among, and what starts it.

use super::apply::Applier;
use super::settling::{SETTLES_WITHIN, is_settling};
use super::{DeployError, Undo, conflict, tags};
use crate::cloud::{BucketPermission, CloudError, ErrorKind, NewRole, is_refused, now_ms};
use std::collections::BTreeMap;
use throng_contract::keys;
use throng_contract::partition::partition;

impl Applier<'_> {
    pub(super) async fn bucket(
        &mut self,
        bucket: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), DeployError> {
        // In us-east-1 making one's own bucket a second time succeeds; taking it back would take somebody else's.
        if self.cloud.s3().bucket_exists(bucket).await? {
            return Ok(());
        }
        match self.cloud.s3().create_bucket(bucket).await {
            Ok(()) => {
                self.undo.push(Undo::Bucket(bucket.to_owned()));
                self.cloud.s3().shut(bucket).await?;
                self.cloud.s3().tag_bucket(bucket, tags).await?;
                if *bucket == self.plan.desired.home
                    && let Err(error) = self.cloud.s3().keep_tidy(bucket, &keys::BRIEF).await
                {
                    tracing::info!(bucket, %error, "what serves one run stays in the home bucket");
                }
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

    pub(super) async fn repository(
        &mut self,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), DeployError> {
        match self.cloud.repositories().create(name, tags).await {
            Ok(()) => self.undo.push(Undo::Repository(name.to_owned())),
            // Another deployment of the same function made it meanwhile.
            Err(error) if error.kind == ErrorKind::Conflict => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    pub(super) async fn role(&mut self, role: &NewRole) -> Result<(), DeployError> {
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

    pub(super) async fn permit(&mut self, permission: &BucketPermission) -> Result<(), DeployError> {
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
    pub(super) async fn trigger(&mut self, bucket: &str) -> Result<(), DeployError> {
        let arn = self.arn().await?;
        let wanted = self.plan.desired.triggers(bucket, &arn);
        let cloud = self.cloud;
        let put = || conflict::write_triggers(cloud, bucket, &arn, &wanted);
        // Somebody else's target that is gone does not come back.
        let passes = |error: &CloudError| is_refused(error, &arn).unwrap_or_else(|| is_settling(error));
        self.repeated(SETTLES_WITHIN, passes, put).await?;
        self.undo.push(Undo::Triggers { bucket: bucket.to_owned(), arn: arn.clone() });
        if !wanted.is_empty() && !cloud.is_local() {
            let tag = BTreeMap::from([(tags::TRIGGERED.to_owned(), (now_ms() / 1000).to_string())]);
            cloud.lambda().tag(&arn, &tag).await?;
        }
        Ok(())
    }
}
