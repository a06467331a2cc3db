//! Repositories of Amazon ECR. Blobs and manifests travel by the registry's own protocol, see `core::image`.

use super::api::ecr::{self, ImageId, Tag};
use super::api::{Client, Operation};
use super::error::{CloudError, ErrorKind};
use super::{existed, found};
use base64::Engine as _;
use std::collections::BTreeMap;

/// Repositories of a context.
#[derive(Clone, Copy)]
pub struct Repositories<'a> {
    client: &'a Client,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Name, like `throng/grayify`.
    pub name: String,
    /// Its ARN, which names account and region.
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
    pub(super) const fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// A user name and a password for the account's registry in the context's region.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn login(&self) -> Result<RegistryLogin, CloudError> {
        let answer = self.client.call("", &ecr::GetAuthorizationToken {}).await?;
        login(answer).ok_or_else(|| {
            let action = <ecr::GetAuthorizationToken as Operation>::ACTION;
            CloudError::new(ErrorKind::Other, action, "", "the answer holds no token")
        })
    }

    /// A repository; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn get(&self, name: &str) -> Result<Option<Repository>, CloudError> {
        let request = ecr::DescribeRepositories { repository_names: Some([name]), next_token: None };
        let answer = found(self.client.call(name, &request).await)?;
        let first = answer.and_then(|answer| answer.repositories?.into_iter().next());
        Ok(first.map(|found| Repository {
            name: name.to_owned(),
            arn: found.repository_arn.unwrap_or_default(),
            uri: found.repository_uri.unwrap_or_default(),
        }))
    }

    /// Makes a repository.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it exists.
    pub async fn create(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        let tags = tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
        self.client.call(name, &ecr::CreateRepository { repository_name: name, tags }).await?;
        Ok(())
    }

    /// The lifecycle rules of a repository, as JSON; `None` when it has none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn lifecycle(&self, name: &str) -> Result<Option<String>, CloudError> {
        let answer = found(self.client.call(name, &ecr::GetLifecyclePolicy { repository_name: name }).await)?;
        Ok(answer.and_then(|answer| answer.lifecycle_policy_text))
    }

    /// Sets the lifecycle rules of a repository.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn set_lifecycle(&self, name: &str, rules: &str) -> Result<(), CloudError> {
        let request = ecr::PutLifecyclePolicy { repository_name: name, lifecycle_policy_text: rules };
        self.client.call(name, &request).await?;
        Ok(())
    }

    /// Who may use a repository beside its account's own users: a policy as JSON; `None` when it has none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn policy(&self, name: &str) -> Result<Option<String>, CloudError> {
        let answer =
            found(self.client.call(name, &ecr::GetRepositoryPolicy { repository_name: name }).await)?;
        Ok(answer.and_then(|answer| answer.policy_text))
    }

    /// Sets who may use a repository: a policy as JSON.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn set_policy(&self, name: &str, policy: &str) -> Result<(), CloudError> {
        self.client
            .call(name, &ecr::SetRepositoryPolicy { repository_name: name, policy_text: policy })
            .await?;
        Ok(())
    }

    /// The tags of a repository.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CloudError> {
        let answer = self.client.call(arn, &ecr::ListTagsForResource { resource_arn: arn }).await?;
        let tags = answer.tags.unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Names of the account's repositories.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn names(&self) -> Result<Vec<String>, CloudError> {
        let (mut names, mut request) = (Vec::new(), ecr::DescribeRepositories::default());
        loop {
            let answer = self.client.call("", &request).await?;
            let page = answer.repositories.unwrap_or_default();
            names.extend(page.into_iter().filter_map(|found| found.repository_name));
            request.next_token = answer.next_token.filter(|token| !token.is_empty());
            if request.next_token.is_none() {
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
        let image = if tag_or_digest.starts_with("sha256:") {
            ImageId::ImageDigest(tag_or_digest)
        } else {
            ImageId::ImageTag(tag_or_digest)
        };
        let request = ecr::BatchDeleteImage { repository_name: name, image_ids: [image] };
        let Some(answer) = found(self.client.call(name, &request).await)? else { return Ok(false) };
        match answer.failures.and_then(|failures| failures.into_iter().next()) {
            None => Ok(true),
            Some(failure) if failure.failure_code.as_deref() == Some("ImageNotFound") => Ok(false),
            Some(failure) => {
                let action = <ecr::BatchDeleteImage<'_> as Operation>::ACTION;
                let reason = failure.failure_reason.unwrap_or_else(|| "no reason given".into());
                Err(CloudError::new(ErrorKind::Conflict, action, name, reason))
            }
        }
    }

    /// Deletes a repository with its images. `false` when there was none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn delete(&self, name: &str) -> Result<bool, CloudError> {
        existed(self.client.call(name, &ecr::DeleteRepository { repository_name: name, force: true }).await)
    }
}

/// The way into the registry, out of the token for it.
fn login(answer: ecr::GetAuthorizationTokenOutput) -> Option<RegistryLogin> {
    let data = answer.authorization_data?.into_iter().next()?;
    let decoded = base64::prelude::BASE64_STANDARD.decode(data.authorization_token?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(RegistryLogin {
        endpoint: data.proxy_endpoint?.trim_end_matches('/').to_owned(),
        user: user.to_owned(),
        password: password.to_owned(),
    })
}
