//! The policy that narrows a role for scripts. The tests read this file, too, and judge what it leaves.

use serde_json::json;

/// Everything that the role may, but neither the home bucket nor another role, nor what a role needs for Lambda alone: to put its
/// function into a VPC, for which network interfaces of the whole account are named. It has one size, whatever the function does:
/// STS takes 2,048 characters.
pub fn policy(role: &str, home: &str) -> String {
    let partition = role.split(':').nth(1).unwrap_or("aws");
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": [
                format!("arn:{partition}:s3:::{home}"), format!("arn:{partition}:s3:::{home}/*"),
            ]},
            {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"},
            {"Effect": "Deny", "Action": [
                "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses",
            ], "Resource": "*"},
        ],
    })
    .to_string()
}
