//! Notification configurations between the protocol and the store.

use super::S3Answer;
use crate::s3::ObjectStore;
use crate::s3::error::StoreError;
use crate::s3::notify::{Notification, NotificationTarget, TargetKind};
use s3s::S3Response;
use s3s::dto::{
    Event, EventBridgeConfiguration, EventList, FilterRule, FilterRuleName,
    GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    LambdaFunctionConfiguration, NotificationConfigurationFilter, PutBucketNotificationConfigurationInput,
    PutBucketNotificationConfigurationOutput, QueueConfiguration, S3KeyFilter, TopicConfiguration,
};

pub async fn put(
    store: &ObjectStore,
    input: PutBucketNotificationConfigurationInput,
) -> S3Answer<PutBucketNotificationConfigurationOutput> {
    let given = input.notification_configuration;
    let mut notification =
        Notification { targets: Vec::new(), event_bridge: given.event_bridge_configuration.is_some() };
    for item in given.lambda_function_configurations.unwrap_or_default() {
        let arn = item.lambda_function_arn;
        notification.targets.push(target(TargetKind::Lambda, arn, item.id, item.events, item.filter)?);
    }
    for item in given.queue_configurations.unwrap_or_default() {
        notification.targets.push(target(
            TargetKind::Queue,
            item.queue_arn,
            item.id,
            item.events,
            item.filter,
        )?);
    }
    for item in given.topic_configurations.unwrap_or_default() {
        notification.targets.push(target(
            TargetKind::Topic,
            item.topic_arn,
            item.id,
            item.events,
            item.filter,
        )?);
    }
    let skip = input.skip_destination_validation.unwrap_or(false);
    store.set_notification(&input.bucket, notification, skip).await?;
    Ok(S3Response::new(PutBucketNotificationConfigurationOutput::default()))
}

fn target(
    kind: TargetKind,
    arn: String,
    id: Option<String>,
    events: EventList,
    filter: Option<NotificationConfigurationFilter>,
) -> Result<NotificationTarget, StoreError> {
    let mut target = NotificationTarget {
        kind,
        id: id.filter(|id| !id.is_empty()).unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        arn,
        events: events.into_iter().map(String::from).collect(),
        prefix: None,
        suffix: None,
    };
    let rules = filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules).unwrap_or_default();
    for rule in rules {
        let name = rule.name.as_ref().map(FilterRuleName::as_str).unwrap_or_default().to_ascii_lowercase();
        let slot = match name.as_str() {
            "prefix" => &mut target.prefix,
            "suffix" => &mut target.suffix,
            _ => return Err(StoreError::argument("filter rule name must be either prefix or suffix")),
        };
        if slot.is_some() {
            return Err(StoreError::argument(format!(
                "Cannot specify more than one {name} rule in a filter."
            )));
        }
        let value = rule.value.unwrap_or_default();
        if value.len() > 1024 {
            return Err(StoreError::argument(
                "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
            ));
        }
        *slot = Some(value);
    }
    Ok(target)
}

pub fn get(
    store: &ObjectStore,
    input: &GetBucketNotificationConfigurationInput,
) -> S3Answer<GetBucketNotificationConfigurationOutput> {
    let notification = store.notification(&input.bucket)?;
    let mut output = GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: notification.event_bridge.then(EventBridgeConfiguration::default),
        ..Default::default()
    };
    for target in notification.targets {
        let filter = filter(&target);
        let id = Some(target.id);
        let events = target.events.into_iter().map(Event::from).collect();
        match target.kind {
            TargetKind::Lambda => output
                .lambda_function_configurations
                .get_or_insert_default()
                .push(LambdaFunctionConfiguration { lambda_function_arn: target.arn, id, events, filter }),
            TargetKind::Queue => output
                .queue_configurations
                .get_or_insert_default()
                .push(QueueConfiguration { queue_arn: target.arn, id, events, filter }),
            TargetKind::Topic => output
                .topic_configurations
                .get_or_insert_default()
                .push(TopicConfiguration { topic_arn: target.arn, id, events, filter }),
        }
    }
    Ok(S3Response::new(output))
}

/// AWS answers the names with a capital letter, whatever it was given.
fn filter(target: &NotificationTarget) -> Option<NotificationConfigurationFilter> {
    let rule = |name: &'static str, value: &Option<String>| {
        value
            .clone()
            .map(|value| FilterRule { name: Some(FilterRuleName::from(name.to_owned())), value: Some(value) })
    };
    let rules: Vec<_> =
        [rule("Prefix", &target.prefix), rule("Suffix", &target.suffix)].into_iter().flatten().collect();
    (!rules.is_empty())
        .then_some(NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules) }) })
}
