//! A function as it is stored, and as it is shown.

use super::clock::aws_time;
use super::names::function_arn;
use crate::registry::LocalImage;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A function. Stored as JSON under its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Function {
    pub name: String,
    pub settings: MutableSettings,
    /// As the caller wrote it.
    pub image_uri: String,
    /// With the digest that it meant when the function was created or updated.
    pub resolved_uri: String,
    pub code_size: u64,
    /// The digest's hexadecimal part.
    pub code_sha256: String,
    pub tags: BTreeMap<String, String>,
    /// Changes with everything that is changed.
    pub revision: String,
    pub modified_ms: i64,
    pub state: State,
    /// Of the last update; `None` before the first.
    pub update: UpdateStatus,
    pub reserved: Option<u32>,
    pub events: Option<EventConfig>,
    pub policy: Vec<Statement>,
    pub recursive_loop: String,
}

/// What `UpdateFunctionConfiguration` may change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MutableSettings {
    pub role: String,
    pub description: String,
    pub timeout_secs: u32,
    pub memory_mb: u32,
    pub tmp_mb: u32,
    pub env: BTreeMap<String, String>,
    pub image: ImageConfig,
    pub logging: Logging,
    pub tracing: String,
    pub kms_key: Option<String>,
    pub dead_letter: Option<String>,
    pub architecture: String,
}

/// Overrides of the image's own settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
}

/// `LoggingConfig`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Logging {
    pub log_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_log_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_log_level: Option<String>,
    pub log_group: String,
}

impl Logging {
    /// Text, to the function's own group.
    pub fn default_for(function: &str) -> Self {
        Self {
            log_format: "Text".into(),
            application_log_level: None,
            system_log_level: None,
            log_group: format!("/aws/lambda/{function}"),
        }
    }
}

/// `State` with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Pending,
    Active,
    Failed { code: String, reason: String },
}

/// `LastUpdateStatus` with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateStatus {
    Successful,
    InProgress,
    Failed { code: String, reason: String },
}

/// Event-invoke configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventConfig {
    pub retries: Option<u32>,
    pub max_age_secs: Option<u32>,
    pub on_failure: Option<String>,
    pub on_success: Option<String>,
    pub modified_ms: i64,
}

/// One statement of the resource policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub sid: String,
    pub action: String,
    pub principal: String,
    pub source_arn: Option<String>,
    pub source_account: Option<String>,
}

impl Function {
    pub fn arn(&self) -> String {
        function_arn(&self.name)
    }

    /// Notes a change now: a new revision.
    pub fn touch(&mut self) {
        self.modified_ms = super::clock::now_ms();
        self.revision = uuid::Uuid::new_v4().to_string();
    }

    /// Takes over what the image's digest means.
    pub fn set_image(&mut self, uri: &str, image: &LocalImage) {
        let repository = match uri.split_once('@') {
            Some((before, _)) => before,
            None => uri,
        };
        let name = match repository.rsplit_once('/') {
            Some((head, tail)) => format!("{head}/{}", tail.split(':').next().unwrap_or(tail)),
            None => repository.split(':').next().unwrap_or(repository).to_owned(),
        };
        uri.clone_into(&mut self.image_uri);
        self.resolved_uri = format!("{name}@{}", image.digest);
        self.code_size = 0;
        image.digest.trim_start_matches("sha256:").clone_into(&mut self.code_sha256);
    }

    /// `FunctionConfiguration`
    pub fn configuration(&self) -> Value {
        let settings = &self.settings;
        let mut shown = json!({
            "FunctionName": self.name,
            "FunctionArn": self.arn(),
            "Role": settings.role,
            "CodeSize": self.code_size,
            "Description": settings.description,
            "Timeout": settings.timeout_secs,
            "MemorySize": settings.memory_mb,
            "LastModified": aws_time(self.modified_ms),
            "CodeSha256": self.code_sha256,
            "Version": "$LATEST",
            "TracingConfig": {"Mode": settings.tracing},
            "RevisionId": self.revision,
            "PackageType": "Image",
            "Architectures": [settings.architecture],
            "EphemeralStorage": {"Size": settings.tmp_mb},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": settings.logging,
        });
        if !settings.env.is_empty() {
            shown["Environment"] = json!({"Variables": settings.env});
        }
        if settings.image != ImageConfig::default() {
            shown["ImageConfigResponse"] = json!({"ImageConfig": settings.image});
        }
        if let Some(key) = &settings.kms_key {
            shown["KMSKeyArn"] = json!(key);
        }
        if let Some(target) = &settings.dead_letter {
            shown["DeadLetterConfig"] = json!({"TargetArn": target});
        }
        self.show_states(&mut shown);
        shown
    }

    fn show_states(&self, shown: &mut Value) {
        match &self.state {
            State::Pending => {
                shown["State"] = json!("Pending");
                shown["StateReason"] = json!("The function is being created.");
                shown["StateReasonCode"] = json!("Creating");
            }
            State::Active => shown["State"] = json!("Active"),
            State::Failed { code, reason } => {
                shown["State"] = json!("Failed");
                shown["StateReason"] = json!(reason);
                shown["StateReasonCode"] = json!(code);
            }
        }
        match &self.update {
            UpdateStatus::Successful => shown["LastUpdateStatus"] = json!("Successful"),
            UpdateStatus::InProgress => {
                shown["LastUpdateStatus"] = json!("InProgress");
                shown["LastUpdateStatusReason"] = json!("The function is being created.");
                shown["LastUpdateStatusReasonCode"] = json!("Creating");
            }
            UpdateStatus::Failed { code, reason } => {
                shown["LastUpdateStatus"] = json!("Failed");
                shown["LastUpdateStatusReason"] = json!(reason);
                shown["LastUpdateStatusReasonCode"] = json!(code);
            }
        }
    }

    /// `FunctionEventInvokeConfig`, when there is one.
    pub fn event_configuration(&self) -> Option<Value> {
        let events = self.events.as_ref()?;
        let destination =
            |arn: &Option<String>| arn.as_ref().map_or(json!({}), |arn| json!({"Destination": arn}));
        #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
        let modified = events.modified_ms as f64 / 1000.0;
        let mut shown = json!({
            "LastModified": modified,
            "FunctionArn": format!("{}:$LATEST", self.arn()),
            "DestinationConfig": {
                "OnSuccess": destination(&events.on_success),
                "OnFailure": destination(&events.on_failure),
            },
        });
        if let Some(retries) = events.retries {
            shown["MaximumRetryAttempts"] = json!(retries);
        }
        if let Some(age) = events.max_age_secs {
            shown["MaximumEventAgeInSeconds"] = json!(age);
        }
        Some(shown)
    }
}

impl Statement {
    /// As it stands in the policy document.
    pub fn document(&self, arn: &str) -> Value {
        let principal = if self.principal == "*" {
            json!("*")
        } else if self.principal.contains(".amazonaws.com") {
            json!({"Service": self.principal})
        } else {
            json!({"AWS": self.principal})
        };
        let mut shown = json!({
            "Sid": self.sid, "Effect": "Allow", "Principal": principal, "Action": self.action, "Resource": arn,
        });
        if let Some(account) = &self.source_account {
            shown["Condition"]["StringEquals"]["AWS:SourceAccount"] = json!(account);
        }
        if let Some(source) = &self.source_arn {
            shown["Condition"]["ArnLike"]["AWS:SourceArn"] = json!(source);
        }
        shown
    }

    /// Whether it lets S3 invoke the function for `bucket`.
    pub fn allows_bucket(&self, bucket: &str, account: &str) -> bool {
        let action = matches!(self.action.as_str(), "lambda:InvokeFunction" | "lambda:*" | "*");
        let principal = matches!(self.principal.as_str(), "s3.amazonaws.com" | "*");
        let source =
            self.source_arn.as_deref().is_none_or(|pattern| like(pattern, &format!("arn:aws:s3:::{bucket}")));
        action && principal && source && self.source_account.as_deref().is_none_or(|own| own == account)
    }
}

/// `ArnLike`: `*` stands for any text, `?` for one character.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            text.char_indices().any(|(at, _)| like(rest, &text[at..])) || like(rest, "")
        }
        Some(first) => {
            let mut chars = text.chars();
            chars.next().is_some_and(|own| first == '?' || first == own)
                && like(&pattern[first.len_utf8()..], chars.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_matched_as_arn_like() {
        let statement = |source: Option<&str>| Statement {
            sid: "s".into(),
            action: "lambda:InvokeFunction".into(),
            principal: "s3.amazonaws.com".into(),
            source_arn: source.map(str::to_owned),
            source_account: None,
        };
        assert!(statement(None).allows_bucket("b", "1"));
        assert!(statement(Some("arn:aws:s3:::b")).allows_bucket("b", "1"));
        assert!(statement(Some("arn:aws:s3:::b*")).allows_bucket("bucket", "1"));
        assert!(statement(Some("arn:aws:s3:::*t")).allows_bucket("bucket", "1"));
        assert!(!statement(Some("arn:aws:s3:::b")).allows_bucket("bucket", "1"));
        let mut foreign = statement(None);
        foreign.source_account = Some("2".into());
        assert!(!foreign.allows_bucket("b", "1"));
    }
}
