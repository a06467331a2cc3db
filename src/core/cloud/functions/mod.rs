//! Functions: lists, details, and the calls that a deployment makes.
//!
//! ```text
//! convert   settings <-> the SDK's words
//! change    creates, updates, tags and deletes
//! events    concurrency, asynchronous events, and who may start a function
//! ```

mod change;
mod convert;
mod events;

pub use events::{BucketPermission, EventInvoke};

use super::error::{CloudError, ErrorKind};
use super::lambda::Lambda;
use super::small;
use crate::model::{FunctionInfo, run_of_variant};
use convert::{info_of, settings_of, state_of};
use std::collections::BTreeMap;

/// What a function is to be, or is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionSettings {
    /// The function's name.
    pub name: String,
    /// Image URI with its digest.
    pub image: String,
    /// Role ARN
    pub role: String,
    /// Free text, at most 256 characters.
    pub description: String,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// Time limit in seconds.
    pub timeout_s: u32,
    /// MiB of /tmp.
    pub tmp_mb: u32,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Variables of the Lambda function.
    pub env: BTreeMap<String, String>,
    /// Log group
    pub log_group: String,
    /// Whether it logs JSON.
    pub log_json: bool,
    /// Subnets of its VPC, sorted; none for Lambda's own network.
    pub subnets: Vec<String>,
    /// Security groups in its VPC, sorted.
    pub security_groups: Vec<String>,
    /// Access points of EFS (ARN) and where each is mounted.
    pub file_systems: Vec<(String, String)>,
}

/// Everything that is known of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionDetail {
    /// As lists show it.
    pub info: FunctionInfo,
    /// Its settings.
    pub settings: FunctionSettings,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Why the tags could not be read: then none are known. Lambda answers `GetFunction` all the same without the permission
    /// `lambda:ListTags`.
    pub tags_unknown: Option<String>,
    /// Reserved concurrency.
    pub concurrency: Option<u32>,
    /// How its last change went.
    pub state: FunctionState,
    /// Changes with everything that is changed.
    pub revision: String,
}

/// How far a function's creation or last change is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionState {
    /// `Active`, `Pending`, `Failed`, `Inactive`.
    pub state: String,
    /// Why, as a code.
    pub state_code: String,
    /// Why, in words.
    pub state_reason: String,
    /// `Successful`, `InProgress`, `Failed`.
    pub update: String,
    /// Why, as a code.
    pub update_code: String,
    /// Why, in words.
    pub update_reason: String,
}

impl Lambda<'_> {
    /// A page of functions, with the token for the next one. Those that were made for a run are none of a person's.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn list_page(
        &self,
        token: Option<String>,
    ) -> Result<(Vec<FunctionInfo>, Option<String>), CloudError> {
        let (mut functions, next) = self.any_page(token).await?;
        functions.retain(|function| run_of_variant(&function.name).is_none());
        Ok((functions, next))
    }

    async fn any_page(
        &self,
        token: Option<String>,
    ) -> Result<(Vec<FunctionInfo>, Option<String>), CloudError> {
        const ACTION: &str = "lambda:ListFunctions";
        self.limits.lambda_control.acquire().await;
        let request = self.client.list_functions().set_marker(token);
        let output = small(ACTION, "", request.send()).await?;
        let functions = output.functions().iter().map(info_of).collect();
        Ok((functions, output.next_marker().filter(|marker| !marker.is_empty()).map(str::to_owned)))
    }

    /// Every function that is a person's, page by page.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn list(&self) -> Result<Vec<FunctionInfo>, CloudError> {
        self.every(false).await
    }

    /// Functions that were made for one run.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn variants(&self) -> Result<Vec<FunctionInfo>, CloudError> {
        self.every(true).await
    }

    /// Every function that was made for a run, or was not.
    async fn every(&self, for_a_run: bool) -> Result<Vec<FunctionInfo>, CloudError> {
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let (page, next) = self.any_page(token).await?;
            let kept = |function: &FunctionInfo| run_of_variant(&function.name).is_some() == for_a_run;
            all.extend(page.into_iter().filter(kept));
            token = next;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// Everything about a function; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn get(&self, name: &str) -> Result<Option<FunctionDetail>, CloudError> {
        const ACTION: &str = "lambda:GetFunction";
        self.limits.lambda_get.acquire().await;
        let request = self.client.get_function().function_name(name);
        let output = match small(ACTION, name, request.send()).await {
            Ok(output) => output,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(configuration) = output.configuration() else {
            return Err(CloudError::new(ErrorKind::Other, ACTION, name, "the answer has no configuration"));
        };
        let image = output.code().and_then(|code| {
            let resolved = code.resolved_image_uri().filter(|uri| !uri.is_empty());
            resolved.or_else(|| code.image_uri())
        });
        let mut settings = settings_of(configuration);
        image.unwrap_or_default().clone_into(&mut settings.image);
        let mut info = info_of(configuration);
        info.image.clone_from(&settings.image);
        let concurrency =
            output.concurrency().and_then(aws_sdk_lambda::types::Concurrency::reserved_concurrent_executions);
        Ok(Some(FunctionDetail {
            info,
            settings,
            tags: output.tags().map(|tags| tags.clone().into_iter().collect()).unwrap_or_default(),
            tags_unknown: output
                .tags_error()
                .map(|error| format!("{}: {}", error.error_code(), error.message())),
            concurrency: concurrency.and_then(|value| u32::try_from(value).ok()),
            state: state_of(configuration),
            revision: configuration.revision_id().unwrap_or_default().to_owned(),
        }))
    }
}
