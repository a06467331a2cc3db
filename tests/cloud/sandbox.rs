//! Sandboxes, made by the real helper process. Needs `busybox` (static); without it only what a shell is not needed
//! for is tested, and the others say so.

use crate::support::test_name;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use throng_local::sandbox::{self, Exit, Listens, Network, Sandbox, SandboxError, SandboxSpec};
use tokio::io::AsyncReadExt;

/// All tests of this process have one helper; whichever asks first, it is this program.
fn use_helper() {
    sandbox::use_helper(PathBuf::from(env!("CARGO_BIN_EXE_throng")));
}

/// A root with busybox and nothing else: no /proc, /dev, /tmp, /etc before `prepare_root`.
pub fn root() -> Option<tempfile::TempDir> {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].iter().map(Path::new).find(|path| path.exists());
    let Some(busybox) = busybox else {
        eprintln!("SKIPPED: no static busybox here (apt-get install busybox-static)");
        return None;
    };
    use_helper();
    let root = tempfile::tempdir().unwrap();
    // As an image's root is: readable by everyone.
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(root.path().join("bin")).unwrap();
    fs::copy(busybox, root.path().join("bin/busybox")).unwrap();
    symlink("busybox", root.path().join("bin/sh")).unwrap();
    sandbox::prepare_root(root.path()).unwrap();
    Some(root)
}

/// A network of its own, in which these ports lead outside.
pub fn own(everywhere: &[u16]) -> Network {
    Network::Own(Listens { cloud: 4566, names: true, everywhere: everywhere.to_vec() })
}

pub fn spec(root: &Path, script: &str) -> SandboxSpec {
    let script = format!("b() {{ /bin/busybox \"$@\"; }}\n{script}");
    SandboxSpec {
        rootfs: root.to_owned(),
        command: vec!["/bin/sh".into(), "-c".into(), script],
        workdir: "/".into(),
        env: vec![("PATH".into(), "/bin".into()), ("GREETING".into(), "hello there".into())],
        memory_mb: 128,
        tmp_mb: 16,
        network: own(&[]),
    }
}

pub async fn run_spec(spec: SandboxSpec) -> (Exit, String) {
    let mut sandbox = Sandbox::spawn(spec).await.unwrap();
    let mut text = Vec::new();
    sandbox.take_output().unwrap().read_to_end(&mut text).await.unwrap();
    (sandbox.wait().await, String::from_utf8_lossy(&text).into_owned())
}

async fn run(root: &Path, script: &str) -> (Exit, String) {
    run_spec(spec(root, script)).await
}

fn code(exit: Exit) -> i32 {
    exit.code.unwrap_or_else(|| panic!("{exit:?}"))
}

#[tokio::test]
async fn a_program_runs_with_its_environment_and_both_streams_are_heard() {
    let Some(root) = root() else { return };
    let (exit, text) = run(root.path(), "echo \"$GREETING\"; echo err >&2; exit 7").await;
    assert_eq!((code(exit), text.as_str()), (7, "hello there\nerr\n"));
    let (exit, text) = run(root.path(), "b id -u; b id -g; b pwd; b env | b sort").await;
    assert_eq!(code(exit), 0, "{text}");
    assert!(text.starts_with("993\n993\n/\n"), "{text}");
    assert!(!text.contains("HOME=") && !text.contains("CARGO"), "{text}");
}

#[tokio::test]
async fn the_host_is_not_visible() {
    let Some(root) = root() else { return };
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("s"), "secret").unwrap();
    let place = secret.path().display();
    let (_, text) =
        run(root.path(), &format!("b ls -A /; b cat {place}/s; b ps | b wc -l; b ls /proc/1/fd")).await;
    assert!(text.contains("bin\ndev\netc\nproc\ntmp\n"), "{text}");
    assert!(!text.contains("secret") && !text.contains("root\nsrv"), "{text}");
    assert!(text.contains("/proc/1/fd': Permission denied"), "{text}");
}

#[tokio::test]
async fn the_root_is_read_only_and_devices_are_there() {
    let Some(root) = root() else { return };
    let script = "echo x > /file; echo x > /bin/busybox; b mkdir /dev/x; echo x > /dev/null && echo null; \
                  b head -c 3 /dev/zero | b wc -c; b ls /dev/shm; b rm /etc/hosts; b ls /dev/fd/ >/dev/null && echo fd";
    let (_, text) = run(root.path(), script).await;
    assert_eq!(
        text.matches("Read-only file system").count() + text.matches("Resource busy").count(),
        4,
        "{text}"
    );
    assert!(text.contains("null\n3\n") && text.contains("fd\n"), "{text}");
    assert!(text.contains("/dev/shm: No such file"), "as on Lambda: {text}");
    assert!(!root.path().join("file").exists());
}

#[tokio::test]
async fn tmp_is_writable_fresh_and_no_larger_than_asked() {
    let Some(root) = root() else { return };
    let script = "b ls -A /tmp; b head -c 15000000 /dev/zero > /tmp/a && echo fits; b head -c 9000000 /dev/zero > /tmp/b || echo full; b stat -c %a /tmp";
    for _ in 0..2 {
        let (exit, text) = run(root.path(), script).await;
        assert_eq!(code(exit), 0);
        assert!(text.starts_with("fits\n") && text.contains("full\n"), "{text}");
        assert!(text.ends_with("1777\n"), "{text}");
    }
}

#[tokio::test]
async fn no_privilege_can_be_gained() {
    let Some(root) = root() else { return };
    fs::set_permissions(root.path().join("bin/busybox"), fs::Permissions::from_mode(0o4755)).unwrap();
    let script = "b grep -E '^(Cap|NoNewPrivs)' /proc/self/status; b mount -t tmpfs x /tmp && echo mounted; \
                  b mknod /tmp/d b 8 0 && echo made; b unshare -U b true && echo nested; b kill -9 1; b id -u";
    let (_, text) = run(root.path(), script).await;
    assert_eq!(text.matches("0000000000000000\n").count(), 4, "{text}"); // all but the bounding set
    assert!(text.contains("NoNewPrivs:\t1"), "{text}");
    assert!(!text.contains("mounted") && !text.contains("made") && !text.contains("nested\n"), "{text}");
    assert!(text.ends_with("993\n"), "{text}");
}

#[tokio::test]
async fn processes_are_as_many_as_on_lambda_filtered_and_nice() {
    let Some(root) = root() else { return };
    let mut many = spec(
        root.path(),
        "b cut -d ' ' -f 19 /proc/self/stat; b grep ^Seccomp: /proc/self/status; ulimit -n; n=0; \
         while [ $n -lt 1100 ]; do /bin/busybox sleep 30 & n=$((n+1)); echo $n; done",
    );
    many.memory_mb = 1024;
    let (exit, text) = run_spec(many).await;
    assert!(text.starts_with("10\nSeccomp:\t2\n1024\n"), "{text}");
    // With the shell and the init they are 1,024.
    assert!(text.contains("\n1022\n") && !text.contains("\n1023\n"), "{text}");
    assert!(text.contains("can't fork: Resource temporarily unavailable"), "{text}");
    assert!(!exit.out_of_memory, "{exit:?}");
}

#[tokio::test]
async fn wrong_programs_and_folders_are_named_as_lambda_names_them() {
    let Some(root) = root() else { return };
    fs::write(root.path().join("bin/text"), "no program").unwrap();
    let spawn = |command: &str, workdir: &str| {
        let mut spec = spec(root.path(), "");
        spec.command = vec![command.into()];
        spec.workdir = workdir.into();
        Sandbox::spawn(spec)
    };
    let error = spawn("/nothing", "/").await.unwrap_err();
    assert!(
        matches!(&error, SandboxError::InvalidEntrypoint(text) if text == "fork/exec /nothing: no such file or directory"),
        "{error}"
    );
    let error = spawn("/bin/text", "/").await.unwrap_err();
    assert!(
        matches!(&error, SandboxError::InvalidEntrypoint(text) if text.contains("permission denied")),
        "{error}"
    );
    let error = spawn("/bin/sh", "/work").await.unwrap_err();
    assert!(
        matches!(&error, SandboxError::InvalidWorkdir(text) if text == "chdir /work: no such file or directory"),
        "{error}"
    );
    let mut sh = spec(root.path(), "echo found");
    sh.command[0] = "sh".into();
    assert_eq!(run_spec(sh).await.1, "found\n");
    let mut missing = spec(root.path(), "");
    missing.rootfs = "/no/such/root".into();
    let error = Sandbox::spawn(missing).await.unwrap_err().to_string();
    assert!(error.contains("/no/such/root"), "{error}");
}

/// Processes of this machine whose command line contains `mark`.
fn alive(mark: &str) -> Vec<u32> {
    let folders = fs::read_dir("/proc").unwrap().flatten();
    folders
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            String::from_utf8_lossy(&line).contains(mark).then_some(pid)
        })
        .collect()
}

const STUBBORN: &str = "trap '' TERM HUP INT; for i in 1 2 3; do (trap '' TERM HUP; b setsid /bin/busybox sleep MARK & b sleep MARK) & done; echo ready; b sleep MARK";

#[tokio::test]
async fn kill_leaves_no_process() {
    let Some(root) = root() else { return };
    let mark = "987651";
    let mut sandbox = Sandbox::spawn(spec(root.path(), &STUBBORN.replace("MARK", mark))).await.unwrap();
    let mut output = sandbox.take_output().unwrap();
    assert_eq!(output.read_u8().await.unwrap(), b'r');
    let end = Instant::now() + Duration::from_secs(10);
    while alive(mark).len() < 7 {
        assert!(Instant::now() < end, "{:?}", alive(mark));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sandbox.kill();
    let exit = sandbox.wait().await;
    assert_eq!((exit.signal, exit.code, exit.out_of_memory), (Some(9), None, false));
    assert_eq!(alive(mark), Vec::<u32>::new());
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn children_end_with_the_program() {
    let Some(root) = root() else { return };
    let mark = "987652";
    let (exit, _) = run(root.path(), &format!("b setsid /bin/busybox sleep {mark} & exit 3")).await;
    assert_eq!(code(exit), 3);
    assert_eq!(alive(mark), Vec::<u32>::new());
}

#[tokio::test]
async fn a_memory_overrun_is_told_and_a_full_tmp_is_none() {
    let Some(root) = root() else { return };
    // `tail` keeps what it reads; a zero byte has no end of line.
    let (exit, text) = run(root.path(), "b tail -n 1 /dev/zero; echo survived $?").await;
    assert!(exit.out_of_memory, "{exit:?} {text}");
    let mut small =
        spec(root.path(), "b head -c 60000000 /dev/zero > /tmp/a && echo done; b sleep 0.5; exit 0");
    (small.memory_mb, small.tmp_mb) = (32, 64);
    let (exit, text) = run_spec(small).await;
    assert_eq!((exit.code, exit.out_of_memory, text.as_str()), (Some(0), false, "done\n"));
}

#[tokio::test]
async fn peak_memory_is_measured_and_can_be_reset() {
    let Some(root) = root() else { return };
    // `dd` holds 40 MB while nobody reads: long enough to be seen where memory is only watched.
    let script = "b dd if=/dev/zero bs=40000000 count=1 2>/dev/null | b sleep 0.5; echo one; b sleep 60";
    let mut sandbox = Sandbox::spawn(spec(root.path(), script)).await.unwrap();
    assert_eq!(sandbox.take_output().unwrap().read_u8().await.unwrap(), b'o');
    let peak = sandbox.peak_memory();
    assert!((38_000_000..60_000_000).contains(&peak), "{peak}");
    sandbox.reset_peak_memory();
    let peak = sandbox.peak_memory();
    assert!(peak < 20_000_000, "{peak}");
    assert!(Path::new(&format!("/proc/{}", sandbox.pid())).exists());
}

/// Not a test of its own: the daemon that [`nothing_outlives_a_killed_daemon`] kills.
#[tokio::test]
async fn daemon_to_be_killed() {
    let Ok(mark) = std::env::var("SANDBOX_TEST_MARK") else { return };
    let Some(root) = root() else { return };
    let _sandbox = Sandbox::spawn(spec(root.path(), &STUBBORN.replace("MARK", &mark))).await.unwrap();
    tokio::time::sleep(Duration::from_mins(2)).await;
}

#[test]
fn nothing_outlives_a_killed_daemon() {
    let Some(_root) = root() else { return };
    let mark = "987654";
    let mut daemon = std::process::Command::new(std::env::current_exe().unwrap())
        .args([&test_name(module_path!(), "daemon_to_be_killed"), "--exact", "--test-threads=1"])
        .env("SANDBOX_TEST_MARK", mark)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let until = |what: &dyn Fn() -> bool| {
        let end = Instant::now() + Duration::from_secs(20);
        while !what() {
            assert!(Instant::now() < end, "{:?}", alive(mark));
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    until(&|| alive(mark).len() >= 7);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    until(&|| alive(mark).is_empty());
}

#[tokio::test]
async fn a_dropped_sandbox_ends() {
    let Some(root) = root() else { return };
    let mark = "987653";
    let sandbox = Sandbox::spawn(spec(root.path(), &format!("b sleep {mark}"))).await.unwrap();
    drop(sandbox);
    let end = Instant::now() + Duration::from_secs(10);
    while !alive(mark).is_empty() {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn many_at_once() {
    let Some(root) = root() else { return };
    let all = (0..40).map(|n| {
        let spec = spec(root.path(), &format!("echo {n}; exit {n}"));
        tokio::spawn(async move { run_spec(spec).await })
    });
    for (n, outcome) in futures::future::join_all(all).await.into_iter().enumerate() {
        let (exit, text) = outcome.unwrap();
        assert_eq!((exit.code, text), (Some(i32::try_from(n).unwrap()), format!("{n}\n")));
    }
}

#[test]
fn doctor_finds_something_to_say() {
    use_helper();
    let findings = sandbox::check();
    let subjects: Vec<_> = findings.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["kernel", "namespaces", "network", "/proc", "memory limit"]);
    eprintln!("{findings:#?}");
}
