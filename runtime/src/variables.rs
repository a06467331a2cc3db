//! The environment of scripts.

use crate::config::Settings;
use crate::event::Job;
use crate::program::DEFAULT_PATH;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::UdpSocket;
use std::path::Path;
use throng_runtime::contract::layout;

/// Longest value that Linux takes (`MAX_ARG_STRLEN` less the name).
const LONGEST: usize = 120 * 1024;
/// What scripts have no business with.
const HIDDEN: [&str; 3] = ["AWS_LAMBDA_RUNTIME_API", layout::ENV_CONFIG, "_HANDLER"];

/// What stays the same from task to task.
pub fn base(settings: &Settings) -> BTreeMap<OsString, OsString> {
    let mut variables: BTreeMap<OsString, OsString> =
        std::env::vars_os().filter(|(name, _)| HIDDEN.iter().all(|hidden| name != hidden)).collect();
    for (name, value) in &settings.function.env {
        if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
            variables.insert(name.into(), value.into());
        }
    }
    variables.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
    let home = variables.get(&OsString::from("HOME")).is_some_and(|home| is_writable(Path::new(home)));
    if !home {
        variables.insert("HOME".into(), settings.tmp.clone().into());
    }
    variables.insert("INSTANCE_IP".into(), own_address().into());
    variables
}

fn is_writable(folder: &Path) -> bool {
    folder.is_dir() && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

/// The address that packets leave by. Connecting a UDP socket sends none.
fn own_address() -> String {
    let address = || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    };
    address().map_or_else(|_| "127.0.0.1".into(), |address| address.ip().to_string())
}

/// The folders and files of a task.
pub struct Places<'a> {
    /// Folder of the input.
    pub input: &'a Path,
    /// Folder for outputs.
    pub output: &'a Path,
    /// The input.
    pub file: &'a Path,
}

/// What differs from task to task: names and values, and whether `EVENT` had to be left out for its length.
pub fn of_task(
    job: &Job,
    places: &Places<'_>,
    query: &[(String, String)],
    known: &BTreeMap<OsString, OsString>,
) -> (Vec<(OsString, OsString)>, bool) {
    let mut variables: Vec<(OsString, OsString)> = Vec::with_capacity(12 + 2 * query.len());
    // A request's parameters come first, so that none can take the place of what follows, or of what is there.
    for (name, value) in query.iter().filter(|(name, value)| is_name(name) && !value.contains('\0')) {
        let plain = OsString::from(name);
        if !known.contains_key(&plain) && !name.starts_with("LD_") {
            variables.push((plain, value.into()));
        }
        variables.push((format!("CONT_VAR_{name}").into(), value.into()));
    }
    let mut set = |name: &str, value: OsString| variables.push((name.into(), value));
    set("INPUT_FILE_PATH", places.file.into());
    set("TMP_INPUT_DIR", places.input.into());
    set("TMP_OUTPUT_DIR", places.output.into());
    set("SCAR_INPUT_FILE", places.file.into());
    set("SCAR_OUTPUT_DIR", places.output.into());
    if let crate::event::Input::Object { key, .. } = &job.input {
        set("STORAGE_OBJECT_KEY", key.replace('\0', "\u{fffd}").into());
    }
    if let Some(time) = &job.time {
        set("EVENT_TIME", time.into());
    }
    let mut left_out = false;
    if let Some(event) = &job.event {
        left_out = event.len() > LONGEST;
        if !left_out {
            set("EVENT", event.into());
        }
    }
    (variables, left_out)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
