//! The only place where effects are performed.

use std::collections::VecDeque;

use driftline_core::id::{DeviceId, DocumentId, SpaceId};
use driftline_core::log::Frontier;
use driftline_core::space::{Arrival, Change, Effect, Notice};
use driftline_storage::{Record, WriteNumber};

use super::inbox::Input;
use super::{Effects, Engine};

/// Which of a space's batches a write to the store was. A store has one row of numbers, and each space its own.
#[derive(Default)]
pub(super) struct Batches {
    unwritten: VecDeque<(WriteNumber, SpaceId)>,
    unsaved: VecDeque<(WriteNumber, SpaceId)>,
    written: std::collections::BTreeMap<SpaceId, u64>,
    saved: std::collections::BTreeMap<SpaceId, u64>,
}

impl Batches {
    fn issued(&mut self, number: WriteNumber, space: SpaceId) {
        self.unwritten.push_back((number, space));
        self.unsaved.push_back((number, space));
    }

    /// How far each space got that got on.
    pub(super) fn written(&mut self, upto: WriteNumber) -> Vec<(SpaceId, u64)> {
        advance(&mut self.unwritten, &mut self.written, upto)
    }

    /// How far each space got that got on.
    pub(super) fn saved(&mut self, upto: WriteNumber) -> Vec<(SpaceId, u64)> {
        advance(&mut self.unsaved, &mut self.saved, upto)
    }
}

fn advance(
    waiting: &mut VecDeque<(WriteNumber, SpaceId)>,
    counts: &mut std::collections::BTreeMap<SpaceId, u64>,
    upto: WriteNumber,
) -> Vec<(SpaceId, u64)> {
    let mut moved = Vec::new();
    while let Some((_, space)) = waiting.pop_front_if(|(number, _)| *number <= upto) {
        *counts.entry(space).or_default() += 1;
        if !moved.contains(&space) {
            moved.push(space);
        }
    }
    moved.into_iter().map(|space| (space, counts[&space])).collect()
}

impl Engine {
    pub(super) fn perform(&mut self, space: SpaceId, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Write(changes) => self.write(space, changes),
                Effect::Send { to, frame } => {
                    for peer in to {
                        self.send_frame(Some(space), peer, frame.clone());
                    }
                }
                Effect::Read { peer, document, beyond, budget } => {
                    self.read(space, peer, document, beyond, budget);
                }
                Effect::Apply(arrival) => self.arrived(&arrival),
                Effect::Disconnect { peer, fault } => {
                    tracing::warn!(peer = %peer.short(), %fault, "disconnecting");
                    self.network.disconnect(peer);
                }
                Effect::Notify(notice) => self.notify(space, notice),
            }
        }
    }

    fn write(&mut self, space: SpaceId, changes: Vec<Change>) {
        match self.writer.append(changes.into_iter().map(Record::Core).collect()) {
            Ok(number) => self.batches.issued(number, space),
            Err(error) if !self.broken => self.store_failed(&error),
            Err(_) => {}
        }
    }

    fn read(
        &mut self,
        space: SpaceId,
        peer: DeviceId,
        document: DocumentId,
        beyond: Frontier,
        budget: usize,
    ) {
        let inbox = self.inbox.clone();
        self.pool.run(move |store| {
            let reading = store.segments(&document, &beyond, budget).unwrap_or_else(|error| {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, document = %document.short(), "a document can't be read");
                driftline_storage::Reading::default()
            });
            let (segments, more) = (reading.segments, reading.more);
            inbox.push(Input::Read { space, peer, document, segments, more });
        });
    }

    /// Entries go to the replicas that did not write them.
    fn arrived(&mut self, arrival: &Arrival) {
        let open = self.open.get(&arrival.document).into_iter().flatten();
        let behind = open.filter(|open| !open.replica.take(arrival.clone(), &self.pool));
        for replica in behind.map(|open| open.replica.clone()).collect::<Vec<_>>() {
            self.reload.push(replica);
        }
    }

    fn notify(&mut self, space: SpaceId, notice: Notice) {
        let Some(slot) = self.spaces.get_mut(&space) else { return };
        slot.news.send_modify(|news| *news += 1);
        match notice {
            Notice::Progress => slot.waiters.settle(&slot.space),
            Notice::Roster => {
                slot.waiters.settle(&slot.space);
                self.set_access();
                self.exchange_addresses();
            }
            Notice::Refused(refusal) => slot.waiters.refuse_role(refusal),
            Notice::Peers => slot.waiters.settle(&slot.space),
            Notice::Document(_) => {}
            Notice::Retired { document, chain } => self.stop_writing(document, chain),
            Notice::Forked { document, chain, author } => {
                tracing::error!(
                    document = %document.short(),
                    chain = %chain.short(),
                    author = %author.short(),
                    "a device wrote two different entries of one number: its chain is closed"
                );
                self.stop_writing(document, chain);
            }
        }
    }
}
