//! Services that are not called yet: a row and types each, and no more.

use super::super::{GlobalHost, Hosts, List, Protocol, Service, operations};
use super::{Wire, json, xml};
use crate::cloud::ErrorKind;
use serde::{Deserialize, Serialize};

static EC2: Service = Service {
    id: "EC2",
    signing_name: "ec2",
    protocol: Protocol::Query { version: "2016-11-15" },
    hosts: Hosts::Regional { name: "ec2", dual_stack: None },
};
static BATCH: Service = Service {
    id: "Batch",
    signing_name: "batch",
    protocol: Protocol::Json { target: None },
    hosts: Hosts::Regional { name: "batch", dual_stack: None },
};
static PRICING: Service = Service {
    id: "Pricing",
    signing_name: "pricing",
    protocol: Protocol::Json { target: Some("AWSPriceListService") },
    hosts: Hosts::Global(&[GlobalHost {
        partition: "aws",
        region: "us-east-1",
        plain: "api.pricing.us-east-1.amazonaws.com",
        fips: "api.pricing.us-east-1.amazonaws.com",
        dual_stack: "api.pricing.us-east-1.amazonaws.com",
        fips_dual_stack: "api.pricing.us-east-1.amazonaws.com",
    }]),
};
static QUOTAS: Service = Service {
    id: "Service Quotas",
    signing_name: "servicequotas",
    protocol: Protocol::Json { target: Some("ServiceQuotasV20190624") },
    hosts: Hosts::Regional { name: "servicequotas", dual_stack: None },
};

operations! { "ec2": DescribeSubnets -> Subnets, }
operations! { "batch": DescribeJobs<'_> -> Jobs, }
operations! { "pricing": GetProducts<'_> -> Products, }
operations! { "servicequotas": GetServiceQuota<'_> -> Quota, }

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeSubnets {
    filter: Vec<Filter>,
    max_results: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: &'static str,
    value: Vec<&'static str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subnets {
    subnet_set: List<Subnet>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subnet {
    subnet_id: String,
    available_ip_address_count: u32,
}

#[derive(Serialize)]
struct DescribeJobs<'a> {
    jobs: [&'a str; 1],
}

#[derive(Debug, Deserialize)]
struct Jobs {
    jobs: Vec<Job>,
}

#[derive(Debug, Deserialize)]
struct Job {
    status: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetProducts<'a> {
    service_code: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Products {
    price_list: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetServiceQuota<'a> {
    service_code: &'a str,
    quota_code: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Quota {
    quota: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Value {
    value: f64,
}

#[tokio::test]
async fn ec2_has_lists_without_members_and_answers_without_results() {
    let found = "<DescribeSubnetsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
        <subnetSet><item><subnetId>subnet-1</subnetId><availableIpAddressCount>251</availableIpAddressCount></item>\
        <item><subnetId>subnet-2</subnetId><availableIpAddressCount>7</availableIpAddressCount></item></subnetSet>\
        </DescribeSubnetsResponse>";
    let refused = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not</Message></Error>\
        </Errors><RequestID>r-9</RequestID></Response>";
    let mut without_header = xml(403, refused);
    without_header.1.retain(|(name, _)| *name != "x-amzn-requestid");
    let wire = Wire::new([xml(200, found), without_header]);
    let client = wire.client(&EC2);
    let request = DescribeSubnets {
        filter: vec![Filter { name: "vpc-id", value: vec!["vpc-1", "vpc-2"] }],
        max_results: 5,
    };
    let List { member: subnets } = client.call("", &request).await.unwrap().subnet_set;
    let counts: Vec<_> =
        subnets.iter().map(|one| (one.subnet_id.as_str(), one.available_ip_address_count)).collect();
    assert_eq!(counts, [("subnet-1", 251), ("subnet-2", 7)]);
    let sent = &wire.sent()[0];
    assert_eq!(
        (sent.uri.as_str(), sent.scope().as_str()),
        ("https://ec2.eu-west-1.amazonaws.com/", "eu-west-1/ec2")
    );
    assert_eq!(
        sent.body,
        "Action=DescribeSubnets&Version=2016-11-15&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1\
         &Filter.1.Value.2=vpc-2&MaxResults=5"
    );
    let error = client.call("", &request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.to_string().ends_with("You are not (UnauthorizedOperation, request r-9)"), "{error}");
}

#[tokio::test]
async fn batch_has_paths_and_the_others_have_targets() {
    let wire = Wire::new([json(200, "{\"jobs\": [{\"status\": \"RUNNING\", \"jobId\": \"j\"}]}")]);
    let answer = wire.client(&BATCH).call("j", &DescribeJobs { jobs: ["j"] }).await.unwrap();
    assert_eq!(answer.jobs[0].status, "RUNNING");
    let sent = &wire.sent()[0];
    assert_eq!(sent.uri, "https://batch.eu-west-1.amazonaws.com/v1/describejobs");
    assert_eq!((sent.header("content-type"), sent.header("x-amz-target")), ("application/json", ""));

    let wire = Wire::new([json(200, "{\"FormatVersion\": \"aws_v1\", \"PriceList\": [\"{}\"]}")]);
    let answer = wire.client(&PRICING).call("", &GetProducts { service_code: "AWSLambda" }).await.unwrap();
    assert_eq!(answer.price_list, ["{}"]);
    let sent = &wire.sent()[0];
    assert_eq!(sent.uri, "https://api.pricing.us-east-1.amazonaws.com/");
    assert_eq!(
        (sent.scope().as_str(), sent.header("x-amz-target")),
        ("us-east-1/pricing", "AWSPriceListService.GetProducts")
    );

    let wire = Wire::new([json(200, "{\"Quota\": {\"Value\": 1000.0, \"QuotaCode\": \"L-B99A9384\"}}")]);
    let request = GetServiceQuota { service_code: "lambda", quota_code: "L-B99A9384" };
    let answer = wire.client(&QUOTAS).call("", &request).await.unwrap();
    assert!((answer.quota.value - 1000.0).abs() < f64::EPSILON);
}
