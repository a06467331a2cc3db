//! Limits of AWS's model.

use super::super::error::ApiError;
use super::super::model::{ImageConfig, Logging, MutableSettings};
use super::super::variables::RESERVED;
use super::request::{FunctionRequest, LoggingRequest};
use std::collections::BTreeMap;
use throng_contract::local::ACCOUNT;

/// All environment variables together.
const MAX_ENVIRONMENT: usize = 4096;

/// A number within its limits.
pub(super) fn number(value: i64, member: &str, least: i64, most: i64) -> Result<u32, ApiError> {
    if value < least {
        let text = format!("Member must have value greater than or equal to {least}");
        return Err(ApiError::constraint(&value.to_string(), member, &text));
    }
    if value > most {
        let text = format!("Member must have value less than or equal to {most}");
        return Err(ApiError::constraint(&value.to_string(), member, &text));
    }
    Ok(u32::try_from(value).unwrap_or(u32::MAX))
}

/// `arn:aws:iam::<12 digits>:role/<name>`
fn role(arn: &str) -> Result<String, ApiError> {
    let rest = arn.strip_prefix("arn:").and_then(|rest| rest.split_once(":iam::"));
    let fits = rest.is_some_and(|(partition, rest)| {
        let (account, name) = rest.split_once(":role/").unwrap_or_default();
        partition.starts_with("aws")
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@-_/".contains(&byte))
    });
    if fits {
        return Ok(arn.to_owned());
    }
    Err(ApiError::constraint(
        arn,
        "role",
        "Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
    ))
}

fn variables(wanted: super::Map) -> Result<BTreeMap<String, String>, ApiError> {
    for name in wanted.keys() {
        let mut bytes = name.bytes();
        let fits = bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
            && name.len() > 1
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if RESERVED.contains(&name.as_str()) {
            return Err(ApiError::invalid(format!(
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided contains reserved keys that are currently not supported for modification. Reserved keys used \
                 in this request: {name}"
            )));
        }
        if !fits {
            return Err(ApiError::constraint(
                name,
                "environment.variables",
                "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
            ));
        }
    }
    let wanted: BTreeMap<String, String> = wanted.into_iter().collect();
    let size = serde_json::to_string(&wanted).map_or(0, |text| text.len());
    if size > MAX_ENVIRONMENT {
        return Err(ApiError::invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {size} bytes"
        )));
    }
    Ok(wanted)
}

fn image_config(config: ImageConfig) -> Result<ImageConfig, ApiError> {
    for (member, list) in
        [("imageConfig.entryPoint", &config.entry_point), ("imageConfig.command", &config.command)]
    {
        if list.as_ref().is_some_and(|list| list.len() > 1500) {
            return Err(ApiError::constraint(
                "[...]",
                member,
                "Member must have length less than or equal to 1500",
            ));
        }
    }
    if config.working_directory.as_ref().is_some_and(|folder| folder.len() > 1000) {
        let text = "Member must have length less than or equal to 1000";
        return Err(ApiError::constraint("...", "imageConfig.workingDirectory", text));
    }
    // An empty list or text takes an override away.
    Ok(ImageConfig {
        entry_point: config.entry_point.filter(|list| !list.is_empty()),
        command: config.command.filter(|list| !list.is_empty()),
        working_directory: config.working_directory.filter(|folder| !folder.is_empty()),
    })
}

fn one_of(value: &str, member: &str, allowed: &[&str]) -> Result<String, ApiError> {
    if allowed.contains(&value) {
        return Ok(value.to_owned());
    }
    let text = format!("Member must satisfy enum value set: [{}]", allowed.join(", "));
    Err(ApiError::constraint(value, member, &text))
}

fn logging(wanted: LoggingRequest, before: &Logging, function: &str) -> Result<Logging, ApiError> {
    let format = wanted.log_format.as_deref().unwrap_or(&before.log_format);
    let format = one_of(format, "loggingConfig.logFormat", &["JSON", "Text"])?;
    let level = |value: Option<String>, member: &str, allowed: &[&str], default: &str| match value {
        Some(value) if format == "JSON" => one_of(&value, member, allowed).map(Some),
        Some(_) => Err(ApiError::invalid(
            "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change \
             the LogFormat to \"JSON\" and try again.",
        )),
        None => Ok((format == "JSON").then(|| default.to_owned())),
    };
    let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let application = wanted.application_log_level.or_else(|| before.application_log_level.clone());
    let system = wanted.system_log_level.or_else(|| before.system_log_level.clone());
    let keep = |value: Option<String>| value.filter(|_| format == "JSON" || before.log_format == "Text");
    let group = wanted.log_group.unwrap_or_else(|| match before.log_group.as_str() {
        "" => format!("/aws/lambda/{function}"),
        group => group.to_owned(),
    });
    let fits = !group.is_empty()
        && group.len() <= 512
        && group.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte));
    if !fits {
        let text = "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+";
        return Err(ApiError::constraint(&group, "loggingConfig.logGroup", text));
    }
    Ok(Logging {
        application_log_level: level(
            keep(application),
            "loggingConfig.applicationLogLevel",
            &levels,
            "INFO",
        )?,
        system_log_level: level(
            keep(system),
            "loggingConfig.systemLogLevel",
            &["DEBUG", "INFO", "WARN"],
            "INFO",
        )?,
        log_format: format,
        log_group: group,
    })
}

/// The architectures a request names, of which this machine must run the one.
pub(super) fn architecture(wanted: Option<&Vec<String>>) -> Result<String, ApiError> {
    let host = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let wanted = match wanted.map(Vec::as_slice) {
        None | Some([]) => host,
        Some([one]) => one.as_str(),
        Some(_) => {
            return Err(ApiError::invalid("Architectures must have exactly one member: x86_64 or arm64."));
        }
    };
    let wanted = one_of(wanted, "architectures", &["x86_64", "arm64"])?;
    if wanted != host {
        return Err(ApiError::invalid(format!(
            "This machine runs {host} and cannot run functions for {wanted}: deploy an {host} image here, or use \
             another context for {wanted}."
        )));
    }
    Ok(wanted)
}

/// Settings of a new function.
pub(super) fn new_settings(request: &mut FunctionRequest, name: &str) -> Result<MutableSettings, ApiError> {
    let required = ApiError::constraint("null", "role", "Member must not be null");
    let settings = MutableSettings {
        role: role(request.role.as_deref().ok_or(required)?)?,
        description: String::new(),
        timeout_secs: 3,
        memory_mb: 128,
        tmp_mb: 512,
        env: BTreeMap::new(),
        image: ImageConfig::default(),
        logging: Logging::default_for(name),
        tracing: "PassThrough".into(),
        kms_key: None,
        dead_letter: None,
        architecture: architecture(request.architectures.as_ref())?,
    };
    changed_settings(request, settings, name)
}

/// Settings after a change: what the request names replaces what was there.
pub(super) fn changed_settings(
    request: &mut FunctionRequest,
    mut settings: MutableSettings,
    name: &str,
) -> Result<MutableSettings, ApiError> {
    refuse_unsupported(request)?;
    if let Some(arn) = &request.role {
        settings.role = role(arn)?;
    }
    if let Some(text) = request.description.take() {
        if text.chars().count() > 256 {
            let limit = "Member must have length less than or equal to 256";
            return Err(ApiError::constraint(&text, "description", limit));
        }
        settings.description = text;
    }
    if let Some(value) = request.timeout {
        settings.timeout_secs = number(value, "timeout", 1, 900)?;
    }
    if let Some(value) = request.memory_size {
        settings.memory_mb = number(value, "memorySize", 128, 10_240)?;
    }
    if let Some(size) = &request.ephemeral_storage {
        settings.tmp_mb = number(size.size, "ephemeralStorage.size", 512, 10_240)?;
    }
    if let Some(environment) = request.environment.take() {
        settings.env = variables(environment.variables.unwrap_or_default())?;
    }
    if let Some(config) = request.image_config.take() {
        settings.image = image_config(config)?;
    }
    if let Some(wanted) = request.logging_config.take() {
        settings.logging = logging(wanted, &settings.logging, name)?;
    }
    if let Some(mode) = request.tracing_config.take().and_then(|config| config.mode) {
        settings.tracing = one_of(&mode, "tracingConfig.mode", &["Active", "PassThrough"])?;
    }
    if let Some(key) = request.kms_key_arn.take() {
        settings.kms_key = Some(key).filter(|key| !key.is_empty());
    }
    if let Some(target) = request.dead_letter_config.take() {
        settings.dead_letter = target.target_arn.filter(|arn| !arn.is_empty());
        if settings.dead_letter.is_some() {
            return Err(ApiError::invalid(
                "The local Lambda has no SQS or SNS for a dead-letter queue: use an S3 bucket as OnFailure destination.",
            ));
        }
    }
    Ok(settings)
}

fn refuse_unsupported(request: &FunctionRequest) -> Result<(), ApiError> {
    if request.layers.as_ref().is_some_and(|layers| !layers.is_empty()) {
        return Err(ApiError::invalid("Layers are not supported for functions with PackageType Image"));
    }
    if request.runtime.is_some() || request.handler.is_some() {
        return Err(ApiError::invalid(
            "The Runtime and Handler parameters are not supported for functions created with container images.",
        ));
    }
    if request.file_system_configs.as_ref().is_some_and(|configs| !configs.is_empty()) {
        return Err(ApiError::invalid("The local Lambda cannot mount file systems (FileSystemConfigs)."));
    }
    let subnets = request.vpc_config.as_ref().and_then(|config| config.subnet_ids.as_ref());
    if subnets.is_some_and(|subnets| !subnets.is_empty()) {
        return Err(ApiError::invalid("The local Lambda has no VPC (VpcConfig)."));
    }
    Ok(())
}

/// A destination for failed events: an S3 bucket.
pub(super) fn failure_destination(arn: &str) -> Result<Option<String>, ApiError> {
    if arn.is_empty() {
        return Ok(None);
    }
    match arn.strip_prefix("arn:aws:s3:::") {
        Some(bucket) if !bucket.is_empty() && !bucket.contains('/') => Ok(Some(arn.to_owned())),
        _ => Err(ApiError::invalid(format!(
            "The destination ARN {arn} is invalid: in the local Lambda (account {ACCOUNT}) the OnFailure destination \
             can be an S3 bucket (arn:aws:s3:::name)."
        ))),
    }
}
