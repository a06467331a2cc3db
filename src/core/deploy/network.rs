//! VPC and file systems of EFS: what a plan says of them.

use super::role::Role;
use crate::cloud::FunctionSettings;
use crate::definition::Definition;

/// What a new function is told to join and to mount, in words.
pub(super) fn words(settings: &FunctionSettings) -> Vec<String> {
    let mut words = Vec::new();
    if !settings.subnets.is_empty() {
        words.push(format!(
            "in {} with {}",
            settings.subnets.join(", "),
            settings.security_groups.join(", ")
        ));
    }
    words.extend(settings.file_systems.iter().map(|(arn, path)| format!("{arn} at {path}")));
    words
}

/// What a person should know.
pub(super) fn notes(is_local: bool, definition: &Definition, role: &Role) -> Vec<String> {
    let Some(network) = &definition.network else { return Vec::new() };
    if is_local {
        let mut left = vec![format!("`vpc` ({})", network.subnets.join(", "))];
        left.extend(
            definition.file_systems.iter().map(|file_system| format!("`file_system` ({})", file_system.path)),
        );
        let mounted = definition.file_systems.first().map_or_else(String::new, |file_system| {
            format!(
                "; a script finds no folder {}: give it what it reads there another way to try it",
                file_system.path
            )
        });
        return vec![format!(
            "not applied in the local context, which has no VPC and no EFS: {}. On AWS they are{mounted}",
            left.join(" and ")
        )];
    }
    let mut notes = vec![
        "in a VPC the function reaches S3 and STS only through endpoints of the VPC or a NAT gateway: without them every task fails \
         after its time is up"
            .to_owned(),
    ];
    if let Role::Named(arn) = role {
        let mount = if definition.file_systems.is_empty() {
            ""
        } else {
            ", and elasticfilesystem:ClientMount and ClientWrite for the file system"
        };
        notes.push(format!(
            "role {arn} must be allowed to make network interfaces (ec2:CreateNetworkInterface, DescribeNetworkInterfaces, \
             DescribeSubnets, DeleteNetworkInterface, AssignPrivateIpAddresses, UnassignPrivateIpAddresses){mount}"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{FileSystem, Network};
    use std::path::Path;

    #[test]
    fn what_is_not_applied_and_what_a_role_needs_is_said() {
        let mut definition = Definition::named("f", Path::new("/"));
        let role = Role::Named("arn:aws:iam::123456789012:role/mine".into());
        assert!(notes(true, &definition, &role).is_empty() && notes(false, &definition, &role).is_empty());
        definition.network =
            Some(Network { subnets: vec!["subnet-a".into()], security_groups: vec!["sg-a".into()] });
        definition.file_systems = vec![FileSystem { arn: "arn:x".into(), path: "/mnt/data".into() }];
        let local = notes(true, &definition, &role).join("\n");
        for part in [
            "not applied in the local context",
            "`vpc` (subnet-a)",
            "`file_system` (/mnt/data)",
            "no folder /mnt/data",
        ] {
            assert!(local.contains(part), "{part}: {local}");
        }
        let away = notes(false, &definition, &role).join("\n");
        assert!(
            away.contains("NAT gateway") && away.contains("role/mine") && away.contains("ClientMount"),
            "{away}"
        );
    }
}
