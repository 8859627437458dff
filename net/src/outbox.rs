//! What waits to be written to each peer. Senders put frames here directly, without a detour
//! through the swarm.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use driftline_core::id::DeviceId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::error::SendError;
use crate::frame::OVERHEAD_BYTES;
use crate::traffic::{Traffic, TrafficCounter};

/// The queues of all sessions, by peer.
pub(crate) struct Outboxes {
    open: RwLock<HashMap<DeviceId, Outbox>>,
    limits: Limits,
}

/// The sending end of a session's queue.
struct Outbox {
    queue: mpsc::UnboundedSender<Bytes>,
    waiting: Arc<AtomicUsize>,
    stop: CancellationToken,
    traffic: Arc<TrafficCounter>,
}

/// The session's end of its queue.
pub(crate) struct OutboxReader {
    queue: mpsc::UnboundedReceiver<Bytes>,
    waiting: Arc<AtomicUsize>,
}

impl Outboxes {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { open: RwLock::default(), limits }
    }

    /// Opens the queue of a new session. `stop` ends the session if the queue grows too long.
    pub(crate) fn open(
        &self,
        peer: DeviceId,
        stop: CancellationToken,
        traffic: Arc<TrafficCounter>,
    ) -> OutboxReader {
        // The channel has no bound of its own: `waiting` bounds it in bytes.
        let (sender, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let outbox = Outbox { queue: sender, waiting: waiting.clone(), stop, traffic };
        self.write().insert(peer, outbox);
        OutboxReader { queue, waiting }
    }

    pub(crate) fn close(&self, peer: &DeviceId) {
        self.write().remove(peer);
    }

    /// Takes no further frames; sessions write what waits and then end.
    pub(crate) fn close_all(&self) {
        self.write().clear();
    }

    pub(crate) fn send(&self, peer: DeviceId, frame: Bytes) -> Result<(), SendError> {
        if frame.len() > self.limits.max_frame_bytes as usize {
            return Err(SendError::TooLong {
                bytes: frame.len(),
                limit: self.limits.max_frame_bytes,
            });
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let outbox = open.get(&peer).ok_or(SendError::NoSession { peer })?;
        let cost = frame.len() + OVERHEAD_BYTES;
        let limit = self.limits.max_outbound_bytes;
        if outbox.waiting.fetch_add(cost, Relaxed) + cost > limit {
            // The peer would miss this frame, so it gets none after it either.
            outbox.stop.cancel();
            return Err(SendError::Congested { peer, limit });
        }
        outbox.queue.send(frame).map_err(|_| SendError::NoSession { peer })
    }

    /// What waits for all peers together, with what waiting costs.
    pub(crate) fn waiting(&self) -> usize {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.values().map(|outbox| outbox.waiting.load(Relaxed)).sum()
    }

    pub(crate) fn traffic(&self, peer: &DeviceId) -> Option<Traffic> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(peer).map(|outbox| outbox.traffic.read())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<DeviceId, Outbox>> {
        // No code panics while it holds the lock half-way through a change.
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutboxReader {
    /// Waits for a frame; `None` once the queue is closed and empty.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        self.queue.recv().await
    }

    /// The next frame, if one waits already.
    pub(crate) fn next_waiting(&mut self) -> Option<Bytes> {
        self.queue.try_recv().ok()
    }

    /// Frames were written: makes room for others.
    pub(crate) fn written(&self, frames: usize, bytes: usize) {
        self.waiting.fetch_sub(bytes + frames * OVERHEAD_BYTES, Relaxed);
    }
}
