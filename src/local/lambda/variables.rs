//! The environment variables of an environment.

use super::config::LambdaConfig;
use super::pool::Live;
use crate::access::Session;
use std::collections::BTreeMap;
use throng_contract::local::REGION;

/// Names that a function's own configuration may not set, as AWS refuses them.
pub(super) const RESERVED: [&str; 16] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
];

/// What Lambda sets where neither the image nor the function does.
const DEFAULTS: [(&str, &str); 6] = [
    ("LANG", "en_US.UTF-8"),
    ("LAMBDA_TASK_ROOT", "/var/task"),
    ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    (
        "LD_LIBRARY_PATH",
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    ),
    ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
    ("TZ", ":UTC"),
];

/// All variables: defaults, then the image's, then the function's, then those that are reserved.
pub(super) fn all(
    live: &Live,
    config: &LambdaConfig,
    (token, keys): (&str, &Session),
    group: &str,
    stream: &str,
) -> Vec<(String, String)> {
    let function = &live.function;
    let mut all: BTreeMap<String, String> =
        DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let of_image = live.image.env.iter().filter_map(|entry| entry.split_once('='));
    all.extend(of_image.map(|(name, value)| (name.to_owned(), value.to_owned())));
    all.entry("AWS_ENDPOINT_URL".into()).or_insert_with(|| format!("http://{}", config.address));
    all.extend(function.settings.env.clone());
    let handler = live.image.cmd.first().cloned().unwrap_or_default();
    let command = function.settings.image.command.as_ref().and_then(|command| command.first().cloned());
    let fixed = [
        ("_HANDLER", command.unwrap_or(handler)),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_Image".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.settings.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", group.to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream.to_owned()),
        ("AWS_ACCESS_KEY_ID", keys.key.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", keys.key.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", keys.token.clone()),
        ("AWS_LAMBDA_RUNTIME_API", format!("{}/_env/{token}", config.address)),
    ];
    all.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    all.into_iter().collect()
}
