//! How guests come in: flags of `run` and `anchor`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use driftline::Rate;
use driftline::gateway::{GatewayLimits, GatewayOptions, Origin, TlsFiles, Uri};
use thiserror::Error;

use super::bounds::size;

/// What is not given stays as it is.
#[derive(Args)]
#[command(next_help_heading = "Guests")]
pub(super) struct Door {
    /// Let guests in at this address, such as 127.0.0.1:8080: stock Yjs editors, with a pass from `driftline token`
    #[arg(long, value_name = "ADDR", env = "DRIFTLINE_HTTP")]
    http: Option<SocketAddr>,
    /// Speak TLS with this certificate, in PEM; it is read again when it changes, and at SIGHUP
    #[arg(long, value_name = "PATH", env = "DRIFTLINE_TLS_CERTIFICATE")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "PATH", env = "DRIFTLINE_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Ask here who somebody is that brings no pass, with their request's headers: the app's own backend
    #[arg(long, value_name = "URL", env = "DRIFTLINE_AUTH_URL", value_parser = url)]
    auth_url: Option<Uri>,
    /// Let in web pages of this origin, such as https://app.example, and no others; they may use cookies [default: pages
    /// of any origin, if they have a pass]
    #[arg(long, value_name = "ORIGIN", env = "DRIFTLINE_HTTP_ORIGIN", value_delimiter = ',')]
    http_origin: Vec<Origin>,
    /// A reverse proxy, whose word counts on where requests come from (X-Forwarded-For)
    #[arg(long, value_name = "IP", env = "DRIFTLINE_HTTP_PROXY", value_delimiter = ',')]
    http_proxy: Vec<IpAddr>,
    /// Tell Prometheus at this address what is counted of guests, such as 127.0.0.1:9090
    #[arg(long, value_name = "ADDR", env = "DRIFTLINE_METRICS")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    bounds: GuestBounds,
}

/// How much of the machine guests may use.
#[derive(Args)]
struct GuestBounds {
    /// Connections of guests at a time
    #[arg(long, value_name = "N", env = "DRIFTLINE_HTTP_MAX_CONNECTIONS")]
    http_max_connections: Option<usize>,
    /// Connections of guests that come from one IP address
    #[arg(long, value_name = "N", env = "DRIFTLINE_HTTP_MAX_CONNECTIONS_PER_ADDRESS")]
    http_max_connections_per_address: Option<usize>,
    /// Sockets, and requests under way, of one guest
    #[arg(long, value_name = "N", env = "DRIFTLINE_HTTP_MAX_CONNECTIONS_PER_GUEST")]
    http_max_connections_per_guest: Option<usize>,
    /// Messages of one guest in a second; after a burst of 20 times as many, they are heard later
    #[arg(long, value_name = "N", env = "DRIFTLINE_HTTP_MAX_MESSAGES")]
    http_max_messages: Option<u32>,
    /// The same in bytes, such as 4M; after a burst of 16 times as many
    #[arg(long, value_name = "SIZE", value_parser = size, env = "DRIFTLINE_HTTP_MAX_BYTES")]
    http_max_bytes: Option<u64>,
    /// The largest message of a guest, up to 4M
    #[arg(long, value_name = "SIZE", value_parser = size, env = "DRIFTLINE_HTTP_MAX_MESSAGE")]
    http_max_message: Option<u64>,
    /// How much waits for a slow reader before it gets the difference instead
    #[arg(long, value_name = "SIZE", value_parser = size, env = "DRIFTLINE_HTTP_MAX_WAITING")]
    http_max_waiting: Option<u64>,
    /// How much is on its way to readers in all, of whole documents for the most part
    #[arg(long, value_name = "SIZE", value_parser = size, env = "DRIFTLINE_HTTP_MAX_SENDING")]
    http_max_sending: Option<u64>,
    /// Documents that guests have open at a time
    #[arg(long, value_name = "N", env = "DRIFTLINE_HTTP_MAX_OPEN")]
    http_max_open: Option<usize>,
    /// The same, of one guest
    #[arg(long, value_name = "N", env = "DRIFTLINE_HTTP_MAX_OPEN_PER_GUEST")]
    http_max_open_per_guest: Option<usize>,
    /// Documents that one guest opens in a second before anybody has written in them; after a burst of 400 times as many
    #[arg(long, value_name = "N", env = "DRIFTLINE_HTTP_MAX_NEW")]
    http_max_new: Option<u32>,
    /// Documents in a space, beyond which guests begin none
    #[arg(long, value_name = "N", env = "DRIFTLINE_HTTP_MAX_DOCUMENTS")]
    http_max_documents: Option<u64>,
    /// How large a document is, beyond which guests write no more in it
    #[arg(long, value_name = "SIZE", value_parser = size, env = "DRIFTLINE_HTTP_MAX_DOCUMENT")]
    http_max_document: Option<u64>,
    /// Requests that wait for something to happen
    #[arg(long, value_name = "N", env = "DRIFTLINE_HTTP_MAX_POLLS")]
    http_max_polls: Option<usize>,
}

/// Why nobody is let in as that was asked for.
#[derive(Debug, Error)]
pub(super) enum DoorError {
    #[error("--{flag} is about guests, who come in only with --http ADDR")]
    Closed { flag: &'static str },
    #[error("TLS takes both --tls-certificate and --tls-key")]
    HalfTls,
}

impl Door {
    /// How the gateway is to be, if there is to be one.
    pub(super) fn options(&self) -> Result<Option<GatewayOptions>, DoorError> {
        let Some(listen) = self.http else { return self.nothing_asked().map(|()| None) };
        let tls = match (self.tls_certificate.clone(), self.tls_key.clone()) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(DoorError::HalfTls),
        };
        Ok(Some(GatewayOptions {
            listen,
            metrics: self.metrics,
            origins: self.http_origin.clone(),
            tls,
            backend: self.auth_url.clone(),
            proxies: self.http_proxy.clone(),
            limits: self.bounds.limits(GatewayLimits::default()),
        }))
    }

    /// What is said of guests where none come in was not meant so.
    fn nothing_asked(&self) -> Result<(), DoorError> {
        let asked = [
            ("tls-certificate", self.tls_certificate.is_some()),
            ("tls-key", self.tls_key.is_some()),
            ("auth-url", self.auth_url.is_some()),
            ("http-origin", !self.http_origin.is_empty()),
            ("http-proxy", !self.http_proxy.is_empty()),
            ("metrics", self.metrics.is_some()),
        ];
        match asked.into_iter().find(|(_, asked)| *asked) {
            Some((flag, _)) => Err(DoorError::Closed { flag }),
            None => Ok(()),
        }
    }
}

impl GuestBounds {
    /// The limits, where these are told no other.
    fn limits(&self, limits: GatewayLimits) -> GatewayLimits {
        let rate = |per_second: Option<u64>, burst, default| match per_second {
            Some(per_second) => Rate { per_second, burst: per_second.saturating_mul(burst) },
            None => default,
        };
        let bytes = |given: Option<u64>, default| match given {
            Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            None => default,
        };
        let per_address = self.http_max_connections_per_address;
        let per_guest = self.http_max_connections_per_guest;
        let open_per_guest = self.http_max_open_per_guest;
        GatewayLimits {
            connections: self.http_max_connections.unwrap_or(limits.connections),
            connections_per_address: per_address.unwrap_or(limits.connections_per_address),
            connections_per_guest: per_guest.unwrap_or(limits.connections_per_guest),
            messages: rate(self.http_max_messages.map(u64::from), 20, limits.messages),
            bytes: rate(self.http_max_bytes, 16, limits.bytes),
            open_documents: self.http_max_open.unwrap_or(limits.open_documents),
            open_documents_per_guest: open_per_guest.unwrap_or(limits.open_documents_per_guest),
            new_documents: rate(self.http_max_new.map(u64::from), 400, limits.new_documents),
            documents: self.http_max_documents.unwrap_or(limits.documents),
            document_bytes: self.http_max_document.unwrap_or(limits.document_bytes),
            polls: self.http_max_polls.unwrap_or(limits.polls),
            frame_bytes: bytes(self.http_max_message, limits.frame_bytes).min(limits.frame_bytes),
            sending_bytes: self.http_max_sending.unwrap_or(limits.sending_bytes),
            waiting_bytes: bytes(self.http_max_waiting, limits.waiting_bytes),
            ..limits
        }
    }
}

#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected a whole address, such as https://app.example/driftline")]
struct BadUrl;

fn url(text: &str) -> Result<Uri, BadUrl> {
    let url: Uri = text.parse().map_err(|_| BadUrl)?;
    let known = matches!(url.scheme_str(), Some("http" | "https"));
    if known && url.host().is_some() { Ok(url) } else { Err(BadUrl) }
}
