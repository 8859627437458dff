//! What can go wrong, by operation.

use std::io;

use driftline_core::id::DeviceId;
use libp2p::{Multiaddr, noise};
use thiserror::Error;

/// Why the network did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no tokio runtime in this thread.
    #[error("the network needs a tokio runtime")]
    NoRuntime {
        /// What tokio says.
        source: tokio::runtime::TryCurrentError,
    },
    /// libp2p did not take the device's key.
    #[error("the device's key is not usable as a network identity")]
    Key {
        /// What libp2p says.
        source: libp2p::identity::DecodingError,
    },
    /// Noise could not be set up.
    #[error("connections could not be secured")]
    Noise {
        /// What Noise says.
        source: noise::Error,
    },
    /// The system's name resolver could not be set up.
    #[error("the system's name resolver could not be set up")]
    Resolver {
        /// What the system says.
        source: io::Error,
    },
}

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// No transport understands the address: `/ip4/…/tcp/…` and `/ip4/…/udp/…/quic-v1` are
    /// understood, IPv6 too.
    #[error("{address} is not an address to listen on: expected …/tcp/PORT or …/udp/PORT/quic-v1")]
    Unsupported {
        /// The address asked for.
        address: Multiaddr,
    },
    /// The system refused, because the port is taken for example.
    #[error("cannot listen on {address}")]
    System {
        /// The address asked for.
        address: Multiaddr,
        /// What the system says.
        source: io::Error,
    },
    /// The network was shut down.
    #[error("the network is shut down")]
    Shutdown,
}

/// Why a frame was not taken for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no session with the peer: none was up, or it ended meanwhile.
    #[error("no session with {peer:?}")]
    NoSession {
        /// Who was to get the frame.
        peer: DeviceId,
    },
    /// The frame is longer than frames may be.
    #[error("a frame of {bytes} bytes is too long: {limit} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        limit: u32,
    },
    /// Too much waits for this peer already. Its session is being closed.
    #[error("{peer:?} reads too slowly: over {limit} bytes wait for it")]
    Congested {
        /// Who reads too slowly.
        peer: DeviceId,
        /// How much may wait, in bytes.
        limit: usize,
    },
}
