//! Hearing of what comes into a document.

use std::sync::Arc;

use driftline_core::clock::WallTime;
use driftline_core::id::{ChainId, DeviceId};
use driftline_core::log::Segment;
use driftline_core::space::Arrival;

use crate::engine::{Handle, Watcher};

/// A stream of changes. It holds the document open.
pub struct Changes {
    watcher: Arc<Watcher>,
    _open: Arc<Handle>,
}

/// Something came into a document, and can be seen there by now.
#[derive(Clone, Debug)]
pub enum Change {
    /// A device wrote these.
    Entries(Entries),
    /// More came in than was listened to: look at the document itself.
    Missed,
}

/// Entries that one device wrote, one after the other.
#[derive(Clone, Debug)]
pub struct Entries {
    /// Who wrote them.
    pub author: DeviceId,
    /// Whether they were written through this very copy of the document.
    pub local: bool,
    /// When the last of them was written, in milliseconds since 1970 by its author's clock.
    pub time: u64,
    /// The number of the last of them on its chain, counted from 1.
    pub last: u64,
    segment: Arc<Segment>,
}

impl Changes {
    pub(crate) fn new(watcher: Arc<Watcher>, open: Arc<Handle>) -> Self {
        Self { watcher, _open: open }
    }

    /// The next change, if there is one already.
    pub fn try_next(&mut self) -> Option<Change> {
        self.watcher.try_next()
    }

    /// The next change. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Change {
        self.watcher.next().await
    }
}

impl Change {
    /// About how much memory it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Entries(entries) => size_of::<Self>() + entries.segment.body.len(),
            Self::Missed => 0,
        }
    }
}

impl Entries {
    pub(crate) fn new(arrival: &Arrival, local: bool) -> Self {
        let WallTime(time) = arrival.tip.time;
        Self {
            author: arrival.author,
            local,
            time,
            last: arrival.tip.number,
            segment: arrival.segment.clone(),
        }
    }

    /// The chain that they are on.
    pub fn chain(&self) -> ChainId {
        self.segment.chain
    }

    /// The Yjs updates in them, v1, in order.
    pub fn updates(&self) -> impl Iterator<Item = &[u8]> {
        let entries = self.segment.entries().map_while(Result::ok);
        entries.filter_map(|(entry, _)| entry.update())
    }
}
