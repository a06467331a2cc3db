//! The environment of scripts.

use crate::config::RuntimeSettings;
use crate::event::Job;
use crate::program::DEFAULT_PATH;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::UdpSocket;
use std::path::Path;
use throng_contract::layout;

/// Longest value that Linux takes (`MAX_ARG_STRLEN` less the name).
const LONGEST: usize = 120 * 1024;
/// What scripts have no business with.
const HIDDEN: [&str; 5] =
    ["AWS_LAMBDA_RUNTIME_API", layout::ENV_CONFIG, layout::ENV_ROLE, layout::ENV_SECRETS, "_HANDLER"];

/// Names that an HTTP request's parameters do not get as they are: the runtime's own, whether they are set or not, and
/// those that change what programs load or where they send their requests.
const RESERVED: [&str; 30] = [
    layout::ENV_FILES,
    layout::ENV_INPUT_DIR,
    layout::ENV_JOIN_GROUP,
    "INPUT_FILE_PATH",
    "INPUT_LIST",
    "TMP_INPUT_DIR",
    "TMP_OUTPUT_DIR",
    "SCAR_INPUT_FILE",
    "SCAR_INPUT_DIR",
    "SCAR_OUTPUT_DIR",
    "STORAGE_OBJECT_KEY",
    "EVENT",
    "EVENT_TIME",
    "REQUEST_ID",
    "INSTANCE_IP",
    "_X_AMZN_TRACE_ID",
    "_HANDLER",
    "PATH",
    "HOME",
    "TMPDIR",
    "ENV",
    "IFS",
    "PS4",
    "SHELLOPTS",
    "BASHOPTS",
    "CLASSPATH",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
];
/// Beginnings of such names.
const RESERVED_BEGINNINGS: [&str; 13] = [
    "AWS_",
    "THRONG_",
    "LAMBDA_",
    "CONT_VAR_",
    "LD_",
    "BASH_",
    "PYTHON",
    "PERL",
    "RUBY",
    "NODE_",
    "JAVA_",
    "GIT_",
    "GCONV_",
];

fn is_reserved(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    RESERVED.contains(&upper.as_str()) || RESERVED_BEGINNINGS.iter().any(|begin| upper.starts_with(begin))
}

/// What stays the same from task to task.
pub fn base(settings: &RuntimeSettings) -> BTreeMap<OsString, OsString> {
    let mut variables: BTreeMap<OsString, OsString> =
        std::env::vars_os().filter(|(name, _)| HIDDEN.iter().all(|hidden| name != hidden)).collect();
    for (name, value) in &settings.function.env {
        if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
            variables.insert(name.into(), value.into());
        }
    }
    variables.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
    if settings.files.is_dir() {
        variables.insert(layout::ENV_FILES.into(), settings.files.clone().into());
    }
    variables.insert("INSTANCE_IP".into(), own_address().into());
    variables
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
        if !known.contains_key(&plain) && !is_reserved(name) {
            variables.push((plain, value.into()));
        }
        variables.push((format!("CONT_VAR_{name}").into(), value.into()));
    }
    // A launch refuses names of the runtime's own; what follows wins all the same.
    let own = job.variables.iter().filter(|(name, value)| is_name(name) && !value.contains('\0'));
    variables.extend(own.map(|(name, value)| (name.into(), value.into())));
    let mut set = |name: &str, value: OsString| variables.push((name.into(), value));
    if job.input != crate::event::Input::Nothing {
        set("INPUT_FILE_PATH", places.file.into());
        set("SCAR_INPUT_FILE", places.file.into());
    }
    set("TMP_INPUT_DIR", places.input.into());
    set("TMP_OUTPUT_DIR", places.output.into());
    set("SCAR_INPUT_DIR", places.input.into());
    set("SCAR_OUTPUT_DIR", places.output.into());
    if job.start.is_some() {
        set("INPUT_LIST", places.file.into());
    } else if let crate::event::Input::Object { key, .. } = &job.input {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_never_take_the_place_of_what_is_reserved_or_configured() {
        let job = Job {
            origin: crate::event::Origin::Own,
            input: crate::event::Input::Bytes(Vec::new()),
            task: None,
            id: None,
            sequencer: None,
            size: None,
            group: None,
            variables: BTreeMap::new(),
            parameters: None,
            timeout: None,
            start: None,
            event: None,
            time: None,
            json_body: false,
            files: None,
        };
        let (here, file) = (Path::new("/t"), Path::new("/t/f"));
        let places = Places { input: here, output: here, file };
        let names = [
            "mode",
            "EVENT",
            "AWS_ENDPOINT_URL",
            "aws_endpoint_url",
            "BASH_ENV",
            "LD_PRELOAD",
            "SET",
            "a-b",
            "2x",
        ];
        let query: Vec<_> = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        let known = BTreeMap::from([(OsString::from("SET"), OsString::from("own"))]);
        let (variables, _) = of_task(&job, &places, &query, &known);
        let has = |name: &str| variables.iter().any(|(known, value)| known == name && value == "x");
        assert!(has("mode") && has("CONT_VAR_mode") && has("CONT_VAR_EVENT") && has("CONT_VAR_SET"));
        for name in [
            "EVENT",
            "AWS_ENDPOINT_URL",
            "aws_endpoint_url",
            "BASH_ENV",
            "LD_PRELOAD",
            "SET",
            "a-b",
            "CONT_VAR_2x",
        ] {
            assert!(!has(name), "{name}");
        }
    }
}
