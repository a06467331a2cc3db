//! Old command lines and ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::super::args::Cli;
use super::*;
use clap::Parser;

fn translated(line: &str) -> Result<String, String> {
    let arguments = shlex::split(line).unwrap().into_iter().map(OsString::from).collect();
    let out = translate(arguments)?.arguments;
    Ok(shlex::try_join(out.iter().map(|word| word.to_str().unwrap())).unwrap())
}

#[test]
fn what_stands_behind_two_dashes_stays_there() {
    for (old, ours) in [
        ("rm -n f -- b", "rm function f --yes -- b"),
        ("log -n f -- b", "logs f --since 30d -- b"),
        ("-- rm -n f", "-- rm -n f"),
        ("-c -- rm -n f", "-c -- rm -n f"),
        ("log -n f -c -- -ri x", "logs f -c --since 30d -- -ri x"),
    ] {
        assert_eq!(translated(old).as_deref(), Ok(ours));
    }
}

#[test]
fn a_function_named_in_two_ways_is_refused() {
    for line in ["run -n f -f x.yaml", "invoke --conf-file x.yaml --name f", "log -f x.yaml -n f"] {
        let sentence = translated(line).expect_err(line);
        assert!(sentence.contains("give one of them"), "{line}: {sentence}");
    }
    assert_eq!(translated("run -n f -n g").as_deref(), Ok("invoke g"), "the last counts, as in SCAR");
}

#[test]
fn old_command_lines_become_ours() {
    for (old, ours) in [
        ("init -f x.yaml", "init --conf-file=x.yaml"),
        (
            "init -n f -i ubuntu:22.04 -s run.sh -m 512 -t 300 -tt 0 -e A=b=c -e 'B=' -ib in/a -ob out/b -r arn",
            "init --name=f --image=ubuntu:22.04 --init-script=run.sh --memory=512 --timeout=300 \
             --timeout-threshold=0 --environment=A=b=c --environment=B= --input-bucket=in/a --output-bucket=out/b --iam-role=arn",
        ),
        (
            "init --conf_file x.yaml -pf research -j",
            "init --conf-file=x.yaml --profile=research --output json",
        ),
        ("init -if=image.tar -n f -v", "init --image-file=image.tar --name=f -v"),
        ("-c local deploy --dry-run -f x.yaml", "-c local deploy --dry-run --conf-file=x.yaml"),
        ("migrate x.yaml -o new.yaml", "migrate x.yaml --to new.yaml"),
        ("update -f x.yaml", "deploy --conf-file=x.yaml"),
        ("run -f x.yaml", "run x.yaml"),
        ("run -f x.yaml -a -j", "run x.yaml --async --output json"),
        ("run -n f -ib bucket/in -a", "run f s3://bucket/in/"),
        ("run -n f", "invoke f"),
        ("run -n f -o out.txt ls -la /tmp", "invoke f --to out.txt -- ls -la /tmp"),
        ("run -c local -n f -o json ls", "invoke f -c local --output json -- ls"),
        ("run -f x.yaml -s go.sh", "invoke x.yaml --script=go.sh"),
        ("invoke -n f -db in.jpg -o out.png -a", "invoke f --data-binary=in.jpg --to out.png --async"),
        (
            "invoke -f x.yaml -jd '{\"a\": 1}' -p '{\"k\": \"v\"}'",
            "invoke x.yaml '--json-data={\"a\": 1}' '--parameters={\"k\": \"v\"}'",
        ),
        ("rm -n f", "rm function f --yes"),
        ("rm -f x.yaml", "rm function --definition=x.yaml --yes"),
        ("rm -a", "rm function --all"),
        (
            "log -n f -ri id -ls '2019/[$LATEST]x'",
            "logs f --request=id '--stream=2019/[$LATEST]x' --since 30d",
        ),
        ("log -f x.yaml", "logs x.yaml --since 30d"),
        ("ls -b bucket/in", "ls --recursive bucket/in"),
        ("put -b bucket/in -p photos", "put photos bucket/in"),
        ("get -p here -b bucket/out", "get bucket/out here"),
    ] {
        let found = translated(old).unwrap_or_else(|error| panic!("{old}: {error}"));
        assert_eq!(
            found,
            shlex::try_join(shlex::split(ours).unwrap().iter().map(String::as_str)).unwrap(),
            "{old}"
        );
        let words = std::iter::once("throng".to_owned()).chain(shlex::split(&found).unwrap());
        assert!(Cli::try_parse_from(words).is_ok(), "{old} → {found}");
    }
}

#[test]
fn what_is_ours_stays_ours() {
    for line in [
        "",
        "deploy x.yaml",
        "run f photos --wait",
        "run f s3://bucket/in/ -w --to here",
        "invoke f -pfile",
        "invoke f -db",
        "invoke f -p - -a",
        "log -f f",
        "logs -f --run last",
        "ls",
        "ls bucket -r",
        "put a b bucket/in",
        "get bucket/out here",
        "rm -y function f",
        "rm function f -y --keep-logs",
        "tasks last 3 -s failed",
        "invoke f -- -n x",
        "runs -n 5",
        "local start",
    ] {
        let found = translated(line).unwrap();
        let same = shlex::try_join(shlex::split(line).unwrap().iter().map(String::as_str)).unwrap();
        assert_eq!(found, same);
    }
}

#[test]
fn options_without_a_counterpart_say_why() {
    for (line, word) in [
        ("init -n f -i x -ib b -inf folder", "bucket/folder"),
        ("put -b b -bf folder -p x", "bucket/folder"),
        ("update -n f -m 1024", "throng deploy"),
        ("run -n f -ib bucket -s x.sh", "takes no script"),
        ("init -f x.yaml -g", "GPU"),
        ("init -i ubuntu -c local", "needs a name"),
        ("init -n", "needs a value"),
        ("log -n f -ri -- x", "needs a value"),
    ] {
        let error = translated(line).expect_err(line);
        assert!(error.contains(word), "{line}: {error}");
    }
}

#[test]
fn options_that_nobody_misses_are_named_in_one_line() {
    let line =
        "init -f x.yaml -ph -rt python3.7 -sv latest -api name -db bucket -bm 1024 -l arn:x -ep dir -m 512";
    let arguments = shlex::split(line).unwrap().into_iter().map(OsString::from).collect();
    let Translated { arguments, warning } = translate(arguments).unwrap();
    assert_eq!(arguments, ["init", "--conf-file=x.yaml", "--memory=512"]);
    let warning = warning.unwrap();
    assert!(warning.starts_with("not used: `-ph` (the first tasks") && !warning.contains('\n'), "{warning}");
    for option in ["-rt", "-sv", "-api", "-db", "-bm", "-l", "-ep"] {
        assert!(warning.contains(&format!(", `{option}` (")), "{option}: {warning}");
    }
    assert!(translated("deploy x.yaml --image ubuntu").is_ok(), "the file gives the name");
}
