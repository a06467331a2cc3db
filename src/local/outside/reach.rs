//! Where connections may go.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where connections of a sandbox may go.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Whether to other machines.
    pub outside: bool,
    /// Endpoints that the function's definition names, wherever they are: host and port.
    pub named: Vec<(String, u16)>,
}

impl Reach {
    /// Where a connection that was meant for `to` goes: the addresses to try, each of which was checked.
    ///
    /// # Errors
    /// It may not go there.
    pub async fn addresses(&self, to: SocketAddr) -> io::Result<Vec<SocketAddr>> {
        for (host, _) in self.named.iter().filter(|(_, port)| *port == to.port()) {
            let found = tokio::net::lookup_host((host.as_str(), to.port())).await;
            let found: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
            if found.contains(&to) {
                // A server may listen at one of its name's addresses only.
                return Ok(found);
            }
        }
        match to.ip() {
            IpAddr::V4(address) if self.outside && is_elsewhere(address) && !is_ours(address)? => {
                Ok(vec![to])
            }
            _ => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "functions cannot reach {to}: it is of this machine, or nothing outside may be reached"
                ),
            )),
        }
    }
}

/// Whether an address can be another machine's: not loopback, link-local (where clouds serve credentials), multicast,
/// reserved.
fn is_elsewhere(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    !(first == 0 || first >= 224 || address.is_loopback() || address.is_link_local())
}

/// Whether an address is one of this machine's own, now.
fn is_ours(address: Ipv4Addr) -> io::Result<bool> {
    let own = nix::ifaddrs::getifaddrs()?.filter_map(|interface| interface.address);
    let mut own = own.filter_map(|own| own.as_sockaddr_in().map(nix::sys::socket::SockaddrIn::ip));
    Ok(own.any(|own| own == address))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn nothing_of_this_machine_is_reached_unless_the_definition_names_it() {
        let private = Reach { outside: true, named: vec![("localhost".into(), 9000)] };
        let to = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(private.addresses(to("192.0.2.7:443")).await.unwrap(), [to("192.0.2.7:443")]);
        assert!(private.addresses(to("127.0.0.1:9000")).await.unwrap().contains(&to("127.0.0.1:9000")));
        let mut own: Vec<_> = ["127.0.0.1:443", "127.9.9.9:9000", "0.0.0.0:443", "169.254.169.254:80"]
            .into_iter()
            .chain(["224.0.0.1:443", "255.255.255.255:443", "[::1]:443", "[2001:db8::1]:443"])
            .map(to)
            .collect();
        for interface in nix::ifaddrs::getifaddrs().unwrap() {
            let address = interface.address.and_then(|address| Some(address.as_sockaddr_in()?.ip()));
            own.extend(address.map(|address| SocketAddr::from((address, 443))));
        }
        for address in own {
            assert!(private.addresses(address).await.is_err(), "{address}");
        }
        let none = Reach { outside: false, ..private };
        assert!(none.addresses(to("192.0.2.7:443")).await.is_err());
        assert!(none.addresses(to("127.0.0.1:9000")).await.is_ok());
    }
}
