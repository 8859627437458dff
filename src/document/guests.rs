//! Guests: people with stock Yjs clients, who have no device of Driftline and no chain.
//!
//! An anchor (or an admin) lets them in, and signs what they write, with their names. All devices take that in as they
//! do mends: because of who vouches for it.

use std::collections::BTreeMap;

use driftline_core::document::check::{self, Author};
use driftline_core::document::{Admission, ApplyError};
use driftline_core::log::{EntryKind, Frontier, Guest, MAX_ENTRY_BYTES};
use driftline_storage::StoreError;
use thiserror::Error;
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{ReadTxn, Update};

use super::{Document, Edit, EditError};
use crate::engine::EngineGone;

/// Why nothing was taken in of what a guest wrote.
#[derive(Debug, Error)]
pub enum AdmitError {
    /// Only anchors and admins sign for others.
    #[error("this device is no anchor or admin of the space, so it can't sign for guests")]
    NotAHost,
    /// Names are printable and have 1 to 128 bytes.
    #[error("a guest's name is printable and has 1 to 128 bytes")]
    BadName,
    /// The update is larger than half of what an entry may be.
    #[error("the update is larger than {} bytes: send it in parts", MAX_UPDATE_BYTES)]
    TooLarge,
    /// The document can't be edited.
    #[error(transparent)]
    Edit {
        /// Why.
        #[from]
        source: EditError,
    },
    /// The update is not sound.
    #[error(transparent)]
    Unsound {
        /// What is wrong with it.
        #[from]
        source: ApplyError,
    },
}

/// Why it can't be told who guests are.
#[derive(Debug, Error)]
pub enum GuestsError {
    /// The log can't be read.
    #[error("the document's log can't be read")]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

/// How large an update of a guest may be, in bytes. What comes of it has to fit into an entry.
pub const MAX_UPDATE_BYTES: usize = MAX_ENTRY_BYTES / 2;

impl Document {
    /// Takes in what is new of a Yjs update, v1, that somebody wrote with a stock client, and signs it for them. What
    /// stock clients send again from others is passed over, and so is what members wrote on their own chains, which they
    /// sign themselves. Under which Yjs client ids the guest may write is `theirs` to say: ids of stock clients are drawn
    /// by chance, so that each belongs to whoever [came with it first](Self::guests).
    ///
    /// # Errors
    /// If the update is not sound, or this device may not sign for others: nothing is done then.
    pub fn admit(
        &self,
        guest: &str,
        update: &[u8],
        theirs: impl Fn(u64) -> bool,
    ) -> Result<Edit<Admission>, AdmitError> {
        if !Guest::is_sound(guest) {
            return Err(AdmitError::BadName);
        }
        if update.len() > MAX_UPDATE_BYTES {
            return Err(AdmitError::TooLarge);
        }
        let replica = &self.handle.replica;
        let history = replica.history();
        self.hosts()?;
        self.may_edit_now()?;
        let output = replica.admit(guest, update, theirs)?;
        drop(history);
        Ok(self.edited(output)?)
    }

    /// Whether guests can be let into the document now.
    ///
    /// # Errors
    /// If they can't, and why.
    pub fn hosts(&self) -> Result<(), AdmitError> {
        match self.may_edit_now() {
            // They can read meanwhile.
            Ok(()) | Err(EditError::Busy | EditError::DiskFull) => {}
            Err(error) => return Err(error.into()),
        }
        if self.handle.replica.hosts() { Ok(()) } else { Err(AdmitError::NotAHost) }
    }

    /// Whether all that a Yjs update, v1, says is in the document already.
    ///
    /// # Errors
    /// If the update is not sound.
    pub fn holds(&self, update: &[u8]) -> Result<bool, ApplyError> {
        check::update(update, Author::Anyone)?;
        let update = Update::decode_v1(update)?;
        let held = self.read(|txn| txn.snapshot());
        let inserted = update.state_vector();
        let mut clients = inserted.iter();
        let all = clients.all(|(client, clock)| held.state_map.get(client) >= *clock);
        Ok(all && update.delete_set().diff(&held.delete_set).is_empty())
    }

    /// Those of the Yjs client ids under which nothing is in the document yet.
    pub fn unknown_clients(&self, clients: &[u64]) -> Vec<u64> {
        let known = self.read(|txn| txn.state_vector());
        let unknown = clients.iter().filter(|client| known.get(&ClientID::new(**client)) == 0);
        unknown.copied().collect()
    }

    /// Which guest first wrote under each Yjs client id of stock clients. It reads the document's log.
    ///
    /// # Errors
    /// If the log can't be read.
    pub async fn guests(&self) -> Result<BTreeMap<u64, String>, GuestsError> {
        let document = self.id();
        let log = self
            .device
            .look(move |store| store.segments(&document, &Frontier::default(), usize::MAX));
        let mut guests = BTreeMap::new();
        for segment in log.await??.segments {
            let entries = segment.entries().map_while(Result::ok).map(|(entry, _)| entry);
            for entry in entries.filter(|entry| entry.kind == EntryKind::GUEST) {
                let Ok(Guest { name, update }) = Guest::read(entry.payload) else { continue };
                for client in check::clients(update).unwrap_or_default().into_keys() {
                    guests.entry(client).or_insert_with(|| name.clone());
                }
            }
        }
        Ok(guests)
    }
}
