//! What answers become: values, and errors in our words.

use super::super::ecr::ECR;
use super::super::iam::IAM;
use super::{Answer, ROLE, Wire, html, json, refused, repositories, roles, xml};
use crate::cloud::api::Client;
use crate::cloud::budget::Limits;
use crate::cloud::{CloudError, ErrorKind, RegistryLogin};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use std::collections::BTreeMap;
use std::sync::Arc;

async fn role_error(answer: Answer) -> CloudError {
    let client = Wire::new([answer]).client(&IAM);
    roles(&client).policy("f", "p").await.unwrap_err()
}

async fn repository_error(answer: Answer) -> CloudError {
    let client = Wire::new([answer]).client(&ECR);
    repositories(&client).create("f", &BTreeMap::new()).await.unwrap_err()
}

#[tokio::test]
async fn a_role_and_its_policy_are_read() {
    let policy = "<GetRolePolicyResponse><GetRolePolicyResult><RoleName>f</RoleName><PolicyName>p</PolicyName>\
        <PolicyDocument>%7B%22a%22%3A+%22%C3%A9%22%7D</PolicyDocument></GetRolePolicyResult></GetRolePolicyResponse>";
    let wire = Wire::new([xml(200, ROLE), xml(200, policy), refused(404, "NoSuchEntity", "no role")]);
    let client = wire.client(&IAM);
    let role = roles(&client).get("f").await.unwrap().unwrap();
    assert_eq!(role.arn, "arn:aws:iam::123456789012:role/throng/f");
    let tags = [("throng", "f & g é"), (" a ", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(role.tags, BTreeMap::from(tags));
    assert_eq!(roles(&client).policy("f", "p").await.unwrap().unwrap(), "{\"a\":+\"é\"}");
    assert_eq!(roles(&client).get("f").await.unwrap(), None);
}

#[tokio::test]
async fn a_repository_and_a_login_are_read() {
    let found = "{\"repositories\": [{\"repositoryArn\": \"arn:r\", \"registryId\": \"1\", \"repositoryName\": \"f\", \
        \"repositoryUri\": \"1.dkr.ecr/f\", \"createdAt\": 1.5, \"imageTagMutability\": \"MUTABLE\"}]}";
    let token = "{\"authorizationData\": [{\"authorizationToken\": \"QVdTOnBhOnNz\", \"expiresAt\": 1.7E9, \
        \"proxyEndpoint\": \"https://1.dkr.ecr/\"}]}";
    let wire = Wire::new([
        json(200, found),
        json(200, token),
        json(200, "{\"authorizationData\": []}"),
        json(200, "{\"tags\": [{\"Key\": \"a\", \"Value\": \"b\"}]}"),
        json(200, "{\"failures\": [{\"failureCode\": \"ImageNotFound\", \"imageId\": {}}]}"),
        json(
            200,
            "{\"failures\": [{\"failureCode\": \"ImageReferencedByManifestList\", \"failureReason\": \"why\"}]}",
        ),
    ]);
    let client = wire.client(&ECR);
    let repositories = repositories(&client);
    let repository = repositories.get("f").await.unwrap().unwrap();
    assert_eq!((repository.arn.as_str(), repository.uri.as_str()), ("arn:r", "1.dkr.ecr/f"));
    let login = repositories.login().await.unwrap();
    let expected =
        RegistryLogin { endpoint: "https://1.dkr.ecr".into(), user: "AWS".into(), password: "pa:ss".into() };
    assert!(login == expected, "{login:?}");
    let error = repositories.login().await.unwrap_err();
    assert_eq!(error.to_string(), "ecr:GetAuthorizationToken: failed: the answer holds no token");
    assert_eq!(repositories.tags("arn:r").await.unwrap(), BTreeMap::from([("a".into(), "b".into())]));
    assert!(!repositories.delete_image("f", "sha256:00").await.unwrap());
    let error = repositories.delete_image("f", "x").await.unwrap_err();
    assert_eq!(error.to_string(), "ecr:BatchDeleteImage f: conflict: why");
}

#[tokio::test]
async fn refusals_are_told_with_code_and_request() {
    let error = role_error(refused(403, "AccessDenied", "User: u is not authorized")).await;
    assert_eq!(error.kind, ErrorKind::Denied);
    assert_eq!(
        error.to_string(),
        "iam:GetRolePolicy f: not allowed: User: u is not authorized (AccessDenied, request r-1)"
    );
    let error = role_error(refused(403, "InvalidClientTokenId", "The security token is invalid")).await;
    assert_eq!(error.kind, ErrorKind::Auth);
    let error = role_error(refused(409, "LimitExceeded", "Cannot exceed quota")).await;
    assert_eq!(error.kind, ErrorKind::Invalid);
    let exists = Wire::new([refused(409, "EntityAlreadyExists", "Role with name f already exists.")]);
    let role = crate::cloud::NewRole {
        path: "/".into(),
        name: "f".into(),
        description: String::new(),
        trust: "{}".into(),
        tags: BTreeMap::new(),
    };
    let error = roles(&exists.client(&IAM)).create(&role).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Conflict, Some("EntityAlreadyExists")));
    assert!(!roles(&Wire::new([refused(404, "NoSuchEntity", "")]).client(&IAM)).delete("f").await.unwrap());

    let denied = "{\"__type\":\"com.amazonaws.ecr#AccessDeniedException\",\"Message\":\"User: u\"}";
    let error = repository_error(json(400, denied)).await;
    assert_eq!(
        error.to_string(),
        "ecr:CreateRepository f: not allowed: User: u (AccessDeniedException, request r-2)"
    );
    let exists = "{\"__type\":\"RepositoryAlreadyExistsException\",\"message\":\"it is there\"}";
    assert_eq!(repository_error(json(400, exists)).await.kind, ErrorKind::Conflict);
    let missing = "{\"__type\":\"RepositoryNotFoundException\",\"message\":\"none\"}";
    let wire = Wire::new([json(400, missing), json(400, missing)]);
    let client = wire.client(&ECR);
    assert_eq!(repositories(&client).get("f").await.unwrap(), None);
    assert!(!repositories(&client).delete("f").await.unwrap());
    let mut told_by_header = json(400, "");
    told_by_header.1.push(("x-amzn-errortype", "UnrecognizedClientException:http://x/".into()));
    let error = repository_error(told_by_header).await;
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Auth, "UnrecognizedClientException"));
}

#[tokio::test]
async fn throttling_is_waited_for_and_told_to_the_budget() {
    let busy = "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}";
    let role = Wire::new([refused(400, "Throttling", "Rate exceeded"), xml(200, ROLE)]);
    let repository = Wire::new([json(400, busy), json(400, busy), json(200, "{\"repositories\": []}")]);
    let limits = Arc::new(Limits::aws("eu-west-1"));
    let iam = Client::new(&IAM, &role.config(), &limits);
    let ecr = Client::new(&ECR, &repository.config(), &limits);
    assert!(roles(&iam).get("f").await.unwrap().is_some());
    assert_eq!(repositories(&ecr).get("f").await.unwrap(), None);
    let counted: Vec<_> =
        limits.calls().table().into_iter().map(|row| (row.service, row.total, row.throttled)).collect();
    assert_eq!(counted, [("ECR".to_owned(), 3, 2), ("IAM".to_owned(), 2, 1)]);
    assert_eq!(limits.slowed()[0].what, "account calls");
    assert!(role.sent()[1].header("amz-sdk-request").contains("attempt=2"));

    let wire = Wire::new(std::iter::repeat_n(refused(400, "Throttling", "Rate exceeded"), 3));
    let error = roles(&wire.client(&IAM)).delete("f").await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str(), wire.sent().len()),
        (ErrorKind::Throttled, "Rate exceeded", 3)
    );
    let wire = Wire::new([json(503, ""), json(500, "{}"), json(502, "")]);
    let error = repositories(&wire.client(&ECR)).names().await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str(), wire.sent().len()),
        (ErrorKind::Other, "HTTP status 502", 3)
    );
}

#[tokio::test]
async fn what_is_not_aws_is_said_to_be_that() {
    for (answer, status) in [(html(200), 200), (html(403), 403), (html(404), 404)] {
        let role = role_error(answer.clone()).await;
        let repository = repository_error(answer).await;
        for error in [role, repository] {
            assert_eq!(error.kind, ErrorKind::Other, "{error}");
            let words = format!("something that is not AWS's protocol (HTTP status {status}, text/html)");
            assert!(error.message.contains(&words), "{error}");
        }
    }
    // Not even to a request whose answer says nothing.
    let client = Wire::new([html(200)]).client(&IAM);
    assert!(roles(&client).set_policy("f", "p", "{}").await.is_err());
    // Of a service, but not this one; and nothing at all.
    for body in [
        "<ListBucketsResponse/>",
        "",
        "<GetRolePolicyResponse><GetRolePolicyResult/></GetRolePolicyResponse>",
    ] {
        assert!(role_error(xml(200, body)).await.message.contains("not AWS's protocol"), "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_no_answer() {
    let whole = ROLE.trim_end();
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let client = Wire::new([xml(200, &whole[..end])]).client(&IAM);
        assert!(roles(&client).get("f").await.is_err(), "{}", &whole[..end]);
    }
    let error = repository_error(json(200, "{\"repository\": {")).await;
    assert!(error.message.contains("not AWS's protocol"), "{error}");
    let error = role_error(xml(403, "<ErrorResponse><Error><Code>AccessDenied")).await;
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Denied, "HTTP status 403"));
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_and_then_told() {
    let wire = Wire::new([]);
    let error = roles(&wire.client(&IAM)).get("f").await.unwrap_err();
    assert_eq!((error.kind, wire.sent().len()), (ErrorKind::Unreachable, 3));
    assert!(error.message.contains("connection reset"), "{error}");
}

#[tokio::test]
async fn clocks_that_differ_are_corrected_else_told() {
    let ahead = |hours: i64| {
        let date = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap()
    };
    let expired = |hours| {
        let said = "Signature expired: 20260101T000000Z is now earlier than 20260101T020000Z";
        let mut answer = refused(403, "SignatureDoesNotMatch", said);
        answer.1.push(("date", ahead(hours)));
        answer
    };
    let wire = Wire::new([expired(2), xml(200, ROLE)]);
    roles(&wire.client(&IAM)).get("f").await.unwrap().unwrap();
    let sent = wire.sent();
    let hour = |index: usize| sent[index].header("x-amz-date")[..11].to_owned();
    assert_ne!(hour(0), hour(1), "the second attempt is signed with the cloud's time");

    let wire = Wire::new(std::iter::repeat_with(|| expired(2)).take(3));
    let error = roles(&wire.client(&IAM)).get("f").await.unwrap_err();
    assert!(error.is_clock() && error.kind == ErrorKind::Auth, "{error}");
    assert!(error.message.contains("This machine's clock is 120 min behind the cloud's."), "{error}");
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_what_is_wrong() {
    #[derive(Debug)]
    struct None;
    impl ProvideCredentials for None {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::provider_error("type `aws configure`")))
        }
    }
    let wire = Wire::new([]);
    let config =
        wire.config().to_builder().credentials_provider(SharedCredentialsProvider::new(None)).build();
    let client = Client::new(&IAM, &config, &Arc::new(Limits::local()));
    let error = roles(&client).get("f").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "iam:GetRole f: the cloud does not accept the credentials: type `aws configure`"
    );
    assert!(wire.sent().is_empty());
}
