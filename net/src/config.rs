//! What a network is started with.

use driftline_core::identity::DeviceKey;

/// What [`Network::start`](crate::Network::start) needs to know.
#[derive(Debug)]
pub struct NetworkConfig {
    /// The device's key. It is the libp2p identity as well, so peers know the device by it.
    pub key: DeviceKey,
    /// Whether to look for peers, and be found, on the local network (multicast DNS).
    pub mdns: bool,
    /// How much of the machine peers may use.
    pub limits: Limits,
}

impl NetworkConfig {
    /// The defaults: no multicast, [`Limits::default`].
    pub fn new(key: DeviceKey) -> Self {
        Self { key, mdns: false, limits: Limits::default() }
    }
}

/// How much of the machine peers may use. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, in both directions together. A quarter of them is kept for those that
    /// this device opens itself, so that strangers cannot cut it off by taking every place.
    pub max_connections: u32,
    /// Connections at a time that come in from one IP address, or one IPv6 network of 64 bits.
    pub max_connections_per_address: u32,
    /// Connections that come in at a time and have not shown yet who they are. One address may have
    /// a quarter of them. They have 10 s for it.
    pub max_handshakes: u32,
    /// The longest frame, sent or received. A peer that announces a longer one loses its
    /// connection.
    pub max_frame_bytes: u32,
    /// Frames of one peer that were received and are not yet dropped by the application. Beyond it,
    /// nothing more is read from that peer. One frame may exceed it if there is no other.
    pub max_inbound_bytes: u32,
    /// Frames waiting to be written to one peer. Beyond it the session is closed.
    pub max_outbound_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 256,
            max_connections_per_address: 64,
            max_handshakes: 64,
            max_frame_bytes: 16 << 20,
            max_inbound_bytes: 8 << 20,
            max_outbound_bytes: 32 << 20,
        }
    }
}
