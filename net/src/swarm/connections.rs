//! From connections to sessions: who opens the stream, which stream counts, and what follows when
//! it ends.
//!
//! Of two devices, the one with the smaller id opens the stream. The other waits; if none comes for
//! a while, its peer believes in a session that is dead already, on a connection from before a
//! sleep for example, and so it opens one itself. A newer stream from the peer always replaces the
//! session, because an honest peer opens one only when it has none.

use std::time::Duration;

use driftline_core::id::DeviceId;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::{PeerId, Stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Driver;
use super::peer::{Connection, Peer, RunningSession, SessionReport};
use crate::peer_id::{device_id, peer_id};
use crate::session::{Session, SessionEnd};
use crate::streams::{StreamChange, StreamEvent};

/// How long the device with the larger id waits for a stream; and how long either waits after a
/// stream that failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a peer that was disconnected is not taken back.
const BAN: Duration = Duration::from_secs(10);

impl Driver {
    pub(super) fn connection_established(
        &mut self,
        peer_id: PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
        now: Instant,
    ) {
        let dialed = self.dialing.remove(&connection);
        let device = device_id(&peer_id).ok();
        let Some(device) = device.filter(|device| !self.bans.contains_key(device)) else {
            tracing::debug!(%peer_id, "not welcome");
            self.swarm.close_connection(connection);
            if let Some(target) = dialed {
                self.dialer.failed(&target, now, rand::random());
            }
            return;
        };
        self.dialer.connected(device, dialed.as_ref(), now);
        let max_inbound = self.context.limits.max_inbound_bytes;
        let opening_delay = self.opening_delay(&device);
        let peer = self.peers.entry(device).or_insert_with(|| Peer::new(max_inbound));
        let address = endpoint.get_remote_address().clone();
        peer.connections.push(Connection { id: connection, address });
        peer.plan_opening(now + opening_delay);
    }

    pub(super) fn connection_closed(
        &mut self,
        peer_id: &PeerId,
        connection: ConnectionId,
        now: Instant,
    ) {
        let Ok(device) = device_id(peer_id) else { return };
        let opening_delay = self.opening_delay(&device);
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let known = peer.connections.len();
        peer.connections.retain(|open| open.id != connection);
        if peer.connections.len() == known {
            return;
        }
        peer.opening.take_if(|opening| *opening == connection);
        if peer.is_connected() {
            peer.plan_opening(now + opening_delay);
            return;
        }
        peer.open_at = None;
        let not_before = self.bans.get(&device).copied().unwrap_or(now);
        self.dialer.lost(device, now, not_before, rand::random());
    }

    pub(super) fn on_stream_event(&mut self, event: StreamEvent, now: Instant) {
        let StreamEvent { peer: peer_id, connection, what } = event;
        let Ok(device) = device_id(&peer_id) else { return };
        let local = self.local;
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let banned = self.bans.contains_key(&device);
        if banned || peer.connections.iter().all(|open| open.id != connection) {
            return;
        }
        match what {
            StreamChange::Accepted(stream) => {
                // Both opened one at once: the one of the smaller id counts.
                if peer.opening.is_none() || device < local {
                    self.begin_session(device, connection, stream, now);
                }
            }
            StreamChange::Opened(stream) => {
                peer.opening = None;
                if peer.session.is_none() {
                    self.begin_session(device, connection, stream, now);
                }
            }
            StreamChange::Refused => {
                peer.opening = None;
                peer.plan_opening(now + PATIENCE);
            }
            StreamChange::Unsupported => {
                tracing::info!(peer = ?device, "not a Driftline device, or of another version");
                self.swarm.close_connection(connection);
            }
        }
    }

    pub(super) fn open_streams_due(&mut self, now: Instant) {
        for (device, peer) in &mut self.peers {
            let Some(at) = peer.open_at else { continue };
            let (Some(newest), Ok(peer_id)) = (peer.connections.last(), peer_id(device)) else {
                peer.open_at = None;
                continue;
            };
            if at <= now {
                peer.open_at = None;
                peer.opening = Some(newest.id);
                self.swarm.behaviour_mut().streams.open(peer_id, newest.id);
            }
        }
    }

    fn begin_session(
        &mut self,
        device: DeviceId,
        connection: ConnectionId,
        stream: Stream,
        now: Instant,
    ) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let Some(open) = peer.connections.iter().find(|open| open.id == connection) else { return };
        let number = self.sessions_begun;
        self.sessions_begun += 1;
        let [stop, dismiss, over] = [(); 3].map(|()| CancellationToken::new());
        peer.stop_session();
        let running = RunningSession {
            number,
            began: now,
            stop: stop.clone(),
            dismiss: dismiss.clone(),
            over: over.clone(),
        };
        let previous = peer.session.replace(running).map(|session| session.over);
        peer.open_at = None;
        let session = Session {
            context: self.context.clone(),
            peer: device,
            address: open.address.clone(),
            budget: peer.budget.clone(),
            stop,
            dismiss,
            over,
            previous,
        };
        let report = async move {
            let (end, ended) = session.run(stream).await;
            SessionReport { peer: device, number, end, ended }
        };
        self.sessions.spawn(report.in_current_span());
    }

    pub(super) fn session_ended(&mut self, report: SessionReport) {
        let SessionReport { peer: device, number, end, ended } = report;
        let opens = self.opening_delay(&device).is_zero();
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let Some(session) = peer.session.take_if(|session| session.number == number) else {
            return;
        };
        if let SessionEnd::Misbehaved(error) = end {
            tracing::warn!(peer = ?device, %error, "disconnected for breaking the rules");
            return self.ban(device, ended);
        }
        if self.bans.contains_key(&device) {
            return self.close_connections(&device);
        }
        // A session that ended as soon as it began would only do so again.
        let lasted = ended.duration_since(session.began) >= PATIENCE;
        peer.plan_opening(if opens && lasted { ended } else { ended + PATIENCE });
    }

    /// Takes a peer back only after a while. A session that it has ends when what waits for it is written.
    pub(super) fn ban(&mut self, device: DeviceId, now: Instant) {
        self.bans.insert(device, now + BAN);
        let Some(peer) = self.peers.get_mut(&device) else { return };
        peer.open_at = None;
        match &peer.session {
            Some(session) => {
                session.dismiss.cancel();
                self.context.outboxes.close(&device);
            }
            None => self.close_connections(&device),
        }
    }

    fn close_connections(&mut self, device: &DeviceId) {
        if let Ok(peer_id) = peer_id(device) {
            // It is an error only if there is no connection, and then all is well.
            let _ = self.swarm.disconnect_peer_id(peer_id);
        }
    }

    /// How long to leave it to the peer to open a stream.
    fn opening_delay(&self, peer: &DeviceId) -> Duration {
        if self.local < *peer { Duration::ZERO } else { PATIENCE }
    }
}
