//! `storage_providers` of a file.

use super::*;

/// A function with an input and outputs at `minio.lab`, and the entry of that provider.
fn with_lab(output: &str, lab: &str) -> Result<Document, DefinitionErrors> {
    let text = format!(
        "functions:\n  aws:\n  - lambda:\n      name: f\n      container: {{image: 'scratch:prog'}}\n      input: [{{storage_provider: minio.lab, path: pictures/in}}]\n      output: [{output}]\nstorage_providers:\n  minio:\n    lab: {lab}\n  s3:\n    default: {{region: us-east-1}}\n    far: {{access_key: AK, secret_key: '${{TOKEN}}', region: eu-west-1}}\n  onedata:\n    x: {{token: t}}\n"
    );
    let folder = folder();
    read_with(&text, folder.path(), &|name| (name == "TOKEN").then(|| "s3cret".to_owned()))
}

const LAB: &str =
    "{endpoint: 'https://minio.lab:9000/', verify: false, access_key: lab, secret_key: '${TOKEN}'}";

#[test]
fn storage_providers_with_keys_are_read_and_kept_apart() {
    let outputs = "{storage_provider: minio.lab, path: pictures/out, suffix: [.png]}, \
                   {storage_provider: s3.far, path: far}, {storage_provider: s3, path: own}";
    let document = with_lab(outputs, LAB).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(document.warnings, []);
    let definition = &document.definitions[0];
    assert!(definition.inputs.is_empty(), "nothing there starts the function");
    assert_eq!(definition.provider_inputs[0].to_string(), "minio.lab://pictures/in/");
    let providers: Vec<_> = definition.outputs.iter().map(|output| output.provider.as_deref()).collect();
    assert_eq!(providers, [Some("minio.lab"), Some("s3.far"), None]);
    let lab = &definition.providers["minio.lab"];
    assert_eq!(lab.storage.endpoint.as_deref(), Some("https://minio.lab:9000"));
    assert_eq!((lab.storage.region.as_str(), lab.storage.verify), ("us-east-1", false));
    assert_eq!(lab.keys.secret_key, "s3cret");
    let far = &definition.providers["s3.far"].storage;
    assert_eq!((far.endpoint.as_ref(), far.region.as_str(), far.verify), (None, "eu-west-1", true));

    let shown = format!("{definition:?}\n{document:?}\n{}", explain(definition));
    assert!(!shown.contains("s3cret"), "{shown}");
    for part in [
        "throng run f minio.lab://pictures/in/",
        "go to minio.lab://pictures/out/",
        "certificate is not checked",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let written = to_yaml(definition);
    assert!(!written.contains("s3cret") && written.contains("secret_key: \"${TOKEN}\""), "{written}");
    assert!(written.contains("access_key: \"${MINIO_LAB_ACCESS_KEY}\""), "{written}");
}

#[test]
fn wrong_storage_providers_are_refused_with_their_line_and_without_their_keys() {
    let output = "{storage_provider: minio.lab, path: out}";
    for (lab, word) in [
        ("{access_key: a, secret_key: hidden}", "endpoint: is missing"),
        ("{endpoint: 'minio:9000', access_key: a, secret_key: hidden}", "not an endpoint"),
        ("{endpoint: 'http://u:hidden@h', access_key: a, secret_key: hidden}", "user name"),
        ("{endpoint: 'http://h', secret_key: hidden}", "access_key: is missing"),
        ("{endpoint: 'http://h', access_key: a, secret_key: ''}", "printable"),
        ("{endpoint: 'http://h', access_key: a, secret_key: 'hid den'}", "printable"),
        ("{endpoint: 'http://h', access_key: a, secret_key: '${NOT_SET}'}", "NOT_SET"),
        ("{endpoint: 'http://h', access_key: a, secret_key: hidden, region: 'a b'}", "not a region"),
        ("{endpoint: 'http://h', access_key: a, secret_key: hidden, verify: perhaps}", "true or false"),
    ] {
        let error = with_lab(output, lab).expect_err(lab);
        let text = error.to_string();
        assert!(text.contains(word) && text.contains(":10:"), "{lab}: {text}");
        assert_eq!(error.problems.len(), 1, "one mistake, one message: {text}");
        assert!(!format!("{error:?}").contains("hid"), "{error:?}");
    }
    let plain = with_lab(output, "{endpoint: 'http://h', access_key: a, secret_key: hidden}").unwrap();
    assert_eq!(plain.warnings.len(), 1);
    let warning = plain.warnings[0].to_string();
    assert!(warning.contains("${NAME}") && !warning.contains("hidden"), "{warning}");
}

#[test]
fn what_is_wrong_in_a_variable_is_not_shown() {
    let read = |text: &str| read_with(text, folder().path(), &|_| Some("hidden value".to_owned()));
    for (lab, word) in [
        ("minio: {lab: {endpoint: '${HOST}', access_key: a, secret_key: '${KEY}'}}", "${HOST}"),
        (
            "minio: {lab: {endpoint: 'http://h', region: '${HERE}', access_key: a, secret_key: '${KEY}'}}",
            "${HERE}",
        ),
        ("s3: {lab: {region: '${HERE}', access_key: a, secret_key: '${KEY}'}}", "${HERE}"),
    ] {
        let kind = lab.split(':').next().unwrap();
        let output = format!("[{{storage_provider: {kind}.lab, path: out}}]");
        let text = format!(
            "functions: {{aws: [{{lambda: {{name: f, image: a/b, output: {output}}}}}]}}\nstorage_providers: {{{lab}}}\n"
        );
        let error = read(&text).expect_err(lab).to_string();
        assert!(error.contains(word) && !error.contains("hidden"), "{error}");
    }
    let role = "functions: {aws: [{lambda: {name: f, image: a/b}, iam: {role: '${ROLE}'}}]}";
    let error = read(role).expect_err("no role").to_string();
    assert!(error.contains("${ROLE}") && !error.contains("hidden"), "{error}");
}

#[test]
fn a_provider_that_cannot_be_used_is_never_silently_left_out() {
    for (provider, word) in [
        ("minio.lap", "did you mean `minio.lab`?"),
        ("minio", "no storage provider \"minio.default\""),
        ("onedata.x", "OneS3"),
        ("webdav", "no storage provider \"webdav.default\""),
        ("rucio.y", "rucio download"),
    ] {
        let error =
            with_lab(&format!("{{storage_provider: {provider}, path: out}}"), LAB).expect_err(provider);
        assert!(error.to_string().contains(word), "{error}");
    }
    let again = with_lab("{storage_provider: minio.lab, path: pictures}", LAB).unwrap();
    assert!(again.warnings.is_empty(), "{:?}", again.warnings);
    let again = with_lab("{storage_provider: minio.lab, path: pictures/in/x}", LAB).unwrap();
    assert!(again.warnings[0].message.contains("process them again"), "{:?}", again.warnings);
}
