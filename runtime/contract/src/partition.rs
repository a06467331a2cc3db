//! The parts that AWS consists of, which know nothing of each other: each with its regions, its ARNs and its hosts.

const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"];

/// The partition of a region, as ARNs name it (botocore, `partitions.json`).
#[must_use]
pub fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        region if region.starts_with("eusc-") => "aws-eusc",
        region if region.starts_with("us-iso-") => "aws-iso",
        region if region.starts_with("us-isob-") => "aws-iso-b",
        region if region.starts_with("eu-isoe-") => "aws-iso-e",
        region if region.starts_with("us-isof-") => "aws-iso-f",
        _ => "aws",
    }
}

/// What the names of a partition's hosts end with; `dual_stack` for those that also have IPv6 (botocore, `partitions.json`).
#[must_use]
pub fn dns_suffix(partition: &str, dual_stack: bool) -> &'static str {
    let (plain, dual) = match partition {
        "aws-cn" => ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
        "aws-eusc" => ("amazonaws.eu", "api.amazonwebservices.eu"),
        "aws-iso" => ("c2s.ic.gov", "api.aws.ic.gov"),
        "aws-iso-b" => ("sc2s.sgov.gov", "api.aws.scloud"),
        "aws-iso-e" => ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
        "aws-iso-f" => ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
        _ => ("amazonaws.com", "api.aws"),
    };
    if dual_stack { dual } else { plain }
}

/// The host of a service in a region: `s3.eusc-de-east-1.amazonaws.eu`.
#[must_use]
pub fn host(service: &str, region: &str) -> String {
    format!("{service}.{region}.{}", dns_suffix(partition(region), false))
}

/// Whether a host is one of AWS's own, in whatever partition.
#[must_use]
pub fn is_host_of_aws(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let below = |suffix: &str| host.strip_suffix(suffix).is_some_and(|name| name.ends_with('.'));
    PARTITIONS
        .iter()
        .any(|partition| below(dns_suffix(partition, false)) || below(dns_suffix(partition, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_aws_are_below_its_names_alone() {
        for host in [
            "s3.eu-west-1.amazonaws.com",
            "S3.amazonaws.com.cn",
            "lambda.eusc-de-east-1.amazonaws.eu",
            "s3.x.api.aws",
        ] {
            assert!(is_host_of_aws(host), "{host}");
        }
        for host in ["amazonaws.com", "notamazonaws.com", "amazonaws.com.example.org", "localhost"] {
            assert!(!is_host_of_aws(host), "{host}");
        }
    }

    #[test]
    fn hosts_are_those_of_the_regions_partition() {
        for (region, is) in [
            ("eu-west-1", "s3.eu-west-1.amazonaws.com"),
            ("us-gov-west-1", "s3.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "s3.eusc-de-east-1.amazonaws.eu"),
            ("us-isob-east-1", "s3.us-isob-east-1.sc2s.sgov.gov"),
        ] {
            assert_eq!(host("s3", region), is);
        }
    }
}
