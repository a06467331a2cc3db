//! Repositories of Amazon ECR. Blobs and manifests travel by the registry's own protocol, see `core::image`.

use super::budget::Limits;
use super::error::{CloudError, ErrorKind};
use super::{existed, small};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{ImageFailureCode, ImageIdentifier, Tag};
use base64::Engine as _;
use std::collections::BTreeMap;

/// Repositories of a context.
#[derive(Clone, Copy)]
pub struct Repositories<'a> {
    client: &'a Client,
    limits: &'a Limits,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Name, like `throng/grayify`.
    pub name: String,
    /// ARN
    pub arn: String,
    /// `host/name`, without a tag.
    pub uri: String,
}

/// The way into the registry.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryLogin {
    /// `https://host`
    pub endpoint: String,
    /// User name
    pub user: String,
    /// Password; valid for 12 hours.
    pub password: String,
}

impl std::fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryLogin").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl<'a> Repositories<'a> {
    pub(super) const fn new(client: &'a Client, limits: &'a Limits) -> Self {
        Self { client, limits }
    }

    /// A user name and a password for the account's registry in the context's region.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn login(&self) -> Result<RegistryLogin, CloudError> {
        const ACTION: &str = "ecr:GetAuthorizationToken";
        self.limits.other.acquire().await;
        let request = self.client.get_authorization_token();
        let output = small(ACTION, "", request.send()).await?;
        let unreadable = || CloudError::new(ErrorKind::Other, ACTION, "", "the answer holds no token");
        let data = output.authorization_data().first().ok_or_else(unreadable)?;
        let decoded = base64::prelude::BASE64_STANDARD
            .decode(data.authorization_token().unwrap_or_default())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(unreadable)?;
        let (user, password) = decoded.split_once(':').ok_or_else(unreadable)?;
        let endpoint = data.proxy_endpoint().ok_or_else(unreadable)?;
        Ok(RegistryLogin {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }

    /// A repository; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn get(&self, name: &str) -> Result<Option<Repository>, CloudError> {
        const ACTION: &str = "ecr:DescribeRepositories";
        self.limits.other.acquire().await;
        let request = self.client.describe_repositories().repository_names(name);
        match small(ACTION, name, request.send()).await {
            Ok(output) => Ok(output.repositories().first().map(|found| repository(name, found))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a repository.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it exists.
    pub async fn create(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const ACTION: &str = "ecr:CreateRepository";
        self.limits.other.acquire().await;
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags: Vec<_> = tags.iter().map(tag).collect::<Result<_, _>>().map_err(|error| {
            CloudError::new(ErrorKind::Invalid, ACTION, name, format!("a tag is malformed: {error}"))
        })?;
        let tags = (!tags.is_empty()).then_some(tags);
        let request = self.client.create_repository().repository_name(name).set_tags(tags);
        small(ACTION, name, request.send()).await?;
        Ok(())
    }

    /// The lifecycle rules of a repository, as JSON; `None` when it has none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn lifecycle(&self, name: &str) -> Result<Option<String>, CloudError> {
        const ACTION: &str = "ecr:GetLifecyclePolicy";
        self.limits.other.acquire().await;
        let request = self.client.get_lifecycle_policy().repository_name(name);
        match small(ACTION, name, request.send()).await {
            Ok(output) => Ok(output.lifecycle_policy_text().map(str::to_owned)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets the lifecycle rules of a repository.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn set_lifecycle(&self, name: &str, rules: &str) -> Result<(), CloudError> {
        const ACTION: &str = "ecr:PutLifecyclePolicy";
        self.limits.other.acquire().await;
        let request = self.client.put_lifecycle_policy().repository_name(name).lifecycle_policy_text(rules);
        small(ACTION, name, request.send()).await?;
        Ok(())
    }

    /// The tags of a repository.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CloudError> {
        const ACTION: &str = "ecr:ListTagsForResource";
        self.limits.other.acquire().await;
        let request = self.client.list_tags_for_resource().resource_arn(arn);
        let output = small(ACTION, arn, request.send()).await?;
        Ok(output.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
    }

    /// Names of the account's repositories.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn names(&self) -> Result<Vec<String>, CloudError> {
        const ACTION: &str = "ecr:DescribeRepositories";
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            self.limits.other.acquire().await;
            let request = self.client.describe_repositories().set_next_token(token);
            let output = small(ACTION, "", request.send()).await?;
            let page = output.repositories().iter();
            names.extend(page.filter_map(|found| found.repository_name().map(str::to_owned)));
            token = output.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    /// Deletes an image by its tag or its digest (`sha256:…`). `false` when there was none. The registry's own protocol
    /// cannot delete.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn delete_image(&self, name: &str, tag_or_digest: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "ecr:BatchDeleteImage";
        self.limits.other.acquire().await;
        let image = ImageIdentifier::builder();
        let image = if tag_or_digest.starts_with("sha256:") {
            image.image_digest(tag_or_digest)
        } else {
            image.image_tag(tag_or_digest)
        };
        let request = self.client.batch_delete_image().repository_name(name).image_ids(image.build());
        match small(ACTION, name, request.send()).await {
            Ok(output) => match output.failures().first() {
                None => Ok(true),
                Some(failure) if failure.failure_code() == Some(&ImageFailureCode::ImageNotFound) => {
                    Ok(false)
                }
                Some(failure) => {
                    let reason = failure.failure_reason().unwrap_or("no reason given");
                    Err(CloudError::new(ErrorKind::Conflict, ACTION, name, reason))
                }
            },
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes a repository with its images. `false` when there was none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn delete(&self, name: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "ecr:DeleteRepository";
        self.limits.other.acquire().await;
        let request = self.client.delete_repository().repository_name(name).force(true);
        existed(small(ACTION, name, request.send()).await)
    }
}

fn repository(name: &str, found: &aws_sdk_ecr::types::Repository) -> Repository {
    Repository {
        name: name.to_owned(),
        arn: found.repository_arn().unwrap_or_default().to_owned(),
        uri: found.repository_uri().unwrap_or_default().to_owned(),
    }
}
