//! Least-privilege policies of IAM: for a person and for the role of a function. They are written under `assets/policies`
//! with words such as `${REGION}`, which are filled in here.

use crate::model::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use throng_contract::partition::{dns_suffix, partition};
use throng_contract::pattern::fits;

const TRUST: &str = include_str!("../../assets/policies/trust.json");
const FUNCTION: &str = include_str!("../../assets/policies/function.json");
const PERSON: &str = include_str!("../../assets/policies/person.json");

/// A policy of IAM. Its [`Display`](fmt::Display) is JSON for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: String,
    /// What is allowed.
    pub statement: Vec<Statement>,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// What it is about, in one word.
    pub sid: String,
    effect: String,
    /// Actions like `lambda:CreateFunction`.
    pub action: Vec<String>,
    /// ARNs, with `*` for any characters.
    pub resource: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

impl Policy {
    /// Whether a statement without a condition allows an action on a resource. Policies of throng's own deny nothing.
    #[must_use]
    pub fn allows(&self, action: &str, arn: &str) -> bool {
        self.statement.iter().any(|statement| {
            statement.effect == "Allow"
                && statement.condition.is_none()
                && statement.action.iter().any(|pattern| fits(pattern, action))
                && statement.resource.iter().any(|pattern| fits(pattern, arn))
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?)
    }
}

/// What a policy is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The region that ARNs of the policy name.
    pub region: String,
    /// Account number
    pub account: String,
    /// The home bucket.
    pub home: String,
    /// The function; all when `None`.
    pub function: Option<String>,
    /// What functions read.
    pub inputs: Vec<Place>,
    /// Where outputs go.
    pub outputs: Vec<Place>,
    /// Further buckets that a person works with.
    pub buckets: Vec<String>,
    /// ARNs of the keys of AWS KMS that the objects of these buckets are encrypted with.
    pub keys: Vec<String>,
    /// Whether functions run in a VPC.
    pub network: bool,
    /// ARNs of access points of EFS that functions mount.
    pub access_points: Vec<String>,
    /// Whether the function is a join, or may be one: it reads what the records of others say.
    pub joins: bool,
    /// ARN of the role that functions run as: of a person's policy, when throng does not make it; of a function's, its own.
    pub role: Option<String>,
}

/// What the role of a function must be allowed.
#[must_use]
pub fn function(scope: &Scope) -> Policy {
    filled(FUNCTION, scope)
}

/// Who may assume the role of a function: Lambda, and the role itself, which narrows itself for scripts. A role cannot be named
/// in its own trust before it is there: the account is, with the role as condition.
#[must_use]
pub fn trust(account: &str, role: &str) -> String {
    let partition = role.split(':').nth(1).unwrap_or("aws");
    TRUST.replace("${PARTITION}", partition).replace("${ACCOUNT}", account).replace("${ROLE}", role)
}

/// What a person must be allowed who deploys functions, runs and follows them, and removes them.
#[must_use]
pub fn person(scope: &Scope) -> Policy {
    filled(PERSON, scope)
}

/// What the role of a function must be allowed today, with the places that an older policy let it read and write.
#[must_use]
pub fn renewed(old: &Policy, scope: &Scope) -> Policy {
    let mut policy = filled(FUNCTION, scope);
    let home = format!(":s3:::{}", scope.home);
    let elsewhere = |arn: &&String| !arn.ends_with(&home) && !arn.contains(&format!("{home}/"));
    let template = template(FUNCTION, scope);
    for (place, blank) in template.statement.iter().enumerate() {
        let Some(before) = old.statement.iter().find(|statement| statement.sid == blank.sid) else {
            continue;
        };
        let kept: Vec<_> = before.resource.iter().filter(elsewhere).cloned().collect();
        match policy.statement.iter_mut().find(|statement| statement.sid == blank.sid) {
            Some(statement) => {
                let fresh =
                    kept.into_iter().filter(|arn| !statement.resource.contains(arn)).collect::<Vec<_>>();
                statement.resource.extend(fresh);
            }
            None if kept.is_empty() => {}
            None => {
                let at = place.min(policy.statement.len());
                // What it was limited to stays, too.
                let condition = before.condition.clone();
                policy.statement.insert(at, Statement { resource: kept, condition, ..blank.clone() });
            }
        }
    }
    policy
}

/// A policy whose conditions are filled in, and its resources not yet.
fn template(text: &str, scope: &Scope) -> Policy {
    let mut policy: Policy = serde_json::from_str(text).unwrap_or_default();
    for condition in policy.statement.iter_mut().filter_map(|statement| statement.condition.as_mut()) {
        let text = condition.to_string();
        let text = text
            .replace("${REGION}", &scope.region)
            .replace("\"${ACCESS_POINTS}\"", &serde_json::json!(scope.access_points).to_string())
            .replace("${SUFFIX}", dns_suffix(partition(&scope.region), false));
        *condition = serde_json::from_str(&text).unwrap_or_default();
    }
    policy
}

/// Statements about nothing are left out.
fn filled(template: &str, scope: &Scope) -> Policy {
    let mut policy = self::template(template, scope);
    for statement in &mut policy.statement {
        let mut seen = std::collections::BTreeSet::new();
        let arns = statement.resource.iter().flat_map(|text| expanded(text, scope));
        statement.resource = arns.filter(|arn| seen.insert(arn.clone())).collect();
    }
    policy.statement.retain(|statement| !statement.resource.is_empty());
    policy
}

/// All file systems beside an access point: its own ARN does not say which one it is of, and the condition names it.
fn file_systems_of(access_point: &str) -> Option<String> {
    Some(format!("{}:file-system/*", access_point.split_once(":access-point/")?.0))
}

fn expanded(text: &str, scope: &Scope) -> Vec<String> {
    let partition = partition(&scope.region);
    let bucket = |name: &str| format!("arn:{partition}:s3:::{name}");
    let below = |place: &Place| match place.prefix.as_str() {
        "" => format!("{}/*", bucket(&place.bucket)),
        prefix => format!("{}/{prefix}/*", bucket(&place.bucket)),
    };
    let places = || scope.inputs.iter().chain(&scope.outputs).map(|place| place.bucket.as_str());
    let buckets = || places().chain(scope.buckets.iter().map(String::as_str));
    match text {
        "${INPUTS}" => scope.inputs.iter().map(below).collect(),
        "${OUTPUTS}" => scope.outputs.iter().map(below).collect(),
        "${BUCKETS}" => buckets().map(bucket).collect(),
        "${OBJECTS}" => buckets().map(|name| format!("{}/*", bucket(name))).collect(),
        "${ROLE}" => scope.role.iter().cloned().collect(),
        "${KEYS}" => scope.keys.clone(),
        // Network interfaces have no names before they are made.
        "${NETWORK}" => scope.network.then(|| "*".to_owned()).into_iter().collect(),
        "${FILE_SYSTEMS}" => scope.access_points.iter().filter_map(|arn| file_systems_of(arn)).collect(),
        "${RECORDS}" => scope.joins.then(|| format!("{}/l/*", bucket(&scope.home))).into_iter().collect(),
        _ => {
            let function = scope.function.as_deref().unwrap_or("*");
            vec![
                text.replace("${PARTITION}", partition)
                    .replace("${REGION}", &scope.region)
                    .replace("${ACCOUNT}", &scope.account)
                    .replace("${HOME}", &scope.home)
                    .replace("${FUNCTION}", function),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn scope() -> Scope {
        let place = |bucket: &str, prefix: &str| Place { bucket: bucket.into(), prefix: prefix.into() };
        Scope {
            region: "cn-north-1".into(),
            account: "123456789012".into(),
            home: "home".into(),
            function: Some("grayify".into()),
            inputs: vec![place("pictures", "in")],
            outputs: vec![place("pictures", "out"), place("all", "")],
            ..Scope::default()
        }
    }

    fn resources(policy: &Policy, sid: &str) -> Vec<String> {
        let statement = policy.statement.iter().find(|statement| statement.sid == sid);
        statement.map(|statement| statement.resource.clone()).unwrap_or_default()
    }

    #[test]
    fn a_function_may_touch_its_own_places_only() {
        let policy = function(&scope());
        assert_eq!(
            resources(&policy, "StoreOutputs"),
            ["arn:aws-cn:s3:::pictures/out/*", "arn:aws-cn:s3:::all/*"]
        );
        assert_eq!(resources(&policy, "ReadInputs")[0], "arn:aws-cn:s3:::pictures/in/*");
        assert_eq!(
            resources(&policy, "Log"),
            ["arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/grayify:*"]
        );
        let buckets = resources(&policy, "TellMissingFromForbidden");
        assert_eq!(buckets, ["arn:aws-cn:s3:::home", "arn:aws-cn:s3:::pictures", "arn:aws-cn:s3:::all"]);
        let keys = vec!["arn:aws-cn:kms:cn-north-1:1:key/k".to_owned()];
        let encrypted = function(&Scope { keys: keys.clone(), ..scope() });
        assert_eq!(resources(&encrypted, "UseKeysOfBuckets"), keys);
        assert!(encrypted.to_string().contains("\"kms:ViaService\": \"s3.cn-north-1.amazonaws.com.cn\""));
        assert!(resources(&policy, "UseKeysOfBuckets").is_empty());
        let records = "arn:aws-cn:s3:::home/l/0f/r/0/0/7_id.a_succeeded";
        assert!(!policy.allows("s3:GetObject", records), "only joins read records");
        assert!(function(&Scope { joins: true, ..scope() }).allows("s3:GetObject", records));
        let none = function(&Scope { outputs: Vec::new(), ..scope() });
        assert!(resources(&none, "StoreOutputs").is_empty(), "no statement without resources: {none}");
    }

    #[test]
    fn a_function_in_a_network_may_join_it_and_mount_what_is_named() {
        let point =
            "arn:aws-cn:elasticfilesystem:cn-north-1:123456789012:access-point/fsap-0123456789abcdef0";
        let plain = function(&scope());
        assert!(
            resources(&plain, "JoinNetwork").is_empty() && resources(&plain, "MountFileSystems").is_empty()
        );
        let inside = function(&Scope { network: true, access_points: vec![point.into()], ..scope() });
        assert_eq!(resources(&inside, "JoinNetwork"), ["*"]);
        assert_eq!(
            resources(&inside, "MountFileSystems"),
            ["arn:aws-cn:elasticfilesystem:cn-north-1:123456789012:file-system/*"]
        );
        let condition =
            inside.statement.iter().find(|one| one.sid == "MountFileSystems").unwrap().condition.clone();
        assert_eq!(condition.unwrap()["StringEquals"]["elasticfilesystem:AccessPointArn"][0], point);
        // An upgrade knows no definition.
        let renewed = renewed(&inside, &scope());
        assert_eq!(
            renewed.statement.iter().find(|one| one.sid == "MountFileSystems"),
            inside.statement.iter().find(|one| one.sid == "MountFileSystems")
        );
        assert_eq!(resources(&renewed, "JoinNetwork"), ["*"]);
    }

    #[test]
    fn a_renewed_policy_keeps_places_and_gets_todays_ledger() {
        let today = function(&scope());
        let bare = Scope { inputs: Vec::new(), outputs: Vec::new(), ..scope() };
        let sorted = |policy: &Policy, sid: &str| {
            let mut all = resources(policy, sid);
            all.sort();
            all
        };
        let mut old = today.clone();
        old.statement.retain(|statement| statement.sid != "KeepRecords");
        let new = renewed(&old, &bare);
        for sid in ["Log", "ReadInputs", "StoreOutputs", "KeepRecords", "TellMissingFromForbidden"] {
            assert_eq!(sorted(&new, sid), sorted(&today, sid), "{sid}");
        }
        assert!(!resources(&today, "KeepRecords").iter().any(|arn| arn.ends_with("/runs/*")));
    }

    #[test]
    fn a_policy_allows_what_its_patterns_fit() {
        let policy = function(&scope());
        for (object, may) in [
            ("pictures/in/a/b.png", true),
            ("pictures/inner/a.png", false),
            ("pictures/out/a.png", false),
            ("home/inputs/20260101-000000000-aaaa/x", true),
            ("home/runs/r/cancel.json", true),
            ("home/runs/r/run.json", false),
            ("home/runs/r/barrier.json", true),
            ("home/packs/r/0.0.0.0", true),
            ("home/start/grayify/r.0.pack-0-0.1", true),
            ("home/start/other/r.0.pack-0-0.1", false),
            ("home/runs/r/barrier/join/children/7", true),
            ("elsewhere/a", false),
        ] {
            assert_eq!(policy.allows("s3:GetObject", &format!("arn:aws-cn:s3:::{object}")), may, "{object}");
        }
        assert!(!policy.allows("s3:DeleteObject", "arn:aws-cn:s3:::pictures/in/a"));
        for (pattern, text, is) in [
            ("a*b?d", "aXbbXd", true),
            ("*", "", true),
            ("a*", "b", false),
            ("*ab", "aab", true),
            ("", "a", false),
            ("a?", "a", false),
        ] {
            assert_eq!(fits(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn no_word_is_left_unfilled() {
        let role = Some("arn:aws:iam::1:role/named".to_owned());
        let keys = vec!["arn:aws:kms:eu-west-1:1:key/k".to_owned()];
        for policy in [function(&Scope { keys, ..scope() }), person(&Scope { role, ..scope() })] {
            let text = policy.to_string();
            assert!(!text.contains("${"), "{text}");
            assert!(text.starts_with("{\n  \"Version\""), "in the order in which people write it: {text}");
            assert!(text.len() < 10_240, "an inline policy of a role may have 10,240 characters");
        }
        let trust = trust("123456789012", "arn:aws-cn:iam::123456789012:role/throng/f");
        assert!(trust.contains("lambda.amazonaws.com") && !trust.contains("${"), "{trust}");
        assert!(trust.contains("arn:aws-cn:iam::123456789012:root"), "{trust}");
    }

    /// Actions that nothing calls, and without which an answer is silently less: by who implies them.
    #[test]
    fn a_person_may_do_what_calls_imply() {
        const IMPLIED: [(&str, &str); 2] =
            [("lambda:GetFunction", "lambda:ListTags"), ("lambda:CreateFunction", "iam:PassRole")];
        let policy = person(&scope()).to_string();
        for (calls, implied) in IMPLIED {
            assert!(
                policy.contains(&format!("\"{calls}\"")) && policy.contains(&format!("\"{implied}\"")),
                "{implied}"
            );
        }
    }

    /// Every action that the engine names in an error ("ask for the permission …") is in the person's policy.
    #[test]
    fn a_person_may_do_what_the_engine_calls() {
        let policy = person(&scope()).to_string();
        let called = regex::Regex::new("\"((?:lambda|s3|logs|ecr|iam):[A-Z][A-Za-z]+)\"").unwrap();
        let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut seen = 0;
        for entry in walkdir::WalkDir::new(sources).into_iter().filter_map(Result::ok) {
            if entry.path().extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            for found in called.captures_iter(&text) {
                seen += 1;
                // Asked by `doctor` alone, which says so when it is not allowed.
                if &found[1] == "iam:SimulatePrincipalPolicy" {
                    continue;
                }
                assert!(
                    policy.contains(&format!("\"{}\"", &found[1])),
                    "{} in {:?}",
                    &found[1],
                    entry.path()
                );
            }
        }
        assert!(seen > 50, "the engine's calls were found: {seen}");
    }
}
