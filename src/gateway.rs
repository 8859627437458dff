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
//! | 4413 | the document is as large as guests may make it, or they may begin no more | |
//! | 4419 | the pass has expired | get a new one |

mod address;
mod allowance;
mod backend;
mod bridge;
mod budget;
mod caller;
mod closing;
mod credentials;
mod dialect;
mod http;
mod lobby;
mod metrics;
mod origin;
mod outbox;
mod places;
mod presence;
mod room;
mod rooms;
mod server;
mod socket;
mod tls;
mod upgrade;
mod visit;
mod wire;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Device, Rate};
use backend::Backend;
use lobby::Lobby;
use tls::Certificate;

pub use axum::http::Uri;
pub use origin::{BadOrigin, Origin};
pub use tls::{TlsError, TlsFiles};

/// How a gateway behaves.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it tells what it counts, to Prometheus; it tells everybody who asks there.
    pub metrics: Option<SocketAddr>,
    /// Web pages of which origins may come in, such as `https://app.example`; if none is named, all may, as a pass is
    /// asked of each.
    pub origins: Vec<Origin>,
    /// The certificate of TLS; without one, plain HTTP is spoken.
    pub tls: Option<TlsFiles>,
    /// The app's own backend, which is asked who somebody is that brings no pass: with their request's headers, and the
    /// space's id in `driftline-space`. It answers with `{"guest": "Ann", "role": "writer"}`, which is believed for as
    /// long as its `Cache-Control` says, or with 401 or 403. Whatever else it does means "try again".
    pub backend: Option<Uri>,
    /// Reverse proxies, whose word counts on where a request comes from (`X-Forwarded-For`).
    pub proxies: Vec<IpAddr>,
    /// How much of the machine guests may use.
    pub limits: GatewayLimits,
}

/// How much of the machine guests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayLimits {
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address; from one network of IPv6, the smallest that is given out.
    pub connections_per_address: usize,
    /// Sockets, and requests under way, of one guest.
    pub connections_per_guest: usize,
    /// Messages of one guest, on all sockets together. Whoever says more is heard later. A Yjs client id under which nobody
    /// has written counts as 20.
    pub messages: Rate,
    /// The same, in bytes.
    pub bytes: Rate,
    /// Documents that guests have open.
    pub open_documents: usize,
    /// The same, of one guest.
    pub open_documents_per_guest: usize,
    /// Documents that one guest opens before anybody has written in them.
    pub new_documents: Rate,
    /// Documents of a space, beyond which guests begin none.
    pub documents: u64,
    /// How large a document's log is, in bytes, beyond which guests write no more in it.
    pub document_bytes: u64,
    /// Requests that wait for something to happen.
    pub polls: usize,
    /// The same, of one guest.
    pub polls_per_guest: usize,
    /// The largest frame of a client, in bytes.
    pub frame_bytes: usize,
    /// How much waits for a slow reader, in bytes, before it gets the difference instead.
    pub waiting_bytes: usize,
    /// How much is on its way to readers, in bytes, that is larger than usual: whole documents, most of all.
    pub sending_bytes: u64,
}

impl Default for GatewayOptions {
    /// On this machine alone, at any free port.
    fn default() -> Self {
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            listen,
            metrics: None,
            origins: Vec::new(),
            tls: None,
            backend: None,
            proxies: Vec::new(),
            limits: GatewayLimits::default(),
        }
    }
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 1024,
            connections_per_guest: 1024,
            messages: Rate { per_second: 2_000, burst: 40_000 },
            bytes: Rate { per_second: 4 << 20, burst: 64 << 20 },
            open_documents: 16_384,
            open_documents_per_guest: 4096,
            new_documents: Rate { per_second: 10, burst: 4_096 },
            documents: 100_000,
            document_bytes: 256 << 20,
            polls: 4096,
            polls_per_guest: 64,
            frame_bytes: crate::MAX_UPDATE_BYTES,
            waiting_bytes: 1 << 20,
            sending_bytes: 256 << 20,
        }
    }
}

/// A gateway that can't be opened.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// It can't listen there.
    #[error("the gateway can't listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why it can't.
        source: std::io::Error,
    },
    /// There is no certificate to show.
    #[error(transparent)]
    Tls {
        /// Why.
        #[from]
        source: TlsError,
    },
    /// The backend could not be told from an impostor.
    #[error("the certificates that this system trusts can't be read")]
    Roots {
        /// Why.
        source: std::io::Error,
    },
}

/// An open gateway. When it is dropped it takes nobody in any more; [`close`](Self::close) says goodbye.
pub struct Gateway {
    address: SocketAddr,
    leaving: watch::Sender<bool>,
    certificate: Option<Arc<Certificate>>,
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
        let certificate = options.tls.clone().map(Certificate::open).transpose()?;
        let tls = certificate.as_ref().map(Certificate::acceptor).transpose()?;
        let backend = options.backend.clone().map(Backend::new).transpose();
        let backend = backend.map_err(|source| GatewayError::Roots { source })?;
        warn_of_what_is_unsafe(&options);
        let refused = |source| GatewayError::Listen { address: options.listen, source };
        let address = listener.local_addr().map_err(refused)?;
        let (leaving, left) = watch::channel(false);
        let lobby = Lobby::new(device.clone(), options, backend, left);
        if let Some(listener) = metrics {
            tokio::spawn(metrics::serve(listener, lobby.clone()));
        }
        if let Some(certificate) = certificate.clone() {
            tokio::spawn(certificate.follow(lobby.clone()));
        }
        let server = tokio::spawn(server::serve(listener, tls, lobby));
        Ok(Self { address, leaving, certificate, server })
    }

    /// Whether it shows a certificate.
    pub fn speaks_tls(&self) -> bool {
        self.certificate.is_some()
    }

    /// Reads the certificate again, if there is one. It does so by itself within seconds after the files have changed.
    pub fn renew_certificate(&self) {
        if let Some(certificate) = &self.certificate {
            certificate.renewed.notify_one();
        }
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
    listening.map_err(|source| GatewayError::Listen { address, source })
}

/// Says loudly what should not stay so.
fn warn_of_what_is_unsafe(options: &GatewayOptions) {
    let open = |address: &SocketAddr| !address.ip().is_loopback();
    if open(&options.listen) && options.tls.is_none() {
        tracing::warn!(
            address = %options.listen,
            "guests come in over plain HTTP from other machines, where passes can be read on the way: \
             give a certificate for TLS, or listen on 127.0.0.1, behind a proxy that speaks it"
        );
    }
    if let Some(backend) = options.backend.as_ref().filter(|backend| is_open_to_readers(backend)) {
        tracing::warn!(
            %backend,
            "the backend is asked over plain HTTP, where what guests bring can be read on the way: use https"
        );
    }
    if let Some(address) = options.metrics.filter(open) {
        tracing::warn!(%address, "everybody who reaches this address can read what is counted here");
    }
}

/// Whether what is sent there goes over a network, and unencrypted.
fn is_open_to_readers(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse().is_ok_and(|host: IpAddr| host.is_loopback());
    url.scheme_str() != Some("https") && !here
}
