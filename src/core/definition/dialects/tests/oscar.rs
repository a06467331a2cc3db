//! What OSCAR's clusters, SCAR's generated files and files of others are read as.

use super::*;

/// A file of services, each under the id of a cluster.
fn file(services: &[(&str, &str)]) -> String {
    let mut text = String::from("functions:\n  oscar:\n");
    for (cluster, lines) in services {
        let _ = writeln!(text, "  - {cluster}:");
        for line in lines.lines() {
            let _ = writeln!(text, "      {line}");
        }
    }
    text
}

const DETECT: &str = "name: detect\nimage: a/b\nmemory: 1Gi\ninput: [{storage_provider: minio, path: fires/in}]\noutput:\n- {storage_provider: minio, path: fires/out}";

#[test]
fn a_service_that_stands_for_two_clusters_is_one_function() {
    let document = read(&file(&[("edge", DETECT), ("cloud", DETECT)])).unwrap();
    assert_eq!(document.definitions.len(), 1);
    assert_eq!(document.warnings, [], "nothing is lost");
    let said = notes(&document, 0);
    assert!(said.contains("cluster cloud → the same service as in line 4"), "{said}");

    let other = DETECT.replace("1Gi", "2Gi") + "\n- {storage_provider: minio.edge, path: fires/out}";
    let document = read(&file(&[("edge", DETECT), ("cloud", &other)])).unwrap();
    assert_eq!((document.definitions.len(), document.definitions[0].memory_mb), (1, 1024));
    let [warning] = &document.warnings[..] else { panic!("{:?}", document.warnings) };
    assert_eq!((warning.at.line, warning.key.as_str()), (10, "functions.oscar[1].cloud"));
    assert!(
        warning.message.contains("`memory`, `output`") && !warning.message.contains("`image`"),
        "{warning}"
    );
}

#[test]
fn the_store_of_a_cluster_of_the_file_is_the_contexts() {
    let split = "name: split\nimage: a/b\noutput:\n- {storage_provider: minio.edge, path: fires/in}\n- {storage_provider: minio.edge, path: /fires/in/}";
    let text = file(&[("cloud", split), ("edge", DETECT)]);
    let document = read(&text).unwrap();
    assert_eq!(ends(&document.definitions[0]).1, ["fires/in"], "and it starts the other");
    assert_eq!(document.definitions[0].outputs[0].provider, None);
    let error = read(&text.replace("minio.edge", "minio.egde")).unwrap_err().to_string();
    assert!(error.contains("no storage provider \"minio.egde\""), "{error}");

    // With keys it is another one, and then the chain is broken, which is said.
    let keys = "storage_providers:\n  minio:\n    edge: {endpoint: 'http://h:9000', access_key: a, secret_key: '${X_TOKEN}'}\n";
    let document = read(&(text + keys)).unwrap();
    assert_eq!(document.definitions[0].outputs[0].provider.as_deref(), Some("minio.edge"));
    assert!(document.warnings[0].message.contains("\"detect\" of this file"), "{:?}", document.warnings);
}

#[test]
fn providers_of_a_service_are_the_files() {
    let lab = |id: &str, port: u16| {
        format!(
            "name: {id}\nimage: a/b\noutput: [{{storage_provider: minio.lab, path: found/{id}}}]\nstorage_providers:\n  minio:\n    lab: {{endpoint: 'http://h:{port}', access_key: a, secret_key: '${{X_TOKEN}}'}}"
        )
    };
    let document = read(&file(&[("c", &lab("one", 1)), ("c", &lab("two", 1))])).unwrap();
    for definition in &document.definitions {
        assert_eq!(definition.providers["minio.lab"].storage.endpoint.as_deref(), Some("http://h:1"));
    }
    let error = read(&file(&[("c", &lab("one", 1)), ("c", &lab("two", 2))])).unwrap_err().to_string();
    assert!(error.contains("functions.oscar[1].c.storage_providers.minio.lab: is another one"), "{error}");
    let wrong = lab("one", 1).replace("http://h:1", "h");
    let error = read(&file(&[("c", &wrong)])).unwrap_err().to_string();
    assert!(
        error.contains("functions.oscar[0].c.storage_providers.minio.lab.endpoint: \"h\" is not"),
        "{error}"
    );
}

#[test]
fn a_service_needs_no_cluster_and_what_is_none_is_one_sentence() {
    let bare = format!("functions:\n  oscar:\n  - {}\n", DETECT.replace('\n', "\n    "));
    let document = read(&bare).unwrap_or_else(|errors| panic!("{errors}\n{bare}"));
    assert_eq!((document.definitions[0].name.as_str(), document.warnings.len()), ("detect", 0));
    assert!(notes(&document, 0).contains("no cluster's id"));
    for text in ["functions:\n  oscar:\n  - c: nothing\n", "functions:\n  oscar:\n  - [a]\n"] {
        let errors = read(text).unwrap_err();
        assert_eq!(errors.problems.len(), 1, "{errors}");
    }
}

#[test]
fn what_is_not_used_may_be_incomplete() {
    let placeholders =
        "storage_providers:\n  minio:\n    far: {endpoint: , access_key: , secret_key: , region: }\n";
    let document =
        read(&(file(&[("c", DETECT)]) + placeholders + "clusters:\n  far: {endpoint: }\n")).unwrap();
    assert!(
        document
            .warnings
            .iter()
            .all(|warning| warning.message.starts_with("not used in this file, and is missing"))
    );
    assert_eq!(document.warnings.len(), 3);
    assert!(notes(&document, 0).contains("clusters → not used"));
}

#[test]
fn a_script_may_stand_in_the_file() {
    let script = "#!/bin/sh\nset -e\n\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR\"\n";
    let indented = script.replace('\n', "\n  ");
    let text = format!("name: serve\nimage: a/b\nscript: |\n  {}\n", indented.trim_end());
    let document = read(&text).unwrap();
    assert_eq!(document.definitions[0].inline_script.as_deref(), Some(script));
    assert_eq!(document.definitions[0].script, None);
    let path = fixtures().join("x.yaml");
    let migration = migrate_text(&text, &path, Environment(&secrets)).unwrap();
    assert!(
        migration.yaml.contains("init_script: |\n        #!/bin/sh\n        set -e\n\n"),
        "{}",
        migration.yaml
    );
    let again = parse(&migration.yaml, &path, Environment(&secrets)).unwrap();
    assert_eq!(again.definitions, document.definitions);
}

#[test]
fn what_scar_generates_is_read_as_the_function_that_it_was_made_of() {
    let text = "asynchronous: false\nboto_profile: default\nconfig_path: ''\ncontainer:\n  environment:\n    Variables: {MODE: fast}\n  image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/f:latest\n  timeout_threshold: 15\ndeployment: {max_payload_size: 52428800}\nhandler: scar-f.lambda_handler\ninit_script: yolo.sh\ninvocation_type: RequestResponse\nlayers: []\nlog_level: DEBUG\nmemory: 1024\nname: scar-f\nruntime: image\nstorage_providers: {}\noutput:\n- {storage_provider: s3, path: found/out}\nsupervisor: {version: 1.4.2}\ntags: {createdby: scar, owner: AIDA}\ntimeout: 200\n";
    let document = read(text).unwrap_or_else(|errors| panic!("{errors}"));
    let definition = &document.definitions[0];
    assert_eq!((definition.name.as_str(), definition.memory_mb, definition.timeout_s), ("scar-f", 1024, 200));
    assert_eq!((definition.timeout_threshold_s, definition.env["MODE"].as_str()), (15, "fast"));
    assert_eq!(definition.script, Some(fixtures().join("yolo.sh")));
    assert_eq!(ends(definition).1, ["found/out"]);
    assert_eq!(document.origins[0].dialect, Dialect::ScarGenerated);
    let said = notes(&document, 0);
    assert!(
        said.contains("handler: scar-f.lambda_handler → not needed")
            && said.contains("supervisor, which does not run"),
        "{said}"
    );
    let error = read(&text.replace("memory: 1024", "memory: 1")).unwrap_err().to_string();
    assert!(error.contains(" memory: \"1\" is not allowed"), "{error}");
    let migration = migrate_text(text, &fixtures().join("x.yaml"), Environment(&secrets)).unwrap();
    assert!(
        !migration.yaml.lines().any(|line| line.trim_start().starts_with("handler")),
        "{}",
        migration.yaml
    );
}

#[test]
fn a_stack_of_openfaas_is_named_and_refused_in_one_sentence() {
    for text in [
        "version: 1.0\nprovider:\n  name: openfaas\n  gateway: http://h:8080\nfunctions:\n  hello:\n    lang: python3\n    handler: ./hello\n    image: me/hello\n",
        "functions:\n  hello: {lang: go, handler: ./hello, image: me/hello, environment: {A: b}}\n",
    ] {
        let errors = read(text).unwrap_err();
        let [problem] = &errors.problems[..] else { panic!("{errors}") };
        assert!(problem.message.contains("stack of OpenFaaS"), "{problem}");
        assert_eq!(errors.warnings, []);
    }
}

#[test]
fn what_a_script_will_miss_is_said() {
    let service = |lines: &str| format!("name: serve\nimage: a/b\n{lines}\n");
    for (lines, words) in [
        ("expose: {api_port: 1880, min_scale: 1}", "no port (1880 here)"),
        ("mount: {storage_provider: minio, path: pictures/middle}", "will not find /mnt/pictures/middle"),
        ("volume: {size: 1Gi, mount_path: /data}", "will not find the folder /data"),
        ("enable_gpu: true", "finds no device"),
        ("kserve: {model: x}", "no model server"),
    ] {
        let document = read(&service(lines)).unwrap_or_else(|errors| panic!("{errors}"));
        let [warning] = &document.warnings[..] else { panic!("{:?}", document.warnings) };
        assert!(warning.message.contains(words), "{warning}");
        assert!(notes(&document, 0).contains(words));
    }
    let document = read(&service("environment: {secrets: {KEY: plain-text}, variables: {A: b}}")).unwrap();
    let definition = &document.definitions[0];
    assert_eq!(definition.script_secrets["KEY"].value, "plain-text");
    assert!(definition.lambda_env.is_empty() && definition.env.len() == 1);
    let [warning] = &document.warnings[..] else { panic!("{:?}", document.warnings) };
    assert_eq!(warning.key, "environment.secrets.KEY");
    assert!(
        warning.message.contains("stands in the file") && !warning.message.contains("plain-text"),
        "{warning}"
    );
}
