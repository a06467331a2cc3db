//! Name lookup without libc: `/etc/hosts`, then the servers of `/etc/resolv.conf`.
//!
//! The runtime is linked statically and lives in other people's images, so it cannot load the name services that
//! glibc would.

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as UreqResolver};
use ureq::unversioned::transport::NextTimeout;

/// Longest wait for one answer of one server.
const ANSWER: Duration = Duration::from_secs(2);
/// How often every server is asked.
const ROUNDS: usize = 3;
/// Addresses that are tried, at most.
const ADDRESSES: usize = 8;

/// Looks names up in the files of the image.
#[derive(Debug)]
pub struct Resolver {
    hosts: &'static str,
    servers: &'static str,
}

impl Resolver {
    /// With `/etc/hosts` and `/etc/resolv.conf`.
    pub const fn system() -> Self {
        Self { hosts: "/etc/hosts", servers: "/etc/resolv.conf" }
    }

    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        let found = in_hosts(&std::fs::read_to_string(self.hosts).unwrap_or_default(), bare);
        if !found.is_empty() {
            return Ok(found);
        }
        if bare == "localhost" || bare.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let servers = Servers::parse(&std::fs::read_to_string(self.servers).unwrap_or_default());
        servers.lookup(bare)
    }
}

impl UreqResolver for Resolver {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let mut found = self.empty();
        for address in self.lookup(host)?.into_iter().take(ADDRESSES) {
            found.push(SocketAddr::new(address, port));
        }
        if found.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(found) }
    }
}

/// Every address of `host` in the text of a hosts file.
fn in_hosts(text: &str, host: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next().unwrap_or("").split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
        })
        .collect()
}

/// What `/etc/resolv.conf` says.
struct Servers {
    addresses: Vec<SocketAddr>,
    search: Vec<String>,
    ndots: usize,
}

impl Servers {
    fn parse(text: &str) -> Self {
        let mut servers = Self { addresses: Vec::new(), search: Vec::new(), ndots: 1 };
        for line in text.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or("").split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address =
                        words.next().and_then(|word| word.split('%').next()?.parse::<IpAddr>().ok());
                    servers.addresses.extend(address.map(|address| SocketAddr::new(address, 53)));
                }
                Some("search" | "domain") => servers.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    let ndots =
                        words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()).next_back();
                    servers.ndots = ndots.unwrap_or(servers.ndots);
                }
                _ => {}
            }
        }
        if servers.addresses.is_empty() {
            servers.addresses.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53));
        }
        servers
    }

    /// The names to ask for, in order: names with few dots in the search domains first.
    fn candidates(&self, host: &str) -> Vec<String> {
        let absolute = format!("{}.", host.trim_end_matches('.'));
        if host.ends_with('.') {
            return vec![absolute];
        }
        let mut names: Vec<_> =
            self.search.iter().map(|domain| format!("{absolute}{}.", domain.trim_matches('.'))).collect();
        let at = if host.matches('.').count() >= self.ndots { 0 } else { names.len() };
        names.insert(at, absolute);
        names
    }

    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut last = Ok(Vec::new());
        for name in self.candidates(host) {
            let name = Name::from_utf8(&name).map_err(io::Error::other)?;
            let answer = self.ask(&name, RecordType::A);
            let found = match answer {
                Ok(found) if found.is_empty() => self.ask(&name, RecordType::AAAA),
                other => other,
            };
            match found {
                Ok(found) if !found.is_empty() => return Ok(found),
                other => last = other,
            }
        }
        last
    }

    fn ask(&self, name: &Name, kind: RecordType) -> io::Result<Vec<IpAddr>> {
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for _ in 0..ROUNDS {
            for server in &self.addresses {
                match ask_one(*server, name, kind) {
                    Ok(found) => return Ok(found),
                    Err(error) => last = error,
                }
            }
        }
        Err(io::Error::new(last.kind(), format!("looking up {name}: {last}")))
    }
}

/// One question to one server, by UDP and, when the answer is too long for it, by TCP.
fn ask_one(server: SocketAddr, name: &Name, kind: RecordType) -> io::Result<Vec<IpAddr>> {
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), kind));
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let mut answer = by_udp(server, &bytes, question.metadata.id)?;
    if answer.metadata.truncation {
        answer = by_tcp(server, &bytes)?;
    }
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => Ok(addresses(&answer)),
        code => Err(io::Error::other(format!("the name server {server} answers {code}"))),
    }
}

fn addresses(answer: &Message) -> Vec<IpAddr> {
    let address = |data: &RData| match data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    };
    answer.answers.iter().filter_map(|record| address(&record.data)).collect()
}

fn by_udp(server: SocketAddr, question: &[u8], id: u16) -> io::Result<Message> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(server)?;
    socket.send(question)?;
    let until = Instant::now() + ANSWER;
    let mut buffer = [0; 4096];
    loop {
        let left = crate::clock::left(until);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = socket.recv(&mut buffer)?;
        // Anything else is an answer to an earlier question, or forged.
        if let Ok(answer) = Message::from_vec(&buffer[..length])
            && answer.metadata.id == id
        {
            return Ok(answer);
        }
    }
}

fn by_tcp(server: SocketAddr, question: &[u8]) -> io::Result<Message> {
    let mut stream = TcpStream::connect_timeout(&server, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer)?;
    Message::from_vec(&answer).map_err(io::Error::other)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hosts_files_are_read() {
        let text =
            "# comment\n127.0.0.1 localhost\n::1 localhost ip6-localhost # x\n10.0.0.7\tstore S3.Local\n";
        assert_eq!(in_hosts(text, "s3.local"), ["10.0.0.7".parse::<IpAddr>().unwrap()]);
        assert_eq!(in_hosts(text, "localhost").len(), 2);
        assert!(in_hosts(text, "comment").is_empty());
    }

    #[test]
    fn search_domains_come_first_for_short_names() {
        let servers =
            Servers::parse("nameserver 10.0.0.2\nnameserver fe80::1%eth0\nsearch a.b c\noptions ndots:2\n");
        assert_eq!(servers.addresses.len(), 2);
        assert_eq!(servers.candidates("x.y"), ["x.y.a.b.", "x.y.c.", "x.y."]);
        assert_eq!(servers.candidates("x.y.z"), ["x.y.z.", "x.y.z.a.b.", "x.y.z.c."]);
        assert_eq!(servers.candidates("x."), ["x."]);
    }

    #[test]
    fn literal_addresses_need_no_server() {
        let resolver = Resolver { hosts: "/nonexistent", servers: "/nonexistent" };
        assert_eq!(resolver.lookup("127.0.0.1").unwrap(), [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        assert_eq!(resolver.lookup("[::1]").unwrap(), [IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        assert_eq!(resolver.lookup("localhost").unwrap()[0], IpAddr::V4(Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn a_server_is_asked() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 512];
            let (length, peer) = server.recv_from(&mut buffer).unwrap();
            let mut answer = Message::from_vec(&buffer[..length]).unwrap();
            answer.metadata.message_type = hickory_proto::op::MessageType::Response;
            let name = answer.queries[0].name().clone();
            let data = RData::A(hickory_proto::rr::rdata::A(Ipv4Addr::new(10, 1, 2, 3)));
            answer.answers.push(hickory_proto::rr::Record::from_rdata(name, 60, data));
            server.send_to(&answer.to_vec().unwrap(), peer).unwrap();
        });
        let name = Name::from_utf8("bucket.s3.us-east-1.amazonaws.com.").unwrap();
        assert_eq!(ask_one(address, &name, RecordType::A).unwrap(), [IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3))]);
        thread.join().unwrap();
    }
}
