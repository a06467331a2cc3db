//! Answers a script's SDK on loopback, as the container credentials provider of AWS's SDKs asks
//! (`AWS_CONTAINER_CREDENTIALS_FULL_URI` with `AWS_CONTAINER_AUTHORIZATION_TOKEN`).

use super::{Narrowed, Source};
use serde_json::json;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Longest head of a request.
const HEAD: u64 = 16 * 1024;
/// Longest wait for one.
const PATIENCE: Duration = Duration::from_secs(5);
const PATH: &str = "/credentials";

/// The endpoint; a thread answers it until the environment ends.
pub struct Endpoint {
    port: u16,
    token: String,
}

impl Endpoint {
    /// Begins to listen.
    pub fn start(source: Arc<Source>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let mut random = [0; 24];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let token = hex::encode(random);
        let expected = token.clone();
        std::thread::Builder::new().name("credentials".into()).stack_size(256 * 1024).spawn(move || {
            for stream in listener.incoming().flatten() {
                // Somebody who says nothing waits at most so long for all others.
                let _ = answer(&stream, &expected, &source);
            }
        })?;
        Ok(Self { port, token })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    pub fn token(&self) -> &str {
        &self.token
    }
}

fn answer(stream: &TcpStream, token: &str, source: &Source) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (status, body) = match asked(stream)? {
        (path, authorization) if path == PATH && authorization == token => match source.narrowed() {
            Ok(narrowed) => ("200 OK", shown(&narrowed)),
            Err(sentence) => ("400 Bad Request", refusal("Unavailable", &sentence)),
        },
        (path, _) if path == PATH => {
            ("401 Unauthorized", refusal("Unauthorized", "the authorization token is wrong"))
        }
        _ => ("404 Not Found", refusal("NotFound", "there is nothing here")),
    };
    let mut out = stream;
    write!(
        out,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    out.flush()
}

/// Path and authorization of a request.
fn asked(stream: &TcpStream) -> io::Result<(String, String)> {
    let mut lines = BufReader::new(stream.take(HEAD)).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split(' ');
    let path = match (words.next(), words.next()) {
        (Some("GET"), Some(path)) => path.to_owned(),
        _ => String::new(),
    };
    let mut authorization = String::new();
    for line in lines {
        let line = line?;
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                value.trim().clone_into(&mut authorization);
            }
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    Ok((path, authorization))
}

fn shown(narrowed: &Narrowed) -> String {
    let keys = &narrowed.keys;
    json!({
        "AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key, "Token": keys.token,
        "Expiration": narrowed.expiration,
    })
    .to_string()
}

fn refusal(code: &str, sentence: &str) -> String {
    json!({"code": code, "message": sentence}).to_string()
}
