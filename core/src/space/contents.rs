//! What may stand in an entry: acts in the roster, commands and decisions in the ledger, updates and mends in documents.

use bincode::Decode;

use super::Space;
use super::deciding::entries_of;
use super::effect::PeerFault;
use crate::codec;
use crate::command::{Call, Decision, MAX_CALL_BYTES, TaskId};
use crate::document::check::{self, BadUpdate};
use crate::id::{DeviceId, DocumentId};
use crate::log::{EntryKind, Guest, Segment};
use crate::roster;

impl Space {
    /// Checks that a segment has nothing but what an author may write into a document. Updates are
    /// [read](check_updates) later.
    pub(super) fn check_contents(
        &self,
        document: DocumentId,
        author: &DeviceId,
        segment: &Segment,
    ) -> Result<(), PeerFault> {
        let (fits, fault) = if self.is_roster(document) {
            (roster::is_quotable(segment), PeerFault::Roster)
        } else if self.is_ledger(document) {
            (self.belongs_in_ledger(author, segment), PeerFault::Ledger)
        } else if holds_commands(segment) {
            (false, PeerFault::Ledger)
        } else if !self.may_host(author, segment) {
            (false, PeerFault::Guest)
        } else {
            (self.may_hold(author, segment), PeerFault::Mend)
        };
        if fits { Ok(()) } else { Err(fault) }
    }

    /// Whether an author may sign for guests, if that is what a segment holds. As with mends, it is whoever ever might:
    /// what was taken in good faith counts also after their role has changed.
    fn may_host(&self, author: &DeviceId, segment: &Segment) -> bool {
        let entries = segment.entries().map_while(Result::ok).map(|(entry, _)| entry);
        let mut guests = entries.filter(|entry| entry.kind == EntryKind::GUEST);
        guests.all(|entry| {
            let guest = Guest::read(entry.payload);
            self.roster.may_mend(author) && guest.is_ok_and(|guest| Guest::is_sound(&guest.name))
        })
    }

    /// Whether a segment has nothing but what may stand in the ledger, by that author.
    fn belongs_in_ledger(&self, author: &DeviceId, segment: &Segment) -> bool {
        entries_of(segment).all(|(command, kind, payload)| match kind {
            EntryKind::CALL => {
                payload.len() <= MAX_CALL_BYTES && is::<Call>(payload, Call::is_sound)
            }
            EntryKind::CANCEL => is::<u64>(payload, |number| *number < command.number),
            EntryKind::DECISION => {
                self.roster.was_anchor(author) && is::<Decision>(payload, |_| true)
            }
            EntryKind::DONE => self.roster.was_anchor(author) && is::<TaskId>(payload, |_| true),
            EntryKind::BEGUN => payload.is_empty(),
            _ => false,
        })
    }
}

/// Whether a segment of another document holds what may stand in the ledger alone.
fn holds_commands(segment: &Segment) -> bool {
    let ours = [
        EntryKind::CALL,
        EntryKind::CANCEL,
        EntryKind::DECISION,
        EntryKind::DONE,
        EntryKind::BEGUN,
    ];
    entries_of(segment).any(|(_, kind, _)| ours.contains(&kind))
}

/// Reads every update from end to end: nobody else's client id but those of guests, no gap, nothing that yrs could choke
/// on. Gives where
/// the chain's Yjs client stands behind them.
pub(super) fn check_updates(segment: &Segment, mut clock: u32) -> Result<u32, BadUpdate> {
    let client = segment.chain.client_id();
    for (entry, _) in segment.entries().map_while(Result::ok) {
        clock = check::entry(&entry, client, Some(clock))?.unwrap_or(clock);
    }
    Ok(clock)
}

fn is<T: Decode<()>>(payload: &[u8], sound: impl FnOnce(&T) -> bool) -> bool {
    codec::decode(payload).is_ok_and(|value| sound(&value))
}
