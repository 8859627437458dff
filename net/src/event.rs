//! What the network tells the application.

use std::fmt;

use bytes::Bytes;
use driftline_core::id::DeviceId;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use tokio::sync::OwnedSemaphorePermit;

/// What the network tells the application.
///
/// For each peer, [`PeerUp`](Self::PeerUp) and [`PeerDown`](Self::PeerDown) alternate, beginning
/// with the former, and [`Frame`](Self::Frame) and [`Sent`](Self::Sent) come only between the two.
#[derive(Debug)]
pub enum NetworkEvent {
    /// A session began.
    PeerUp {
        /// With whom: the authenticated owner of the connection.
        peer: DeviceId,
        /// The peer's end of the connection.
        address: Multiaddr,
        /// What carries the session.
        transport: Transport,
    },
    /// The session ended. What was sent last may or may not have arrived.
    PeerDown {
        /// With whom.
        peer: DeviceId,
    },
    /// A frame arrived, in the order in which the peer sent it.
    Frame {
        /// From whom.
        peer: DeviceId,
        /// The frame.
        frame: InboundFrame,
    },
    /// Frames were handed to the connection and no longer wait in this crate.
    Sent {
        /// To whom.
        peer: DeviceId,
        /// The sum of their lengths, as they were given to [`Network::send`](crate::Network::send).
        bytes: usize,
    },
    /// The device can be reached at an address of its own.
    Listening {
        /// The address, with its real port.
        address: Multiaddr,
    },
}

impl NetworkEvent {
    /// Whom it is about, if it is about a peer.
    pub fn peer(&self) -> Option<DeviceId> {
        match self {
            Self::PeerUp { peer, .. }
            | Self::PeerDown { peer }
            | Self::Frame { peer, .. }
            | Self::Sent { peer, .. } => Some(*peer),
            Self::Listening { .. } => None,
        }
    }
}

/// A received frame. Hold on to it until it is handled: while many bytes are held, nothing more is
/// read from the peer, and its own sending stalls.
pub struct InboundFrame {
    /// What the peer sent.
    pub bytes: Bytes,
    pub(crate) _permit: OwnedSemaphorePermit,
}

impl fmt::Debug for InboundFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InboundFrame({} bytes)", self.bytes.len())
    }
}

/// What carries a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, secured by Noise, shared out by yamux.
    Tcp,
    /// QUIC version 1.
    Quic,
}

impl Transport {
    pub(crate) fn of(address: &Multiaddr) -> Self {
        if address.iter().any(|part| part == Protocol::QuicV1) { Self::Quic } else { Self::Tcp }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Quic => "quic",
        })
    }
}
