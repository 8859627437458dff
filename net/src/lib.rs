//! Driftline's network: it finds peers, keeps a session with each, and carries frames.
//!
//! A *session* is one long-lived libp2p stream between two devices, over TCP with Noise or over
//! QUIC. It carries opaque *frames* of bytes in both directions and in order. What the bytes mean
//! is nobody's business here: this crate knows neither storage nor documents.
//!
//! ```no_run
//! # use driftline_core::identity::DeviceKey;
//! # async fn example(key: DeviceKey) -> Result<(), Box<dyn std::error::Error>> {
//! use driftline_net::{Network, NetworkConfig, NetworkEvent};
//!
//! let network = Network::start(NetworkConfig::new(key), |event| match event {
//!     NetworkEvent::PeerUp { peer, address, .. } => println!("{peer} at {address}"),
//!     NetworkEvent::Frame { peer, frame } => println!("{peer} says {:?}", frame.bytes),
//!     _ => {}
//! })?;
//! let address = network.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
//! println!("others reach me at {address}");
//! # Ok(()) }
//! ```

mod config;
mod dialing;
mod error;
mod event;
mod frame;
mod network;
mod outbox;
mod peer_id;
mod session;
mod streams;
mod swarm;
mod traffic;

pub use config::{Limits, NetworkConfig};
pub use error::{ListenError, SendError, StartError};
pub use event::{InboundFrame, NetworkEvent, Transport};
pub use libp2p::Multiaddr;
pub use network::Network;
pub use peer_id::{NotADevice, device_id, peer_id};
pub use streams::PROTOCOL;
pub use traffic::Traffic;
