//! The one way into the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driftline_core::id::{ChainId, DeviceId, DocumentId, SpaceId};
use driftline_core::log::{Frontier, Segment};
use driftline_net::NetworkEvent;
use driftline_storage::{Progress, Snapshot, StoreError};
use tokio::sync::oneshot;

use super::replica::Replica;
use super::requests::Request;

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
    Request(Request),
    /// A document's state was folded, unless it was edited meanwhile.
    Snapshot {
        document: DocumentId,
        snapshot: Option<Snapshot>,
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
}

/// The end that the engine holds.
pub(crate) struct Receiver(crossbeam_channel::Receiver<Input>);

pub(crate) fn inbox() -> (Inbox, Receiver) {
    let (sender, receiver) = crossbeam_channel::unbounded();
    (Inbox { sender, waiting_edits: Arc::default() }, Receiver(receiver))
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

    pub(super) fn push(&self, input: Input) {
        // After the engine has ended nobody is left to whom it matters.
        _ = self.sender.send(input);
    }
}

impl Receiver {
    /// The next input, or nothing after `patience`.
    pub(super) fn next(&self, patience: Duration) -> Option<Input> {
        self.0.recv_timeout(patience).ok()
    }

    /// The next input, if one is waiting.
    pub(super) fn try_next(&self) -> Option<Input> {
        self.0.try_recv().ok()
    }
}
