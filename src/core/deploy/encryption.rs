//! Buckets whose objects are encrypted with a key of AWS KMS: the role of a function needs that key, too.

use crate::cloud::{Cloud, ErrorKind};
use crate::definition::Definition;
use std::collections::BTreeSet;
use throng_contract::partition::partition;

/// The keys of a function's buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BucketKeys {
    /// ARNs that a role's policy can name.
    pub arns: BTreeSet<String>,
    /// What a person should know when the role is not throng's.
    pub notes: Vec<String>,
    /// Whether they could not all be read.
    pub unknown: Vec<String>,
}

impl BucketKeys {
    /// Those of the buckets that the function reads and writes, and of the home bucket. The local cloud has no keys.
    pub async fn of(cloud: &Cloud, definition: &Definition, account: &str) -> Self {
        let mut keys = Self::default();
        if cloud.is_local() {
            return keys;
        }
        let mut buckets: BTreeSet<&str> = definition.input_places().map(|(bucket, _)| bucket).collect();
        buckets.extend(definition.own_outputs().map(|output| output.bucket.as_str()));
        buckets.extend(cloud.home_bucket());
        for bucket in buckets {
            match cloud.s3().encryption_key(bucket).await {
                Ok(Some(key)) => {
                    let arn = arn_of(&key, cloud.region(), account);
                    keys.notes.push(format!("bucket {bucket} is encrypted with {key}"));
                    keys.arns.insert(arn);
                }
                Err(error) if error.kind == ErrorKind::Denied => keys.unknown.push(format!(
                    "not known whether bucket {bucket} is encrypted with a key of AWS KMS, which the function's role would need, \
                     too: {}",
                    error.sentence()
                )),
                // One that is still to be made, or an endpoint without such keys.
                Ok(None) | Err(_) => {}
            }
        }
        keys
    }
}

/// What a policy can name: an alias is no resource of a policy, so that all keys stand for it; S3 alone may use them.
fn arn_of(key: &str, region: &str, account: &str) -> String {
    match key.split_once(":alias/") {
        Some((before, _)) => format!("{before}:key/*"),
        None if key.starts_with("arn:") => key.to_owned(),
        None if key.starts_with("alias/") => {
            format!("arn:{}:kms:{region}:{account}:key/*", partition(region))
        }
        None => format!("arn:{}:kms:{region}:{account}:key/{key}", partition(region)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_as_policies_name_them() {
        let arn = "arn:aws:kms:eu-west-1:123456789012:key/1234";
        let any = "arn:aws:kms:eu-west-1:123456789012:key/*";
        for (key, is) in [
            (arn, arn),
            ("1234", arn),
            ("alias/team", any),
            ("arn:aws:kms:eu-west-1:123456789012:alias/team", any),
        ] {
            assert_eq!(arn_of(key, "eu-west-1", "123456789012"), is);
        }
    }
}
