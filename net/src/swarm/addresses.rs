//! How many connections strangers may open from one address, so that one machine can't take every place.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, ListenFailure, NetworkBehaviour,
    THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};
use thiserror::Error;

/// One address has as many connections as it may have.
#[derive(Debug, Error)]
#[error("{address} has {limit} connections here, and gets no more")]
struct Crowded {
    address: IpAddr,
    limit: u32,
}

/// Counts incoming connections by where they come from.
pub(super) struct Addresses {
    max_established: u32,
    max_handshakes: u32,
    handshakes: HashMap<ConnectionId, IpAddr>,
    established: HashMap<ConnectionId, IpAddr>,
}

impl Addresses {
    pub(super) fn new(max_established: u32, max_handshakes: u32) -> Self {
        let (handshakes, established) = (HashMap::new(), HashMap::new());
        Self { max_established, max_handshakes, handshakes, established }
    }
}

fn check(
    taken: &HashMap<ConnectionId, IpAddr>,
    address: IpAddr,
    limit: u32,
) -> Result<(), ConnectionDenied> {
    match taken.values().filter(|taken| **taken == address).count() < limit as usize {
        true => Ok(()),
        false => Err(ConnectionDenied::new(Crowded { address, limit })),
    }
}

/// The address that counts. Of IPv6 it is the network of 64 bits, as that is what one customer gets.
fn origin(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => {
            let network = u128::from(ip) & !u128::from(u64::MAX);
            Some(ip.to_ipv4_mapped().map_or(Ipv6Addr::from(network).into(), IpAddr::V4))
        }
        _ => None,
    })
}

impl NetworkBehaviour for Addresses {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if let Some(address) = origin(remote) {
            check(&self.handshakes, address, self.max_handshakes)?;
            self.handshakes.insert(connection, address);
        }
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if let Some(address) = self.handshakes.remove(&connection) {
            check(&self.established, address, self.max_established)?;
            self.established.insert(connection, address);
        }
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
        | FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) = event
        {
            self.handshakes.remove(&connection_id);
            self.established.remove(&connection_id);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
