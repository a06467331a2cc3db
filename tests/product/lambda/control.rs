//! The control plane.

use super::cloud::{Cloud, Options, payload};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::types::{Architecture, Environment, FunctionCode, PackageType, Runtime, State};
use serde_json::json;

macro_rules! refused {
    ($call:expr, $code:literal) => {{
        let error = $call.send().await.expect_err("refused").into_service_error();
        assert_eq!(error.code(), Some($code), "{error:?}");
        let message = error.message().unwrap_or_default().to_owned();
        message
    }};
}

#[tokio::test]
async fn a_function_lives_from_pending_to_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    let created = cloud.create("life").description("d").tags("k", "v").send().await.unwrap();
    assert_eq!(created.state(), Some(&State::Pending));
    assert_eq!(created.code_sha256().unwrap(), "a".repeat(64));
    assert_eq!((created.timeout(), created.memory_size()), (Some(3), Some(128)));
    let message = refused!(cloud.create("life"), "ResourceConflictException");
    assert!(message.contains("Function already exist: life"), "{message}");
    cloud.active("life").await;
    let got = cloud.client.get_function().function_name("life").send().await.unwrap();
    let code = got.code().unwrap();
    assert!(code.image_uri().unwrap().ends_with("/demo:latest"));
    assert_eq!(
        code.resolved_image_uri().unwrap(),
        format!("{}/demo@sha256:{}", cloud.address, "a".repeat(64))
    );
    assert_eq!(got.tags().unwrap()["k"], "v");
    let configuration = got.configuration().unwrap();
    assert_eq!(configuration.state(), Some(&State::Active));
    assert_eq!(configuration.package_type(), Some(&PackageType::Image));
    assert_eq!(configuration.logging_config().unwrap().log_group(), Some("/aws/lambda/life"));
    cloud.client.delete_function().function_name("life").send().await.unwrap();
    let message = refused!(cloud.client.get_function().function_name("life"), "ResourceNotFoundException");
    assert_eq!(message, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:life");
}

#[tokio::test]
async fn bad_requests_are_refused_in_awss_words() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    refused!(cloud.create("bad name"), "ValidationException");
    refused!(cloud.create("f").memory_size(127), "ValidationException");
    refused!(cloud.create("f").timeout(901), "ValidationException");
    refused!(cloud.create("f").role("nobody"), "ValidationException");
    let zip = FunctionCode::builder().zip_file(aws_sdk_lambda::primitives::Blob::new("x")).build();
    let call = cloud.create("f").code(zip).package_type(PackageType::Zip).runtime(Runtime::Python312);
    let message = refused!(call, "InvalidParameterValueException");
    assert!(message.contains("container images only"), "{message}");
    let missing = FunctionCode::builder().image_uri("127.0.0.1:1/missing:1").build();
    refused!(cloud.create("f").code(missing), "InvalidParameterValueException");
    let other = if cfg!(target_arch = "aarch64") { Architecture::X8664 } else { Architecture::Arm64 };
    refused!(cloud.create("f").architectures(other), "InvalidParameterValueException");
    let big = Environment::builder().variables("LONG", "x".repeat(5000)).build();
    refused!(cloud.create("f").environment(big), "InvalidParameterValueException");
    let reserved = Environment::builder().variables("AWS_REGION", "x").build();
    refused!(cloud.create("f").environment(reserved), "InvalidParameterValueException");
    assert!(cloud.client.list_functions().send().await.unwrap().functions().is_empty());
}

#[tokio::test]
async fn a_broken_image_fails_the_function() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    let broken = FunctionCode::builder().image_uri("127.0.0.1:1/broken:1").build();
    cloud.create("broken").code(broken).send().await.unwrap();
    cloud.active("broken").await;
    let function = cloud.client.get_function_configuration().function_name("broken").send().await.unwrap();
    assert_eq!(function.state(), Some(&State::Failed));
    assert_eq!(function.state_reason_code().unwrap().as_str(), "InvalidImage");
    refused!(cloud.client.invoke().function_name("broken"), "ResourceConflictException");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    for n in 0..7 {
        cloud.create(&format!("f{n}")).send().await.unwrap();
    }
    let (mut names, mut marker, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = cloud.client.list_functions().max_items(3).set_marker(marker).send().await.unwrap();
        names.extend(page.functions().iter().map(|function| function.function_name().unwrap().to_owned()));
        pages += 1;
        marker = page.next_marker().map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(names, (0..7).map(|n| format!("f{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_change_replaces_the_environments() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("change", 10, &[("OWN", "1")]).await;
    assert_eq!(payload(&cloud.invoke("change", &json!({"variable": "OWN"})).await)["variable"], "1");
    let before = cloud.client.get_function_configuration().function_name("change").send().await.unwrap();
    let stale =
        cloud.client.update_function_configuration().function_name("change").revision_id("x").timeout(5);
    refused!(stale, "PreconditionFailedException");
    let changed = cloud
        .client
        .update_function_configuration()
        .function_name("change")
        .revision_id(before.revision_id().unwrap())
        .environment(Environment::builder().variables("OWN", "2").build())
        .send()
        .await
        .unwrap();
    assert_eq!(changed.timeout(), Some(10));
    cloud.active("change").await;
    let after = payload(&cloud.invoke("change", &json!({"variable": "OWN"})).await);
    assert_eq!((&after["variable"], &after["count"]), (&json!("2"), &json!(1)));
    let code = cloud.client.update_function_code().function_name("change");
    code.image_uri("127.0.0.1:1/broken:1").send().await.unwrap();
    cloud.active("change").await;
    let failed = cloud.client.get_function_configuration().function_name("change").send().await.unwrap();
    assert_eq!(failed.last_update_status().unwrap().as_str(), "Failed");
    assert_eq!(failed.state(), Some(&State::Active));
    assert_eq!(payload(&cloud.invoke("change", &json!({})).await)["count"], 2, "what ran before goes on");
}

#[tokio::test]
async fn policies_tags_and_concurrency() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("rest", 10, &[]).await;
    let client = &cloud.client;
    let grant = || {
        client
            .add_permission()
            .function_name("rest")
            .statement_id("s3")
            .action("lambda:InvokeFunction")
            .principal("s3.amazonaws.com")
            .source_arn("arn:aws:s3:::in")
    };
    assert!(grant().send().await.unwrap().statement().unwrap().contains("arn:aws:s3:::in"));
    refused!(grant(), "ResourceConflictException");
    let policy = client.get_policy().function_name("rest").send().await.unwrap();
    assert!(policy.policy().unwrap().contains("\"Service\":\"s3.amazonaws.com\""));
    client.remove_permission().function_name("rest").statement_id("s3").send().await.unwrap();
    refused!(client.get_policy().function_name("rest"), "ResourceNotFoundException");

    let arn = "arn:aws:lambda:us-east-1:000000000000:function:rest";
    client.tag_resource().resource(arn).tags("a b", "c/d").send().await.unwrap();
    assert_eq!(client.list_tags().resource(arn).send().await.unwrap().tags().unwrap()["a b"], "c/d");
    client.untag_resource().resource(arn).tag_keys("a b").send().await.unwrap();
    assert!(client.list_tags().resource(arn).send().await.unwrap().tags().unwrap().is_empty());

    refused!(
        client.put_function_concurrency().function_name("rest").reserved_concurrent_executions(901),
        "InvalidParameterValueException"
    );
    client
        .put_function_concurrency()
        .function_name("rest")
        .reserved_concurrent_executions(5)
        .send()
        .await
        .unwrap();
    let reserved = client.get_function_concurrency().function_name("rest").send().await.unwrap();
    assert_eq!(reserved.reserved_concurrent_executions(), Some(5));
    let account = client.get_account_settings().send().await.unwrap();
    assert_eq!(account.account_limit().unwrap().unreserved_concurrent_executions(), Some(995));
    client.delete_function_concurrency().function_name("rest").send().await.unwrap();

    refused!(client.get_function_event_invoke_config().function_name("rest"), "ResourceNotFoundException");
    refused!(
        client.put_function_event_invoke_config().function_name("rest").maximum_retry_attempts(3),
        "ValidationException"
    );
    client
        .put_function_event_invoke_config()
        .function_name("rest")
        .maximum_retry_attempts(1)
        .send()
        .await
        .unwrap();
    let update =
        client.update_function_event_invoke_config().function_name("rest").maximum_event_age_in_seconds(60);
    assert_eq!(update.send().await.unwrap().maximum_retry_attempts(), Some(1));
    client.delete_function_event_invoke_config().function_name("rest").send().await.unwrap();
}
