//! A storage provider that checks signatures and that others wrote: `rclone serve s3`.

use crate::support::lab::{Lab, deploy_and_run, printed};
use crate::support::{Home, tools, wait_for};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_run_over_rclones_s3() {
    let home = Home::new();
    for name in ["one", "two"] {
        home.write(&format!("served/pictures/in/{name}"), &format!("{name} file"));
    }
    home.write("served/pictures/other/x", "not meant");
    std::fs::create_dir_all(home.path().join("served/results")).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let serve = ["serve", "s3", "served", "--addr", &address, "--auth-key", "rclone-id,rclone-hidden-secret"];
    let child = Command::new(tools::clients().join("rclone"))
        .args(serve)
        .current_dir(home.path())
        .env("RCLONE_CONFIG", home.path().join("rclone.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _served = Served(child);
    wait_for("rclone listens", || TcpStream::connect(&address).is_ok());
    let lab = Lab {
        endpoint: format!("http://{address}"),
        id: "rclone-id".into(),
        secret: "rclone-hidden-secret".into(),
    };
    let run = deploy_and_run(&home, &lab);
    assert_eq!(run["counts"]["succeeded"], 2, "{run}");
    let made = std::fs::read_to_string(home.path().join("served/results/upper/two.txt")).unwrap();
    assert_eq!(made, "TWO FILE");

    // Other keys are refused by the server, in words.
    let yaml = lab.write_definition(&home);
    lab.with_keys(&home, "not-the-right-secret", &["deploy", yaml]);
    let refused = home.run(&["run", "upper", "minio.lab://pictures/in/"]);
    assert_eq!(refused.status.code(), Some(4), "{}", printed(&refused));
    assert!(printed(&refused).contains("minio.lab at "), "{}", printed(&refused));
}
