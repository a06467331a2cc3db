//! Creates, updates, tags and deletes functions.

use super::FunctionSettings;
use super::convert::{environment, file_systems, int, logging, network, storage};
use crate::cloud::error::CloudError;
use crate::cloud::lambda::Lambda;
use crate::cloud::{existed, small};
use aws_sdk_lambda::types::{Architecture, FunctionCode, PackageType};
use std::collections::BTreeMap;

impl Lambda<'_> {
    /// Creates a function.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::cloud::ErrorKind::Conflict) when it exists.
    pub async fn create(
        &self,
        settings: &FunctionSettings,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:CreateFunction";
        let mounts = file_systems(settings)?;
        self.limits.lambda_control.acquire().await;
        let request = self
            .client
            .create_function()
            .function_name(&settings.name)
            .package_type(PackageType::Image)
            .code(FunctionCode::builder().image_uri(&settings.image).build())
            .role(&settings.role)
            .description(&settings.description)
            .memory_size(int(settings.memory_mb))
            .timeout(int(settings.timeout_s))
            .ephemeral_storage(storage(settings)?)
            .architectures(Architecture::from(settings.architecture.as_str()))
            .environment(environment(settings))
            .logging_config(logging(settings))
            .set_vpc_config((!settings.subnets.is_empty()).then(|| network(settings)))
            .set_file_system_configs((!mounts.is_empty()).then_some(mounts))
            .set_tags(Some(tags.clone().into_iter().collect()));
        small(ACTION, &settings.name, request.send()).await?;
        Ok(())
    }

    /// Gives a function another image, if its revision is still this one.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::cloud::ErrorKind::Conflict) when the function was changed, or is being changed.
    pub async fn update_code(
        &self,
        settings: &FunctionSettings,
        revision: Option<&str>,
    ) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:UpdateFunctionCode";
        self.limits.lambda_control.acquire().await;
        let request = self
            .client
            .update_function_code()
            .function_name(&settings.name)
            .image_uri(&settings.image)
            .architectures(Architecture::from(settings.architecture.as_str()))
            .set_revision_id(revision.map(str::to_owned));
        small(ACTION, &settings.name, request.send()).await?;
        Ok(())
    }

    /// Changes everything about a function but its image, if its revision is still this one. `known` is what it is: a network or
    /// file systems that it leaves must be said, and are not where there were none.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::cloud::ErrorKind::Conflict) when the function was changed, or is being changed.
    pub async fn update_configuration(
        &self,
        settings: &FunctionSettings,
        known: &FunctionSettings,
        revision: Option<&str>,
    ) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:UpdateFunctionConfiguration";
        let mounts = file_systems(settings)?;
        let joins = !settings.subnets.is_empty() || !known.subnets.is_empty();
        let mounted = !mounts.is_empty() || !known.file_systems.is_empty();
        self.limits.lambda_control.acquire().await;
        let request = self
            .client
            .update_function_configuration()
            .function_name(&settings.name)
            .role(&settings.role)
            .description(&settings.description)
            .memory_size(int(settings.memory_mb))
            .timeout(int(settings.timeout_s))
            .ephemeral_storage(storage(settings)?)
            .environment(environment(settings))
            .logging_config(logging(settings))
            .set_vpc_config(joins.then(|| network(settings)))
            .set_file_system_configs(mounted.then_some(mounts))
            .set_revision_id(revision.map(str::to_owned));
        small(ACTION, &settings.name, request.send()).await?;
        Ok(())
    }

    /// Deletes a function. `false` when there was none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn delete(&self, name: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "lambda:DeleteFunction";
        self.limits.lambda_control.acquire().await;
        let request = self.client.delete_function().function_name(name);
        existed(small(ACTION, name, request.send()).await)
    }

    /// Sets tags; others stay.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn tag(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:TagResource";
        self.limits.lambda_control.acquire().await;
        let tags = Some(tags.clone().into_iter().collect());
        let request = self.client.tag_resource().resource(arn).set_tags(tags);
        small(ACTION, arn, request.send()).await?;
        Ok(())
    }
}
