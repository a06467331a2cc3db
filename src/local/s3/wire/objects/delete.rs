//! `DeleteObject` and `DeleteObjects`.

use super::super::convert::{tag, timestamp_to_ms};
use super::super::rights::limited;
use super::super::{S3Answer, ids};
use super::conditions::check_version;
use crate::s3::ObjectStore;
use crate::s3::store::{DeleteConditions, Tag};
use http::StatusCode;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response};

pub async fn delete(store: &ObjectStore, req: S3Request<DeleteObjectInput>) -> S3Answer<DeleteObjectOutput> {
    let ids = ids(&req);
    let input = req.input;
    check_version(input.version_id.as_deref())?;
    let conditions = DeleteConditions {
        if_match: tag(input.if_match),
        size: input.if_match_size,
        modified_s: input
            .if_match_last_modified_time
            .as_ref()
            .map(|time| timestamp_to_ms(time).div_euclid(1000)),
    };
    store.delete(&input.bucket, &input.key, conditions, ids).await?;
    Ok(S3Response::with_status(DeleteObjectOutput::default(), StatusCode::NO_CONTENT))
}

/// Most keys of one `DeleteObjects`.
const DELETE_MAX: usize = 1000;

pub async fn delete_many(
    store: &ObjectStore,
    req: S3Request<DeleteObjectsInput>,
) -> S3Answer<DeleteObjectsOutput> {
    let (ids, limited) = (ids(&req), limited(&req).cloned());
    let (bucket, delete) = (req.input.bucket, req.input.delete);
    store.bucket(&bucket)?;
    if delete.objects.is_empty() || delete.objects.len() > DELETE_MAX {
        return Err(S3Error::with_message(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema",
        ));
    }
    let quiet = delete.quiet.unwrap_or(false);
    let removals = delete.objects.into_iter().map(|object| {
        let (store, bucket, ids) = (store.clone(), bucket.clone(), ids.clone());
        let may = limited.as_ref().map_or(Ok(()), |limited| limited.may_delete(&bucket, &object.key));
        async move {
            if let Err(denied) = may {
                return (object.key, Err(denied));
            }
            let conditions = DeleteConditions {
                if_match: object.e_tag.map(|etag| tag_of_listed(etag.value())),
                size: object.size,
                modified_s: object
                    .last_modified_time
                    .as_ref()
                    .map(|time| timestamp_to_ms(time).div_euclid(1000)),
            };
            let outcome = match check_version(object.version_id.as_deref()) {
                Ok(()) => store.delete(&bucket, &object.key, conditions, ids).await,
                Err(error) => Err(error),
            };
            (object.key, outcome.map_err(S3Error::from))
        }
    });
    let outcomes = futures::future::join_all(removals).await;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (key, outcome) in outcomes {
        match outcome {
            Ok(()) if quiet => {}
            Ok(()) => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
            Err(error) => {
                errors.push(s3s::dto::Error {
                    key: Some(key),
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    version_id: None,
                });
            }
        }
    }
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: (!deleted.is_empty()).then_some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        ..Default::default()
    }))
}

fn tag_of_listed(value: &str) -> Tag {
    if value == "*" { Tag::Any } else { Tag::Is(value.to_owned()) }
}
