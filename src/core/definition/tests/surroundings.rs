//! What a function finds around it: secrets, networks, file systems, files beside its input, its folder.

use super::*;

const POINT: &str = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0";

#[test]
fn secrets_come_from_the_environment_and_are_in_no_variable() {
    for (lines, written) in [
        ("secrets: [TOKEN]", "secrets: [TOKEN]"),
        ("secrets: TOKEN", "secrets: [TOKEN]"),
        ("secrets: {OTHER: 'x-${TOKEN}'}", "OTHER: \"x-${TOKEN}\""),
    ] {
        let definition = one(lines);
        assert!(
            definition.env.is_empty() && definition.lambda_env.is_empty() && definition.secrets.is_empty()
        );
        let (name, secret) = definition.script_secrets.iter().next().unwrap();
        assert!(secret.value.ends_with("s3cret"), "{name}");
        assert!(!format!("{definition:?} {}", explain(&definition)).contains("s3cret"));
        let yaml = to_yaml(&definition);
        assert!(yaml.contains(written) && !yaml.contains("s3cret"), "{yaml}");
        assert!(explain(&definition).to_string().contains("secret: for the script"));
    }
    let problem = errors("secrets: [NOT_SET]").remove(0);
    assert_eq!(problem.kind, ProblemKind::UnsetVariable);
    for (lines, words) in [
        ("secrets: [THRONG_X]", "throng sets itself"),
        ("secrets: ['1A']", "not a variable name"),
        (
            "secrets: [TOKEN]\nenvironment: {Variables: {TOKEN: abc}}",
            "is a variable under `environment`, too",
        ),
        ("secrets: [[TOKEN]]", "must be one value"),
    ] {
        let problem = errors(lines).remove(0);
        assert!(problem.message.contains(words), "{problem}");
    }
    let long = "x".repeat(49 * 1024);
    let problem = errors(&format!("secrets: {{A: {long}}}")).remove(0);
    assert!(problem.message.contains("at most 48 KiB") && !problem.message.contains("xxx"), "{problem}");
}

#[test]
fn what_looks_like_a_secret_is_warned_about_and_not_shown() {
    let script =
        "container: {image: 'scratch:prog', environment: {Variables: {DB_PASSWORD: geheim99, SIZE: '200'}}}";
    let found = warnings(script);
    let [warning] = &found[..] else { panic!("{found:?}") };
    assert!(warning.key.ends_with("container.environment.Variables.DB_PASSWORD"), "{warning}");
    assert!(
        warning.message.contains("part of the image") && warning.message.contains("`secrets: [DB_PASSWORD]`")
    );
    assert!(!warning.to_string().contains("geheim99"));
    let found = warnings("environment: {Variables: {KEY: AKIAIOSFODNN7EXAMPLE}}");
    assert!(found[0].message.contains("may look at the function") && !found[0].message.contains("AKIA"));
    assert_eq!(
        warnings("environment: {Variables: {API_KEY: '${TOKEN}'}}"),
        [],
        "from the environment already"
    );
}

#[test]
fn networks_and_file_systems_are_read_and_written() {
    let lines = format!(
        "vpc:\n  SubnetIds: [subnet-b2, subnet-a1]\n  SecurityGroupIds: sg-0a, sg-0b\nfile_system:\n- {{Arn: '{POINT}', LocalMountPath: /mnt/data}}"
    );
    let definition = one(&lines);
    let network = definition.network.clone().unwrap();
    assert_eq!(
        (network.subnets, network.security_groups),
        (vec!["subnet-a1".into(), "subnet-b2".into()], vec!["sg-0a".into(), "sg-0b".to_owned()])
    );
    assert_eq!(definition.file_systems, [FileSystem { arn: POINT.into(), path: "/mnt/data".into() }]);
    let folder = folder();
    let again = read_with(&to_yaml(&definition), folder.path(), &|_| None).unwrap().definitions.remove(0);
    assert_eq!(
        (again.network, again.file_systems),
        (definition.network.clone(), definition.file_systems.clone())
    );
    let said = explain(&definition).to_string();
    assert!(
        said.contains("subnet-a1, subnet-b2")
            && said.contains("mounted at /mnt/data")
            && said.contains("in the local context neither"),
        "{said}"
    );
    assert_eq!(one("vpc: {SubnetIds: [], SecurityGroupIds: []}").network, None);
}

#[test]
fn wrong_networks_are_refused_with_what_is_allowed() {
    let vpc = "vpc: {SubnetIds: [subnet-a1], SecurityGroupIds: [sg-0a]}\n";
    for (lines, key, words) in [
        ("vpc: {SubnetIds: [subnet-a1]}".to_owned(), "vpc.SecurityGroupIds", "is missing"),
        (
            "vpc: {SubnetIds: [sg-0a], SecurityGroupIds: [sg-0a]}".into(),
            "vpc.SubnetIds",
            "not the id of a subnet",
        ),
        (format!("file_system: [{{Arn: '{POINT}', LocalMountPath: /mnt/a}}]"), "file_system", "needs `vpc`"),
        (
            format!("{vpc}file_system: [{{Arn: '{POINT}', LocalMountPath: /data}}]"),
            "file_system[0].LocalMountPath",
            "below /mnt",
        ),
        (
            format!("{vpc}file_system: [{{Arn: fs-1, LocalMountPath: /mnt/a}}]"),
            "file_system[0].Arn",
            "access point",
        ),
        (
            format!(
                "{vpc}file_system: [{{Arn: '{POINT}', LocalMountPath: /mnt/a}}, {{Arn: '{POINT}', LocalMountPath: /mnt/b}}]"
            ),
            "file_system[1]",
            "one file system",
        ),
    ] {
        let found = errors(&lines);
        assert!(
            found.iter().any(|problem| problem.key.ends_with(key) && problem.message.contains(words)),
            "{lines}: {found:?}"
        );
    }
}

/// A definition with an output at a server of `WebDAV`.
fn with_webdav(path: &str, server: &str) -> Result<Document, DefinitionErrors> {
    let text = lambda(&format!("output: [{{storage_provider: webdav.dcache, path: '{path}'}}]"));
    read(&format!("{text}storage_providers:\n  webdav:\n    dcache: {server}\n"))
}

#[test]
fn servers_of_webdav_are_providers_with_a_password_or_a_token() {
    use throng_contract::Protocol;
    let document =
        with_webdav("/Users/me/Out 1", "{hostname: dcache.lab, login: me, password: '${TOKEN}'}").unwrap();
    let definition = &document.definitions[0];
    let output = &definition.outputs[0];
    assert_eq!((output.bucket.as_str(), output.path.as_str()), ("Users", "me/Out 1"));
    let provider = &definition.providers["webdav.dcache"];
    assert_eq!(provider.storage.endpoint.as_deref(), Some("https://dcache.lab"));
    assert_eq!(provider.storage.protocol, Protocol::Webdav);
    assert_eq!((provider.keys.access_key.as_str(), provider.keys.secret_key.as_str()), ("me", "s3cret"));
    let yaml = to_yaml(definition);
    assert!(
        yaml.contains("hostname: \"https://dcache.lab\"")
            && yaml.contains("password: \"${TOKEN}\"")
            && !yaml.contains("s3cret"),
        "{yaml}"
    );
    assert!(explain(definition).to_string().contains("webdav.dcache is https://dcache.lab (WebDAV)"));

    let document = with_webdav("a", "{hostname: 'http://127.0.0.1:1/dav', token: '${TOKEN}'}").unwrap();
    let provider = &document.definitions[0].providers["webdav.dcache"];
    assert_eq!((provider.keys.access_key.as_str(), provider.keys.secret_key.as_str()), ("", "s3cret"));
    assert!(to_yaml(&document.definitions[0]).contains("token: \"${TOKEN}\""));
    for (path, server, words) in [
        ("a", "{login: me, password: x}", "hostname: is missing"),
        ("a", "{hostname: h, login: me}", "password: is missing"),
        ("a", "{hostname: h, login: 'a:b', password: x}", "holds a colon"),
        ("a", "{hostname: h, token: a, login: b, password: hidden}", "not both"),
        ("../x", "{hostname: h, token: '${TOKEN}'}", "is not a path"),
    ] {
        let error = with_webdav(path, server).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("hidden"), "{error}");
    }
    let document = with_webdav("a", "{hostname: 'http://dcache.lab', login: me, password: plain}").unwrap();
    let said: Vec<_> = document.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert!(
        said.iter().any(|said| said.contains("use https"))
            && said.iter().any(|said| said.contains("stands in the file")),
        "{said:?}"
    );
}

#[test]
fn an_option_adds_to_the_secrets_of_a_file() {
    let folder = folder();
    let path = folder.path().join("f.yaml");
    fs::write(&path, lambda("secrets: [PATH]")).unwrap();
    let value = vec![("HOME".to_owned(), "${HOME}".to_owned())];
    let settings = DefinitionSettings {
        maps: vec![Setting { key: "secrets", option: "--secret", value }],
        ..DefinitionSettings::default()
    };
    let document = with_settings(Some(&path), &settings).unwrap();
    let names: Vec<_> = document.definitions[0].script_secrets.keys().collect();
    assert_eq!(names, ["HOME", "PATH"]);
}

#[test]
fn files_beside_the_input_are_named_and_told() {
    let folder = folder();
    fs::create_dir(folder.path().join("atlas")).unwrap();
    fs::write(folder.path().join("atlas/labels.txt"), "1234").unwrap();
    let read = |lines: &str| read_with(&lambda(lines), folder.path(), &|_| None);
    let definition = read("files: [atlas/, prog]\nextra_payload: run.sh").unwrap().definitions.remove(0);
    assert_eq!(definition.files, ["atlas", "prog", "run.sh"].map(|name| folder.path().join(name)));
    let told = explain(&definition).to_string();
    assert!(
        told.contains("atlas/: 1 file, 4 B") && told.contains("$FILES_DIR (/opt/throng/files)"),
        "{told}"
    );
    for (lines, word) in
        [("files: [gone]", "no file or folder"), ("files: [prog, atlas/../prog]", "the name of")]
    {
        let error = read(lines).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn scripts_start_where_the_definition_says() {
    assert_eq!(one("").workdir, None);
    for folder in ["/work", "task"] {
        let definition = one(&format!("workdir: {folder}"));
        assert_eq!(definition.workdir.as_deref(), Some(folder));
        let told = explain(&definition).to_string();
        assert!(told.contains(if folder == "task" { "a fresh folder" } else { "starts in /work" }), "{told}");
        assert!(to_yaml(&definition).contains(&format!("workdir: {folder}\n")));
    }
    for wrong in ["work", "/a/../b", "''"] {
        let problem = errors(&format!("workdir: {wrong}")).remove(0);
        assert!(problem.message.contains("absolute path") && problem.key.ends_with("workdir"), "{problem:?}");
    }
}

#[test]
fn a_script_that_wants_shared_memory_is_warned_about() {
    let folder = folder();
    std::fs::write(folder.path().join("pool.py"), "import multiprocessing\nmultiprocessing.Pool(2)\n")
        .unwrap();
    let found = read_with(&lambda("init_script: pool.py"), folder.path(), &|_| None).unwrap().warnings;
    let said: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|line| line.contains("Lambda has none") && line.contains("Pipe")), "{said:?}");
}
