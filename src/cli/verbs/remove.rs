//! `rm`.

use super::deploy as definitions;
use crate::args::{Rm, RmWhat};
use crate::fail::{CliResult, Fail, REFUSED};
use crate::print;
use crate::session::{Session, confirm, place};
use crate::transfer::{not_done, watched};
use serde_json::json;
use std::collections::BTreeMap;
use throng_core::clean;
use throng_core::cloud::{Cloud, CloudError, ListQuery};
use throng_core::deploy::{self, BucketsOf, RemoveOptions};
use throng_core::jobs::{self, Job, JobContext};
use throng_core::model::Place;
use throng_core::words::{self, Lines};

pub async fn remove(session: &Session, args: Rm) -> CliResult {
    let job = session.job(job_of(&args.what)).await?;
    match args.what {
        RmWhat::Function { names, definition, all, keep_logs, buckets, with_data, foreign } => {
            let buckets = match (buckets, with_data) {
                (_, true) => BucketsOf::GoWithData,
                (true, false) => BucketsOf::GoEmpty,
                (false, false) => BucketsOf::Stay,
            };
            let options = RemoveOptions { keep_logs, buckets, foreign };
            let names = match (definition, all) {
                (Some(file), _) => [names, definitions::names_in(&file)?].concat(),
                (None, true) => managed(job.cloud()).await?,
                (None, false) => {
                    names.iter().try_for_each(|name| definitions::named(name))?;
                    names
                }
            };
            if names.is_empty() {
                print::note("there is no function that throng made");
                return Ok(());
            }
            functions(session, &job, &names, options, args.yes).await
        }
        RmWhat::Object { places } => {
            for text in &places {
                objects(session, &job, &place_of_objects(text)?, args.yes).await?;
            }
            Ok(())
        }
        RmWhat::Bucket { name, with_objects } => {
            if !args.yes {
                let all = if with_objects {
                    format!(" with {}", content(job.cloud(), &name).await)
                } else {
                    String::new()
                };
                if !confirm(&format!("Delete the bucket {name}{all}?"))? {
                    return Ok(());
                }
            }
            jobs::delete_bucket(&job, &name, with_objects).await?;
            print::note(clean!("deleted the bucket {name}"));
            Ok(())
        }
    }
}

const fn job_of(what: &RmWhat) -> Job {
    match what {
        RmWhat::Function { .. } => Job::Remove,
        RmWhat::Object { .. } => Job::Delete,
        RmWhat::Bucket { .. } => Job::DeleteBucket,
    }
}

/// Deletes the object at a place, or everything below it when it ends with a slash.
async fn objects(session: &Session, job: &JobContext, place: &Place, yes: bool) -> CliResult {
    let Place { bucket, prefix } = place;
    let keys = if prefix.ends_with('/') || is_there(job.cloud(), place).await? {
        let asked = [prefix.clone()];
        watched(session, |_| {}, async |observer| jobs::objects_below(job, bucket, &asked, &observer).await)
            .await?
    } else {
        Vec::new()
    };
    if keys.is_empty() {
        return Err(Fail::not_found(format!("there is no object {place}")));
    }
    if !yes && !confirm(&format!("Delete {} at {place}?", words::how_many(keys.len(), "object")))? {
        return Ok(());
    }
    let deleted =
        watched(session, |_| {}, async |observer| jobs::delete(job, bucket, &keys, &observer).await).await?;
    not_done("not deleted", &deleted.failed);
    if !deleted.failed.is_empty() {
        let count = words::how_many(deleted.failed.len(), "object");
        return Err(Fail::new(REFUSED, format!("not deleted: {count}")));
    }
    print::note(clean!("deleted {} at {place}", words::how_many(keys.len(), "object")));
    Ok(())
}

async fn is_there(cloud: &Cloud, place: &Place) -> Result<bool, CloudError> {
    match cloud.s3().head(&place.bucket, &place.prefix).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where an object is, or a folder of objects: a bucket alone is neither.
fn place_of_objects(text: &str) -> Result<Place, Fail> {
    let place = place(text)?;
    if place.prefix.is_empty() {
        let bucket = &place.bucket;
        return Err(Fail::usage(format!(
            "`{text}` names no object: add its key, or the name of a folder, as in `{bucket}/folder/`; \
             `throng rm bucket {bucket}` deletes a bucket that is empty"
        )));
    }
    Ok(place)
}

/// Every function that throng made.
pub async fn managed(cloud: &Cloud) -> Result<Vec<String>, CloudError> {
    let all = cloud.lambda().list().await?;
    Ok(all.into_iter().filter(|function| function.managed).map(|function| function.name).collect())
}

/// What is in a bucket, as far as one look tells.
async fn content(cloud: &Cloud, bucket: &str) -> String {
    match cloud.s3().list_page(bucket, ListQuery::default()).await {
        Ok(page) if page.next.is_some() => {
            format!("more than {}", words::plural(page.items.len() as u64, "object"))
        }
        Ok(page) => words::plural(page.items.len() as u64, "object"),
        Err(_) => "all objects".to_owned(),
    }
}

/// The buckets of functions, each with what is in it.
async fn buckets_with(cloud: &Cloud, functions: &[String]) -> Result<String, CloudError> {
    let mut buckets = BTreeMap::new();
    for function in functions {
        for bucket in deploy::buckets_of(cloud, function).await? {
            let content = content(cloud, &bucket).await;
            buckets.insert(bucket, content);
        }
    }
    let named: Vec<_> = buckets.iter().map(|(bucket, content)| format!("{bucket} with {content}")).collect();
    Ok(if named.is_empty() { "no bucket, for it has none".to_owned() } else { named.join(", ") })
}

async fn functions(
    session: &Session,
    job: &JobContext,
    names: &[String],
    options: RemoveOptions,
    yes: bool,
) -> CliResult {
    if !yes {
        let data = match options.buckets {
            BucketsOf::GoWithData => format!(", and DELETE {}", buckets_with(job.cloud(), names).await?),
            BucketsOf::GoEmpty => ", and its buckets that are empty".to_owned(),
            BucketsOf::Stay => String::new(),
        };
        if !confirm(&format!("Remove {} with what was made for it{data}?", names.join(", ")))? {
            return Ok(());
        }
    }
    for name in names {
        let report = jobs::remove(job, name, options).await?;
        print::result(session.format, &json!({"removed": report.removed, "left": report.left}), || {
            let mut text = Lines::default();
            for (mark, what) in [("removed", &report.removed), ("left", &report.left)] {
                for what in what {
                    text.line(&clean!("{mark:<8} {what}"));
                }
            }
            text
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_bucket_alone_is_no_object_and_the_advice_fits_however_it_was_written() {
        for text in ["pictures", "pictures/", "s3://pictures", "s3://pictures/"] {
            let said = place_of_objects(text).unwrap_err().message;
            assert!(said.contains(&format!("`{text}`")) && said.contains("`pictures/folder/`"), "{said}");
            assert!(said.contains("`throng rm bucket pictures`") && !said.contains("pictures//"), "{said}");
        }
        assert_eq!(place_of_objects("pictures/in/").unwrap().prefix, "in/");
    }
}
