//! Operations, in the query protocol: a form there, XML back.

use super::Iam;
use super::error::IamError;
use super::model::Role;
use super::xml;
use crate::access::Needs;
use crate::policy::{Document, Refused, Trust};
use crate::protocol::text::escaped;
use crate::protocol::{Body, SignedService};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use std::collections::BTreeMap;
use throng_contract::local::ACCOUNT;

/// Characters of all inline policies of a role, white space left out (IAM's quota).
const POLICY_CHARACTERS: usize = 10_240;
/// Characters of a trust policy (IAM's quota, as it is by default).
const TRUST_CHARACTERS: usize = 2_048;
/// Longest name of a role.
const ROLE_NAME: usize = 64;
/// Longest name of a policy.
const POLICY_NAME: usize = 128;

/// The members of a request.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    fn read(request: &Request<Bytes>) -> Self {
        Self::of(request.body(), request.uri().query().unwrap_or_default())
    }

    fn of(body: &[u8], query: &str) -> Self {
        let parts = [body, query.as_bytes()];
        let pairs = parts.into_iter().flat_map(url::form_urlencoded::parse);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn get(&self, name: &str) -> Result<&str, IamError> {
        self.given(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            IamError::validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                lower_first(name)
            ))
        })
    }

    /// The values of a list, as `NAME.1`, `NAME.2` …
    pub(super) fn members<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        (1..).map_while(move |number: usize| self.given(&format!("{name}.{number}")))
    }

    /// Refuses members that would change what the caller gets, and are not obeyed here.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), IamError> {
        let name = |member: &str| member.split('.').next().unwrap_or_default().to_owned();
        let is_known = |name: &str| {
            ["Action", "Version"].contains(&name) || known.contains(&name) || name.starts_with("X-Amz-")
        };
        match self.0.keys().map(|member| name(member)).find(|name| !is_known(name)) {
            Some(name) => Err(IamError::validation(format!("The local cloud's IAM does not have {name}"))),
            None => Ok(()),
        }
    }

    fn tags(&self) -> BTreeMap<String, String> {
        let pair = |number: usize| {
            let key = self.given(&format!("Tags.member.{number}.Key"))?;
            let value = self.given(&format!("Tags.member.{number}.Value")).unwrap_or_default();
            Some((key.to_owned(), value.to_owned()))
        };
        (1..).map_while(pair).collect()
    }
}

fn lower_first(name: &str) -> String {
    name.char_indices().map(|(at, c)| if at == 0 { c.to_ascii_lowercase() } else { c }).collect()
}

#[async_trait::async_trait]
impl SignedService for Iam {
    async fn handle(&self, request: Request<Bytes>) -> Response<Body> {
        let form = Form::read(&request);
        let operation = form.given("Action").unwrap_or_default();
        match self.call(operation, &form).await {
            Ok(result) => xml::done(operation, &result),
            Err(error) => error.response(),
        }
    }

    fn needs(&self, parts: &Parts, body: &[u8]) -> Vec<Needs> {
        let form = Form::of(body, parts.uri.query().unwrap_or_default());
        let name = form.given("RoleName").unwrap_or("*");
        let arn = match self.store.get(name) {
            Ok(role) => role.arn(),
            Err(_) => format!("arn:aws:iam::{ACCOUNT}:role{}{name}", form.given("Path").unwrap_or("/")),
        };
        vec![Needs::new(format!("iam:{}", form.given("Action").unwrap_or_default()), arn)]
    }
}

impl Iam {
    async fn call(&self, operation: &str, form: &Form) -> Result<String, IamError> {
        match operation {
            "CreateRole" => self.create(form).await,
            "GetRole" => {
                Ok(format!("<Role>{}</Role>", xml::role(&*self.store.get(form.get("RoleName")?)?, true)))
            }
            "ListRoles" => {
                let roles = self.store.all(form.given("PathPrefix").unwrap_or("/"));
                let all = xml::members(roles.iter().map(|role| xml::role(role, false)));
                Ok(format!("<IsTruncated>false</IsTruncated><Roles>{all}</Roles>"))
            }
            "DeleteRole" => self.delete(form).await,
            "UpdateAssumeRolePolicy" => {
                let trust = self.trust(form.get("PolicyDocument")?)?;
                let set = |role: &mut Role| {
                    role.trust = trust;
                    Ok(())
                };
                self.store.change(form.get("RoleName")?, set).await?;
                Ok(String::new())
            }
            "TagRole" => {
                let tags = form.tags();
                let set = |role: &mut Role| {
                    role.tags.extend(tags);
                    Ok(())
                };
                self.store.change(form.get("RoleName")?, set).await?;
                Ok(String::new())
            }
            "ListRoleTags" => {
                let tags = xml::tags(&*self.store.get(form.get("RoleName")?)?);
                Ok(format!("<IsTruncated>false</IsTruncated><Tags>{tags}</Tags>"))
            }
            "PutRolePolicy" => self.put_policy(form).await,
            "GetRolePolicy" => self.get_policy(form),
            "DeleteRolePolicy" => self.delete_policy(form).await,
            "ListRolePolicies" => {
                let role = self.store.get(form.get("RoleName")?)?;
                let names = xml::members(role.policies.keys().map(|name| escaped(name)));
                Ok(format!("<IsTruncated>false</IsTruncated><PolicyNames>{names}</PolicyNames>"))
            }
            "SimulatePrincipalPolicy" => self.simulate(form),
            // The local cloud has no managed policies.
            "ListAttachedRolePolicies" => {
                self.store.get(form.get("RoleName")?)?;
                Ok("<IsTruncated>false</IsTruncated><AttachedPolicies/>".into())
            }
            other => Err(IamError::new(
                400,
                "InvalidAction",
                format!(
                    "The local cloud's IAM does not have {other}: it has roles with inline policies, no users, groups \
                     or managed policies"
                ),
            )),
        }
    }

    async fn create(&self, form: &Form) -> Result<String, IamError> {
        form.only(&[
            "RoleName",
            "Path",
            "Description",
            "AssumeRolePolicyDocument",
            "MaxSessionDuration",
            "Tags",
        ])?;
        let name = name("roleName", form.get("RoleName")?, ROLE_NAME)?;
        let path = form.given("Path").unwrap_or("/");
        if !(path.starts_with('/') && path.ends_with('/') && path.len() <= 512) {
            let message = "The specified value for path is invalid. It must begin and end with / and contain only \
                           alphanumeric characters and/or / characters.";
            return Err(IamError::validation(message));
        }
        let role = Role {
            name: name.to_owned(),
            path: path.to_owned(),
            id: format!("AROA{}", &uuid::Uuid::new_v4().simple().to_string().to_uppercase()[..17]),
            description: form.given("Description").unwrap_or_default().to_owned(),
            created_ms: jiff::Timestamp::now().as_millisecond(),
            trust: self.trust(form.get("AssumeRolePolicyDocument")?)?,
            max_session_s: form.given("MaxSessionDuration").map_or(Ok(3600), max_session)?,
            tags: form.tags(),
            policies: BTreeMap::new(),
            deleted: false,
        };
        let role = self.store.insert(role).await?;
        Ok(format!("<Role>{}</Role>", xml::role(&role, true)))
    }

    async fn delete(&self, form: &Form) -> Result<String, IamError> {
        let forget = |role: &mut Role| {
            if !role.policies.is_empty() {
                let message = "Cannot delete entity, must delete policies first.";
                return Err(IamError::new(409, "DeleteConflict", message));
            }
            role.deleted = true;
            Ok(())
        };
        self.store.change(form.get("RoleName")?, forget).await?;
        Ok(String::new())
    }

    /// A trust policy, kept as it was written.
    fn trust(&self, text: &str) -> Result<String, IamError> {
        let trust = Trust::read(text).map_err(|refused| malformed(&refused))?;
        let is_there = |arn: &&str| self.store.id(arn).is_some();
        if let Some(gone) = trust.roles().find(|arn| !is_there(arn)) {
            return Err(malformed(&Refused::principal("AWS", gone)));
        }
        if text.chars().filter(|c| !c.is_whitespace()).count() > TRUST_CHARACTERS {
            let message = format!("Cannot exceed quota for ACLSizePerRole: {TRUST_CHARACTERS}");
            return Err(IamError::new(409, "LimitExceeded", message));
        }
        Ok(text.to_owned())
    }

    async fn put_policy(&self, form: &Form) -> Result<String, IamError> {
        let name = name("policyName", form.get("PolicyName")?, POLICY_NAME)?.to_owned();
        let text = form.get("PolicyDocument")?.to_owned();
        Document::read(&text).map_err(|refused| malformed(&refused))?;
        let set = |role: &mut Role| {
            role.policies.insert(name, text);
            let all = role.policies.values().flat_map(|text| text.chars());
            if all.filter(|c| !c.is_whitespace()).count() > POLICY_CHARACTERS {
                let message = format!(
                    "Maximum policy size of {POLICY_CHARACTERS} bytes exceeded for role {}",
                    role.name
                );
                return Err(IamError::new(409, "LimitExceeded", message));
            }
            Ok(())
        };
        self.store.change(form.get("RoleName")?, set).await?;
        Ok(String::new())
    }

    fn get_policy(&self, form: &Form) -> Result<String, IamError> {
        let (role, name) = (self.store.get(form.get("RoleName")?)?, form.get("PolicyName")?);
        let text = role.policies.get(name).ok_or_else(|| no_policy(name))?;
        Ok(format!(
            "<RoleName>{}</RoleName><PolicyName>{}</PolicyName><PolicyDocument>{}</PolicyDocument>",
            escaped(&role.name),
            escaped(name),
            xml::document(text)
        ))
    }

    async fn delete_policy(&self, form: &Form) -> Result<String, IamError> {
        let name = form.get("PolicyName")?;
        let remove = |role: &mut Role| role.policies.remove(name).map(drop).ok_or_else(|| no_policy(name));
        self.store.change(form.get("RoleName")?, remove).await?;
        Ok(String::new())
    }
}

fn no_policy(name: &str) -> IamError {
    IamError::no_entity(format!("The role policy with name {name} cannot be found."))
}

/// A name that IAM takes.
fn name<'a>(member: &str, name: &'a str, longest: usize) -> Result<&'a str, IamError> {
    if name.len() <= longest && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
        return Ok(name);
    }
    Err(IamError::validation(format!(
        "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the \
         following: +=,.@_- and have at most {longest}"
    )))
}

fn malformed(refused: &Refused) -> IamError {
    IamError::new(400, "MalformedPolicyDocument", refused.to_string())
}

/// Longest session of a role, in seconds.
fn max_session(text: &str) -> Result<u32, IamError> {
    text.parse().ok().filter(|seconds| (3600..=43_200).contains(seconds)).ok_or_else(|| {
        IamError::validation(format!(
            "1 validation error detected: Value '{text}' at 'maxSessionDuration' failed to satisfy constraint: Member \
             must have value between 3600 and 43200"
        ))
    })
}
