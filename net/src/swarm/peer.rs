//! What the driver knows of one peer.

use driftline_core::id::DeviceId;
use libp2p::Multiaddr;
use libp2p::swarm::ConnectionId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::frame::InboundBudget;
use crate::session::SessionEnd;

pub(super) struct Peer {
    /// Oldest first.
    pub(super) connections: Vec<Connection>,
    pub(super) session: Option<RunningSession>,
    /// The connection on which a stream is being opened.
    pub(super) opening: Option<ConnectionId>,
    /// When a stream is to be opened, if none has come by then.
    pub(super) open_at: Option<Instant>,
    /// Shared by the peer's sessions, one after the other: coming again gives no right to more
    /// memory.
    pub(super) budget: InboundBudget,
}

pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) address: Multiaddr,
}

pub(super) struct RunningSession {
    pub(super) number: u64,
    pub(super) began: Instant,
    pub(super) stop: CancellationToken,
    pub(super) dismiss: CancellationToken,
    pub(super) over: CancellationToken,
}

/// The last that is heard of a session.
pub(super) struct SessionReport {
    pub(super) peer: DeviceId,
    pub(super) number: u64,
    pub(super) end: SessionEnd,
    pub(super) ended: Instant,
}

impl Peer {
    pub(super) fn new(max_inbound_bytes: u32) -> Self {
        Self {
            connections: Vec::new(),
            session: None,
            opening: None,
            open_at: None,
            budget: InboundBudget::new(max_inbound_bytes),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Whether anything would be lost with what is known.
    pub(super) fn is_needed(&self) -> bool {
        self.is_connected() || self.session.is_some() || !self.budget.is_untouched()
    }

    /// Plans to open a stream, if there is none, and none under way, and a connection for it.
    pub(super) fn plan_opening(&mut self, at: Instant) {
        if self.session.is_none() && self.opening.is_none() && self.is_connected() {
            self.open_at = Some(self.open_at.map_or(at, |planned| planned.min(at)));
        }
    }

    pub(super) fn stop_session(&self) {
        if let Some(session) = &self.session {
            session.stop.cancel();
        }
    }
}
