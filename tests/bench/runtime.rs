//! The runtime's cost under AWS's Runtime Interface Emulator, beside its goals and, where `PyPI` has it, beside
//! faas-supervisor, which does the same work in SCAR's functions. `cargo bench --profile dist --bench runtime`.
//!
//! Every figure is a whole invocation seen by the client: emulator, runtime, a shell script that counts the bytes
//! of a 16 KiB object, and an S3 on loopback in this process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    missing_docs,
    dead_code
)]

#[path = "../support/rie.rs"]
mod rie;

use rie::{Bootstrap, Emulated, TinyS3, notification};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

const STARTS: usize = 15;
const WARM: usize = 300;
const SCRIPT: &str = "wc -c < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/count\"\n";

/// Cold times, warm times and the peak of memory in KiB.
struct Figures {
    cold: Vec<Duration>,
    warm: Vec<Duration>,
    peak_kib: u64,
}

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let s3 = TinyS3::start();
    s3.put("in/object", &[42; 16 * 1024]);
    let bootstrap = Bootstrap::new(SCRIPT, &s3.endpoint);
    let size = std::fs::metadata(bootstrap.program()).unwrap().len();
    let figures = measure(STARTS, WARM, || bootstrap.start(Stdio::null()));
    assert_eq!(s3.get("out/count").unwrap(), b"16384\n");
    println!("{:<22} {:>12} {:>12}", "", "throng", "goal");
    println!("{:<22} {:>9.2} MiB {:>8} MiB", "binary", size as f64 / 1_048_576.0, 8);
    println!("{:<22} {:>9.2} ms {:>9} ms", "cold, median", median(&figures.cold), 20);
    println!("{:<22} {:>9.2} ms {:>9} ms", "warm, median", median(&figures.warm), 4);
    println!("{:<22} {:>9.2} ms", "warm, 95th percentile", percentile(&figures.warm, 95));
    println!("{:<22} {:>9.2} MiB {:>8} MiB", "peak memory", figures.peak_kib as f64 / 1024.0, 12);
    println!("{:<22} {:>9.2} ms", "the script by itself", median(&by_itself()));
    match supervisor(&s3) {
        Some(other) => println!(
            "faas-supervisor: cold {:.1} ms, warm {:.1} ms, peak memory {:.1} MiB",
            median(&other.cold),
            median(&other.warm),
            other.peak_kib as f64 / 1024.0
        ),
        None => println!("faas-supervisor: not to be had here (PyPI, python3, unshare)"),
    }
}

fn measure(starts: usize, warm: usize, start: impl Fn() -> Emulated) -> Figures {
    let event = notification("object");
    let cold = (0..starts).map(|_| start().invoke(&event).1).collect();
    let emulated = start();
    emulated.invoke(&event);
    let warm = (0..warm).map(|_| emulated.invoke(&event).1).collect();
    Figures { cold, warm, peak_kib: emulated.peak_kib().unwrap_or(0) }
}

/// The script without any cloud.
fn by_itself() -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), [42; 16 * 1024]).unwrap();
    let once = || {
        let begin = std::time::Instant::now();
        let done = Command::new("sh")
            .args(["-c", SCRIPT])
            .env("INPUT_FILE_PATH", folder.path().join("in"))
            .env("TMP_OUTPUT_DIR", folder.path())
            .status();
        assert!(done.unwrap().success());
        begin.elapsed()
    };
    (0..100).map(|_| once()).collect()
}

/// SCAR's runtime with the same script, when it can be installed.
fn supervisor(s3: &TinyS3) -> Option<Figures> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop/faas-supervisor");
    let python = folder.join("bin/python");
    if !folder.join("installed").exists() {
        let venv = Command::new("python3").args(["-m", "venv"]).arg(&folder).status().ok()?;
        let packages = ["install", "-q", "faas-supervisor", "awslambdaric", "webdavclient3"];
        let installed = Command::new(folder.join("bin/pip")).args(packages).status().ok()?;
        if !venv.success() || !installed.success() {
            return None;
        }
        std::fs::write(folder.join("installed"), "").ok()?;
    }
    let script = folder.join("script.sh");
    std::fs::write(&script, SCRIPT).ok()?;
    let config = format!(
        "name: f\ninit_script: {}\nlog_level: INFO\ncontainer: {{environment: {{Variables: {{}}}}, timeout_threshold: 1}}\nstorage_providers: {{s3: {{default: {{access_key: test, secret_key: \
         test, region: us-east-1}}}}}}\noutput: [{{storage_provider: s3.default, path: out}}]\n",
        script.display()
    );
    // It reads its configuration in /var/task only: it gets a /var of its own.
    let file = folder.join("function_config.yaml");
    std::fs::write(&file, config).ok()?;
    let bootstrap = folder.join("bootstrap");
    let text = format!(
        "#!/bin/sh\nexec unshare -rm sh -c 'mount -t tmpfs none /var && mkdir /var/task && cp {} /var/task && cd /var/task \
         && exec {} -m awslambdaric faassupervisor.supervisor.main'\n",
        file.display(),
        python.display()
    );
    std::fs::write(&bootstrap, text).ok()?;
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).ok()?;
    let aws = folder.join("aws-config");
    std::fs::write(&aws, "[default]\ns3 =\n  addressing_style = path\n").ok()?;
    let env = [
        ("AWS_EXECUTION_ENV", "AWS_Lambda_Image"),
        ("AWS_ENDPOINT_URL_S3", s3.endpoint.as_str()),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"),
        ("AWS_CONFIG_FILE", aws.to_str()?),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("TIMEOUT_THRESHOLD", "1"),
    ];
    let command = [bootstrap.to_str()?];
    // It answers 200 whatever happened: only the output shows that it worked.
    s3.put("out/count", b"");
    let figures = measure(3, 50, || Emulated::start(&command, &env, Stdio::null()));
    (s3.get("out/count").unwrap() == b"16384\n").then_some(figures)
}

fn median(times: &[Duration]) -> f64 {
    percentile(times, 50)
}

/// In milliseconds.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1000.0
}
