//! A sandbox's own network: its loopback device, and the sockets that listen there.
//!
//! The network holds nothing but a loopback device, to which every address of version 4 is given (a route of the kind
//! `local` for all of them). So whatever a program connects to, it connects to this device; where one of our sockets
//! listens the daemon accepts, and the connection's own address says where it was meant to go. Everything else is
//! refused by the kernel at once. It needs no right that an ordinary user's namespace does not have, and no device.

use super::wire::{Failure, FrameKind};
use crate::sandbox::{Listens, Sockets};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

/// The loopback device's number, the same in every network namespace.
const LOOPBACK: i32 = 1;
/// Where names are looked up (RFC 1035).
const NAMES: u16 = 53;

/// In the init, while it still has the rights of its namespaces: raises the loopback device and opens the sockets, in the
/// order in which [`sockets`] takes them.
pub fn open(listens: &Listens) -> Result<Vec<OwnedFd>, Failure> {
    raise(!listens.everywhere.is_empty()).map_err(|error| Failure {
        kind: FrameKind::Unsupported,
        text: format!("its network cannot be set up: {error}; run `throng doctor`"),
    })?;
    let mut all = Vec::with_capacity(4 + listens.everywhere.len());
    all.push(listen(Ipv4Addr::LOCALHOST, listens.cloud)?);
    if listens.names {
        let names = UdpSocket::bind((Ipv4Addr::LOCALHOST, NAMES));
        let names = names.and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        all.push(names.map_err(refused(NAMES))?.into());
        all.push(listen(Ipv4Addr::LOCALHOST, NAMES)?);
    }
    for port in &listens.everywhere {
        all.push(listen(Ipv4Addr::UNSPECIFIED, *port)?);
    }
    Ok(all)
}

/// In the daemon: what [`open`] opened.
pub fn sockets(listens: &Listens, mut fds: impl Iterator<Item = OwnedFd>) -> Option<Sockets> {
    let cloud = fds.next()?.into();
    let names = if listens.names { Some((fds.next()?.into(), fds.next()?.into())) } else { None };
    let everywhere: Vec<TcpListener> = fds.map(TcpListener::from).collect();
    (everywhere.len() == listens.everywhere.len()).then_some(Sockets { cloud, names, everywhere })
}

/// What `/etc/resolv.conf` is in the sandbox: our name server, with the host's way of looking for short names.
pub fn resolver(listens: &Listens) -> String {
    let host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let mut text = String::new();
    if listens.names {
        text.push_str("nameserver 127.0.0.1\n");
        for line in host.lines().filter(|line| {
            let word = line.split_whitespace().next().unwrap_or_default();
            matches!(word, "search" | "domain" | "options")
        }) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn listen(address: Ipv4Addr, port: u16) -> Result<OwnedFd, Failure> {
    let listener = TcpListener::bind((address, port)).map_err(refused(port))?;
    listener.set_nonblocking(true).map_err(refused(port))?;
    Ok(listener.into())
}

fn refused(port: u16) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure {
        kind: FrameKind::Other,
        text: format!("listening on port {port} in its network: {error}"),
    }
}

/// Raises the loopback device; with `all`, every address is its own. Needs no memory: a process with threads may have
/// forked to call it.
pub fn raise(all: bool) -> nix::Result<()> {
    let kernel =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    // struct ifinfomsg: family and padding, type, index, flags, which of them change.
    let up = libc::IFF_UP.to_ne_bytes();
    ask(&kernel, libc::RTM_NEWLINK, 0, &[&[0; 4], &LOOPBACK.to_ne_bytes(), &up, &up])?;
    if !all {
        return Ok(());
    }
    // struct rtmsg: family, length of destination and source, service, table, protocol, scope, kind; flags.
    let family = u8::try_from(libc::AF_INET).map_err(|_| Errno::EINVAL)?;
    let head =
        [family, 0, 0, 0, libc::RT_TABLE_LOCAL, libc::RTPROT_STATIC, libc::RT_SCOPE_HOST, libc::RTN_LOCAL];
    let device = attribute(libc::RTA_OIF, LOOPBACK.to_ne_bytes());
    // What connects says that it comes from here, as it does when there is no network.
    let source = attribute(libc::RTA_PREFSRC, Ipv4Addr::LOCALHOST.octets());
    ask(&kernel, libc::RTM_NEWROUTE, libc::NLM_F_CREATE, &[&head, &[0; 4], &device, &source])
}

/// struct rtattr with four bytes.
fn attribute(kind: u16, value: [u8; 4]) -> [u8; 8] {
    let mut all = [0; 8];
    all[..2].copy_from_slice(&8_u16.to_ne_bytes());
    all[2..4].copy_from_slice(&kind.to_ne_bytes());
    all[4..].copy_from_slice(&value);
    all
}

/// Asks the kernel for a change and waits for its word.
fn ask(kernel: &OwnedFd, kind: u16, flags: i32, body: &[&[u8]]) -> nix::Result<()> {
    const HEAD: usize = 16;
    let (mut message, mut length) = ([0; 64], HEAD);
    for part in body {
        let end = length + part.len();
        message.get_mut(length..end).ok_or(Errno::EMSGSIZE)?.copy_from_slice(part);
        length = end;
    }
    // struct nlmsghdr: length, kind, flags, number, who asks.
    let flags = flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK;
    message[..4].copy_from_slice(&u32::try_from(length).map_err(|_| Errno::EMSGSIZE)?.to_ne_bytes());
    message[4..6].copy_from_slice(&kind.to_ne_bytes());
    message[6..8].copy_from_slice(&u16::try_from(flags).map_err(|_| Errno::EINVAL)?.to_ne_bytes());
    send(kernel.as_raw_fd(), &message[..length], MsgFlags::empty())?;
    let mut answer = [0; 512];
    let length = recv(kernel.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // struct nlmsgerr: the number of an error, negative.
    let code = answer.get(..length).and_then(|answer| answer.get(HEAD..HEAD + 4)?.try_into().ok());
    match code.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(Errno::from_raw(-code)),
        None => Err(Errno::EPROTO),
    }
}
