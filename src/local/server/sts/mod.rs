//! STS: who a caller is, and becoming a role.
//!
//! ```text
//! assume   who may become a role, and for how long
//! ```

mod assume;

#[cfg(test)]
mod tests;

use crate::access::{Access, Caller, Needs};
use crate::protocol::SignedService;
use crate::protocol::auth::Denied;
use crate::protocol::body::{Body, answer};
use assume::{Sessions, Wanted};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use std::collections::HashMap;
use std::sync::Arc;
use throng_contract::local::ACCOUNT;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The local STS.
#[derive(Debug)]
pub struct Sts {
    access: Arc<Access>,
    sessions: Sessions,
}

impl Sts {
    /// For those who may ask.
    #[must_use]
    pub fn new(access: Arc<Access>) -> Self {
        Self { access, sessions: Sessions::default() }
    }

    fn identity(&self, caller: &Caller) -> String {
        let user = match caller {
            Caller::Role(session) => self.access.user_id(session),
            Caller::Person => ACCOUNT.to_owned(),
        };
        format!("<Arn>{}</Arn><UserId>{user}</UserId><Account>{ACCOUNT}</Account>", caller.arn())
    }

    fn assume_role(
        &self,
        caller: &Caller,
        form: &HashMap<String, String>,
    ) -> Result<String, assume::Refused> {
        if let Some(unknown) = form.keys().find(|name| !is_known(name)) {
            let name = unknown.split('.').next().unwrap_or_default();
            return Err(("ValidationError", format!("The local STS does not have {name} of AssumeRole")));
        }
        let get = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let missing = |name: &str| ("ValidationError", format!("{name} is required"));
        let wanted = Wanted {
            role: get("RoleArn").ok_or_else(|| missing("RoleArn"))?,
            session: get("RoleSessionName").ok_or_else(|| missing("RoleSessionName"))?,
            seconds: get("DurationSeconds"),
            policy: get("Policy"),
            external_id: get("ExternalId"),
        };
        let assumed = self.sessions.assume(&self.access, caller, &wanted)?;
        let expires = jiff::Timestamp::try_from(assumed.expires).unwrap_or_default();
        Ok(format!(
            "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
             <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>\
             <AssumedRoleUser><Arn>{}</Arn><AssumedRoleId>{}</AssumedRoleId></AssumedRoleUser>",
            assumed.access_key_id,
            assumed.secret_access_key,
            assumed.token,
            expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            assumed.arn,
            assumed.user_id
        ))
    }
}

#[async_trait::async_trait]
impl SignedService for Sts {
    async fn handle(&self, request: Request<Bytes>) -> Response<Body> {
        let owned = |(name, value): (std::borrow::Cow<str>, std::borrow::Cow<str>)| {
            (name.into_owned(), value.into_owned())
        };
        let texts = [request.body().as_ref(), request.uri().query().unwrap_or_default().as_bytes()];
        let form: HashMap<String, String> =
            texts.into_iter().flat_map(url::form_urlencoded::parse).map(owned).collect();
        let caller = request.extensions().get::<Caller>().cloned().unwrap_or(Caller::Person);
        match form.get("Action").map(String::as_str) {
            Some("GetCallerIdentity") => done("GetCallerIdentity", &self.identity(&caller)),
            Some("AssumeRole") => match self.assume_role(&caller, &form) {
                Ok(result) => done("AssumeRole", &result),
                Err((code, message)) => {
                    let forbidden = code == "AccessDenied";
                    let status = if forbidden { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
                    error(status, code, &message)
                }
            },
            _ => error(
                StatusCode::BAD_REQUEST,
                "InvalidAction",
                "Could not find operation for version 2011-06-15",
            ),
        }
    }

    /// Whoever can sign may ask who they are; who may become a role is asked there, where the trust of the role is known.
    fn needs(&self, _parts: &Parts, _body: &[u8]) -> Vec<Needs> {
        Vec::new()
    }
}

/// Members of `AssumeRole` that are obeyed. Another one (tags, further policies) would change what the caller gets.
fn is_known(member: &str) -> bool {
    const KNOWN: [&str; 7] =
        ["Action", "Version", "RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "ExternalId"];
    KNOWN.contains(&member) || member.starts_with("X-Amz-")
}

fn done(operation: &str, result: &str) -> Response<Body> {
    let request_id = uuid::Uuid::new_v4();
    let text = format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    with_id(answer(StatusCode::OK, "text/xml", text), request_id)
}

/// A refusal as services of the query protocol write it: in XML, and with codes of their own.
pub fn denied(denied: &Denied) -> Response<Body> {
    error(denied.status, denied.query_code(), &denied.message)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let request_id = uuid::Uuid::new_v4();
    // The messages have nothing to escape but what a client sent.
    let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    );
    with_id(answer(status, "text/xml", text), request_id)
}

fn with_id(mut response: Response<Body>, id: uuid::Uuid) -> Response<Body> {
    if let Ok(id) = http::HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
