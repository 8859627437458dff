//! What all connections share.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use tokio::sync::watch;

use super::caller::Caller;
use super::closing::Closing;
use super::http::history::Histories;
use super::metrics::Metrics;
use super::rooms::{Inside, Rooms};
use super::seats::Seats;
use super::{GatewayLimits, GatewayOptions};
use crate::{Device, DocumentError, GuestNews};

pub(super) struct Lobby {
    pub(super) limits: GatewayLimits,
    pub(super) seats: Arc<Seats>,
    /// What records were before, for those who follow.
    pub(super) histories: Histories,
    /// Tells this run of the gateway from others.
    pub(super) life: u64,
    pub(super) metrics: Metrics,
    device: Device,
    rooms: Rooms,
    origins: Vec<String>,
    leaving: watch::Receiver<bool>,
}

impl Lobby {
    pub(super) fn new(
        device: Device,
        options: GatewayOptions,
        leaving: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let GatewayOptions { origins, limits, .. } = options;
        Arc::new(Self {
            limits,
            seats: Seats::new(limits),
            histories: Histories::default(),
            life: rand::random(),
            metrics: Metrics::new(),
            device,
            rooms: Rooms::default(),
            origins,
            leaving,
        })
    }

    /// Whether the device takes what is written, and the gateway goes on.
    pub(super) async fn is_ready(&self) -> bool {
        !*self.leaving.borrow() && self.device.is_writable().await
    }

    /// What is counted, as Prometheus reads it.
    pub(super) fn measured(&self) -> String {
        self.metrics.connections.set(i64::try_from(self.seats.taken()).unwrap_or(i64::MAX));
        self.metrics.rooms.set(i64::try_from(self.rooms.open()).unwrap_or(i64::MAX));
        let waiting = self.device.waiting_bytes();
        self.metrics.peer_bytes_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.metrics.text()
    }

    /// Whoever comes with that pass.
    pub(super) async fn caller(&self, pass: &str, space: &str) -> Result<Caller, Closing> {
        Caller::of(&self.device, pass, space).await
    }

    /// Hears when what guests may do has changed.
    pub(super) fn guest_news(&self) -> GuestNews {
        self.device.guest_news()
    }

    /// A document's room.
    pub(super) async fn enter(&self, caller: &Caller, document: &str) -> Result<Inside, Closing> {
        let entered = self.rooms.enter(&caller.space, document).await;
        entered.map_err(|error| match error {
            DocumentError::Name { .. } => Closing::NotHere,
            DocumentError::Gone { .. } => Closing::Leaving,
            DocumentError::Load { source } => {
                tracing::error!(error = &*source, "a document can't be opened for a guest");
                Closing::TryAgain
            }
        })
    }

    /// Whether the page that a browser comes from may come in. Who comes without a browser says nothing of pages.
    pub(super) fn welcomes(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        self.origins.is_empty() || self.origins.iter().any(|known| origin == known.as_str())
    }

    /// Resolves when the gateway closes.
    pub(super) async fn left(&self) {
        let mut leaving = self.leaving.clone();
        // A gateway that was dropped has left as well.
        _ = leaving.wait_for(|leaving| *leaving).await;
    }
}
