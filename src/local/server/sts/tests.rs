//! Becoming a role, with roles that IAM made.

#![allow(clippy::unwrap_used)]

use super::Sts;
use crate::access::{Access, Caller, OpenSession};
use crate::db::{Db, Format};
use crate::iam::Iam;
use crate::protocol::SignedService;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use throng_contract::local::AccessKey;

const ROLE: &str = "arn:aws:iam::000000000000:role/f";

struct World {
    _folder: tempfile::TempDir,
    iam: Iam,
    access: Arc<Access>,
    sts: Sts,
}

/// The answer to a form, and whether it is a good one.
async fn asked(
    service: &impl SignedService,
    caller: Option<Caller>,
    form: &[(&str, &str)],
) -> (bool, String) {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = Request::builder().method("POST").uri("/").body(Bytes::from(body)).unwrap();
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    let answer = service.handle(request).await;
    let good = answer.status() == StatusCode::OK;
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (good, String::from_utf8(bytes.to_vec()).unwrap())
}

impl World {
    async fn new() -> Self {
        const FORMAT: Format = Format::first("");
        let folder = tempfile::tempdir().unwrap();
        let iam = Iam::open(Db::open(&folder.path().join("x.db"), &FORMAT).unwrap()).await.unwrap();
        let user = AccessKey { access_key_id: "AKIAUSER".into(), secret_access_key: "s".into() };
        let access = Arc::new(Access::new(user, Arc::new(iam.clone())));
        Self { _folder: folder, iam, sts: Sts::new(access.clone()), access }
    }

    async fn iam(&self, form: &[(&str, &str)]) -> (bool, String) {
        asked(&self.iam, None, form).await
    }

    /// Makes a role with a trust policy of one principal.
    async fn role(&self, name: &str, principal: &str) -> (bool, String) {
        let trust = trust(principal);
        self.iam(&[("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &trust)]).await
    }

    fn session(&self, role: &str) -> OpenSession {
        self.access.open(role, "s", Vec::new(), None)
    }

    async fn assume(&self, session: &OpenSession, more: &[(&str, &str)]) -> (bool, String) {
        let (_, caller) = self.access.find(&session.key.access_key_id).unwrap();
        let form = [("Action", "AssumeRole"), ("RoleArn", ROLE), ("RoleSessionName", "a+b")];
        asked(&self.sts, Some(caller), &[&form, more].concat()).await
    }
}

fn trust(principal: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", "Principal": {principal}, "Action": "sts:AssumeRole"}}]}}"#
    )
}

#[tokio::test]
async fn a_role_becomes_another_as_both_say() {
    let world = World::new().await;
    assert!(world.role("f", r#"{"AWS": "arn:aws:iam::000000000000:root"}"#).await.0);
    assert!(world.role("g", r#"{"Service": "lambda.amazonaws.com"}"#).await.0);
    let caller = world.session("arn:aws:iam::000000000000:role/g");
    let (good, told) = world.assume(&caller, &[]).await;
    assert!(!good && told.contains("no identity-based policy allows the sts:AssumeRole action"), "{told}");
    let may = |condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "sts:AssumeRole",
                "Resource": "{ROLE}"{condition}}}]}}"#
        )
    };
    let put = async |policy: &str| {
        let form =
            [("Action", "PutRolePolicy"), ("RoleName", "g"), ("PolicyName", "p"), ("PolicyDocument", policy)];
        let (good, told) = world.iam(&form).await;
        assert!(good, "{told}");
    };
    put(&may("")).await;
    let (good, told) = world.assume(&caller, &[]).await;
    assert!(good && told.contains("assumed-role/f/a+b"), "{told}");
    assert!(told.contains("<AssumedRoleId>AROA"), "the role's id, as in aws:userid: {told}");

    put(&may(r#", "Condition": {"StringEquals": {"sts:ExternalId": "x"}}"#)).await;
    assert!(!world.assume(&caller, &[]).await.0);
    let (good, told) = world.assume(&caller, &[("ExternalId", "x")]).await;
    assert!(good, "{told}");
    put(&may(r#", "Condition": {"StringLike": {"aws:userid": "AROA*:s"}}"#)).await;
    assert!(world.assume(&caller, &[]).await.0);

    // Trusting Lambda is not trusting roles; trusting this role is, whatever its policies leave out.
    let update = async |principal: &str| {
        let trust = trust(principal);
        let form = [("Action", "UpdateAssumeRolePolicy"), ("RoleName", "f"), ("PolicyDocument", &trust)];
        world.iam(&form).await
    };
    assert!(update(r#"{"Service": "lambda.amazonaws.com"}"#).await.0);
    let (good, told) = world.assume(&caller, &[]).await;
    assert!(!good && told.contains(&format!("sts:AssumeRole on resource: {ROLE}</Message>")), "{told}");
    assert!(update(r#"{"AWS": "arn:aws:iam::000000000000:role/g"}"#).await.0);
    put(r#"{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}"#).await;
    assert!(world.assume(&caller, &[]).await.0);
    let (good, told) = update(r#"{"AWS": "arn:aws:iam::000000000000:role/nobody"}"#).await;
    assert!(!good && told.contains("Invalid principal in policy"), "{told}");
}

#[tokio::test]
async fn what_would_change_a_session_or_a_role_and_is_not_obeyed_is_refused_by_name() {
    let world = World::new().await;
    assert!(world.role("f", r#"{"AWS": "*"}"#).await.0);
    let caller = world.session(ROLE);
    assert!(world.assume(&caller, &[]).await.0);
    for (member, named) in [
        ("PolicyArns.member.1.arn", "PolicyArns"),
        ("Tags.member.1.Key", "Tags"),
        ("TransitiveTagKeys.member.1", "TransitiveTagKeys"),
        ("SourceIdentity", "SourceIdentity"),
        ("SerialNumber", "SerialNumber"),
    ] {
        let (good, told) = world.assume(&caller, &[(member, "x")]).await;
        assert!(!good && told.contains(&format!("does not have {named} ")), "{told}");
    }
    let document = trust(r#"{"AWS": "*"}"#);
    let create = [("Action", "CreateRole"), ("RoleName", "b"), ("AssumeRolePolicyDocument", &document)];
    let simulate = [
        ("Action", "SimulatePrincipalPolicy"),
        ("PolicySourceArn", ROLE),
        ("ActionNames.member.1", "s3:GetObject"),
    ];
    for (form, member, named) in [
        (&create, ("PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess"), "PermissionsBoundary"),
        (&create, ("MaxSessionDuration", "60"), "maxSessionDuration"),
        (&simulate, ("PolicyInputList.member.1", "{}"), "PolicyInputList"),
        (&simulate, ("ResourcePolicy", "{}"), "ResourcePolicy"),
    ] {
        let (good, told) = world.iam(&[form.as_slice(), &[member]].concat()).await;
        assert!(!good && told.contains(named), "{told}");
    }
    let (good, told) = world
        .iam(
            &[
                &simulate[..],
                &[
                    ("ContextEntries.member.1.ContextKeyName", "s3:prefix"),
                    ("ContextEntries.member.1.ContextKeyValues.member.1", "a"),
                    ("ContextEntries.member.1.ContextKeyValues.member.2", "b"),
                ],
            ]
            .concat(),
        )
        .await;
    assert!(!good && told.contains("one value of s3:prefix"), "{told}");
}

#[tokio::test]
async fn lambda_runs_functions_as_roles_that_trust_it() {
    let world = World::new().await;
    assert!(world.role("f", r#"{"Service": ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com"]}"#).await.0);
    assert!(world.role("g", r#"{"AWS": "arn:aws:iam::000000000000:root"}"#).await.0);
    assert!(world.access.is_for_lambda(ROLE));
    assert!(!world.access.is_for_lambda("arn:aws:iam::000000000000:role/g"));
    assert!(!world.access.is_for_lambda("arn:aws:iam::000000000000:role/path/f"), "another one");
    assert!(world.access.is_for_lambda("arn:aws:iam::000000000000:role/of-an-older-throng"));
    assert!(world.iam(&[("Action", "DeleteRole"), ("RoleName", "f")]).await.0);
    assert!(!world.access.is_for_lambda(ROLE), "deleted");
}
