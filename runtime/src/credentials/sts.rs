//! The role, assumed by itself with a policy that narrows it (STS `AssumeRole`).

use super::{Narrowed, narrow};
use crate::config::RuntimeSettings;
use crate::s3::element;
use crate::sigv4::{self, Credentials as Keys, Signer};
use crate::{clock, http};
use sha2::{Digest as _, Sha256};
use std::time::{Duration, Instant};
use throng_contract::{layout, partition};

/// How long narrowed credentials are good: the longest for a role that a role assumes (AWS, "Role chaining").
const SECONDS: u64 = 3_600;
/// Longest answer that is read.
const ANSWER: u64 = 64 * 1024;
/// Longest name of a session.
const LONGEST_NAME: usize = 64;

/// What is asked of STS, and of whom.
pub struct Sts {
    role: String,
    policy: String,
    session: String,
    region: String,
    endpoint: String,
    signer: Signer,
}

impl Sts {
    /// As the environment of the function says. The error is a sentence for the script.
    pub fn of(settings: &RuntimeSettings) -> Result<Self, String> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let role = read(layout::ENV_ROLE)
            .ok_or("the function does not know its role: deploy it again, or set `credentials: none`")?;
        // Without its name it could not be denied.
        let home = settings.home_bucket.as_deref().filter(|home| !home.is_empty());
        let home = home.ok_or(
            "the function does not know its home bucket: deploy it again, or set `credentials: none`",
        )?;
        let keys = Keys::from_env().ok_or("the environment has no credentials")?;
        let region =
            read("AWS_REGION").or_else(|| read("AWS_DEFAULT_REGION")).unwrap_or_else(|| "us-east-1".into());
        let endpoint = read("AWS_ENDPOINT_URL_STS")
            .or_else(|| read("AWS_ENDPOINT_URL"))
            .unwrap_or_else(|| format!("https://{}", partition::host("sts", &region)));
        let good = |c: char| if c.is_ascii_alphanumeric() || "=,.@-_".contains(c) { c } else { '-' };
        let session =
            format!("throng-{}", settings.function.name).chars().map(good).take(LONGEST_NAME).collect();
        Ok(Self {
            policy: narrow::policy(&role, home),
            role,
            session,
            region,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            signer: Signer::for_sts(keys),
        })
    }

    /// Asks STS.
    pub fn assume(&self) -> Result<Narrowed, String> {
        let asked = Instant::now();
        let answer = self.call().map_err(|error| {
            format!("narrowed credentials cannot be had: {error}; the role's own are not given to scripts")
        })?;
        let part = |name: &str| element(&answer, name).ok_or_else(|| format!("STS gave no {name}"));
        Ok(Narrowed {
            keys: Keys {
                access_key: part("AccessKeyId")?,
                secret_key: part("SecretAccessKey")?,
                token: Some(part("SessionToken")?),
            },
            expiration: part("Expiration")?,
            until: asked + Duration::from_secs(SECONDS),
        })
    }

    fn call(&self) -> Result<String, String> {
        let form = |value: &str| sigv4::encode(value, false);
        let body = format!(
            "Action=AssumeRole&DurationSeconds={SECONDS}&Policy={}&RoleArn={}&RoleSessionName={}&Version=2011-06-15",
            form(&self.policy),
            form(&self.role),
            form(&self.session)
        );
        let payload = hex::encode(Sha256::digest(&body));
        let time = clock::amz(clock::now_ms());
        let host = self.endpoint.split_once("://").map_or(self.endpoint.as_str(), |(_, host)| host);
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", host),
            ("x-amz-date", time.as_str()),
        ];
        headers.extend(self.signer.token().map(|token| ("x-amz-security-token", token)));
        let to_sign =
            sigv4::Request { method: "POST", path: "/", query: "", headers: &headers, payload: &payload };
        let authorization = self.signer.authorization(&to_sign, &self.region, &time);
        let tls = self.endpoint.starts_with("https:");
        let mut request = http::storage(tls, true).post(format!("{}/", self.endpoint));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let sent = request.header("authorization", authorization).send(body.as_bytes());
        let mut response = sent.map_err(|error| format!("no answer from STS: {error}"))?;
        let bytes = response.body_mut().with_config().limit(ANSWER).read_to_vec().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if response.status().is_success() {
            return Ok(text);
        }
        let word = |name: &str| element(&text, name).unwrap_or_default();
        Err(format!("STS answers {}: {} {}", response.status(), word("Code"), word("Message")))
    }
}

#[cfg(test)]
mod tests {
    use crate::credentials::narrow::policy;

    #[test]
    fn the_policy_leaves_everything_but_the_ledger_and_has_one_size() {
        let text = policy("arn:aws-cn:iam::1:role/throng/f", "home");
        assert!(text.contains("arn:aws-cn:s3:::home/*") && text.len() < 2_048, "{text}");
    }
}
