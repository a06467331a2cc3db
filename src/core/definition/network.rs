//! The network that a function runs in, and the file systems of EFS that it mounts.
//!
//! Sources of what is allowed: Lambda's API reference (`VpcConfig`, `FileSystemConfig`) and botocore's model of it.

use super::Definition;
use super::fields::{Fields, Spanned, show};
use super::node::Node;
use super::problem::{Position, Report};

const VPC: &[&str] = &["SubnetIds", "SecurityGroupIds", "subnet_ids", "security_group_ids"];
const FILE_SYSTEM: &[&str] = &["Arn", "LocalMountPath", "arn", "local_mount_path"];
/// Most subnets of a function.
const SUBNETS: usize = 16;
/// Most security groups of a function.
const GROUPS: usize = 5;
/// Longest path of a mount, in bytes.
const LONGEST_PATH: usize = 160;

/// A VPC of AWS. Both lists are sorted and hold at least one id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// `subnet-…`
    pub subnets: Vec<String>,
    /// `sg-…`
    pub security_groups: Vec<String>,
}

/// A file system of EFS that is mounted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileSystem {
    /// ARN of an access point.
    pub arn: String,
    /// Where the script finds it: below `/mnt`.
    pub path: String,
}

/// Reads `vpc` and `file_system`.
pub(super) fn read(lambda: &Fields<'_>, definition: &mut Definition, report: &mut Report) {
    definition.network = network(lambda, report);
    let mut first: Option<Position> = None;
    for (node, key) in lambda.list("file_system") {
        if node.says_nothing() {
            continue;
        }
        if first.is_some() {
            report.error(node.at, &key, "Lambda mounts one file system into a function: take the others out");
        }
        first = first.or(Some(node.at));
        let fields = Fields::new(node, &key, FILE_SYSTEM, report);
        let found = file_system(&fields, node.at, report);
        definition.file_systems.extend(found);
    }
    let unreachable = lambda.node("vpc").is_none_or(Node::says_nothing);
    if let Some(at) = first.filter(|_| unreachable) {
        let message = "needs `vpc` with the subnets that the file system's mount targets are in";
        report.error(at, &lambda.key("file_system"), message);
    }
}

fn network(lambda: &Fields<'_>, report: &mut Report) -> Option<Network> {
    let node = lambda.node("vpc").filter(|node| !node.says_nothing())?;
    let vpc = Fields::new(node, &lambda.key("vpc"), VPC, report);
    let mut ids = |names: [&str; 2], begin: &str, most: usize, what: &str| {
        let name = names.into_iter().find(|name| vpc.node(name).is_some()).unwrap_or(names[0]);
        let key = vpc.key(name);
        // SCAR's own documentation has several in one text.
        let words = |text: Spanned<String>| {
            let at = text.at;
            let words: Vec<_> = text
                .value
                .split([',', ' ', '\n', '\t'])
                .map(|word| word.trim_matches(['-', ' ']).to_owned())
                .collect();
            words.into_iter().filter(|word| !word.is_empty()).map(move |value| Spanned { at, value })
        };
        let given: Vec<_> = vpc.texts(name, report).into_iter().flat_map(words).collect();
        for id in &given {
            let good = id.value.strip_prefix(begin).is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
            if !good {
                report.error(
                    id.at,
                    &key,
                    format!(
                        "{} is not the id of a {what}: such as {begin}0123456789abcdef0",
                        show(&id.value)
                    ),
                );
            }
        }
        let mut given: Vec<_> = given.into_iter().map(|id| id.value).collect();
        given.sort_unstable();
        given.dedup();
        if given.is_empty() {
            report.error(node.at, &key, format!("is missing: a function in a VPC needs one {what} at least"));
        } else if given.len() > most {
            report.error(node.at, &key, format!("{} are given: Lambda takes {most} at most", given.len()));
        }
        given
    };
    let subnets = ids(["SubnetIds", "subnet_ids"], "subnet-", SUBNETS, "subnet");
    let security_groups = ids(["SecurityGroupIds", "security_group_ids"], "sg-", GROUPS, "security group");
    Some(Network { subnets, security_groups })
}

fn file_system(fields: &Fields<'_>, at: Position, report: &mut Report) -> Option<FileSystem> {
    let mut value = |names: [&str; 2], what: &str, good: fn(&str) -> bool| {
        let name = names.into_iter().find(|name| fields.node(name).is_some());
        let key = fields.key(name.unwrap_or(names[0]));
        let Some(text) = name.and_then(|name| fields.text(name, report)) else {
            if name.is_none() {
                report.error(at, &key, format!("is missing: {what}"));
            }
            return None;
        };
        let value = text.value.trim();
        if !good(value) {
            report.error(text.at, &key, format!("{} is not allowed: {what}", show(value)));
            return None;
        }
        Some(value.to_owned())
    };
    let arn = value(
        ["Arn", "arn"],
        "the ARN of an access point, arn:aws:elasticfilesystem:<region>:<12 digits>:access-point/fsap-<17 digits>",
        is_access_point,
    );
    let path = value(
        ["LocalMountPath", "local_mount_path"],
        "a folder directly below /mnt, of letters, digits, - _ and .",
        is_mount_path,
    );
    Some(FileSystem { arn: arn?, path: path? })
}

fn is_access_point(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts[..], ["arn", partition, "elasticfilesystem", region, account, point]
    if partition.starts_with("aws")
        && region.split('-').count() >= 3
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && point.strip_prefix("access-point/fsap-").is_some_and(|id| {
            id.len() == 17 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        }))
}

fn is_mount_path(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= LONGEST_PATH
        && text
            .strip_prefix("/mnt/")
            .is_some_and(|name| !matches!(name, "" | "." | "..") && name.bytes().all(good))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_access_points_below_mnt() {
        assert!(is_access_point(
            "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
        ));
        for bad in [
            "fsap-0123456789abcdef0",
            "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-0123456789abcdef0",
            "arn:aws:elasticfilesystem:us-east-1:12:access-point/fsap-0123456789abcdef0",
            "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123",
        ] {
            assert!(!is_access_point(bad), "{bad}");
        }
        for (path, good) in [
            ("/mnt/data", true),
            ("/mnt/a-b_c.d", true),
            ("/mnt/", false),
            ("/mnt/..", false),
            ("/data", false),
            ("/mnt/a/b", false),
        ] {
            assert_eq!(is_mount_path(path), good, "{path}");
        }
    }
}
