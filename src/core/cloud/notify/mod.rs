//! A bucket's notifications: read, change our part, write. The whole configuration is one value in S3, so
//! everybody else's entries are carried along as they are.
//!
//! ```text
//! targets  which targets S3 did not accept
//! ```

mod targets;

pub(crate) use targets::is_refused;

use super::error::{CloudError, ErrorKind};
use super::s3::S3;
use super::small;
use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::types::{
    Event, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, S3KeyFilter,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

const CREATED: &str = "s3:ObjectCreated:*";

/// Objects that start something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The entry's id.
    pub id: String,
    /// ARN of the function, queue or topic.
    pub target: String,
    /// Events, like `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// Only keys that begin so.
    pub prefix: String,
    /// Only keys that end so.
    pub suffix: String,
}

impl Trigger {
    /// Every created object whose key begins and ends so starts the function.
    #[must_use]
    pub fn created(id: &str, function_arn: &str, prefix: &str, suffix: &str) -> Self {
        Self {
            id: id.to_owned(),
            target: function_arn.to_owned(),
            events: vec![CREATED.to_owned()],
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        }
    }

    /// Whether S3 refuses both on one bucket: they share an event, and a key could match both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let events = self.events.iter().any(|a| other.events.iter().any(|b| same_event(a, b)));
        let nested = |a: &str, b: &str, test: fn(&str, &str) -> bool| test(a, b) || test(b, a);
        events
            && nested(&self.prefix, &other.prefix, |a, b| a.starts_with(b))
            && nested(&self.suffix, &other.suffix, |a, b| a.ends_with(b))
    }
}

/// Whether one name covers the other: `s3:ObjectCreated:*` covers `s3:ObjectCreated:Put`.
fn same_event(a: &str, b: &str) -> bool {
    let covers =
        |wide: &str, narrow: &str| wide.strip_suffix('*').is_some_and(|stem| narrow.starts_with(stem));
    a == b || covers(a, b) || covers(b, a)
}

/// The notifications of a bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Notifications(NotificationConfiguration);

impl Notifications {
    /// Every entry: functions, queues and topics.
    #[must_use]
    pub fn triggers(&self) -> Vec<Trigger> {
        let functions =
            self.0.lambda_function_configurations().iter().map(|entry| {
                trigger(entry.id(), entry.lambda_function_arn(), entry.events(), entry.filter())
            });
        let queues = self
            .0
            .queue_configurations()
            .iter()
            .map(|entry| trigger(entry.id(), entry.queue_arn(), entry.events(), entry.filter()));
        let topics = self
            .0
            .topic_configurations()
            .iter()
            .map(|entry| trigger(entry.id(), entry.topic_arn(), entry.events(), entry.filter()));
        functions.chain(queues).chain(topics).collect()
    }

    /// The entries that start a function.
    #[must_use]
    pub fn of(&self, function_arn: &str) -> Vec<Trigger> {
        self.triggers().into_iter().filter(|trigger| trigger.target == function_arn).collect()
    }

    /// Replaces the entries of a function by `wanted` (none: removes them). Everybody else's stay.
    ///
    /// # Errors
    /// An entry of somebody else overlaps; the error names it. Nothing is changed then.
    pub fn replace(&mut self, function_arn: &str, wanted: &[Trigger]) -> Result<(), CloudError> {
        let invalid =
            |message: String| CloudError::new(ErrorKind::Conflict, "s3:PutBucketNotification", "", message);
        let others: Vec<_> =
            self.triggers().into_iter().filter(|trigger| trigger.target != function_arn).collect();
        for new in wanted {
            if let Some(other) = others.iter().find(|other| other.overlaps(new)) {
                return Err(invalid(format!(
                    "objects `{}*{}` already start {} (`{}*{}`, entry `{}`), and S3 allows one target only. \
                     Choose another folder or suffix, or remove that trigger",
                    new.prefix, new.suffix, other.target, other.prefix, other.suffix, other.id
                )));
            }
        }
        let mut entries: Vec<_> = self
            .0
            .lambda_function_configurations()
            .iter()
            .filter(|entry| entry.lambda_function_arn() != function_arn)
            .cloned()
            .collect();
        for new in wanted {
            entries.push(entry(new).map_err(|error| invalid(error.to_string()))?);
        }
        self.0.lambda_function_configurations = Some(entries);
        self.name_rules_as_documented();
        Ok(())
    }

    /// Others' entries are written back as they were answered, but for this: AWS answers `Prefix`, and its model takes `prefix` alone.
    fn name_rules_as_documented(&mut self) {
        let functions = self.0.lambda_function_configurations.iter_mut().flatten();
        let queues = self.0.queue_configurations.iter_mut().flatten();
        let topics = self.0.topic_configurations.iter_mut().flatten();
        let filters = functions.map(|entry| &mut entry.filter);
        let filters =
            filters.chain(queues.map(|entry| &mut entry.filter)).chain(topics.map(|entry| &mut entry.filter));
        let keys = filters.flatten().filter_map(|filter| filter.key.as_mut());
        for rule in keys.filter_map(|key| key.filter_rules.as_mut()).flatten() {
            let name = rule.name.take().map(|name| name.as_str().to_ascii_lowercase());
            rule.name = name.map(|name| FilterRuleName::from(name.as_str()));
        }
    }
}

fn trigger(
    id: Option<&str>,
    target: &str,
    events: &[Event],
    filter: Option<&NotificationConfigurationFilter>,
) -> Trigger {
    let rules = filter.and_then(NotificationConfigurationFilter::key).map(S3KeyFilter::filter_rules);
    let value = |wanted: &str| {
        let mut rules = rules.into_iter().flatten();
        // AWS answers `Prefix`, the API's documents say `prefix`.
        let rule =
            rules.find(|rule| rule.name().is_some_and(|name| name.as_str().eq_ignore_ascii_case(wanted)));
        rule.and_then(FilterRule::value).unwrap_or_default().to_owned()
    };
    Trigger {
        id: id.unwrap_or_default().to_owned(),
        target: target.to_owned(),
        events: events.iter().map(|event| event.as_str().to_owned()).collect(),
        prefix: value("prefix"),
        suffix: value("suffix"),
    }
}

fn entry(trigger: &Trigger) -> Result<LambdaFunctionConfiguration, aws_sdk_s3::error::BuildError> {
    let rule = |name: FilterRuleName, value: &str| {
        (!value.is_empty()).then(|| FilterRule::builder().name(name).value(value).build())
    };
    let rules: Vec<_> =
        [rule(FilterRuleName::Prefix, &trigger.prefix), rule(FilterRuleName::Suffix, &trigger.suffix)]
            .into_iter()
            .flatten()
            .collect();
    let filter = (!rules.is_empty()).then(|| {
        let key = S3KeyFilter::builder().set_filter_rules(Some(rules)).build();
        NotificationConfigurationFilter::builder().key(key).build()
    });
    LambdaFunctionConfiguration::builder()
        .id(&trigger.id)
        .lambda_function_arn(&trigger.target)
        .set_events(Some(trigger.events.iter().map(|event| Event::from(event.as_str())).collect()))
        .set_filter(filter)
        .build()
}

/// Whether an answer is one empty element, whatever its name: moto has another for a bucket without notifications
/// (`GetBucketNotificationResponse`, 5.2.1).
fn says_nothing(answer: &HttpResponse) -> bool {
    let body = answer.body().bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let element = match body.trim().split_once("?>") {
        Some((prolog, element)) if prolog.starts_with("<?xml") => element.trim(),
        _ => body.trim(),
    };
    answer.status().as_u16() == 200
        && element.starts_with('<')
        && element.ends_with("/>")
        && element.matches('<').count() == 1
}

impl S3<'_> {
    /// The notifications of a bucket.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn notifications(&self, bucket: &str) -> Result<Notifications, CloudError> {
        const ACTION: &str = "s3:GetBucketNotification";
        self.limits.s3_read.acquire().await;
        let request = self.client(bucket).await.get_bucket_notification_configuration().bucket(bucket);
        let sent = async move {
            match request.send().await {
                Err(error) if error.raw_response().is_some_and(says_nothing) => {
                    Ok(GetBucketNotificationConfigurationOutput::builder().build())
                }
                sent => sent,
            }
        };
        let output = small(ACTION, bucket, sent).await?;
        Ok(Notifications(
            NotificationConfiguration::builder()
                .set_topic_configurations(output.topic_configurations)
                .set_queue_configurations(output.queue_configurations)
                .set_lambda_function_configurations(output.lambda_function_configurations)
                .set_event_bridge_configuration(output.event_bridge_configuration)
                .build(),
        ))
    }

    /// Replaces the notifications of a bucket. With `validate`, S3 asks each target, also everybody else's, whether it takes
    /// them: what is only taken away needs none of that.
    ///
    /// # Errors
    /// [`CloudError`]; its message names the targets that S3 does not accept.
    pub async fn put_notifications(
        &self,
        bucket: &str,
        notifications: &Notifications,
        validate: bool,
    ) -> Result<(), CloudError> {
        const ACTION: &str = "s3:PutBucketNotification";
        self.limits.s3_write.acquire().await;
        let request = self
            .client(bucket)
            .await
            .put_bucket_notification_configuration()
            .bucket(bucket)
            .set_skip_destination_validation((!validate).then_some(true))
            .notification_configuration(notifications.0.clone());
        let mut refused = Vec::new();
        let sent = async {
            let sent = request.send().await;
            if let Err(error) = &sent {
                refused = error.raw_response().map(targets::refused).unwrap_or_default();
            }
            sent
        };
        let put = small(ACTION, bucket, sent).await;
        put.map(drop).map_err(|error| targets::named(error, &refused))
    }
}

#[cfg(test)]
mod tests;
