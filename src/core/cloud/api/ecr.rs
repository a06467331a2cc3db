//! Operations of Amazon ECR.

// Members have the names of AWS's model.
#![allow(clippy::struct_field_names)]

use super::{Hosts, Protocol, Service, operations};
use serde::{Deserialize, Serialize};

/// Amazon ECR.
pub static ECR: Service = Service {
    id: "ECR",
    signing_name: "ecr",
    protocol: Protocol::Json { target: Some("AmazonEC2ContainerRegistry_V20150921") },
    hosts: Hosts::Regional { name: "api.ecr", dual_stack: Some("ecr") },
};

operations! {
    "ecr":
    GetAuthorizationToken -> GetAuthorizationTokenOutput,
    DescribeRepositories<'_> -> DescribeRepositoriesOutput,
    CreateRepository<'_> -> Empty,
    DeleteRepository<'_> -> Empty,
    GetLifecyclePolicy<'_> -> GetLifecyclePolicyOutput,
    PutLifecyclePolicy<'_> -> Empty,
    GetRepositoryPolicy<'_> -> GetRepositoryPolicyOutput,
    SetRepositoryPolicy<'_> -> Empty,
    ListTagsForResource<'_> -> ListTagsForResourceOutput,
    BatchDeleteImage<'_> -> BatchDeleteImageOutput,
}

#[derive(Serialize)]
pub struct GetAuthorizationToken {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetAuthorizationTokenOutput {
    pub authorization_data: Option<Vec<AuthorizationData>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationData {
    /// `user:password`, in base64.
    pub authorization_token: Option<String>,
    pub proxy_endpoint: Option<String>,
}

impl std::fmt::Debug for AuthorizationData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizationData")
            .field("proxy_endpoint", &self.proxy_endpoint)
            .finish_non_exhaustive()
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRepositories<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_names: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRepositoriesOutput {
    pub repositories: Option<Vec<Repository>>,
    pub next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    pub repository_name: Option<String>,
    pub repository_arn: Option<String>,
    pub repository_uri: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRepository<'a> {
    pub repository_name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A tag; alone in this API its members begin with capitals.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

/// Nothing of the answer is of interest.
#[derive(Debug, Deserialize)]
pub struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteRepository<'a> {
    pub repository_name: &'a str,
    /// With its images.
    pub force: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetLifecyclePolicy<'a> {
    pub repository_name: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetLifecyclePolicyOutput {
    pub lifecycle_policy_text: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PutLifecyclePolicy<'a> {
    pub repository_name: &'a str,
    pub lifecycle_policy_text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetRepositoryPolicy<'a> {
    pub repository_name: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetRepositoryPolicyOutput {
    pub policy_text: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetRepositoryPolicy<'a> {
    pub repository_name: &'a str,
    pub policy_text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTagsForResource<'a> {
    pub resource_arn: &'a str,
}

#[derive(Debug, Deserialize)]
pub struct ListTagsForResourceOutput {
    pub tags: Option<Vec<Tag>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchDeleteImage<'a> {
    pub repository_name: &'a str,
    pub image_ids: [ImageId<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ImageId<'a> {
    ImageDigest(&'a str),
    ImageTag(&'a str),
}

#[derive(Debug, Deserialize)]
pub struct BatchDeleteImageOutput {
    pub failures: Option<Vec<Failure>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub failure_code: Option<String>,
    pub failure_reason: Option<String>,
}
