//! SCAR's options and what stands for them. Source: `scar/parser/cli/{parents,subparsers}.py` of 4.3.1 and
//! `src/parser/cli.py` of 2.1.0, whose long options have underscores, which read as dashes here.

/// What stands for an option.
#[derive(Clone, Copy)]
pub(super) enum Replacement {
    /// Another option with the same value.
    Option(&'static str),
    /// Options without a value.
    Flag(&'static [&'static str]),
    /// A positional argument: 0 is the function or the path, 1 the bucket.
    Slot(usize),
    /// Nothing, and why; without it the result would be another.
    Gone(&'static str),
    /// Nothing, since nothing is needed; why, and whether it has a value.
    Needless { value: bool, why: &'static str },
}

/// An option of SCAR.
#[derive(Clone, Copy)]
pub(super) struct Old {
    pub short: &'static str,
    pub long: &'static str,
    pub means: Replacement,
}

const fn old(short: &'static str, long: &'static str, means: Replacement) -> Old {
    Old { short, long, means }
}

/// Of every verb.
pub(super) const EVERY: &[Old] = &[
    old("-pf", "--profile", Replacement::Option("--profile")),
    old("-j", "--json", Replacement::Flag(&["--output", "json"])),
];

const BATCH: &str = "functions run on Lambda only, not on AWS Batch";
const WARM: Replacement =
    Replacement::Needless { value: false, why: "the first tasks of a run warm the function up" };

const fn needless(why: &'static str) -> Replacement {
    Replacement::Needless { value: true, why }
}

const FOLDER: Replacement =
    Replacement::Gone("write the folder behind the bucket: `-ib bucket/folder`, `-ob bucket/folder`");

pub(super) const INIT: &[Old] = &[
    old("-f", "--conf-file", Replacement::Option("--conf-file")),
    old("-n", "--name", Replacement::Option("--name")),
    old("-i", "--image", Replacement::Option("--image")),
    old("-if", "--image-file", Replacement::Option("--image-file")),
    old("-s", "--init-script", Replacement::Option("--init-script")),
    old("-d", "--description", Replacement::Option("--description")),
    old("-e", "--environment", Replacement::Option("--environment")),
    old("-le", "--lambda-environment", Replacement::Option("--lambda-environment")),
    old("-m", "--memory", Replacement::Option("--memory")),
    old("-t", "--timeout", Replacement::Option("--timeout")),
    old("-t", "--time", Replacement::Option("--timeout")),
    old("-tt", "--timeout-threshold", Replacement::Option("--timeout-threshold")),
    old("-ll", "--log-level", Replacement::Option("--log-level")),
    old("-ib", "--input-bucket", Replacement::Option("--input-bucket")),
    old("-ob", "--output-bucket", Replacement::Option("--output-bucket")),
    old("-em", "--execution-mode", Replacement::Option("--execution-mode")),
    old("-r", "--iam-role", Replacement::Option("--iam-role")),
    old("-inf", "--input-folder", FOLDER),
    old("-outf", "--output-folder", FOLDER),
    old("-l", "--layers", needless("Lambda takes no layers beside an image; put the files into the image")),
    old("-rt", "--runtime", needless("every function runs from its own image")),
    old("-sv", "--supervisor-version", needless("the runtime is part of throng")),
    old("-ph", "--preheat", WARM),
    old("-p", "--preheat", WARM),
    old("-ep", "--extra-payload", needless("put the files into the image")),
    old("-db", "--deployment-bucket", needless("the image goes to the context's registry")),
    old(
        "-api",
        "--api-gateway-name",
        needless(
            "there are no HTTP endpoints; `throng invoke NAME --data-binary FILE` sends the same request",
        ),
    ),
    old("-bm", "--batch-memory", needless(BATCH)),
    old("-bc", "--batch-vcpus", needless(BATCH)),
    old(
        "-g",
        "--enable-gpu",
        Replacement::Gone("functions run on Lambda only, which has no GPU; leave it out"),
    ),
];

const FUNCTION: Old = old("-n", "--name", Replacement::Slot(0));
/// A definition file stands where a function's name does.
const FILE: Old = old("-f", "--conf-file", Replacement::Slot(0));
const TO: Old = old("-o", "--output-file", Replacement::Option("--to"));
const ASYNC: Old = old("-a", "--asynchronous", Replacement::Flag(&["--async"]));

pub(super) const MIGRATE: &[Old] = &[TO];

pub(super) const RUN: &[Old] = &[
    FUNCTION,
    FILE,
    old("-s", "--run-script", Replacement::Option("--script")),
    old("-ib", "--input-bucket", Replacement::Slot(1)),
    ASYNC,
    TO,
];

pub(super) const INVOKE: &[Old] = &[
    FUNCTION,
    FILE,
    old("-db", "--data-binary", Replacement::Option("--data-binary")),
    old("-jd", "--json-data", Replacement::Option("--json-data")),
    old("-p", "--parameters", Replacement::Option("--parameters")),
    ASYNC,
    TO,
];

pub(super) const RM: &[Old] = &[
    FUNCTION,
    old("-f", "--conf-file", Replacement::Option("--definition")),
    old("-a", "--all", Replacement::Flag(&["--all"])),
];

pub(super) const LOG: &[Old] = &[
    FUNCTION,
    FILE,
    old("-ls", "--log-stream-name", Replacement::Option("--stream")),
    old("-ri", "--request-id", Replacement::Option("--request")),
];

const BUCKET: Old = old("-b", "--bucket", Replacement::Slot(1));
const BUCKET_FOLDER: Old = old(
    "-bf",
    "--bucket-folder",
    Replacement::Gone("write the folder behind the bucket: `-b bucket/folder`"),
);

pub(super) const LS: &[Old] = &[BUCKET, BUCKET_FOLDER];

pub(super) const PLACES: &[Old] = &[BUCKET, BUCKET_FOLDER, old("-p", "--path", Replacement::Slot(0))];
