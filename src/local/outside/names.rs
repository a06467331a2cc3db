//! A name server that asks those of this machine, as `/etc/resolv.conf` has them at that moment.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Where names are looked up (RFC 1035).
const PORT: u16 = 53;
/// Longest wait for one server: half of what resolvers wait for us.
const ANSWER: Duration = Duration::from_millis(2500);
/// How long to wait after an error.
const BACK_OFF: Duration = Duration::from_millis(50);
/// Most questions of a sandbox under way; more are lost, and asked again.
const MOST: usize = 64;
/// The longest question or answer in one packet (RFC 6891 has clients ask for up to 4,096 bytes).
const PACKET: usize = 4096;
/// Length of a message's head, which begins with its number.
const HEAD: usize = 12;

/// The name servers of this machine.
pub fn servers() -> Vec<SocketAddr> {
    parse(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
}

fn parse(text: &str) -> Vec<SocketAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.parse::<IpAddr>().ok()
    });
    let mut servers: Vec<_> = addresses.map(|address| SocketAddr::new(address, PORT)).collect();
    if servers.is_empty() {
        // As the resolver of libc has it.
        servers.push((Ipv4Addr::LOCALHOST, PORT).into());
    }
    servers
}

/// Answers questions until `shut`.
pub async fn serve(socket: UdpSocket, shut: CancellationToken) {
    let (socket, room) = (Arc::new(socket), Arc::new(Semaphore::new(MOST)));
    let mut packet = vec![0; PACKET];
    loop {
        let received = tokio::select! {
            () = shut.cancelled() => return,
            received = socket.recv_from(&mut packet) => received,
        };
        let Ok((length, from)) = received else {
            tokio::time::sleep(BACK_OFF).await;
            continue;
        };
        let Ok(permit) = room.clone().try_acquire_owned() else { continue };
        let (socket, shut, question) = (socket.clone(), shut.clone(), packet[..length].to_vec());
        tokio::spawn(async move {
            let servers = servers();
            tokio::select! {
                () = shut.cancelled() => {}
                answer = answer(&question, &servers) => {
                    if let Some(answer) = answer {
                        let _ = socket.send_to(&answer, from).await;
                    }
                }
            }
            drop(permit);
        });
    }
}

/// The first server's answer that comes; that none could be had, when none does. `None` for what is no question.
async fn answer(question: &[u8], servers: &[SocketAddr]) -> Option<Vec<u8>> {
    if question.len() < HEAD {
        return None;
    }
    for server in servers {
        if let Ok(Ok(answer)) = tokio::time::timeout(ANSWER, ask(question, *server)).await {
            return Some(answer);
        }
    }
    let mut failed = question.to_vec();
    failed[2] |= 0x80; // an answer
    failed[3] = failed[3] & 0xf0 | 2; // SERVFAIL
    Some(failed)
}

async fn ask(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; PACKET];
    loop {
        let length = socket.recv(&mut answer).await?;
        if length >= HEAD && answer[..2] == question[..2] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn servers_are_those_of_resolv_conf() {
        let text =
            "# one\nsearch lab.example\nnameserver 192.0.2.1\nnameserver 2001:db8::1 \noptions ndots:2\n";
        let servers: Vec<_> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53"]);
        assert_eq!(parse("").len(), 1);
    }

    #[tokio::test]
    async fn the_second_server_is_asked_and_no_answer_is_told() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let good = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let servers = [silent.local_addr().unwrap(), good.local_addr().unwrap()];
        drop(silent);
        tokio::spawn(async move {
            let mut packet = [0; 64];
            let (length, from) = good.recv_from(&mut packet).await.unwrap();
            good.send_to(b"xxanother question's", from).await.unwrap();
            packet[2] |= 0x80;
            good.send_to(&packet[..length], from).await.unwrap();
        });
        let question = b"id\x01\0\0\0\0\0\0\0\0\0";
        let found = answer(question, &servers).await.unwrap();
        assert_eq!((found[..2].to_vec(), found[2], found[3]), (b"id".to_vec(), 0x81, 0));
        let none = answer(question, &servers[..1]).await.unwrap();
        assert_eq!((none[2], none[3]), (0x81, 2));
        assert_eq!(answer(b"short", &servers).await, None);
    }
}
