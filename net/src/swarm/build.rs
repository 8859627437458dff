//! The swarm's parts: transports, limits, and the behaviours that run on every connection.

use std::time::Duration;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::Keypair;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{Swarm, SwarmBuilder, mdns, noise, ping, quic, tcp, yamux};

use super::addresses::Addresses;
use crate::config::{Limits, NetworkConfig};
use crate::error::StartError;
use crate::streams::Streams;

/// One address may take this part of all handshakes.
const HANDSHAKES_SHARE: u32 = 4;

/// More than one connection with a peer exists when both dialled at once, or when an old one is not
/// known to be dead.
const MAX_CONNECTIONS_PER_PEER: u32 = 4;

/// A session's stream and pings are all that a connection carries. yamux lets each stream hold 256
/// KiB unread.
const MAX_STREAMS: usize = 16;

/// What a QUIC peer may have on its way to a reader that has stopped: the pendant of yamux's
/// windows.
const QUIC_WINDOW_BYTES: u32 = 4 << 20;

/// A connection with a session is never idle. Those without are spare ones, or of peers that have
/// nothing to say.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a handshake may take. Whoever opens a connection and says nothing holds its place no longer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    // The limits come first, so that nobody else sees a connection that is over them.
    limits: connection_limits::Behaviour,
    addresses: Addresses,
    pub(super) streams: Streams,
    ping: ping::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
}

pub(super) fn swarm(config: &NetworkConfig) -> Result<Swarm<Behaviour>, StartError> {
    let mut seed = config.key.seed();
    let keypair =
        Keypair::ed25519_from_bytes(&mut seed[..]).map_err(|source| StartError::Key { source })?;
    let behaviour = behaviour(config, &keypair);
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::new().nodelay(true), noise::Config::new, muxing)
        .map_err(|source| StartError::Noise { source })?
        .with_quic_config(limit_quic)
        .with_dns()
        .map_err(|source| StartError::Resolver { source })?
        .with_behaviour(|_| behaviour)
        .unwrap_or_else(|never| match never {})
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(IDLE_TIMEOUT))
        .with_connection_timeout(HANDSHAKE_TIMEOUT)
        .build();
    Ok(swarm)
}

fn behaviour(config: &NetworkConfig, keypair: &Keypair) -> Behaviour {
    let Limits { max_connections: total, max_handshakes, .. } = config.limits;
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(max_handshakes))
        .with_max_established_incoming(Some(total - total / 4))
        .with_max_established(Some(total))
        .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER));
    let ping = ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT);
    Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        addresses: Addresses::new(
            config.limits.max_connections_per_address,
            max_handshakes.div_ceil(HANDSHAKES_SHARE),
        ),
        streams: Streams::default(),
        ping: ping::Behaviour::new(ping),
        mdns: if config.mdns { discovery(keypair) } else { None }.into(),
    }
}

fn discovery(keypair: &Keypair) -> Option<mdns::tokio::Behaviour> {
    mdns::tokio::Behaviour::new(mdns::Config::default(), keypair.public().to_peer_id())
        .inspect_err(
            |error| tracing::warn!(%error, "peers on the local network are not looked for"),
        )
        .ok()
}

fn muxing() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(MAX_STREAMS);
    config
}

fn limit_quic(mut config: quic::Config) -> quic::Config {
    config.max_stream_data = QUIC_WINDOW_BYTES;
    config.max_connection_data = QUIC_WINDOW_BYTES;
    config.max_concurrent_stream_limit = MAX_STREAMS as u32;
    config
}
