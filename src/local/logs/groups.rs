//! Groups and streams.

use super::error::ApiError;
use super::names::group_name;
use super::room;
use super::store::{LogStore, now_ms};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use throng_contract::local::{ACCOUNT, REGION};

/// The retention periods that AWS takes, in days (`API_PutRetentionPolicy`).
const RETENTION: [i64; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    3654,
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    log_group_name: String,
    #[serde(default)]
    retention_in_days: i64,
    #[serde(default)]
    tags: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct DescribeGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tagging {
    resource_arn: String,
    #[serde(default)]
    tags: Map<String, Value>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stream {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeStreams {
    #[serde(alias = "logGroupIdentifier")]
    log_group_name: String,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    limit: Option<usize>,
    next_token: Option<String>,
}

pub(super) fn group_arn(name: &str) -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}")
}

pub(super) fn find_group(connection: &Connection, name: &str) -> Result<i64, ApiError> {
    connection
        .prepare_cached("SELECT id FROM log_group WHERE name = ?1")?
        .query_row([group_name(name)], |row| row.get(0))
        .optional()?
        .ok_or_else(ApiError::no_group)
}

pub(super) async fn create_group(store: &LogStore, group: Group) -> Result<Value, ApiError> {
    let name = group.log_group_name;
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-/.#".contains(c);
    if name.is_empty() || name.len() > 512 || !name.chars().all(legal) {
        return Err(ApiError::invalid(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        )));
    }
    let tags = Value::Object(group.tags).to_string();
    store
        .db
        .write(move |transaction| {
            let made = transaction.execute(
                "INSERT OR IGNORE INTO log_group (name, created, tags) VALUES (?1, ?2, ?3)",
                params![name, now_ms(), tags],
            )?;
            if made == 1 {
                Ok(json!({}))
            } else {
                Err(ApiError::new("ResourceAlreadyExistsException", "The specified log group already exists"))
            }
        })
        .await
}

pub(super) async fn delete_group(store: &LogStore, group: Group) -> Result<Value, ApiError> {
    let (name, on_their_way) = (group.log_group_name.clone(), store.removed());
    let removed = store.db.write(move |transaction| {
        let id = find_group(transaction, &group.log_group_name)?;
        room::doom(transaction, id)?;
        on_their_way.add(&group.log_group_name);
        Ok::<_, ApiError>(json!({}))
    });
    let removed = removed.await;
    if removed.is_err() {
        store.removed().forget(&name);
    }
    store.broom.notify_one();
    removed
}

pub(super) async fn describe_groups(store: &LogStore, request: DescribeGroups) -> Result<Value, ApiError> {
    let limit = request.limit.unwrap_or(50).clamp(1, 1000);
    store
        .db
        .read(move |connection| {
            let prefix = request.log_group_name_prefix.unwrap_or_default();
            let pattern = request.log_group_name_pattern.unwrap_or_default();
            let mut statement = connection.prepare_cached(
                "SELECT name, created, retention, bytes FROM log_group WHERE name > ?1 AND name NOT LIKE '!%'
                 AND substr(name, 1, length(?2)) = ?2
                 AND instr(lower(name), lower(?3)) ORDER BY name LIMIT ?4",
            )?;
            let after = request.next_token.unwrap_or_default();
            let rows = statement.query_map(params![after, prefix, pattern, limit + 1], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, Option<i64>>(2)?,
                    row.get::<_, i64>(3)?,
                ))
            })?;
            let mut groups = rows.collect::<Result<Vec<_>, _>>()?;
            let more = groups.len() > limit;
            groups.truncate(limit);
            let last = groups.last().map(|(name, ..)| name.clone()).filter(|_| more);
            let groups: Vec<_> = groups.into_iter().map(describe_group).collect();
            Ok(with_token(json!({ "logGroups": groups }), last))
        })
        .await
}

/// As [`describe_groups`], with the names alone.
pub(super) async fn list_groups(store: &LogStore, request: DescribeGroups) -> Result<Value, ApiError> {
    let mut answer = describe_groups(store, request).await?;
    for group in answer["logGroups"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        group.retain(|name, _| matches!(name.as_str(), "logGroupName" | "logGroupArn" | "logGroupClass"));
    }
    Ok(answer)
}

fn describe_group((name, created, retention, bytes): (String, i64, Option<i64>, i64)) -> Value {
    let arn = group_arn(&name);
    let mut group = json!({
        "arn": format!("{arn}:*"), "logGroupArn": arn, "logGroupName": name, "creationTime": created,
        "metricFilterCount": 0, "storedBytes": bytes, "logGroupClass": "STANDARD",
    });
    if let Some(days) = retention {
        group["retentionInDays"] = json!(days);
    }
    group
}

pub(super) fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["nextToken"] = Value::String(token);
    }
    answer
}

async fn set_retention(store: &LogStore, name: String, days: Option<i64>) -> Result<Value, ApiError> {
    store
        .db
        .write(move |transaction| {
            let id = find_group(transaction, &name)?;
            transaction.execute("UPDATE log_group SET retention = ?2 WHERE id = ?1", params![id, days])?;
            Ok(json!({}))
        })
        .await
}

pub(super) async fn put_retention(store: &LogStore, group: Group) -> Result<Value, ApiError> {
    let days = group.retention_in_days;
    if !RETENTION.contains(&days) {
        return Err(ApiError::invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: {RETENTION:?}"
        )));
    }
    set_retention(store, group.log_group_name, Some(days)).await
}

pub(super) async fn delete_retention(store: &LogStore, group: Group) -> Result<Value, ApiError> {
    set_retention(store, group.log_group_name, None).await
}

pub(super) async fn tag(store: &LogStore, request: Tagging) -> Result<Value, ApiError> {
    change_tags(store, request, |tags, request| tags.extend(request.tags)).await
}

pub(super) async fn untag(store: &LogStore, request: Tagging) -> Result<Value, ApiError> {
    change_tags(store, request, |tags, request| tags.retain(|key, _| !request.tag_keys.contains(key))).await
}

pub(super) fn tags(store: &LogStore, request: &Tagging) -> Result<Value, ApiError> {
    let tags = store.db.read_now(|connection| {
        find_group(connection, &request.resource_arn).and_then(|id| read_tags(connection, id))
    })?;
    Ok(json!({ "tags": tags }))
}

async fn change_tags(
    store: &LogStore,
    request: Tagging,
    change: impl FnOnce(&mut Map<String, Value>, Tagging) + Send + 'static,
) -> Result<Value, ApiError> {
    store
        .db
        .write(move |transaction: &Transaction<'_>| {
            let id = find_group(transaction, &request.resource_arn)?;
            let mut tags = read_tags(transaction, id)?;
            change(&mut tags, request);
            let text = Value::Object(tags).to_string();
            transaction.execute("UPDATE log_group SET tags = ?2 WHERE id = ?1", params![id, text])?;
            Ok(json!({}))
        })
        .await
}

fn read_tags(connection: &Connection, id: i64) -> Result<Map<String, Value>, ApiError> {
    let text: String =
        connection.query_row("SELECT tags FROM log_group WHERE id = ?1", [id], |row| row.get(0))?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

pub(super) async fn create_stream(store: &LogStore, stream: Stream) -> Result<Value, ApiError> {
    let name = stream.log_stream_name;
    if name.is_empty() || name.len() > 512 || name.contains([':', '*']) {
        return Err(ApiError::invalid(format!(
            "1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*"
        )));
    }
    store
        .db
        .write(move |transaction| {
            let group = find_group(transaction, &stream.log_group_name)?;
            let made = transaction.execute(
                "INSERT OR IGNORE INTO log_stream (group_id, name, created) VALUES (?1, ?2, ?3)",
                params![group, name, now_ms()],
            )?;
            if made == 1 {
                Ok(json!({}))
            } else {
                Err(ApiError::new(
                    "ResourceAlreadyExistsException",
                    "The specified log stream already exists",
                ))
            }
        })
        .await
}

pub(super) async fn delete_stream(store: &LogStore, stream: Stream) -> Result<Value, ApiError> {
    store
        .db
        .write(move |transaction| {
            let group = find_group(transaction, &stream.log_group_name)?;
            let id: i64 = transaction
                .query_row(
                    "SELECT id FROM log_stream WHERE group_id = ?1 AND name = ?2",
                    params![group, stream.log_stream_name],
                    |row| row.get(0),
                )
                .optional()?
                .ok_or_else(ApiError::no_stream)?;
            let bytes: i64 = transaction.query_row(
                "SELECT ifnull(sum(length(CAST(message AS BLOB)) + 100), 0) FROM log_event WHERE stream_id = ?1",
                [id],
                |row| row.get(0),
            )?;
            transaction.execute(
                "UPDATE log_group SET bytes = max(0, bytes - ?2) WHERE id = ?1",
                params![group, bytes],
            )?;
            transaction.execute("DELETE FROM log_event WHERE stream_id = ?1", [id])?;
            transaction.execute("DELETE FROM log_stream WHERE id = ?1", [id])?;
            Ok(json!({}))
        })
        .await
}

pub(super) async fn describe_streams(store: &LogStore, request: DescribeStreams) -> Result<Value, ApiError> {
    let by_time = match request.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") if request.log_stream_name_prefix.is_some() => {
            return Err(ApiError::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        Some("LastEventTime") => true,
        Some(other) => return Err(ApiError::invalid(format!("unknown orderBy {other}"))),
    };
    let limit = request.limit.unwrap_or(50).clamp(1, 50);
    let offset: usize = match &request.next_token {
        Some(token) => token.parse().map_err(|_| ApiError::invalid("The specified nextToken is invalid."))?,
        None => 0,
    };
    let order = match (by_time, request.descending) {
        (true, false) => "ifnull(last, 0), name",
        (true, true) => "ifnull(last, 0) DESC, name DESC",
        (false, false) => "name",
        (false, true) => "name DESC",
    };
    store
        .db
        .read(move |connection| {
            let group = find_group(connection, &request.log_group_name)?;
            let prefix = request.log_stream_name_prefix.unwrap_or_default();
            let mut statement = connection.prepare_cached(&format!(
                "SELECT name, created, first, last, ingested FROM log_stream
                 WHERE group_id = ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY {order} LIMIT ?3 OFFSET ?4"
            ))?;
            let arn = group_arn(group_name(&request.log_group_name));
            let rows = statement
                .query_map(params![group, prefix, limit + 1, offset], |row| describe_stream(&arn, row))?;
            let mut streams = rows.collect::<Result<Vec<_>, _>>()?;
            let token = (streams.len() > limit).then(|| (offset + limit).to_string());
            streams.truncate(limit);
            Ok(with_token(json!({ "logStreams": streams }), token))
        })
        .await
}

fn describe_stream(group_arn: &str, row: &Row<'_>) -> rusqlite::Result<Value> {
    let name: String = row.get(0)?;
    let mut stream = json!({
        "arn": format!("{group_arn}:log-stream:{name}"), "logStreamName": name,
        "creationTime": row.get::<_, i64>(1)?, "storedBytes": 0,
        "uploadSequenceToken": "49590302469437190268456238291748492",
    });
    for (index, field) in [(2, "firstEventTimestamp"), (3, "lastEventTimestamp"), (4, "lastIngestionTime")] {
        if let Some(time) = row.get::<_, Option<i64>>(index)? {
            stream[field] = json!(time);
        }
    }
    Ok(stream)
}
