//! `rm`.

use super::deploy as definitions;
use crate::args::{Rm, RmWhat};
use crate::fail::{Fail, Outcome, REFUSED};
use crate::print;
use crate::session::{Session, confirm, place};
use serde_json::json;
use throng_core::cloud::{Cloud, CloudError, ListQuery};
use throng_core::deploy::{self, BucketsOf, RemoveOptions};
use throng_core::model::Place;
use throng_core::words::{self, Lines};
use throng_core::{clean, lines};

pub async fn remove(session: &Session, args: Rm) -> Outcome {
    let cloud = session.cloud_for_changes().await?;
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
                (None, true) => managed(&cloud).await?,
                (None, false) => {
                    names.iter().try_for_each(|name| definitions::named(name))?;
                    names
                }
            };
            if names.is_empty() {
                print::note("there is no function that throng made");
                return Ok(());
            }
            functions(session, &cloud, &names, options, args.yes).await
        }
        RmWhat::Object { places } => {
            for text in &places {
                let place = place_of_objects(text)?;
                let keys = keys(&cloud, &place.bucket, &place.prefix).await?;
                if keys.is_empty() {
                    return Err(Fail::not_found(format!("there is no object {place}")));
                }
                if !args.yes
                    && !confirm(&format!("Delete {} at {place}?", words::how_many(keys.len(), "object")))?
                {
                    continue;
                }
                let failed = cloud.s3().delete_many(&place.bucket, &keys).await?;
                for (key, reason) in &failed {
                    print::note(lines!("{key}: {reason}"));
                }
                if !failed.is_empty() {
                    return Err(Fail::new(
                        REFUSED,
                        format!("not deleted: {}", words::how_many(failed.len(), "object")),
                    ));
                }
                print::note(lines!("deleted {} at {place}", words::how_many(keys.len(), "object")));
            }
            Ok(())
        }
        RmWhat::Bucket { name } => {
            if !args.yes && !confirm(&format!("Delete the bucket {name}?"))? {
                return Ok(());
            }
            cloud.s3().delete_bucket(&name).await.map_err(|error| match error.code.as_deref() {
                Some("BucketNotEmpty") => Fail::new(
                    REFUSED,
                    format!(
                        "the bucket {name} is not empty: `throng ls -r {name}` lists its objects, `throng rm object \
                         {name}/FOLDER/` deletes a folder of them"
                    ),
                ),
                _ => error.into(),
            })
        }
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
async fn managed(cloud: &Cloud) -> Result<Vec<String>, CloudError> {
    let all = cloud.lambda().list().await?;
    Ok(all.into_iter().filter(|function| function.managed).map(|function| function.name).collect())
}

async fn functions(
    session: &Session,
    cloud: &Cloud,
    names: &[String],
    options: RemoveOptions,
    yes: bool,
) -> Outcome {
    let data = match options.buckets {
        BucketsOf::GoWithData => ", and its buckets WITH ALL OBJECTS",
        BucketsOf::GoEmpty => ", and its buckets that are empty",
        BucketsOf::Stay => "",
    };
    let question = format!("Remove {} with what was made for it{data}?", names.join(", "));
    if !yes && !confirm(&question)? {
        return Ok(());
    }
    for name in names {
        let report = deploy::remove(cloud, name, options).await.map_err(|error| match error.cloud() {
            Some(said) if said.is_not_found() && said.what == *name => Fail::no_function(name),
            _ => error.into(),
        })?;
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

/// The object itself, or everything below it when it ends with a slash.
async fn keys(cloud: &Cloud, bucket: &str, prefix: &str) -> Result<Vec<String>, CloudError> {
    if !prefix.ends_with('/') {
        return match cloud.s3().head(bucket, prefix).await {
            Ok(_) => Ok(vec![prefix.to_owned()]),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        };
    }
    let (mut keys, mut token) = (Vec::new(), None);
    loop {
        let query = ListQuery { prefix, token: token.as_deref(), ..ListQuery::default() };
        let page = cloud.s3().list_page(bucket, query).await?;
        keys.extend(page.items.into_iter().map(|object| object.key));
        token = page.next;
        if token.is_none() {
            return Ok(keys);
        }
    }
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
