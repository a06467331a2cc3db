//! Answers are read with bounds: one that is a document is kept in memory before it is read, and an endpoint that never
//! stops sending would fill it.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use http_body_util::{LengthLimitError, Limited};
use std::error::Error;

/// The largest document that S3 sends, with room: 1,000 keys of 1,024 bytes, each byte of them encoded, are 4 MiB.
const DOCUMENT_MAX: usize = 32 << 20;

/// Ends answers of S3 that are longer than any, other than objects.
#[derive(Debug)]
pub(super) struct Bounded;

impl Intercept for Bounded {
    fn name(&self) -> &'static str {
        "BoundedAnswers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let object = bag.load::<Metadata>().is_some_and(|call| call.name() == "GetObject");
        let response = context.response_mut();
        if !(object && response.status().is_success()) {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, DOCUMENT_MAX));
        }
        Ok(())
    }
}

/// What is to be said when an answer was ended here.
pub(super) fn too_long(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            let mib = DOCUMENT_MAX >> 20;
            return Some(format!(
                "the endpoint sent more than {mib} MiB where S3 sends a short document; it was cut off"
            ));
        }
        next = error.source();
    }
    None
}
