//! Does each service answer?

use super::Check;
use crate::cloud::Cloud;
use crate::model::run_of_variant;
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
        variants(cloud).await,
        match cloud.role() {
            Some(role) => Check::good("role", role),
            None => Check::good("role", "one is made for each function"),
        },
    ]
}

/// Functions that were made for a run, and are deleted when somebody sees it end.
async fn variants(cloud: &Cloud) -> Check {
    const WHAT: &str = "functions of runs";
    let variants = match cloud.lambda().variants().await {
        Ok(variants) => variants,
        Err(error) => return Check::failed(WHAT, &error),
    };
    let mut runs = variants.iter().filter_map(|function| run_of_variant(&function.name));
    let Some(first) = runs.next() else { return Check::good(WHAT, "none is left") };
    let all = runs.fold(first.to_owned(), |all, run| format!("{all}, {run}"));
    let advice = format!(
        "They go when somebody follows the run to its end: `throng runs {first} --wait`. They cost nothing while nothing runs."
    );
    Check::note(WHAT, format!("{} for --memory of {all}", how_many(variants.len(), "function")), advice)
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
