//! What is sent: form and JSON, host, signature, headers.

use super::super::ecr::ECR;
use super::super::iam::IAM;
use super::{Wire, json, repositories, roles, xml};
use crate::cloud::NewRole;
use crate::cloud::api::Client;
use crate::cloud::budget::Limits;
use std::collections::BTreeMap;
use std::sync::Arc;

fn done(operation: &str) -> super::Answer {
    xml(
        200,
        &format!(
            "<{operation}Response><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{operation}Response>"
        ),
    )
}

#[tokio::test]
async fn iam_is_sent_forms_that_are_signed_for_its_own_region() {
    let wire = Wire::new([
        done("PutRolePolicy"),
        xml(200, "<CreateRoleResponse><CreateRoleResult><Role/></CreateRoleResult></CreateRoleResponse>"),
        done("DeleteRole"),
    ]);
    let client = wire.client(&IAM);
    roles(&client).set_policy("f", "p", "{\"a b\": [\"é*~/\"]}").await.unwrap();
    let tags = BTreeMap::from([("a".to_owned(), "1&2".to_owned()), ("b".to_owned(), String::new())]);
    let role = NewRole {
        path: "/throng/".into(),
        name: "f".into(),
        description: "of f".into(),
        trust: "{}".into(),
        tags,
    };
    roles(&client).create(&role).await.unwrap();
    roles(&client).delete("f").await.unwrap();

    let sent = wire.sent();
    let first = &sent[0];
    assert_eq!(first.uri, "https://iam.amazonaws.com/");
    assert_eq!(first.scope(), "us-east-1/iam");
    assert_eq!(first.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(first.header("content-length"), first.body.len().to_string());
    assert!(first.header("user-agent").starts_with("aws-sdk-rust/"), "{}", first.header("user-agent"));
    assert!(first.header("x-amz-user-agent").contains("api/iam/"), "{}", first.header("x-amz-user-agent"));
    assert!(first.header("amz-sdk-request").contains("attempt=1; max=3"), "{first:?}");
    assert!(!first.header("amz-sdk-invocation-id").is_empty());
    assert!(
        first.header("authorization").contains("SignedHeaders=content-length;content-type;host;"),
        "{first:?}"
    );
    assert_eq!(
        first.body,
        "Action=PutRolePolicy&Version=2010-05-08&PolicyDocument=%7B%22a%20b%22%3A%20%5B%22%C3%A9%2A~%2F%22%5D%7D\
         &PolicyName=p&RoleName=f"
    );
    assert_eq!(
        sent[1].body,
        "Action=CreateRole&Version=2010-05-08&AssumeRolePolicyDocument=%7B%7D&Description=of%20f&Path=%2Fthrong%2F\
         &RoleName=f&Tags.member.1.Key=a&Tags.member.1.Value=1%262&Tags.member.2.Key=b&Tags.member.2.Value="
    );
    assert_eq!(sent[2].body, "Action=DeleteRole&Version=2010-05-08&RoleName=f");
}

#[tokio::test]
async fn ecr_is_sent_json_in_the_region() {
    let wire = Wire::new([
        json(200, "{\"failures\": []}"),
        json(200, "{\"repository\": {}}"),
        json(200, "{}"),
        json(200, ""),
    ]);
    let client = wire.client(&ECR);
    assert!(repositories(&client).delete_image("throng/f", "latest").await.unwrap());
    repositories(&client).create("throng/f", &BTreeMap::from([("a".into(), "b".into())])).await.unwrap();
    repositories(&client).create("throng/f", &BTreeMap::new()).await.unwrap();
    assert_eq!(repositories(&client).names().await.unwrap(), [""; 0]);

    let sent = wire.sent();
    assert_eq!(sent[0].uri, "https://api.ecr.eu-west-1.amazonaws.com/");
    assert_eq!(sent[0].scope(), "eu-west-1/ecr");
    assert_eq!(sent[0].header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(sent[0].header("x-amz-target"), "AmazonEC2ContainerRegistry_V20150921.BatchDeleteImage");
    assert_eq!(sent[0].body, "{\"repositoryName\":\"throng/f\",\"imageIds\":[{\"imageTag\":\"latest\"}]}");
    assert_eq!(sent[1].body, "{\"repositoryName\":\"throng/f\",\"tags\":[{\"Key\":\"a\",\"Value\":\"b\"}]}");
    assert_eq!(sent[2].body, "{\"repositoryName\":\"throng/f\"}");
    assert_eq!(sent[3].body, "{}");
}

#[tokio::test]
async fn another_endpoint_is_asked_and_signed_for_in_the_region() {
    let wire = Wire::new([done("DeleteRole")]);
    let config = wire.config().to_builder().endpoint_url("http://127.0.0.1:4566/aws").build();
    let client = Client::new(&IAM, &config, &Arc::new(Limits::local()));
    roles(&client).delete("f").await.unwrap();
    let sent = wire.sent();
    assert_eq!(sent[0].uri, "http://127.0.0.1:4566/aws/");
    assert_eq!(sent[0].scope(), "eu-west-1/iam");
}

#[tokio::test]
async fn fips_and_another_endpoint_exclude_each_other_before_anything_is_sent() {
    let wire = Wire::new([]);
    let config = wire.config().to_builder().endpoint_url("http://127.0.0.1:1").use_fips(true).build();
    let client = Client::new(&ECR, &config, &Arc::new(Limits::local()));
    let error = repositories(&client).names().await.unwrap_err();
    assert!(error.message.contains("FIPS and custom endpoint are not supported"), "{error}");
    assert!(wire.sent().is_empty());
}

#[tokio::test]
async fn pages_are_followed_to_their_end() {
    let wire = Wire::new([
        json(200, "{\"repositories\": [{\"repositoryName\": \"a\"}, {}], \"nextToken\": \"t+1\"}"),
        json(200, "{\"repositories\": [{\"repositoryName\": \"b\"}], \"nextToken\": null}"),
    ]);
    let client = wire.client(&ECR);
    assert_eq!(repositories(&client).names().await.unwrap(), ["a", "b"]);
    assert_eq!(wire.sent()[1].body, "{\"nextToken\":\"t+1\"}");

    let page = |action: &str, decision: &str, more: &str| {
        xml(
            200,
            &format!(
                "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults><member>\
                 <EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision><EvalResourceName>*\
                 </EvalResourceName><MatchedStatements/></member></EvaluationResults>{more}\
                 </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
            ),
        )
    };
    let wire = Wire::new([
        page("s3:PutObject", "implicitDeny", "<IsTruncated>true</IsTruncated><Marker>m</Marker>"),
        page("s3:GetObject", "allowed", "<IsTruncated>true</IsTruncated><Marker>n</Marker>"),
        page("iam:PassRole", "explicitDeny", "<IsTruncated>false</IsTruncated>"),
    ]);
    let client = wire.client(&IAM);
    let missing = roles(&client).missing("arn:aws:iam::1:user/u", &["s3:PutObject"], &[]).await.unwrap();
    assert_eq!(missing, ["iam:PassRole", "s3:PutObject"]);
    let sent = wire.sent();
    assert!(
        sent[0].body.contains("&ActionNames.member.1=s3%3APutObject&ContextEntries.member.1.ContextKeyName=")
    );
    assert!(!sent[0].body.contains("Resource") && !sent[0].body.contains("Marker"), "{}", sent[0].body);
    assert!(sent[2].body.contains("&Marker=n&"), "{}", sent[2].body);
}
