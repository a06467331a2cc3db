//! Fresh sandbox starts, with a network of their own and with the host's, beside `bwrap` (when it is installed), in the
//! same run.
//!
//! `cargo bench --profile dist --bench sandbox`; needs a static `busybox`. Prints milliseconds per start of `true`, from the request
//! to the end of every process, one after the other.
#![allow(missing_docs)]

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("sandboxes run on Linux only");
}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::run()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};
    use throng_local::sandbox::{self, Listens, Network, Sandbox, SandboxSpec};

    const STARTS: u32 = 300;

    pub fn run() -> Result<(), Box<dyn std::error::Error>> {
        let busybox =
            ["/bin/busybox", "/usr/bin/busybox"].into_iter().map(Path::new).find(|path| path.exists());
        let Some(busybox) = busybox else {
            println!("no busybox here: apt-get install busybox-static");
            return Ok(());
        };
        sandbox::use_helper(PathBuf::from(env!("CARGO_BIN_EXE_throng")));
        let root = tempfile::tempdir()?;
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755))?;
        std::fs::create_dir(root.path().join("bin"))?;
        std::fs::copy(busybox, root.path().join("bin/true"))?;
        sandbox::prepare_root(root.path())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        // In turn, so that whatever else this machine does disturbs both alike.
        let (mut ours, mut in_hosts, mut theirs, mut refused) = (Vec::new(), Vec::new(), Vec::new(), None);
        let own = Network::Own(Listens { cloud: 4566, names: true, everywhere: vec![22, 80, 443] });
        for _ in 0..STARTS {
            ours.push(runtime.block_on(one(root.path(), &own))?);
            in_hosts.push(runtime.block_on(one(root.path(), &Network::Host))?);
            match bwrap(root.path()) {
                Ok(time) => theirs.push(time),
                Err(error) => refused = Some(error),
            }
        }
        report("throng", ours);
        report("throng, host's network", in_hosts);
        match refused {
            None => report("bwrap", theirs),
            Some(error) => println!("bwrap: {error}"),
        }
        Ok(())
    }

    async fn one(root: &Path, network: &Network) -> Result<Duration, sandbox::SandboxError> {
        let spec = SandboxSpec {
            rootfs: root.to_owned(),
            command: vec!["/bin/true".into()],
            workdir: "/".into(),
            env: Vec::new(),
            memory_mb: 128,
            tmp_mb: 512,
            network: network.clone(),
        };
        let begin = Instant::now();
        let sandbox = Sandbox::spawn(spec).await?;
        sandbox.wait().await;
        Ok(begin.elapsed())
    }

    fn bwrap(root: &Path) -> std::io::Result<Duration> {
        let begin = Instant::now();
        let status = std::process::Command::new("bwrap")
            .args(["--ro-bind"])
            .arg(root)
            .args([
                "/",
                "--unshare-user",
                "--unshare-pid",
                "--unshare-ipc",
                "--unshare-uts",
                "--proc",
                "/proc",
            ])
            .args(["--dev", "/dev", "--tmpfs", "/tmp", "--die-with-parent", "/bin/true"])
            .status()?;
        if status.success() { Ok(begin.elapsed()) } else { Err(std::io::Error::other(status.to_string())) }
    }

    fn report(name: &str, mut times: Vec<Duration>) {
        times.sort_unstable();
        let at = |percent: usize| {
            times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        println!("{name:<8} median {:.2} ms, p95 {:.2} ms, {} starts", at(50), at(95), times.len());
    }
}
