//! The address of a service, by the rules of its SDK.

use super::{Hosts, Service};
use aws_smithy_runtime_api::client::endpoint::error::ResolveEndpointError;
use aws_smithy_runtime_api::client::endpoint::{EndpointFuture, EndpointResolverParams, ResolveEndpoint};
use aws_smithy_types::endpoint::Endpoint;
use throng_contract::partition::{dns_suffix, partition};

/// What decides on the address.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointParams<'a> {
    /// The region.
    pub region: &'a str,
    /// Another endpoint than AWS's own.
    pub custom: Option<&'a str>,
    /// Certified cryptography.
    pub fips: bool,
    /// IPv6, too.
    pub dual_stack: bool,
}

/// Where a service is, and the region that requests are signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedEndpoint {
    /// `scheme://host`, with a path when a person gave one.
    pub url: String,
    /// The region in signatures.
    pub region: String,
}

/// The address of a service, or why there is none.
pub fn resolve(service: &Service, wanted: EndpointParams<'_>) -> Result<ResolvedEndpoint, &'static str> {
    let EndpointParams { region, custom, fips, dual_stack } = wanted;
    if let Some(url) = custom {
        return match (fips, dual_stack) {
            (true, _) => Err("Invalid Configuration: FIPS and custom endpoint are not supported"),
            (_, true) => Err("Invalid Configuration: Dualstack and custom endpoint are not supported"),
            _ => Ok(ResolvedEndpoint { url: url.to_owned(), region: region.to_owned() }),
        };
    }
    if !is_host_label(region) {
        return Err("Invalid Configuration: the region is not a part of a host's name");
    }
    let partition = partition(region);
    match service.hosts {
        Hosts::Regional { name, dual_stack: other } => {
            let name = other.filter(|_| dual_stack).unwrap_or(name);
            let suffix = dns_suffix(partition, dual_stack);
            let fips = if fips { "-fips" } else { "" };
            Ok(ResolvedEndpoint {
                url: format!("https://{name}{fips}.{region}.{suffix}"),
                region: region.to_owned(),
            })
        }
        Hosts::Global(rows) => {
            let row = rows.iter().find(|row| row.partition == partition);
            let row =
                row.ok_or("Invalid Configuration: the region's partition does not have this service")?;
            let host = match (fips, dual_stack) {
                (false, false) => row.plain,
                (true, false) => row.fips,
                (false, true) => row.dual_stack,
                (true, true) => row.fips_dual_stack,
            };
            Ok(ResolvedEndpoint { url: format!("https://{host}"), region: row.region.to_owned() })
        }
    }
}

/// Whether a region can be a part of a host's name, so that a request cannot be sent elsewhere by a region's name.
fn is_host_label(region: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=63).contains(&region.len()) && region.chars().all(inside) && !region.starts_with('-')
}

/// An address that was found beforehand, for the SDK's orchestrator.
#[derive(Debug)]
pub struct FixedEndpoint(pub Result<String, &'static str>);

impl ResolveEndpoint for FixedEndpoint {
    fn resolve_endpoint<'a>(&'a self, _params: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        EndpointFuture::ready(match &self.0 {
            Ok(url) => Ok(Endpoint::builder().url(url.clone()).build()),
            Err(why) => Err(ResolveEndpointError::message(*why).into()),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cloud::api::{ecr::ECR, iam::IAM};

    fn of(service: &Service, region: &str, fips: bool, dual_stack: bool) -> (String, String) {
        let wanted = EndpointParams { region, custom: None, fips, dual_stack };
        let ResolvedEndpoint { url, region } = resolve(service, wanted).unwrap();
        (url, region)
    }

    #[test]
    fn hosts_are_those_of_the_sdk() {
        let com = "amazonaws.com";
        for (region, iam, signed, ecr) in [
            ("eu-west-1", "https://iam.amazonaws.com", "us-east-1", com),
            ("cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1", "amazonaws.com.cn"),
            ("us-gov-east-1", "https://iam.us-gov.amazonaws.com", "us-gov-west-1", com),
            ("eusc-de-east-1", "https://iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "amazonaws.eu"),
            ("us-iso-west-1", "https://iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", "c2s.ic.gov"),
            ("us-isob-east-1", "https://iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", "sc2s.sgov.gov"),
            (
                "eu-isoe-west-1",
                "https://iam.eu-isoe-west-1.cloud.adc-e.uk",
                "eu-isoe-west-1",
                "cloud.adc-e.uk",
            ),
            (
                "us-isof-east-1",
                "https://iam.us-isof-south-1.csp.hci.ic.gov",
                "us-isof-south-1",
                "csp.hci.ic.gov",
            ),
        ] {
            assert_eq!(of(&IAM, region, false, false), (iam.to_owned(), signed.to_owned()));
            let ecr = format!("https://api.ecr.{region}.{ecr}");
            assert_eq!(of(&ECR, region, false, false), (ecr, region.to_owned()));
        }
        for (region, fips, dual, iam, ecr) in [
            ("us-east-1", true, false, "iam-fips.amazonaws.com", "api.ecr-fips.us-east-1.amazonaws.com"),
            ("us-east-1", false, true, "iam.global.api.aws", "ecr.us-east-1.api.aws"),
            ("us-east-1", true, true, "iam-fips.global.api.aws", "ecr-fips.us-east-1.api.aws"),
            (
                "cn-north-1",
                true,
                true,
                "iam-fips.api.amazonwebservices.com.cn",
                "ecr-fips.cn-north-1.api.amazonwebservices.com.cn",
            ),
            ("us-gov-west-1", true, true, "iam.us-gov.api.aws", "ecr-fips.us-gov-west-1.api.aws"),
            ("us-iso-east-1", false, true, "iam.api.aws.ic.gov", "ecr.us-iso-east-1.api.aws.ic.gov"),
        ] {
            assert_eq!(of(&IAM, region, fips, dual).0, format!("https://{iam}"));
            assert_eq!(of(&ECR, region, fips, dual).0, format!("https://{ecr}"));
        }
    }

    #[test]
    fn a_region_is_never_another_host() {
        for region in ["", "a.example.org/", "x@example.org", "a b", "-a", "é", &"a".repeat(64)] {
            let wanted = EndpointParams { region, ..EndpointParams::default() };
            assert!(resolve(&ECR, wanted).is_err(), "{region}");
        }
    }

    #[test]
    fn an_endpoint_of_ones_own_is_taken_as_it_is() {
        let wanted =
            EndpointParams { region: "r", custom: Some("http://h:1/p"), ..EndpointParams::default() };
        let expected = ResolvedEndpoint { url: "http://h:1/p".into(), region: "r".into() };
        assert_eq!(resolve(&IAM, wanted).unwrap(), expected);
        assert!(resolve(&IAM, EndpointParams { fips: true, ..wanted }).is_err());
        assert!(resolve(&ECR, EndpointParams { dual_stack: true, ..wanted }).is_err());
    }
}
