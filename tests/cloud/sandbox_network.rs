//! The network of sandboxes: their own, with a door to the local cloud and a way outside. Needs `busybox` (static); the
//! tests say so where it is missing.

use crate::sandbox::{own, root, run_spec, spec};
use crate::support::{Home, between, wait_for};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::UnixListener;
use throng_local::outside::{self, Reach};
use throng_local::sandbox::{Network, Sandbox};
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;

/// A service of this machine that greets whoever connects.
fn service(greeting: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(greeting.as_bytes());
        }
    });
    address
}

#[tokio::test]
async fn two_sandboxes_listen_on_one_port_and_hear_only_themselves() {
    let Some(root) = root() else { return };
    // From a file, not a pipe: the listener has nothing to say, and at its end a client still without input leaves.
    let script = "echo $WHO > /tmp/who; b nc -l -p 8080 > /tmp/heard & \
                  until b nc 127.0.0.1 8080 < /tmp/who; do b usleep 20000; done; wait; b cat /tmp/heard; b sleep 0.3";
    let one = |who: &str| {
        let mut spec = spec(root.path(), script);
        spec.env.push(("WHO".into(), who.into()));
        tokio::spawn(run_spec(spec))
    };
    for (run, who) in [(one("one"), "one\n"), (one("two"), "two\n")] {
        let (exit, text) = run.await.unwrap();
        assert_eq!(exit.code, Some(0), "{text}");
        assert!(text.ends_with(who), "{text}");
    }
}

#[tokio::test]
async fn services_and_abstract_sockets_of_this_machine_are_not_reached() {
    let Some(root) = root() else { return };
    let port = service("hello from this machine\n").port();
    let name = format!("throng-test-{port}");
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _abstract = UnixListener::bind_addr(&address).unwrap();
    let script =
        format!("b nc 127.0.0.1 {port} </dev/null; b cat /proc/net/unix; b cat /proc/net/tcp; echo end");
    let mut host = spec(root.path(), &script);
    host.network = Network::Host;
    let (_, text) = run_spec(host).await;
    assert!(text.contains("hello") && text.contains(&name), "what the host's network shows: {text}");
    for network in [own(&[]), own(&[port]), own(&[22, 80, 443])] {
        let mut spec = spec(root.path(), &script);
        spec.network = network;
        let mut sandbox = Sandbox::spawn(spec).await.unwrap();
        let sockets = sandbox.take_sockets().unwrap();
        let shut = CancellationToken::new();
        let reach = Reach { outside: true, named: Vec::new() };
        outside::serve(sockets.names, sockets.everywhere, reach, &shut).unwrap();
        let mut text = String::new();
        sandbox.take_output().unwrap().read_to_string(&mut text).await.unwrap();
        assert!(text.contains("end") && !text.contains("hello") && !text.contains(&name), "{text}");
        shut.cancel();
    }
}

#[tokio::test]
async fn what_the_definition_names_is_relayed_and_names_are_answered() {
    let Some(root) = root() else { return };
    let port = service("hello from the storage\n").port();
    let script = format!(
        "b nc 127.0.0.1 {port} </dev/null; b cat /etc/resolv.conf; b nslookup throng.invalid 2>&1; b nc 192.0.2.1 {port} </dev/null; \
         b nc -w 2 192.0.2.1 81; echo end"
    );
    let mut spec = spec(root.path(), &script);
    spec.network = own(&[port]);
    let mut sandbox = Sandbox::spawn(spec).await.unwrap();
    let sockets = sandbox.take_sockets().unwrap();
    let shut = CancellationToken::new();
    let reach = Reach { outside: false, named: vec![("localhost".into(), port)] };
    outside::serve(sockets.names, sockets.everywhere, reach, &shut).unwrap();
    let mut text = String::new();
    sandbox.take_output().unwrap().read_to_string(&mut text).await.unwrap();
    assert!(text.contains("hello from the storage\nnameserver 127.0.0.1\n"), "{text}");
    assert_eq!(text.matches("hello").count(), 1, "{text}");
    // Whatever this machine's servers say: somebody answered.
    assert!(!text.contains("no servers could be reached") && !text.contains("timed out"), "{text}");
    assert!(text.ends_with("end\n"), "{text}");
    shut.cancel();
}

#[tokio::test]
async fn the_door_is_the_sandboxs_own_and_closes_with_it() {
    let Some(root) = root() else { return };
    let mut sandbox =
        Sandbox::spawn(spec(root.path(), "echo knock | b nc 127.0.0.1 4566; b sleep 60")).await.unwrap();
    let sockets = sandbox.take_sockets().unwrap();
    assert!(sockets.names.is_some() && sockets.everywhere.is_empty());
    let door = tokio::net::TcpListener::from_std(sockets.cloud).unwrap();
    let (mut stream, _) = door.accept().await.unwrap();
    let mut heard = [0; 6];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"knock\n");
    sandbox.kill();
    sandbox.wait().await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

/// A home with a function that has busybox.
fn home(config: &str, script: &str) -> Option<Home> {
    let busybox = std::path::Path::new("/bin/busybox");
    if !busybox.exists() {
        eprintln!("SKIPPED: no static busybox here (apt-get install busybox-static)");
        return None;
    }
    let home = Home::new();
    home.write("home/config/config.toml", config);
    crate::support::shell_root(&home.path().join("root"));
    std::fs::copy(busybox, home.path().join("root/bin/busybox")).unwrap();
    let places = between("net-data/in", "net-data/out");
    home.function(
        "net",
        &format!("#!/bin/sh\n{script}"),
        &format!("      memory: 128\n      timeout: 20\n{places}"),
    );
    home.write("files/one", "1");
    home.ok(&["deploy", "net.yaml"]);
    Some(home)
}

fn log_of_a_run(home: &Home) -> String {
    let run: Value = home.json(&["run", "net", "files", "--wait"]);
    let log = home.ok(&["logs", "net"]);
    assert_eq!(run["counts"]["succeeded"], 1, "{run}\n{log}");
    log
}

#[test]
fn functions_reach_the_host_only_when_a_setting_says_so() {
    let port = service("hello from this machine\n").port();
    let script = format!("/bin/busybox nc 127.0.0.1 {port} </dev/null; echo done");
    for (config, heard) in [
        (String::new(), false),
        (format!("[local]\nsandbox_ports = [443, {port}]\n"), false),
        ("[local]\nsandbox_network = \"none\"\n".into(), false),
        ("[local]\nsandbox_network = \"host\"\n".into(), true),
    ] {
        let Some(home) = home(&config, &script) else { return };
        let log = log_of_a_run(&home);
        assert!(log.contains("done"), "{log}");
        assert_eq!(log.contains("hello from this machine"), heard, "{config}: {log}");
        let said = home.ok(&["doctor"]);
        assert!(said.contains("functions reach"), "{said}");
        assert_eq!(said.contains("every service on it"), heard, "{config}: {said}");
    }
}

#[test]
fn an_environment_speaks_for_no_other_at_the_runtime_api() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root finds out how another environment's runtime is named");
        return;
    }
    // Another environment's name for itself, as it could be found in a process's memory.
    let script = "cat /tmp/none 2>/dev/null; other=$(/bin/busybox head -n 1 \"$INPUT_FILE_PATH\")\n\
                  /bin/busybox wget -S -O - \"http://$other/2018-06-01/runtime/init/error\" --post-data '{}' 2>&1\nexit 0\n";
    let Some(home) = home("", script) else { return };
    // The other one: it waits, and tells where its Runtime API is. The runtime hides that from scripts, not from itself.
    let waits = "#!/bin/sh\nsleep 15\n";
    home.function(
        "waits",
        waits,
        &format!("      timeout: 20\n{}", between("waits-data/in", "waits-data/out")),
    );
    home.ok(&["deploy", "waits.yaml"]);
    home.ok(&["run", "waits", "files"]);
    let daemon = || home.daemon().unwrap();
    let mut api = String::new();
    wait_for("the other environment runs", || {
        for pid in crate::support::descendants(daemon()) {
            let mut text = String::new();
            let file = std::fs::File::open(format!("/proc/{pid}/environ"));
            if file.and_then(|mut file| file.read_to_string(&mut text)).is_ok()
                && text.contains("AWS_LAMBDA_FUNCTION_NAME=waits")
                && let Some(found) =
                    text.split('\0').find_map(|line| line.strip_prefix("AWS_LAMBDA_RUNTIME_API="))
            {
                found.clone_into(&mut api);
            }
        }
        !api.is_empty()
    });
    home.write("files/one", &api);
    let log = log_of_a_run(&home);
    assert!(log.contains("403 Forbidden"), "{log}");
}
