//! A server of `WebDAV` that others wrote, as storage provider: `WsgiDAV` over cheroot.

use crate::support::{Home, dav, tools, wait_for};
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
fn a_run_over_the_files_of_wsgidav() {
    let home = Home::new();
    for (path, text) in dav::INPUTS {
        home.write(&format!("served/{path}"), text);
    }
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = serde_json::json!({
        "host": "127.0.0.1", "port": address.port(), "server": "cheroot", "verbose": 1,
        "provider_mapping": {"/dav": home.path().join("served")},
        "http_authenticator": {"accept_basic": true, "accept_digest": false, "default_to_digest": false},
        "simple_dc": {"user_mapping": {"*": {"lab": {"password": "hidden sesame"}}}},
    });
    let file = home.write("wsgidav.json", &config.to_string());
    let child = Command::new(tools::wsgidav().join("wsgidav"))
        .args(["--config", &file.display().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _served = Served(child);
    wait_for("WsgiDAV listens", || TcpStream::connect(address).is_ok());
    let server = dav::Dav {
        endpoint: format!("http://{address}/dav"),
        login: "lab".into(),
        password: "hidden sesame".into(),
    };
    let folder = home.path().join("served");
    server.deploy_and_run(&home, |path| std::fs::read_to_string(folder.join(path)).ok());
}
