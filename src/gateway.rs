//! The door for clients that are no devices of Driftline: stock Yjs editors over WebSocket, and whatever speaks HTTP.
//!
//! Whoever comes is a *guest*: they bring a [pass](crate::Pass) that this device has signed, write under Yjs client ids of
//! their own, and this device signs what they write, with their names. What they may do is asked again for each message.
//!
//! | path | speaks |
//! | --- | --- |
//! | `/y/{space}/{document}?token=…` | [y-websocket](https://github.com/yjs/y-websocket), 1.x to 3.x |
//! | `/h/{space}` | [Hocuspocus](https://github.com/ueberdosis/hocuspocus) 4: many documents on one socket |
//! | `/v1/spaces/{space}/documents/{document}` | HTTP: a document, read and written as Yjs updates, or read as JSON |
//! | `/v1/spaces/{space}/records…`, `…/changes` | HTTP: confirmed records, and how they change |
//! | `/healthz`, `/readyz` | HTTP: whether it is alive, and whether it takes what is written |
//!
//! Sockets are closed with these codes:
//!
//! | code | why | what to do |
//! | --- | --- | --- |
//! | 1007 | it was not this protocol | |
//! | 1009 | a frame was too large | |
//! | 1012 | the gateway is being restarted | try again |
//! | 1013 | it can't be done now | try again |
//! | 4401 | there is no pass, or none that counts here | get one |
//! | 4403 | the pass was taken back | |
//! | 4404 | there is no such space or document here | |
//! | 4419 | the pass has expired | get a new one |

mod bridge;
mod caller;
mod closing;
mod dialect;
mod http;
mod lobby;
mod metrics;
mod outbox;
mod presence;
mod room;
mod rooms;
mod seats;
mod server;
mod socket;
mod visit;
mod wire;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Device;
use lobby::Lobby;

/// How a gateway behaves.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it tells what it counts, to Prometheus; it tells everybody who asks there.
    pub metrics: Option<SocketAddr>,
    /// Web pages of which origins may come in, such as `https://app.example`; if none is named, all may, as a pass is
    /// asked of each.
    pub origins: Vec<String>,
    /// How much of the machine guests may use.
    pub limits: GatewayLimits,
}

/// How much of the machine guests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayLimits {
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
    /// The largest frame of a client, in bytes.
    pub frame_bytes: usize,
    /// How much waits for a slow reader, in bytes, before it gets the difference instead.
    pub waiting_bytes: usize,
}

impl Default for GatewayOptions {
    /// On this machine alone, at any free port.
    fn default() -> Self {
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self { listen, metrics: None, origins: Vec::new(), limits: GatewayLimits::default() }
    }
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 1024,
            frame_bytes: crate::MAX_UPDATE_BYTES,
            waiting_bytes: 1 << 20,
        }
    }
}

/// A gateway that can't be opened.
#[derive(Debug, Error)]
#[error("the gateway can't listen on {address}")]
pub struct GatewayError {
    /// Where it was to listen.
    pub address: SocketAddr,
    /// Why it can't.
    pub source: std::io::Error,
}

/// An open gateway. When it is dropped it takes nobody in any more; [`close`](Self::close) says goodbye.
pub struct Gateway {
    address: SocketAddr,
    leaving: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Gateway {
    /// Opens the door to all spaces in which the device is an anchor or an admin.
    ///
    /// # Errors
    /// If the system does not let it listen.
    pub async fn open(device: &Device, options: GatewayOptions) -> Result<Self, GatewayError> {
        let listener = bind(options.listen).await?;
        let metrics = match options.metrics {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let refused = |source| GatewayError { address: options.listen, source };
        warn_of_what_is_unsafe(&options);
        let address = listener.local_addr().map_err(refused)?;
        let (leaving, left) = watch::channel(false);
        let lobby = Lobby::new(device.clone(), options, left);
        if let Some(listener) = metrics {
            tokio::spawn(metrics::serve(listener, lobby.clone()));
        }
        let server = tokio::spawn(server::serve(listener, lobby));
        Ok(Self { address, leaving, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes nobody in any more, tells everybody who is there to try again later, and waits until they are gone, though
    /// not for long.
    pub async fn close(self) {
        self.leaving.send_replace(true);
        // It ends by itself; if it panicked, nobody is there any more either.
        _ = self.server.await;
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, GatewayError> {
    let listening = TcpListener::bind(address).await;
    listening.map_err(|source| GatewayError { address, source })
}

/// Says loudly what should not stay so.
fn warn_of_what_is_unsafe(options: &GatewayOptions) {
    let open = |address: &SocketAddr| !address.ip().is_loopback();
    if open(&options.listen) {
        tracing::warn!(
            address = %options.listen,
            "guests come in over plain HTTP from other machines, where passes can be read on the way: \
             listen on 127.0.0.1, behind a proxy that speaks TLS"
        );
    }
    if let Some(address) = options.metrics.filter(open) {
        tracing::warn!(%address, "everybody who reaches this address can read what is counted here");
    }
}
