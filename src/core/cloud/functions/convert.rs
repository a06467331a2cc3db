//! Settings of functions in the SDK's words, and back.

use super::{FunctionSettings, FunctionState};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::model::{FunctionInfo, Millis};
use aws_sdk_lambda::types::{
    Architecture, Environment, EphemeralStorage, FileSystemConfig, FunctionConfiguration,
    LastUpdateStatusReasonCode, LogFormat, LoggingConfig, StateReasonCode, SystemLogLevel, VpcConfig,
};
use throng_contract::layout::ENV_HOME_BUCKET;

pub(super) fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn uint(value: Option<i32>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or_default()
}

pub(super) fn storage(settings: &FunctionSettings) -> Result<EphemeralStorage, CloudError> {
    EphemeralStorage::builder().size(int(settings.tmp_mb)).build().map_err(|error| {
        CloudError::new(ErrorKind::Invalid, "lambda:CreateFunction", &settings.name, error.to_string())
    })
}

pub(super) fn environment(settings: &FunctionSettings) -> Environment {
    Environment::builder().set_variables(Some(settings.env.clone().into_iter().collect())).build()
}

/// The network; with empty lists the function leaves the one that it is in.
pub(super) fn network(settings: &FunctionSettings) -> VpcConfig {
    VpcConfig::builder()
        .set_subnet_ids(Some(settings.subnets.clone()))
        .set_security_group_ids(Some(settings.security_groups.clone()))
        .build()
}

pub(super) fn file_systems(settings: &FunctionSettings) -> Result<Vec<FileSystemConfig>, CloudError> {
    let mount = |(arn, path): &(String, String)| {
        FileSystemConfig::builder().arn(arn).local_mount_path(path).build().map_err(|error| {
            CloudError::new(ErrorKind::Invalid, "lambda:CreateFunction", &settings.name, error.to_string())
        })
    };
    settings.file_systems.iter().map(mount).collect()
}

pub(super) fn logging(settings: &FunctionSettings) -> LoggingConfig {
    let builder = LoggingConfig::builder().log_group(&settings.log_group);
    if settings.log_json {
        // INFO keeps platform.start and platform.report.
        builder.log_format(LogFormat::Json).system_log_level(SystemLogLevel::Info).build()
    } else {
        builder.log_format(LogFormat::Text).build()
    }
}

pub(super) fn settings_of(configuration: &FunctionConfiguration) -> FunctionSettings {
    let logging = configuration.logging_config();
    let vpc = configuration.vpc_config();
    let sorted = |ids: &[String]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    let mounted = configuration.file_system_configs();
    let variables = configuration.environment().and_then(|environment| environment.variables());
    FunctionSettings {
        name: configuration.function_name().unwrap_or_default().to_owned(),
        image: String::new(),
        role: configuration.role().unwrap_or_default().to_owned(),
        description: configuration.description().unwrap_or_default().to_owned(),
        memory_mb: uint(configuration.memory_size()),
        timeout_s: uint(configuration.timeout()),
        tmp_mb: configuration.ephemeral_storage().map_or(512, |storage| uint(Some(storage.size()))),
        architecture: configuration.architectures().first().map_or("x86_64", Architecture::as_str).to_owned(),
        env: variables.map(|variables| variables.clone().into_iter().collect()).unwrap_or_default(),
        log_group: log_group(configuration),
        log_json: logging.and_then(LoggingConfig::log_format) == Some(&LogFormat::Json),
        subnets: vpc.map(|vpc| sorted(vpc.subnet_ids())).unwrap_or_default(),
        security_groups: vpc.map(|vpc| sorted(vpc.security_group_ids())).unwrap_or_default(),
        file_systems: mounted
            .iter()
            .map(|mount| (mount.arn().to_owned(), mount.local_mount_path().to_owned()))
            .collect(),
    }
}

fn log_group(configuration: &FunctionConfiguration) -> String {
    let named = configuration.logging_config().and_then(LoggingConfig::log_group);
    let name = configuration.function_name().unwrap_or_default();
    named.filter(|group| !group.is_empty()).map_or_else(|| format!("/aws/lambda/{name}"), str::to_owned)
}

pub(super) fn info_of(configuration: &FunctionConfiguration) -> FunctionInfo {
    let settings = settings_of(configuration);
    let state = state_of(configuration);
    let failed_update = state.update == "Failed";
    FunctionInfo {
        arn: configuration.function_arn().unwrap_or_default().to_owned(),
        state: state.state,
        state_reason: if failed_update { state.update_reason } else { state.state_reason },
        image: String::new(),
        memory_mb: settings.memory_mb,
        timeout_s: settings.timeout_s,
        tmp_mb: settings.tmp_mb,
        architecture: settings.architecture,
        modified_ms: configuration.last_modified().and_then(parse_time),
        log_group: settings.log_group,
        description: settings.description,
        managed: settings.env.contains_key(ENV_HOME_BUCKET),
        inputs: Vec::new(),
        outputs: Vec::new(),
        name: settings.name,
    }
}

pub(super) fn state_of(configuration: &FunctionConfiguration) -> FunctionState {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    FunctionState {
        // A list says no state of functions that are active.
        state: configuration.state().map_or("Active", |state| state.as_str()).to_owned(),
        state_code: text(configuration.state_reason_code().map(StateReasonCode::as_str)),
        state_reason: text(configuration.state_reason()),
        update: configuration.last_update_status().map_or("Successful", |status| status.as_str()).to_owned(),
        update_code: text(
            configuration.last_update_status_reason_code().map(LastUpdateStatusReasonCode::as_str),
        ),
        update_reason: text(configuration.last_update_status_reason()),
    }
}

/// `2026-11-23T21:42:03.123+0000`
fn parse_time(text: &str) -> Option<Millis> {
    let parsed = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?.to_timestamp().ok()?;
    u64::try_from(parsed.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_functions_are_read() {
        assert_eq!(parse_time("1970-01-01T00:00:01.250+0000"), Some(1250));
        assert_eq!(parse_time("2026-11-23T21:42:03.000+0000"), Some(1_795_470_123_000));
        assert_eq!(parse_time("yesterday"), None);
    }
}
