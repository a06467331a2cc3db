//! The one call of STS that clients make to learn who they are.

use crate::access::Caller;
use crate::protocol::auth::Denied;
use crate::protocol::body::{Body, answer};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use throng_contract::local::ACCOUNT;

/// `GetCallerIdentity`; anything else is an invalid action.
pub fn handle(request: &Request<Bytes>) -> Response<Body> {
    let form = [request.body().as_ref(), request.uri().query().unwrap_or_default().as_bytes()];
    let action = form
        .into_iter()
        .flat_map(url::form_urlencoded::parse)
        .find_map(|(name, value)| (name == "Action").then(|| value.into_owned()));
    let request_id = uuid::Uuid::new_v4();
    if action.as_deref() == Some("GetCallerIdentity") {
        let (arn, user) = match request.extensions().get::<Caller>() {
            Some(caller @ Caller::Role(session)) => {
                (caller.arn(), format!("{}:{}", session.role_name(), session.name))
            }
            _ => (Caller::Person.arn(), ACCOUNT.to_owned()),
        };
        let text = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetCallerIdentityResult><Arn>{arn}</Arn><UserId>{user}</UserId>\
             <Account>{ACCOUNT}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
        );
        return with_id(answer(StatusCode::OK, "text/xml", text), request_id);
    }
    error(StatusCode::BAD_REQUEST, "InvalidAction", "Could not find operation for version 2011-06-15")
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
