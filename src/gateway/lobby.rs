//! What all connections share.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::allowance::Allowances;
use super::backend::Backend;
use super::budget::Budget;
use super::caller::{Caller, GuestKey};
use super::closing::Closing;
use super::http::history::Histories;
use super::metrics::Metrics;
use super::origin::Origins;
use super::places::{Place, Places};
use super::rooms::{Fresh, Inside, RoomError, Rooms};
use super::{GatewayLimits, GatewayOptions};
use crate::{Device, DocumentError, GuestNews};

pub(super) struct Lobby {
    pub(super) limits: GatewayLimits,
    /// Connections.
    pub(super) seats: Arc<Places<()>>,
    /// The same, by where they come from.
    pub(super) addresses: Arc<Places<IpAddr>>,
    /// Whose word counts on where a request comes from.
    pub(super) proxies: Vec<IpAddr>,
    /// Memory for what is on its way.
    pub(super) budget: Budget,
    /// What records were before, for those who follow.
    pub(super) histories: Histories,
    /// Tells this run of the gateway from others.
    pub(super) life: u64,
    pub(super) metrics: Metrics,
    /// Which web pages may come in.
    pub(super) origins: Origins,
    /// Who knows guests that come with no pass.
    pub(super) backend: Option<Backend>,
    pub(super) device: Device,
    /// Sockets and requests of guests.
    guests: Arc<Places<GuestKey>>,
    /// Requests that wait for something to happen.
    polls: Arc<Places<GuestKey>>,
    pub(super) allowances: Allowances,
    rooms: Rooms,
    leaving: watch::Receiver<bool>,
}

impl Lobby {
    pub(super) fn new(
        device: Device,
        options: GatewayOptions,
        backend: Option<Backend>,
        leaving: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let GatewayOptions { origins, limits, proxies, .. } = options;
        Arc::new(Self {
            limits,
            seats: Places::new(limits.connections, limits.connections),
            addresses: Places::new(usize::MAX, limits.connections_per_address),
            proxies,
            budget: Budget::new(limits.sending_bytes),
            histories: Histories::default(),
            life: rand::random(),
            metrics: Metrics::new(),
            origins: Origins(origins),
            backend,
            device,
            guests: Places::new(usize::MAX, limits.connections_per_guest),
            polls: Places::new(limits.polls, limits.polls_per_guest),
            allowances: Allowances::new(limits),
            rooms: Rooms::new(limits),
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

    /// A place for a socket or a request of a guest.
    pub(super) fn place(&self, caller: &Caller) -> Option<Arc<Place<GuestKey>>> {
        self.guests.take(&caller.key()).map(Arc::new)
    }

    /// A place for a request that waits.
    pub(super) fn park(&self, caller: &Caller) -> Option<Place<GuestKey>> {
        self.polls.take(&caller.key())
    }

    /// Hears when what guests may do has changed.
    pub(super) fn guest_news(&self) -> GuestNews {
        self.device.guest_news()
    }

    /// A document's room.
    pub(super) async fn enter(
        &self,
        caller: &Caller,
        document: &str,
        fresh: Fresh,
    ) -> Result<Inside, Closing> {
        let entered = self.rooms.enter(caller, document, fresh).await;
        entered.map_err(|error| match error {
            RoomError::Document { source: DocumentError::Name { .. } } | RoomError::Nothing => {
                Closing::NotHere
            }
            RoomError::Document { source: DocumentError::Gone { .. } } => Closing::Leaving,
            RoomError::Document { source: DocumentError::Load { source } } => {
                tracing::error!(error = &*source, "a document can't be opened for a guest");
                Closing::TryAgain
            }
            RoomError::Busy => Closing::TryAgain,
            RoomError::Full => Closing::Full,
        })
    }

    /// Resolves when the gateway closes.
    pub(super) async fn left(&self) {
        let mut leaving = self.leaving.clone();
        // A gateway that was dropped has left as well.
        _ = leaving.wait_for(|leaving| *leaving).await;
    }
}
