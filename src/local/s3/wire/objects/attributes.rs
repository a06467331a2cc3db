//! `GetObjectAttributes`.

use super::super::S3Answer;
use super::super::convert::{checksum_type, etag, ms_to_timestamp, put_checksums};
use super::conditions::check_version;
use crate::s3::ObjectStore;
use crate::s3::meta::PartLayout;
use crate::s3::store::Content;
use s3s::S3Response;
use s3s::dto::{
    Checksum, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    ObjectAttributes, ObjectPart, StorageClass,
};

/// Most parts per page of `GetObjectAttributes`.
const PARTS_PAGE: i32 = 1000;

pub fn attributes(
    store: &ObjectStore,
    input: &GetObjectAttributesInput,
) -> S3Answer<GetObjectAttributesOutput> {
    check_version(input.version_id.as_deref())?;
    let (record, content) = store.get(&input.bucket, &input.key)?;
    let wants = |word: &str| input.object_attributes.iter().any(|attribute| attribute.as_str() == word);
    let meta = &record.meta;
    let checksum = (wants(ObjectAttributes::CHECKSUM) && !meta.checksums.is_empty()).then(|| {
        let mut checksum =
            Checksum { checksum_type: checksum_type(meta.checksums.kind), ..Default::default() };
        put_checksums!(checksum, &meta.checksums);
        checksum
    });
    let class = meta.storage_class.clone().unwrap_or_else(|| StorageClass::STANDARD.to_owned());
    let object_parts = match (&content, meta.parts) {
        (Content::Parts(parts), Some(_)) if wants(ObjectAttributes::OBJECT_PARTS) => {
            Some(parts_page(parts, input))
        }
        _ => None,
    };
    Ok(S3Response::new(GetObjectAttributesOutput {
        checksum,
        e_tag: wants(ObjectAttributes::ETAG).then(|| etag(&record.etag)),
        last_modified: Some(ms_to_timestamp(record.modified_ms)),
        object_parts,
        object_size: wants(ObjectAttributes::OBJECT_SIZE)
            .then(|| i64::try_from(record.size).unwrap_or(i64::MAX)),
        storage_class: wants(ObjectAttributes::STORAGE_CLASS).then(|| StorageClass::from(class)),
        ..Default::default()
    }))
}

fn parts_page(parts: &[PartLayout], input: &GetObjectAttributesInput) -> GetObjectAttributesParts {
    let max = input.max_parts.unwrap_or(PARTS_PAGE).clamp(0, PARTS_PAGE);
    let after = input.part_number_marker.unwrap_or(0);
    let number = |part: &PartLayout| i32::try_from(part.number).unwrap_or(i32::MAX);
    let mut rest = parts.iter().filter(|part| number(part) > after);
    let page: Vec<_> = rest.by_ref().take(usize::try_from(max).unwrap_or_default()).collect();
    let listed = |part: &&PartLayout| {
        let mut listed = ObjectPart {
            part_number: Some(number(part)),
            size: i64::try_from(part.size).ok(),
            ..Default::default()
        };
        put_checksums!(listed, &part.checksums);
        listed
    };
    GetObjectAttributesParts {
        is_truncated: Some(rest.next().is_some()),
        max_parts: Some(max),
        part_number_marker: Some(after),
        next_part_number_marker: page.last().map(|part| number(part)),
        parts: Some(page.iter().map(listed).collect()),
        total_parts_count: i32::try_from(parts.len()).ok(),
    }
}
