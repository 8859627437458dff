//! The one way into the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use driftline_core::document::Folded;
use driftline_core::id::{ChainId, DeviceId, DocumentId, SpaceId};
use driftline_core::log::{Frontier, Segment};
use driftline_net::NetworkEvent;
use driftline_storage::{Progress, StoreError};
use tokio::sync::oneshot;

use super::lanes::Lanes;
use super::replica::Replica;
use super::requests::Request;
use super::room::Room;

/// While this many bytes of edits wait to be taken, documents take no more, and say that they are busy.
const MAX_WAITING_EDITS: usize = 16 << 20;

/// What reaches the engine.
pub(super) enum Input {
    Network(NetworkEvent),
    Progress(Progress),
    Edit {
        space: SpaceId,
        document: DocumentId,
        chain: ChainId,
        update: Vec<u8>,
    },
    /// What a guest wrote, for whom this device signs.
    Guest {
        space: SpaceId,
        chain: ChainId,
        guest: String,
        update: Vec<u8>,
    },
    Read {
        space: SpaceId,
        peer: DeviceId,
        document: DocumentId,
        segments: Vec<Segment>,
        more: bool,
    },
    /// A mend was made, or tried.
    Mended {
        space: SpaceId,
        document: DocumentId,
        chain: ChainId,
        refused: Frontier,
        /// Nothing if it can't be made yet.
        update: Option<Vec<u8>>,
    },
    /// What is stored of a chain can't be read from an entry on, or all of it can again.
    Readable {
        document: DocumentId,
        chain: ChainId,
        lost: Option<u64>,
    },
    Request(Request),
    /// Apps want something else to be shown: it waits on the [`Stage`](super::Stage).
    Presence,
    /// A document was folded, unless it was edited meanwhile.
    Folded {
        document: DocumentId,
        folded: Option<(Frontier, Folded)>,
    },
    /// The app let go of a document.
    Closed(Arc<Replica>),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// The end that everybody else holds. Each kind of input is bounded where it is made: frames by the permits that
/// they carry until they are taken, edits by [`has_room`](Self::has_room), progress and readings by what is under way,
/// requests by the tasks of the app that wait for their answers.
#[derive(Clone)]
pub(crate) struct Inbox {
    sender: crossbeam_channel::Sender<Input>,
    waiting_edits: Arc<AtomicUsize>,
    room: Arc<Room>,
}

/// The end that the engine holds.
pub(crate) struct Receiver {
    channel: crossbeam_channel::Receiver<Input>,
    lanes: Lanes,
}

pub(crate) fn inbox(room: Arc<Room>) -> (Inbox, Receiver) {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let inbox = Inbox { sender, waiting_edits: Arc::default(), room };
    (inbox, Receiver { channel: receiver, lanes: Lanes::default() })
}

impl Inbox {
    /// Hands over a request. If the engine is gone, its answer channel closes.
    pub(crate) fn request(&self, request: Request) {
        self.push(Input::Request(request));
    }

    pub(crate) fn network(&self, event: NetworkEvent) {
        self.push(Input::Network(event));
    }

    pub(crate) fn progress(&self, progress: Progress) {
        self.push(Input::Progress(progress));
    }

    pub(crate) fn close(&self, reply: oneshot::Sender<Result<(), StoreError>>) {
        self.push(Input::Close(reply));
    }

    /// Whether an edit may be made now.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting_edits.load(Ordering::Relaxed) < MAX_WAITING_EDITS
    }

    /// Whether there is no room for it on the disk.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.room.is_full()
    }

    pub(super) fn edit(
        &self,
        space: SpaceId,
        document: DocumentId,
        chain: ChainId,
        update: Vec<u8>,
    ) {
        self.waiting_edits.fetch_add(update.len(), Ordering::Relaxed);
        self.push(Input::Edit { space, document, chain, update });
    }

    pub(super) fn guest_edit(
        &self,
        space: SpaceId,
        chain: ChainId,
        guest: String,
        update: Vec<u8>,
    ) {
        self.waiting_edits.fetch_add(update.len(), Ordering::Relaxed);
        self.push(Input::Guest { space, chain, guest, update });
    }

    pub(super) fn edit_taken(&self, bytes: usize) {
        self.waiting_edits.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Tells of damage to what is stored of a chain, if an error is about that; says of which chain.
    pub(super) fn found_damage(&self, error: &StoreError) -> Option<ChainId> {
        let StoreError::Damaged { row, .. } = error else { return None };
        let place = row.place();
        let (document, chain) = (place.document?, place.chain?);
        self.push(Input::Readable { document, chain, lost: Some(place.entry?) });
        Some(chain)
    }

    pub(super) fn push(&self, input: Input) {
        // After the engine has ended nobody is left to whom it matters.
        _ = self.sender.send(input);
    }
}

impl Receiver {
    /// What is to be taken now, of all that waits; nothing if nothing came within `patience`.
    pub(super) fn turn(&mut self, patience: Duration) -> Vec<Input> {
        let pause = self.lanes.pause(Instant::now()).map_or(patience, |pause| pause.min(patience));
        if !pause.is_zero()
            && let Ok(first) = self.channel.recv_timeout(pause)
        {
            self.lanes.push(first, Instant::now());
        }
        self.line_up();
        self.lanes.turn(Instant::now())
    }

    /// All that waits.
    pub(super) fn rest(&mut self) -> Vec<Input> {
        self.line_up();
        self.lanes.rest()
    }

    fn line_up(&mut self) {
        let now = Instant::now();
        self.channel.try_iter().for_each(|input| self.lanes.push(input, now));
    }
}
