//! Operations of IAM.

// Members have the names of AWS's model.
#![allow(clippy::struct_field_names)]

use super::{GlobalHost, Hosts, List, Protocol, Service, operations};
use serde::{Deserialize, Serialize};

/// IAM: one per partition.
pub static IAM: Service = Service {
    id: "IAM",
    signing_name: "iam",
    protocol: Protocol::Query { version: "2010-05-08" },
    hosts: Hosts::Global(&[
        GlobalHost {
            partition: "aws",
            region: "us-east-1",
            plain: "iam.amazonaws.com",
            fips: "iam-fips.amazonaws.com",
            dual_stack: "iam.global.api.aws",
            fips_dual_stack: "iam-fips.global.api.aws",
        },
        GlobalHost {
            partition: "aws-cn",
            region: "cn-north-1",
            plain: "iam.cn-north-1.amazonaws.com.cn",
            fips: "iam-fips.amazonaws.com.cn",
            dual_stack: "iam.global.api.amazonwebservices.com.cn",
            fips_dual_stack: "iam-fips.api.amazonwebservices.com.cn",
        },
        GlobalHost {
            partition: "aws-us-gov",
            region: "us-gov-west-1",
            plain: "iam.us-gov.amazonaws.com",
            fips: "iam.us-gov.amazonaws.com",
            dual_stack: "iam.us-gov.api.aws",
            fips_dual_stack: "iam.us-gov.api.aws",
        },
        GlobalHost {
            partition: "aws-eusc",
            region: "eusc-de-east-1",
            plain: "iam.eusc-de-east-1.amazonaws.eu",
            fips: "iam-fips.amazonaws.eu",
            dual_stack: "iam.global.api.amazonwebservices.eu",
            fips_dual_stack: "iam-fips.api.amazonwebservices.eu",
        },
        GlobalHost {
            partition: "aws-iso",
            region: "us-iso-east-1",
            plain: "iam.us-iso-east-1.c2s.ic.gov",
            fips: "iam-fips.us-iso-east-1.c2s.ic.gov",
            dual_stack: "iam.api.aws.ic.gov",
            fips_dual_stack: "iam-fips.api.aws.ic.gov",
        },
        GlobalHost {
            partition: "aws-iso-b",
            region: "us-isob-east-1",
            plain: "iam.us-isob-east-1.sc2s.sgov.gov",
            fips: "iam-fips.us-isob-east-1.sc2s.sgov.gov",
            dual_stack: "iam.api.aws.scloud",
            fips_dual_stack: "iam-fips.api.aws.scloud",
        },
        GlobalHost {
            partition: "aws-iso-e",
            region: "eu-isoe-west-1",
            plain: "iam.eu-isoe-west-1.cloud.adc-e.uk",
            fips: "iam-fips.cloud.adc-e.uk",
            dual_stack: "iam.api.cloud-aws.adc-e.uk",
            fips_dual_stack: "iam-fips.api.cloud-aws.adc-e.uk",
        },
        GlobalHost {
            partition: "aws-iso-f",
            region: "us-isof-south-1",
            plain: "iam.us-isof-south-1.csp.hci.ic.gov",
            fips: "iam-fips.csp.hci.ic.gov",
            dual_stack: "iam.api.aws.hci.ic.gov",
            fips_dual_stack: "iam-fips.api.aws.hci.ic.gov",
        },
    ]),
};

operations! {
    "iam":
    GetRole<'_> -> GetRoleOutput,
    CreateRole<'_> -> Empty,
    DeleteRole<'_> -> Empty,
    GetRolePolicy<'_> -> GetRolePolicyOutput,
    PutRolePolicy<'_> -> Empty,
    UpdateAssumeRolePolicy<'_> -> Empty,
    DeleteRolePolicy<'_> -> Empty,
    SimulatePrincipalPolicy<'_> -> SimulatePrincipalPolicyOutput,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRole<'a> {
    pub role_name: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRoleOutput {
    pub role: Role,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    pub arn: String,
    /// JSON, percent-encoded (RFC 3986).
    #[serde(default)]
    pub assume_role_policy_document: String,
    #[serde(default)]
    pub tags: List<Tag>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRole<'a> {
    pub path: &'a str,
    pub role_name: &'a str,
    pub description: &'a str,
    pub assume_role_policy_document: &'a str,
    pub tags: List<Tag>,
}

/// Nothing of the answer is of interest.
#[derive(Debug, Deserialize)]
pub struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteRole<'a> {
    pub role_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRolePolicy<'a> {
    pub role_name: &'a str,
    pub policy_name: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRolePolicyOutput {
    /// JSON, percent-encoded (RFC 3986).
    pub policy_document: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRolePolicy<'a> {
    pub role_name: &'a str,
    pub policy_name: &'a str,
    pub policy_document: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAssumeRolePolicy<'a> {
    pub role_name: &'a str,
    pub policy_document: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteRolePolicy<'a> {
    pub role_name: &'a str,
    pub policy_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SimulatePrincipalPolicy<'a> {
    pub policy_source_arn: &'a str,
    pub action_names: List<&'a str>,
    pub resource_arns: List<&'a str>,
    pub context_entries: List<ContextEntry<'a>>,
    pub marker: Option<String>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContextEntry<'a> {
    pub context_key_name: &'a str,
    pub context_key_type: &'a str,
    pub context_key_values: List<&'a str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SimulatePrincipalPolicyOutput {
    #[serde(default)]
    pub evaluation_results: List<Evaluation>,
    #[serde(default)]
    pub is_truncated: bool,
    pub marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Evaluation {
    pub eval_action_name: String,
    #[serde(default)]
    pub eval_resource_name: String,
    /// `allowed`, or how it is denied.
    pub eval_decision: String,
}
