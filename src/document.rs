//! A document, as an app holds it.

mod branch;
mod changes;
mod cursor;
mod delta;
mod guests;
mod history;
mod import;
mod text_changes;
mod undo;
mod why;

use std::sync::Arc;

use driftline_core::document::check::{self, BadUpdate};
use driftline_core::id::{ChainId, DeviceId, DocumentId, SpaceId};
use thiserror::Error;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{
    ArrayRef, MapRef, ReadTxn, StateVector, TextRef, Transact, Transaction, TransactionMut,
    XmlFragmentRef,
};

use crate::device::Device;
use crate::engine::{Access, EngineGone, Handle, Request};
use crate::presence::Presence;

pub use branch::Branch;
pub use changes::{Change, Changes, Entries, Missed, Updates};
pub use cursor::{BadCursor, Cursor, Side};
pub use delta::{Delta, Step};
pub use guests::{AdmitError, GuestsError, MAX_UPDATE_BYTES};
pub use history::Past;
pub use import::ImportError;
pub use text_changes::TextChanges;
pub(crate) use undo::History;
pub use undo::Undo;
pub use why::{Author, Trace, WhyError};

/// An open Yjs document. Handles are cheap to clone; when the last is dropped, the document is closed.
///
/// Take the roots you need (`text`, `map`, …) before a transaction: creating one needs the document to itself.
#[derive(Clone)]
pub struct Document {
    handle: Arc<Handle>,
    name: Arc<str>,
    device: Device,
}

/// Why a document can't be edited now. Nothing was changed, but for [`TooLarge`](Self::TooLarge).
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum EditError {
    /// This device may read the space, not write in it.
    #[error("this device may read the space and not write in it")]
    ReadOnly,
    /// This device was removed from the space: [`SpaceStatus::removed`](crate::SpaceStatus::removed) says by whom and
    /// when.
    #[error("this device was removed from the space")]
    Removed,
    /// The document was deleted for everybody: [`Space::deleted_documents`](crate::Space::deleted_documents) says by whom
    /// and when. Opening one of its name begins another.
    #[error(
        "the document was deleted: an admin can restore it, and opening one of its name begins another"
    )]
    Deleted,
    /// This copy's row of edits has ended, because the device was away from the space in between, or its folder was
    /// copied or restored.
    #[error("this copy of the document can't be edited any more: close it and open it again")]
    Ended,
    /// More edits wait to be written than fit: try again in a moment.
    #[error("too many edits wait to be written: try again in a moment")]
    Busy,
    /// There is no room on the disk. When there is, the document can be edited again.
    #[error(
        "the disk is full: free some of it, and the document can be edited again within a second"
    )]
    DiskFull,
    /// The store failed: nothing more is kept.
    #[error(
        "the store failed, so nothing more can be kept: free some disk space, then close the device and open it again"
    )]
    StoreFailed,
    /// The document broke while entries of others were brought in.
    #[error("the document broke while others' edits were brought in: close it and open it again")]
    Broken,
    /// An edit was made that is larger than 8 MiB, or holds values nested deeper than 64 levels, and can't be kept: it
    /// shows in this copy of the document alone.
    #[error(
        "the edit is larger than 8 MiB, or nests deeper than 64 levels, and can't be kept: close the document, open it again, and edit in smaller or flatter steps"
    )]
    TooLarge,
    /// The device is closed.
    #[error("the device is closed")]
    Closed,
}

/// Why an edit will not get where it was waited for.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum ReachError {
    /// The store failed before.
    #[error("the store failed before the edit was saved")]
    StoreFailed,
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

/// How far an edit should get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It would survive a power cut on this device.
    Saved,
    /// That, and so many other members say the same.
    Peers(usize),
    /// That, and an anchor says the same.
    Anchored,
}

/// An edit that was made: visible already, on its way to disk and to peers.
pub struct Edit<T> {
    /// What the closure returned.
    pub output: T,
    handle: Arc<Handle>,
    device: Device,
    update: u64,
}

impl Document {
    pub(crate) fn new(handle: Arc<Handle>, name: &str, device: Device) -> Self {
        Self { handle, name: name.into(), device }
    }

    /// The document's id.
    pub fn id(&self) -> DocumentId {
        self.handle.replica.document
    }

    /// The chain on which this device writes here.
    pub fn chain(&self) -> ChainId {
        self.handle.replica.chain
    }

    /// The text of that name. Its positions count UTF-16 code units.
    pub fn text(&self, name: &str) -> TextRef {
        self.doc().get_or_insert_text(name)
    }

    /// The map of that name.
    pub fn map(&self, name: &str) -> MapRef {
        self.doc().get_or_insert_map(name)
    }

    /// The array of that name. Text that a hostile writer has put in its place is not shown.
    pub fn array(&self, name: &str) -> ArrayRef {
        self.handle.replica.open.array(name)
    }

    /// The XML fragment of that name. Text that a hostile writer has put among its elements is not shown.
    pub fn xml(&self, name: &str) -> XmlFragmentRef {
        self.handle.replica.open.xml(name)
    }

    /// Edits the document: at once, with no IO. The closure runs while the document is locked, so it should not
    /// wait for anything; what it changed is one edit. If it panics, what it did until then stands.
    ///
    /// # Errors
    /// [`EditError`], before the closure is run; only [`EditError::TooLarge`] shows afterwards.
    pub fn edit<T>(
        &self,
        change: impl FnOnce(&mut TransactionMut<'_>) -> T,
    ) -> Result<Edit<T>, EditError> {
        let history = self.handle.replica.history();
        self.may_edit_now()?;
        let output = change(&mut self.doc().transact_mut());
        drop(history);
        self.edited(output)
    }

    /// Reads the document.
    pub fn read<T>(&self, look: impl FnOnce(&Transaction<'_>) -> T) -> T {
        look(&self.doc().transact())
    }

    /// Everything that comes into the document from now on, here or from others, in the order in which it becomes
    /// visible.
    pub fn changes(&self) -> Changes {
        Changes::new(self.handle.replica.watch(), self.handle.clone())
    }

    /// Who is here in this document, and what they show: cursors, say. It is the presence of all documents of the name.
    pub fn presence(&self) -> Presence {
        Presence::new(self.space(), self.name.clone(), self.device.clone())
    }

    /// Every Yjs update that comes into the document from now on, as it takes it in. What a guest wrote is not among
    /// them: [`admit`](Self::admit) gives that.
    pub fn updates(&self) -> Updates {
        Updates::new(self.handle.replica.read_along(), self.handle.clone())
    }

    /// Resolves when all that shows in the document by now would survive the end of the process. Others should not be
    /// shown it before.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn written(&self) -> Result<(), EngineGone> {
        let space = self.space();
        self.device.ask(|reply| Request::Written { space, reply }).await
    }

    /// The whole document as one Yjs update, v1: what any Yjs client can load.
    pub fn state(&self) -> Vec<u8> {
        self.read(|txn| txn.encode_state_as_update_v1(&StateVector::default()))
    }

    /// What the document holds, as a Yjs state vector, v1.
    pub fn version(&self) -> Vec<u8> {
        self.read(|txn| txn.state_vector().encode_v1())
    }

    /// What the document holds beyond a Yjs state vector, v1, as one Yjs update, v1.
    ///
    /// # Errors
    /// If the state vector is not sound.
    pub fn state_since(&self, version: &[u8]) -> Result<Vec<u8>, BadUpdate> {
        check::state_vector(version)?;
        // It was read from end to end just now.
        let version = StateVector::decode_v1(version).unwrap_or_default();
        Ok(self.read(|txn| txn.encode_state_as_update_v1(&version)))
    }

    /// The device that has it open.
    pub fn device(&self) -> DeviceId {
        self.device.id()
    }

    pub(crate) fn space(&self) -> SpaceId {
        self.handle.replica.space
    }

    /// Whether an edit may be made, and there is room for it. Asked while nobody else edits: a device that closes waits
    /// for edits under way, and takes no more.
    fn may_edit_now(&self) -> Result<(), EditError> {
        self.may_edit()?;
        let replica = &self.handle.replica;
        match () {
            () if replica.is_disk_full() => Err(EditError::DiskFull),
            () if !replica.has_room() => Err(EditError::Busy),
            () => Ok(()),
        }
    }

    fn may_edit(&self) -> Result<(), EditError> {
        match self.handle.replica.access() {
            Access::Writable => Ok(()),
            Access::ReadOnly => Err(EditError::ReadOnly),
            Access::Removed => Err(EditError::Removed),
            Access::Deleted => Err(EditError::Deleted),
            Access::Ended => Err(EditError::Ended),
            Access::StoreFailed => Err(EditError::StoreFailed),
            Access::Broken => Err(EditError::Broken),
            Access::TooLarge => Err(EditError::TooLarge),
            Access::Closed => Err(EditError::Closed),
        }
    }

    /// What became of an edit that was made.
    fn edited<T>(&self, output: T) -> Result<Edit<T>, EditError> {
        let replica = &self.handle.replica;
        if replica.access() == Access::TooLarge {
            return Err(EditError::TooLarge);
        }
        let (handle, device, update) = (self.handle.clone(), self.device.clone(), replica.edits());
        Ok(Edit { output, handle, device, update })
    }

    fn doc(&self) -> &yrs::Doc {
        self.handle.replica.open.doc()
    }
}

impl<T> Edit<T> {
    /// Resolves when the edit, and all that were made in this document before, got that far. With nobody in reach,
    /// [`Level::Peers`] and [`Level::Anchored`] wait until somebody is.
    ///
    /// # Errors
    /// If the store fails or the device is closed before.
    pub async fn reached(&self, level: Level) -> Result<(), ReachError> {
        let (replica, update) = (&self.handle.replica, self.update);
        let (space, chain) = (replica.space, replica.chain);
        let request = |reply| Request::Reached { space, chain, update, level, reply };
        if self.device.ask(request).await? { Ok(()) } else { Err(ReachError::StoreFailed) }
    }
}
