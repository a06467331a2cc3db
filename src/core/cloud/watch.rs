//! Interceptors: what is sent and throttled is told to the budget; host prefixes go where they are understood.

use super::budget::Limits;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use std::sync::Arc;
use std::time::Duration;

/// Sees every attempt, also those that the SDK repeats, counts it, and tells the budget of throttling.
#[derive(Debug)]
pub(super) struct Watch(pub Arc<Limits>);

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "WatchCalls"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = bag.load::<Metadata>() {
            self.0.calls().sent(call.service(), call.name());
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(call), Some(response)) = (bag.load::<Metadata>(), context.response())
            && is_throttled(response)
        {
            self.0.throttled(call.service(), call.name(), pause_of(response));
        }
        Ok(())
    }
}

/// Error codes that mean "too many calls", whatever the status they come with: JSON services throttle with 400.
const THROTTLED: [&str; 6] = [
    "Throttling",
    "ThrottledException",
    "TooManyRequests",
    "RequestLimitExceeded",
    "SlowDown",
    "RequestThrottled",
];
/// The code is near the beginning of an error's body.
const CODE_WITHIN: usize = 512;

fn is_throttled(response: &HttpResponse) -> bool {
    match response.status().as_u16() {
        429 | 503 => true,
        400..=499 => {
            let said = response.headers().get("x-amzn-errortype").unwrap_or_default();
            let body = response.body().bytes().unwrap_or_default();
            let body = String::from_utf8_lossy(&body[..body.len().min(CODE_WITHIN)]);
            let code = error_code(&body);
            THROTTLED.iter().any(|word| said.contains(word) || code.contains(word))
        }
        _ => false,
    }
}

/// The error code in the beginning of a body: `"__type":"…"` or `"code":"…"`, in XML `<Code>…`; a message with such a
/// word is none.
fn error_code(body: &str) -> &str {
    if body.trim_start().starts_with('<') {
        let code = body.split_once("<Code>").map(|(_, rest)| rest.split('<').next().unwrap_or_default());
        return code.unwrap_or_default();
    }
    let value = |name: &str| {
        let (_, rest) = body.split_once(name)?;
        rest.trim_start_matches([' ', ':']).strip_prefix('"')?.split('"').next()
    };
    value("\"__type\"").or_else(|| value("\"code\"")).unwrap_or_default()
}

/// The pause that the cloud asks for: seconds or a date (RFC 9110, `Retry-After`).
fn pause_of(response: &HttpResponse) -> Option<Duration> {
    let text = response.headers().get("retry-after")?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(until.duration_since(jiff::Timestamp::now())).ok()
}

/// `StartLiveTail` goes to `stream-<host>`. Only AWS's own hosts have such a second name: not a loopback address,
/// nor any other endpoint that a context, the environment or a profile gives for this service.
#[derive(Debug)]
pub(super) struct HostPrefix {
    /// The context has an endpoint of its own.
    pub custom: bool,
}

impl Intercept for HostPrefix {
    fn name(&self) -> &'static str {
        "HostPrefix"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.custom {
            bag.interceptor_state().unset::<EndpointPrefix>();
        }
        Ok(())
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(prefix) = bag.load::<EndpointPrefix>() else { return Ok(()) };
        let uri = without_prefix(context.request().uri(), prefix.as_str());
        if let Some(uri) = uri {
            context.request_mut().set_uri(uri)?;
        }
        Ok(())
    }
}

/// The URI without the prefix of its host, when the host behind it is not one of AWS's.
fn without_prefix(uri: &str, prefix: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let host = rest.strip_prefix(prefix)?;
    let name = host.split(['/', ':', '?']).next().unwrap_or_default();
    let ours = name.starts_with("logs.") || name.starts_with("logs-fips.");
    (!ours).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aws_smithy_types::body::SdkBody;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> HttpResponse {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        response
    }

    #[test]
    fn throttling_is_told_by_status_header_or_code() {
        let json = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
        let long = r#"{"__type": "com.amazonaws.logs#ThrottlingException"}"#;
        let xml =
            "<ErrorResponse>\n<Error><Type>Sender</Type><Code>Throttling</Code></Error></ErrorResponse>";
        let lambda = [("x-amzn-errortype", "TooManyRequestsException:http://x/")];
        for throttled in [
            answer(429, &[], ""),
            answer(503, &[], ""),
            answer(400, &[], json),
            answer(400, &[], long),
            answer(400, &lambda, "{}"),
            answer(400, &[], xml),
        ] {
            assert!(is_throttled(&throttled), "{throttled:?}");
        }
        let other = r#"{"__type":"InvalidParameterException","message":"Throttling is not a word here"}"#;
        let denied = "<Error><Code>AccessDenied</Code><Message>Throttling</Message></Error>";
        for fine in [
            answer(200, &[], json),
            answer(400, &[], other),
            answer(403, &[], denied),
            answer(404, &[], ""),
            answer(500, &[], ""),
        ] {
            assert!(!is_throttled(&fine), "{fine:?}");
        }
    }

    #[test]
    fn a_pause_is_told_in_seconds_or_as_a_date() {
        assert_eq!(pause_of(&answer(429, &[("retry-after", "3")], "")), Some(Duration::from_secs(3)));
        assert_eq!(pause_of(&answer(429, &[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")], "")), None);
        assert!(
            pause_of(&answer(429, &[("retry-after", "Wed, 21 Oct 2150 07:28:00 GMT")], "")).unwrap()
                > Duration::from_hours(1)
        );
        assert_eq!(pause_of(&answer(429, &[("retry-after", "soon")], "")), None);
        assert_eq!(pause_of(&answer(429, &[], "")), None);
    }

    #[test]
    fn only_hosts_of_aws_keep_the_prefix() {
        for (uri, without) in [
            ("https://stream-logs.eu-west-1.amazonaws.com/", None),
            ("https://stream-logs-fips.us-gov-west-1.amazonaws.com/", None),
            ("http://stream-127.0.0.1:4566/", Some("http://127.0.0.1:4566/")),
            ("http://stream-localhost:4566/x?y", Some("http://localhost:4566/x?y")),
            (
                "https://stream-vpce-1.logs.eu-west-1.vpce.amazonaws.com/",
                Some("https://vpce-1.logs.eu-west-1.vpce.amazonaws.com/"),
            ),
            ("http://127.0.0.1:4566/", None),
        ] {
            assert_eq!(without_prefix(uri, "stream-").as_deref(), without, "{uri}");
        }
    }
}
