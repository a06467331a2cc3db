//! What callers send.

use super::super::model::ImageConfig;
use super::Map;
use serde::Deserialize;

/// `CreateFunction` and `UpdateFunctionConfiguration`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct FunctionRequest {
    pub function_name: Option<String>,
    pub role: Option<String>,
    pub code: Option<CodeRequest>,
    pub package_type: Option<String>,
    pub runtime: Option<String>,
    pub handler: Option<String>,
    pub layers: Option<Vec<String>>,
    pub description: Option<String>,
    pub timeout: Option<i64>,
    pub memory_size: Option<i64>,
    pub ephemeral_storage: Option<Size>,
    pub environment: Option<Variables>,
    pub image_config: Option<ImageConfig>,
    pub architectures: Option<Vec<String>>,
    pub logging_config: Option<LoggingRequest>,
    pub tags: Option<Map>,
    pub tracing_config: Option<Mode>,
    #[serde(rename = "KMSKeyArn")]
    pub kms_key_arn: Option<String>,
    pub dead_letter_config: Option<DeadLetterTarget>,
    pub vpc_config: Option<Vpc>,
    pub file_system_configs: Option<Vec<serde_json::Value>>,
    pub snap_start: Option<serde_json::Value>,
    pub revision_id: Option<String>,
}

/// `FunctionCode`, and `UpdateFunctionCode`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CodeRequest {
    pub image_uri: Option<String>,
    pub zip_file: Option<String>,
    pub s3_bucket: Option<String>,
    pub s3_key: Option<String>,
    pub architectures: Option<Vec<String>>,
    pub dry_run: bool,
    pub revision_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Size {
    pub size: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Variables {
    pub variables: Option<Map>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct LoggingRequest {
    pub log_format: Option<String>,
    pub application_log_level: Option<String>,
    pub system_log_level: Option<String>,
    pub log_group: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Mode {
    pub mode: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DeadLetterTarget {
    pub target_arn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Vpc {
    pub subnet_ids: Option<Vec<String>>,
}

/// `PutFunctionEventInvokeConfig` and `UpdateFunctionEventInvokeConfig`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct EventRequest {
    pub maximum_retry_attempts: Option<i64>,
    pub maximum_event_age_in_seconds: Option<i64>,
    pub destination_config: Option<Destinations>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Destinations {
    pub on_success: Option<Destination>,
    pub on_failure: Option<Destination>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Destination {
    pub destination: Option<String>,
}

/// `AddPermission`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PermissionRequest {
    pub statement_id: Option<String>,
    pub action: Option<String>,
    pub principal: Option<String>,
    pub source_arn: Option<String>,
    pub source_account: Option<String>,
    pub revision_id: Option<String>,
}
