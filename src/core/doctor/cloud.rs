//! Does each service answer?

use super::Check;
use crate::cloud::Cloud;
use crate::words::how_many;

pub(super) async fn examine(cloud: &Cloud) -> Vec<Check> {
    let (s3, lambda, logs) = (cloud.s3(), cloud.lambda(), cloud.logs());
    let (buckets, functions, group) =
        tokio::join!(s3.list_buckets(), lambda.list_page(None), logs.group("/aws/lambda/throng-doctor"));
    vec![
        Check::of("S3", buckets, |buckets| how_many(buckets.len(), "bucket")),
        Check::of("Lambda", functions, |(functions, more)| {
            let more = if more.is_some() { " and more" } else { "" };
            format!("{}{more}", how_many(functions.len(), "function"))
        }),
        Check::of("CloudWatch Logs", group, |_| "answers".to_owned()),
        home(cloud).await,
        match cloud.role() {
            Some(role) => Check::good("role", role),
            None => Check::good("role", "one is made for each function"),
        },
    ]
}

async fn home(cloud: &Cloud) -> Check {
    const WHAT: &str = "home bucket";
    let bucket = match cloud.home_bucket() {
        Ok(bucket) => bucket,
        Err(error) => return Check::failed(WHAT, &error),
    };
    match cloud.s3().bucket_exists(bucket).await {
        Ok(true) => {}
        Ok(false) => return Check::good(WHAT, format!("{bucket} (made by the first deployment)")),
        Err(error) => return Check::failed(WHAT, &error),
    }
    if let Some(region) = cloud.s3().foreign_region(bucket).await {
        return Check::bad(
            WHAT,
            format!("{bucket} is in {region}, the context in {}", cloud.region()),
            "Name a `home_bucket` in the context's region: Lambda stores failed events in its own region only.",
        );
    }
    match cloud.s3().is_shut(bucket).await {
        Ok(false) => Check::note(
            WHAT,
            format!("{bucket} may be made public"),
            "The next deployment turns its public access block on.",
        ),
        _ => Check::good(WHAT, bucket),
    }
}
