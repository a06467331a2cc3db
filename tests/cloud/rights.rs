//! A function may do here what it may do on AWS, and is refused in the same words.

use crate::support::{Home, between, wait_for};
use aws_sdk_lambda::types::{ImageConfig, InvocationType};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use throng_contract::local::{AccessKey, ROLE_ARN};
use throng_core::cloud::{Cloud, ConnectOptions, NewRole};
use throng_core::config::ContextConfig;
use throng_core::dirs::Dirs;
use throng_local::daemon;

const COPY: &str = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";

/// The local cloud of a home, and who asks it.
struct World {
    home: Home,
    endpoint: String,
    user: AccessKey,
}

impl World {
    fn new() -> Self {
        let home = Home::new();
        home.ok(&["functions"]);
        let endpoint = home.json(&["local", "status"])["endpoint"].as_str().unwrap().to_owned();
        let user = daemon::read_credentials(&home.path().join("home/data/local")).unwrap().user;
        Self { home, endpoint, user }
    }

    /// Deploys a function that copies, from one folder of a bucket to another.
    fn deploy(&self, name: &str, bucket: &str, more: &str) -> String {
        let places = between(&format!("{bucket}/in"), &format!("{bucket}/out"));
        let file = self.home.function(name, COPY, &format!("      memory: 128\n{places}{more}"));
        self.home.ok(&["deploy", &file])
    }

    fn lambda(&self, keys: &Keys) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(aws_sdk_lambda::config::Region::new("us-east-1"))
            .credentials_provider(keys.credentials())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_lambda::Client::from_conf(config)
    }

    fn s3(&self, keys: &Keys) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(aws_sdk_s3::config::Region::new("us-east-1"))
            .credentials_provider(keys.credentials())
            .force_path_style(true)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    fn person(&self) -> Keys {
        let AccessKey { access_key_id, secret_access_key } = self.user.clone();
        Keys { id: access_key_id, secret: secret_access_key, token: None }
    }

    /// An environment that has the role of `function`, tells its keys, and goes on for a while.
    async fn environment_of(&self, function: &str, name: &str) -> Keys {
        let lambda = self.lambda(&self.person());
        let found = lambda.get_function().function_name(function).send().await.unwrap();
        let image = found.code().and_then(|code| code.image_uri()).unwrap();
        let role = found.configuration().and_then(|configuration| configuration.role()).unwrap();
        let command = ["-c", "env; sleep 300"].map(str::to_owned);
        let entry = ImageConfig::builder().entry_point("/bin/sh").set_command(Some(command.to_vec())).build();
        lambda
            .create_function()
            .function_name(name)
            .role(role)
            .package_type(aws_sdk_lambda::types::PackageType::Image)
            .code(aws_sdk_lambda::types::FunctionCode::builder().image_uri(image).build())
            .image_config(entry)
            .timeout(60)
            .send()
            .await
            .unwrap();
        let ready = aws_sdk_lambda::client::Waiters::wait_until_function_active_v2(&lambda);
        ready.function_name(name).wait(Duration::from_mins(1)).await.unwrap();
        let event = InvocationType::Event;
        lambda.invoke().function_name(name).invocation_type(event).send().await.unwrap();
        let mut told = BTreeMap::new();
        wait_for("the environment tells its keys", || {
            let log = String::from_utf8_lossy(&self.home.run(&["logs", name]).stdout).into_owned();
            for word in log.split_whitespace() {
                if let Some((name, value)) = word.split_once('=') {
                    told.insert(name.to_owned(), value.to_owned());
                }
            }
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
                .iter()
                .all(|name| told.contains_key(*name))
        });
        Keys {
            id: told["AWS_ACCESS_KEY_ID"].clone(),
            secret: told["AWS_SECRET_ACCESS_KEY"].clone(),
            token: Some(told["AWS_SESSION_TOKEN"].clone()),
        }
    }
}

#[derive(Clone)]
struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
}

impl Keys {
    fn credentials(&self) -> aws_sdk_s3::config::Credentials {
        aws_sdk_s3::config::Credentials::new(&self.id, &self.secret, self.token.clone(), None, "test")
    }
}

/// Code and words of a refusal; nothing when it was none.
fn refusal<T, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E>>) -> String {
    match outcome {
        Ok(_) => String::new(),
        Err(error) => {
            format!("{}: {}", error.code().unwrap_or_default(), error.message().unwrap_or_default())
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_may_do_what_its_role_allows_and_nothing_else() {
    let world = World::new();
    world.deploy("own", "data", "");
    world.deploy("other", "others", "");
    let person = world.s3(&world.person());
    let put = |bucket: &str, key: &str| {
        person.put_object().bucket(bucket).key(key).body("x".to_owned().into_bytes().into())
    };
    person.create_bucket().bucket("diary").send().await.unwrap();
    for (bucket, key) in [
        ("data", "kept/x"),
        ("diary", "x"),
        ("throng-home", "runs/r/run.json"),
        ("throng-home", "secrets/own/providers.json"),
        ("throng-home", "secrets/other/providers.json"),
    ] {
        put(bucket, key).send().await.unwrap();
    }
    let keys = world.environment_of("own", "probe").await;
    assert!(keys.id.starts_with("ASIA"), "temporary: {}", keys.id);
    let s3 = world.s3(&keys);
    let read = |bucket: &str, key: &str| s3.get_object().bucket(bucket).key(key).send();
    let write = |bucket: &str, key: &str| s3.put_object().bucket(bucket).key(key).send();

    assert_eq!(refusal(read("throng-home", "secrets/own/providers.json").await), "", "its own secrets");
    assert_eq!(refusal(write("data", "out/y").await), "", "its own outputs");
    assert!(refusal(read("data", "in/none").await).starts_with("NoSuchKey"), "it may list: it is told");
    let told = refusal(read("diary", "x").await);
    assert!(
        told.starts_with("AccessDenied: User: arn:aws:sts::000000000000:assumed-role/throng-us-east-1-own/probe is not \
                          authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::diary/x\" because no \
                          identity-based policy allows"),
        "{told}"
    );
    let denied = [
        refusal(read("diary", "none").await),
        refusal(read("data", "kept/x").await),
        refusal(read("throng-home", "runs/r/run.json").await),
        refusal(read("throng-home", "secrets/other/providers.json").await),
        refusal(write("diary", "x").await),
        refusal(write("data", "in/x").await),
        refusal(s3.delete_object().bucket("data").key("kept/x").send().await),
        refusal(s3.copy_object().bucket("data").key("out/z").copy_source("diary/x").send().await),
        refusal(s3.list_buckets().send().await),
        refusal(s3.list_objects_v2().bucket("diary").send().await),
        refusal(s3.delete_bucket().bucket("diary").send().await),
        refusal(s3.create_multipart_upload().bucket("diary").key("m").send().await),
    ];
    for (number, told) in denied.iter().enumerate() {
        assert!(told.starts_with("AccessDenied: User: "), "{number}: {told:?}");
    }
    let objects = ["kept/x", "out/y"]
        .map(|key| aws_sdk_s3::types::ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = aws_sdk_s3::types::Delete::builder().set_objects(Some(objects.to_vec())).build().unwrap();
    let deleted = s3.delete_objects().bucket("data").delete(delete).send().await.unwrap();
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (0, 2), "key by key: {deleted:?}");
    assert_eq!(deleted.errors()[0].code(), Some("AccessDenied"));
    assert_eq!(
        refusal(person.get_object().bucket("data").key("kept/x").send().await),
        "",
        "it is there still"
    );

    let lambda = world.lambda(&keys);
    let told = refusal(lambda.list_functions().send().await);
    assert!(
        told.starts_with("AccessDeniedException: User: ") && told.contains("lambda:ListFunctions"),
        "{told}"
    );
    for told in [
        refusal(lambda.get_function().function_name("other").send().await),
        refusal(lambda.invoke().function_name("other").send().await),
        refusal(lambda.update_function_configuration().function_name("own").role(ROLE_ARN).send().await),
    ] {
        assert!(told.starts_with("AccessDeniedException: "), "{told}");
    }
    nothing_but_services(&world, &keys).await;

    // Without the token, or with another one, the keys are none.
    for token in [None, Some("another".to_owned())] {
        let told = refusal(world.s3(&Keys { token, ..keys.clone() }).list_buckets().send().await);
        assert!(told.starts_with("InvalidToken"), "{told}");
    }
    // The environment's end is theirs.
    world.lambda(&world.person()).delete_function().function_name("probe").send().await.unwrap();
    wait_for("its keys are good no more", || {
        let runtime = tokio::runtime::Handle::current();
        let told = async { refusal(write("data", "out/late").await) };
        tokio::task::block_in_place(|| runtime.block_on(told)).starts_with("InvalidAccessKeyId")
    });
}

/// The registry and the daemon's control do not take a function's keys.
async fn nothing_but_services(world: &World, keys: &Keys) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    for path in ["/v2/_catalog", "/_throng/status", "/_throng/stop"] {
        for method in [reqwest::Method::GET, reqwest::Method::POST] {
            let request = http.request(method, format!("{}{path}", world.endpoint));
            let answer = request.basic_auth(&keys.id, Some(&keys.secret)).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{path}");
        }
    }
}

async fn cloud(home: &Home) -> Cloud {
    let exe = Some(PathBuf::from(env!("CARGO_BIN_EXE_throng")));
    let dirs = Dirs::under(&home.path().join("home"));
    let options = ConnectOptions { exe, no_start: false, ..ConnectOptions::default() };
    Cloud::connect_with(&ContextConfig::local(), &dirs, &options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_too_narrow_fails_here_as_there() {
    let world = World::new();
    let home = &world.home;
    let cloud = cloud(home).await;
    let role = NewRole {
        path: "/".into(),
        name: "narrow".into(),
        description: "A test's".into(),
        trust: throng_core::policies::trust("000000000000", "arn:aws:iam::000000000000:role/narrow"),
        tags: BTreeMap::new(),
    };
    cloud.roles().create(&role).await.unwrap();
    let policy = |outputs: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [
                {{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}},
                {{"Effect": "Allow", "Action": ["s3:PutObject", "s3:DeleteObject"],
                  "Resource": ["arn:aws:s3:::throng-home/*", "arn:aws:s3:::{outputs}/*"]}}]}}"#
        )
    };
    cloud.roles().set_policy("narrow", "p", &policy("elsewhere")).await.unwrap();
    let deployed =
        world.deploy("copy", "data", "    iam:\n      role: arn:aws:iam::000000000000:role/narrow\n");
    assert!(!deployed.contains("has no role"), "{deployed}");
    home.write("a.txt", "a");
    let run = home.json(&["run", "copy", "a.txt", "--wait"]);
    assert_eq!(run["counts"]["failed"], 1, "{run}");
    let tasks = home.json(&["tasks", "last"]);
    assert_eq!(tasks[0]["class"], "output", "{tasks}");
    let task = home.ok(&["tasks", "last", tasks[0]["task"].to_string().trim_matches('"')]);
    assert!(task.contains("AccessDenied") && task.contains("s3:PutObject"), "{task}");

    cloud.roles().set_policy("narrow", "p", &policy("data")).await.unwrap();
    home.write("b.txt", "b");
    let run = home.json(&["run", "copy", "b.txt", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 1, "at once, in an environment that is warm: {run}");

    let refused = cloud
        .roles()
        .set_policy("narrow", "p", &policy("data").replace("\"Resource\": \"*\"}", "\"Resource\": \"*\", \"Condition\": {\"DateLessThan\": {\"aws:CurrentTime\": \"2030-01-01T00:00:00Z\"}}}"))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("DateLessThan"), "by name: {refused}");

    let trust = role.trust.replace("lambda.", "ecs-tasks.");
    cloud.roles().set_trust("narrow", &trust).await.unwrap();
    let lambda = world.lambda(&world.person());
    let update = lambda.update_function_configuration().function_name("copy");
    let told = refusal(update.role("arn:aws:iam::000000000000:role/narrow").send().await);
    assert!(told.ends_with("The role defined for the function cannot be assumed by Lambda."), "{told}");

    let elsewhere =
        world.deploy("away", "elsewhere", "    iam:\n      role: arn:aws:iam::123456789012:role/there\n");
    assert!(elsewhere.contains("has no role arn:aws:iam::123456789012:role/there"), "{elsewhere}");
}

/// What a script finds (in variables, in `/proc`, by asking) does not let it write the ledger, nor read what is another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_cannot_forge_the_ledger_with_what_it_finds() {
    const NOSY: &str = "#!/bin/sh\nenv > \"$TMP_OUTPUT_DIR/env\"\n\
        for p in /proc/[0-9]*; do [ \"$p\" = /proc/$$ ] || cat \"$p/environ\" 2>/dev/null; done \
        | tr '\\0' '\\n' > \"$TMP_OUTPUT_DIR/others\"\n\
        for p in /proc/[0-9]*; do head -c 1 \"$p/mem\" 2>&1; done > \"$TMP_OUTPUT_DIR/mem\"\nexit 0\n";
    let world = World::new();
    let home = &world.home;
    world.deploy("other", "secrets", "");
    home.write("a.txt", "theirs");
    home.ok(&["put", "a.txt", "secrets/kept"]);
    let places = between("data/in", "data/out");
    for (name, credentials) in [("asks", "ask"), ("has", "env"), ("nothing", "none")] {
        let more = format!("      memory: 128\n      credentials: {credentials}\n{places}");
        home.ok(&["deploy", &home.function(name, NOSY, &more.replace("data/", &format!("{name}-data/")))]);
        let run = home.json(&["run", name, "a.txt", "--wait"]);
        assert_eq!(run["counts"]["succeeded"], 1, "{run}");
        home.ok(&["get", &format!("{name}-data/out/"), &format!("got/{name}")]);
    }
    let read = |function: &str, file: &str| {
        std::fs::read_to_string(home.path().join("got").join(function).join("out").join(file)).expect(file)
    };
    for function in ["asks", "nothing"] {
        let all = read(function, "env") + &read(function, "others");
        assert!(
            !all.contains("AWS_SECRET_ACCESS_KEY"),
            "{function}: no keys in variables, its own or others'"
        );
    }
    assert!(read("asks", "env").contains("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:"));
    assert!(!read("nothing", "env").contains("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    let found = read("has", "env");
    let value = |name: &str| {
        let line = found.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.expect(name).to_owned()
    };
    let secret = format!("AWS_SECRET_ACCESS_KEY={}", value("AWS_SECRET_ACCESS_KEY"));
    let others = read("has", "others");
    let mut secrets = others.lines().filter(|line| line.starts_with("AWS_SECRET_ACCESS_KEY"));
    assert!(secrets.all(|line| line == secret), "those of its own children; the runtime's are shut");
    let keys = Keys {
        id: value("AWS_ACCESS_KEY_ID"),
        secret: value("AWS_SECRET_ACCESS_KEY"),
        token: Some(value("AWS_SESSION_TOKEN")),
    };
    let s3 = world.s3(&keys);
    let put = async |bucket: &str, key: &str| {
        refusal(s3.put_object().bucket(bucket).key(key).body(b"forged".to_vec().into()).send().await)
    };
    assert_eq!(put("has-data", "out/mine").await, "", "its own outputs");
    for key in [
        "l/00/r/0/0/0_id.1_succeeded_-_1_1_-_-.json",
        "runs/r/cancel.json",
        "days/has/20261123.json",
        "start/x",
    ] {
        let refused = put("throng-home", key).await;
        assert!(refused.starts_with("AccessDenied") && refused.contains("explicit deny"), "{key}: {refused}");
    }
    let get = |bucket: &'static str, key: &'static str| s3.get_object().bucket(bucket).key(key).send();
    for (bucket, key) in [("throng-home", "secrets/has/providers.json"), ("secrets", "kept/a.txt")] {
        assert!(refusal(get(bucket, key).await).starts_with("AccessDenied"), "{bucket}/{key}");
    }
    let list = s3.list_objects_v2().bucket("throng-home").send();
    assert!(refusal(list.await).starts_with("AccessDenied"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_of_an_older_version_works_until_it_is_deployed_again_with_a_role_of_its_own() {
    let world = World::new();
    let home = &world.home;
    world.deploy("copy", "data", "");
    let lambda = world.lambda(&world.person());
    let role = async || {
        let found = lambda.get_function_configuration().function_name("copy").send().await.unwrap();
        found.role().unwrap().to_owned()
    };
    let own = role().await;
    assert_eq!(own, "arn:aws:iam::000000000000:role/throng/throng-us-east-1-copy");
    // As it was deployed before: the role that all had, which nobody has made.
    lambda.update_function_configuration().function_name("copy").role(ROLE_ARN).send().await.unwrap();
    home.write("a.txt", "a");
    let run = home.json(&["run", "copy", "a.txt", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 1, "{run}");
    let deployed = world.deploy("copy", "data", "");
    assert!(deployed.contains("change") && deployed.contains("role"), "{deployed}");
    assert_eq!(role().await, own);
    let run = home.json(&["run", "copy", "a.txt", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 1, "{run}");

    let removed = home.ok(&["rm", "function", "copy", "--yes"]);
    assert!(removed.contains("role throng-us-east-1-copy"), "{removed}");
    assert!(cloud(home).await.roles().get("throng-us-east-1-copy").await.unwrap().is_none());
}
