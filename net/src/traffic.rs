//! How many bytes went each way.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes of frames with their length prefixes. What the transport adds (Noise, yamux, QUIC, IP) is
/// not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
}

#[derive(Debug, Default)]
pub(crate) struct TrafficCounter {
    received: AtomicU64,
    sent: AtomicU64,
}

impl TrafficCounter {
    pub(crate) fn add_received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn add_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn read(&self) -> Traffic {
        Traffic { received: self.received.load(Relaxed), sent: self.sent.load(Relaxed) }
    }
}
