//! Open documents: opened and closed by the app, folded when they are let go of, and told whether they may be edited.

use std::collections::BTreeSet;
use std::sync::Arc;

use driftline_core::document::{Folded, Label};
use driftline_core::id::{ChainId, DocumentId, SpaceId};
use driftline_core::log::Frontier;
use driftline_core::roster::Reach;
use driftline_core::space::{Authorship, Extent, NotAWriter};
use driftline_storage::{Record, Snapshot, Texts};
use tokio::sync::oneshot;

use super::Engine;
use super::replica::{Access, Handle, LoadError, Open, Replica};

/// A document that is being opened.
pub(crate) struct Opening {
    pub(crate) handle: Arc<Handle>,
    /// Answered when what the store has is in; nothing to wait for if it was open already.
    pub(crate) loaded: Option<oneshot::Receiver<Result<(), LoadError>>>,
}

impl Engine {
    /// The document that is meant by a name, as documents of that name may have been deleted.
    fn meant(&self, space: SpaceId, name: &Label) -> Label {
        let slot = self.spaces.get(&space);
        slot.map_or_else(|| name.clone(), |slot| slot.space.roster().named(name))
    }

    /// Whether an app let go of the document, and that is not dealt with yet.
    pub(super) fn is_closing(&self, space: SpaceId, name: &Label) -> bool {
        let document = self.meant(space, name).document(&space);
        let mut open = self.open.get(&document).into_iter().flatten();
        open.any(|open| open.handle.strong_count() == 0)
    }

    /// Where a document's log ends, if it is here and nobody has it open; nothing else waits to be taken in then.
    pub(super) fn closed_at(
        &mut self,
        space: SpaceId,
        name: &Label,
    ) -> Option<(DocumentId, Frontier)> {
        let document = self.meant(space, name).document(&space);
        let is_open = self.open.get(&document).is_some_and(|open| !open.is_empty());
        let slot = self.spaces.get(&space).filter(|_| !is_open)?;
        Some((document, slot.space.frontier(&document))).filter(|(_, held)| !held.is_empty())
    }

    /// How much is held of a document of that name, and of how many others.
    pub(super) fn extent(&self, space: SpaceId, name: &Label) -> Option<Extent> {
        let name = self.meant(space, name);
        Some(self.spaces.get(&space)?.space.extent(&name))
    }

    /// Opens a document, or gives another handle to the one that is open.
    pub(super) fn open_document(
        &mut self,
        space: SpaceId,
        label: &Label,
        branch: bool,
    ) -> Option<Opening> {
        let now = self.now();
        let label = &self.meant(space, label);
        let document = label.document(&space);
        let open = self.open.get(&document).into_iter().flatten();
        let mut handles = open.filter_map(|open| open.handle.upgrade());
        let main = handles.find(|handle| handle.replica.follows());
        if let Some(handle) = main.filter(|_| !branch) {
            let replica = handle.replica.clone();
            // While somebody else's opening is under way, loading again is the simplest way to wait for it.
            let loaded = (!replica.is_loaded()).then(|| self.load_replica(replica));
            return Some(Opening { handle, loaded });
        }
        let taken = self.chains_in_use(&document);
        let slot = self.spaces.get_mut(&space)?;
        let author = slot.space.author(label, &taken, now, &mut self.rng);
        let written = match author {
            Ok(Authorship { chain, updates }) => (chain, updates),
            // A reader writes nothing, so any client id of its own will do.
            Err(NotAWriter) => (ChainId(self.key.id().0), 0),
        };
        let access = self.access(space, document, written.0);
        let replica =
            Arc::new(Replica::new(space, document, written, access, !branch, &self.inbox));
        replica.set_hosts(self.hosts(space));
        let handle = Arc::new(Handle { replica: replica.clone() });
        let open = self.open.entry(document).or_default();
        open.push(Open { replica: replica.clone(), handle: Arc::downgrade(&handle) });
        // What was written here a moment ago must be in what is loaded: the next edits on the chain go on from it.
        self.seal(space);
        Some(Opening { handle, loaded: Some(self.load_replica(replica)) })
    }

    /// Has a replica loaded once everything taken in so far is in the store.
    fn load_replica(&mut self, replica: Arc<Replica>) -> oneshot::Receiver<Result<(), LoadError>> {
        let (reply, loaded) = oneshot::channel();
        let pool = self.pool.clone();
        let job = Box::new(move |_: &_| replica.load(reply, &pool));
        if self.writer.after(job).is_err() {
            tracing::warn!("a document was opened while the store was closing");
        }
        loaded
    }

    /// Has a replica loaded again once everything taken in so far is in the store.
    pub(super) fn reload_replica(&mut self, replica: Arc<Replica>) {
        let pool = self.pool.clone();
        if self.writer.after(Box::new(move |_: &_| replica.reload(&pool))).is_err() {
            tracing::warn!("a document was to be loaded again while the store was closing");
        }
    }

    /// The app let go of a document: keep its state, so that it opens quickly the next time.
    pub(super) fn document_closed(&mut self, replica: &Arc<Replica>) {
        // What sealing takes in must still reach the replica, as its state is to stand for all that the log holds.
        self.seal(replica.space);
        self.fold(replica);
        let Some(open) = self.open.get_mut(&replica.document) else { return };
        open.retain(|open| !Arc::ptr_eq(&open.replica, replica));
        if open.is_empty() {
            self.open.remove(&replica.document);
        }
        if let Some(slot) = self.spaces.get_mut(&replica.space) {
            slot.space.let_go(&replica.document, &replica.chain);
        }
    }

    /// Lets no open document be edited any more, because the device closes.
    pub(super) fn close_documents(&mut self) {
        self.open.values().flatten().for_each(|open| open.replica.close());
    }

    /// Has the state of every open document kept, before the device closes.
    pub(super) fn fold_open_documents(&mut self) {
        let open = self.open.values().flatten();
        let replicas: Vec<_> = open.map(|open| open.replica.clone()).collect();
        replicas.iter().for_each(|replica| self.fold(replica));
    }

    /// Has the pool fold a document, when everything that its log holds has been given to the replica.
    fn fold(&mut self, replica: &Arc<Replica>) {
        let Some(slot) = self.spaces.get(&replica.space) else { return };
        let frontier = slot.space.frontier(&replica.document);
        if self.broken.is_some() || !replica.follows() || frontier.is_empty() {
            return;
        }
        self.folding += 1;
        replica.fold(frontier, slot.space.updates_on(&replica.chain), &self.pool);
    }

    pub(super) fn keep_folded(&mut self, document: DocumentId, frontier: Frontier, folded: Folded) {
        if !self.spaces.values().any(|slot| slot.space.label(&document).is_some()) {
            // It was forgotten meanwhile.
            return;
        }
        let texts = Texts { frontier: frontier.clone(), roots: folded.texts };
        let snapshot = Snapshot { frontier, state: folded.state };
        let records =
            vec![Record::Snapshot { document, snapshot }, Record::Texts { document, texts }];
        if let Err(error) = self.writer.append(records) {
            tracing::warn!(%error, "a document's state was not kept");
        }
    }

    /// Nothing more is taken of a chain: a copy of the document that writes on it must be opened anew.
    pub(super) fn stop_writing(&mut self, document: DocumentId, chain: ChainId) {
        let open = self.open.get(&document).into_iter().flatten();
        for open in open.filter(|open| open.replica.chain == chain) {
            open.replica.set_access(Access::Ended);
        }
    }

    /// Tells open documents whether they may be edited.
    pub(super) fn set_access(&mut self) {
        for replica in self.open.values().flatten().map(|open| &open.replica) {
            replica.set_access(self.access(replica.space, replica.document, replica.chain));
            replica.set_hosts(self.hosts(replica.space));
        }
    }

    fn hosts(&self, space: SpaceId) -> bool {
        self.spaces.get(&space).is_some_and(|slot| slot.space.hosts())
    }

    /// The chains of a document that somebody writes on.
    pub(super) fn chains_in_use(&self, document: &DocumentId) -> BTreeSet<ChainId> {
        let open = self.open.get(document).into_iter().flatten();
        let open = open.filter(|open| open.handle.strong_count() > 0);
        let mending = self.mending.get(document).copied();
        open.map(|open| open.replica.chain).chain(mending).collect()
    }

    /// Whether a copy of a document that writes on that chain may be edited.
    fn access(&self, space: SpaceId, document: DocumentId, chain: ChainId) -> Access {
        let me = self.key.id();
        let Some(slot) = self.spaces.get(&space) else { return Access::ReadOnly };
        let roster = slot.space.roster();
        match slot.space.role() {
            _ if self.broken.is_some() => Access::StoreFailed,
            None => Access::Removed,
            _ if slot.space.deletion(&document).is_some() => Access::Deleted,
            // It was opened without a chain: it has to be opened again to be written.
            _ if chain.0 == me.0 => Access::ReadOnly,
            Some(role) if role.writes() && roster.reach(&me, &chain) == Reach::Whole => {
                Access::Writable
            }
            Some(role) if role.writes() => Access::Ended,
            _ => Access::ReadOnly,
        }
    }
}
