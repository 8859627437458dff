//! What is counted, for Prometheus.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;

use super::closing::Closing;
use super::dialect::Dialect;
use super::lobby::Lobby;

pub(super) struct Metrics {
    registry: Registry,
    pub(super) connections: Gauge,
    pub(super) rooms: Gauge,
    pub(super) peer_bytes_waiting: Gauge,
    pub(super) handshakes: Family<Handshake, Counter>,
    pub(super) messages: Family<Spoken, Counter>,
    pub(super) closes: Family<Close, Counter>,
    pub(super) resyncs: Counter,
    pub(super) writes: Histogram,
}

/// Somebody came.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Handshake {
    pub(super) dialect: Dialect,
    pub(super) result: Entry,
}

/// What became of that.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
pub(super) enum Entry {
    Admitted,
    Refused,
}

/// Something was said.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Spoken {
    pub(super) dialect: Dialect,
    pub(super) kind: &'static str,
}

/// A socket was closed by the gateway.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Close {
    code: u32,
}

impl From<Closing> for Close {
    fn from(closing: Closing) -> Self {
        Self { code: closing.code().into() }
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("driftline");
        let metrics = Self {
            connections: Gauge::default(),
            rooms: Gauge::default(),
            peer_bytes_waiting: Gauge::default(),
            handshakes: Family::default(),
            messages: Family::default(),
            closes: Family::default(),
            resyncs: Counter::default(),
            writes: Histogram::new(exponential_buckets(0.000_1, 4.0, 9)),
            registry: Registry::default(),
        };
        let Self { connections, rooms, peer_bytes_waiting, .. } = &metrics;
        let Self { handshakes, messages, closes, resyncs, writes, .. } = &metrics;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What is running", build);
        registry.register("connections", "Open connections of guests", connections.clone());
        registry.register("rooms", "Documents that guests have open", rooms.clone());
        let help = "Bytes that wait to be sent to other devices";
        registry.register_with_unit("peer_waiting", help, Unit::Bytes, peer_bytes_waiting.clone());
        registry.register("handshakes", "Guests who came, by result", handshakes.clone());
        registry.register("messages", "Messages of guests, by kind", messages.clone());
        registry.register("closes", "Sockets that were closed here, by code", closes.clone());
        registry.register("resyncs", "Slow readers who got the difference", resyncs.clone());
        let help = "How long it took to take an edit in";
        registry.register_with_unit("write_duration", help, Unit::Seconds, writes.clone());
        Self { registry, ..metrics }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // A text takes all that is written to it.
        _ = encode(&mut text, &self.registry);
        text
    }
}

/// Answers whoever measures, at an address of its own, until the gateway closes.
pub(super) async fn serve(listener: TcpListener, lobby: Arc<Lobby>) {
    const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let measured = lobby.clone();
    let answer = async move || ([(header::CONTENT_TYPE, TEXT)], measured.measured());
    let router = Router::new().route("/metrics", get(answer));
    let left = async move { lobby.left().await };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(left).await {
        tracing::warn!(%error, "metrics are not served any more");
    }
}
