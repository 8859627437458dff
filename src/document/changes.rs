//! Hearing of what comes into a document.

use std::sync::Arc;

use driftline_core::clock::WallTime;
use driftline_core::id::{ChainId, DeviceId};
use driftline_core::log::{EntryKind, Segment};
use driftline_core::space::Arrival;

use crate::engine::{Handle, Told, Watcher};

/// A stream of changes. It holds the document open.
pub struct Changes {
    watcher: Arc<Watcher<Change>>,
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
    pub(crate) fn new(watcher: Arc<Watcher<Change>>, open: Arc<Handle>) -> Self {
        Self { watcher, _open: open }
    }

    /// The next change, if there is one already.
    pub fn try_next(&mut self) -> Option<Change> {
        self.watcher.try_next().map(Change::of)
    }

    /// The next change. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Change {
        Change::of(self.watcher.next().await)
    }
}

/// Yjs updates, as they come into a document, here or from others, in the order in which it takes them: each fits what
/// came before, and what was struck out is struck out in them. It holds the document open.
pub struct Updates {
    watcher: Arc<Watcher<Vec<u8>>>,
    _open: Arc<Handle>,
}

impl Updates {
    pub(crate) fn new(watcher: Arc<Watcher<Vec<u8>>>, open: Arc<Handle>) -> Self {
        Self { watcher, _open: open }
    }

    /// The next update, v1, if there is one already; `Err` says that some were missed, as more came than was listened to.
    pub fn try_next(&mut self) -> Option<Result<Vec<u8>, Missed>> {
        self.watcher.try_next().map(Missed::or)
    }

    /// The next update, v1. Dropping the future loses nothing.
    ///
    /// # Errors
    /// If some were missed, as more came than was listened to: look at the document itself.
    pub async fn next(&mut self) -> Result<Vec<u8>, Missed> {
        Missed::or(self.watcher.next().await)
    }
}

/// More came into a document than was listened to.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("more came into the document than was listened to")]
pub struct Missed;

impl Missed {
    fn or(heard: Told<Vec<u8>>) -> Result<Vec<u8>, Self> {
        match heard {
            Told::News(update) => Ok(update),
            Told::Missed => Err(Self),
        }
    }
}

impl Change {
    fn of(heard: Told<Self>) -> Self {
        match heard {
            Told::News(change) => change,
            Told::Missed => Self::Missed,
        }
    }

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

    /// What its author wrote of that, and did not sign for a guest.
    pub(crate) fn own_updates(&self) -> impl Iterator<Item = &[u8]> {
        let entries = self.segment.entries().map_while(Result::ok).map(|(entry, _)| entry);
        let own = entries.filter(|entry| entry.kind != EntryKind::GUEST);
        own.filter_map(|entry| entry.update())
    }

    /// The Yjs updates in them, v1, in order.
    pub fn updates(&self) -> impl Iterator<Item = &[u8]> {
        let entries = self.segment.entries().map_while(Result::ok);
        entries.filter_map(|(entry, _)| entry.update())
    }
}
