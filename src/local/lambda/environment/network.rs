//! The environment's own network: the cloud's door in it, and the way outside.

use super::Environment;
use crate::lambda::config::FunctionNetwork;
use crate::outside::{self, Reach};
use crate::protocol::{Door, EnvironmentId, Speaker};
use crate::sandbox::{Listens, MOST_PORTS, Network, Sockets};
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Where names are looked up (RFC 1035).
const NAMES: u16 = 53;

impl Environment {
    /// Which network its processes get.
    pub(super) fn network(&self) -> Network {
        let config = &self.shared.config;
        let outside = match config.network {
            FunctionNetwork::Host => return Network::Host,
            FunctionNetwork::Private => true,
            FunctionNetwork::None => false,
        };
        let cloud = config.port();
        let mut everywhere = Vec::new();
        let ports = if outside { &config.ports[..] } else { &[] };
        for port in self.live.endpoints.iter().map(|(_, port)| port).chain(ports) {
            let taken = *port == cloud || *port == NAMES || everywhere.contains(port);
            if !taken && everywhere.len() < MOST_PORTS {
                everywhere.push(*port);
            }
        }
        Network::Own(Listens { cloud, names: outside, everywhere })
    }

    /// Serves what listens in its network, until the environment ends.
    pub(super) fn open_network(&mut self, sockets: Sockets) -> io::Result<()> {
        let shut = CancellationToken::new();
        // First of all: whatever fails below, what was begun ends with the environment.
        self.network = Some(shut.clone().drop_guard());
        let config = &self.shared.config;
        let reach =
            Reach { outside: config.network == FunctionNetwork::Private, named: self.live.endpoints.clone() };
        outside::serve(sockets.names, sockets.everywhere, reach, &shut)?;
        if let Some(doors) = &config.doors {
            let who = EnvironmentId {
                function: self.live.function.name.clone(),
                id: self.id,
                token: self.token.clone(),
            };
            let speaker = Speaker::Environment(Arc::new(who));
            // Whoever serves is gone only when the daemon ends.
            let _ = doors.send(Door { listener: TcpListener::from_std(sockets.cloud)?, speaker, shut });
        }
        Ok(())
    }
}
