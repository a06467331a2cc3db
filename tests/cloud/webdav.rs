//! A server of `WebDAV` as storage provider: a run over its files, and what was made stored there. Another server, which others wrote,
//! is in `interop`.

use crate::support::{Home, dav};

#[test]
fn a_run_over_the_files_of_a_webdav_server() {
    let home = Home::new();
    let (server, shelf) = dav::serve();
    server.deploy_and_run(&home, |path| {
        let bytes = shelf.lock().unwrap().files.get(path).cloned()?;
        Some(String::from_utf8(bytes).unwrap())
    });
    assert_eq!(crate::providers::holder_of(&home, "hidden sesame"), None, "removed with the function");
}
