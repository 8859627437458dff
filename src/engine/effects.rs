//! The only place where effects are performed.

use std::collections::VecDeque;
use std::sync::Arc;

use driftline_core::document::mend;
use driftline_core::id::{ChainId, DeviceId, DocumentId, SpaceId};
use driftline_core::log::Frontier;
use driftline_core::space::{Arrival, Change, Effect, Notice};
use driftline_storage::{Reading, Record, SledEngine, Store, WriteNumber};

use super::inbox::{Inbox, Input};
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
                Effect::Read { peer, document, beyond, upto, budget } => {
                    self.read((space, peer), document, (beyond, upto), budget);
                }
                Effect::Mend { document, counts, refused } => {
                    self.mend(space, document, counts, refused);
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
        let put_back = |change: &Change| match change {
            Change::PutBack { document, segment } => Some((*document, segment.chain)),
            _ => None,
        };
        let repaired: Vec<_> = changes.iter().filter_map(put_back).collect();
        match self.writer.append(changes.into_iter().map(Record::Core).collect()) {
            Ok(number) => {
                self.batches.issued(number, space);
                repaired.into_iter().for_each(|place| self.look_at_repair(place));
            }
            Err(error) if self.broken.is_none() => self.store_failed(Arc::new(error)),
            Err(_) => {}
        }
    }

    fn read(
        &mut self,
        (space, peer): (SpaceId, DeviceId),
        document: DocumentId,
        (beyond, upto): (Frontier, Frontier),
        budget: usize,
    ) {
        let inbox = self.inbox.clone();
        self.pool.run(move |store| {
            let Reading { segments, more } =
                readable(store, &document, beyond, &upto, budget, &inbox);
            inbox.push(Input::Read { space, peer, document, segments, more });
        });
    }

    /// Has the pool make a mend, on a chain that no copy of the document writes on.
    fn mend(&mut self, id: SpaceId, document: DocumentId, counts: Frontier, refused: Frontier) {
        let (now, taken) = (self.now(), self.chains_in_use(&document));
        let Some(slot) = self.spaces.get_mut(&id) else { return };
        let Some(label) = slot.space.label(&document).cloned() else { return };
        let Ok(authorship) = slot.space.author(&label, &taken, now, &mut self.rng) else { return };
        let chain = authorship.chain;
        self.mending.insert(document, chain);
        let (inbox, pool) = (self.inbox.clone(), self.pool.clone());
        let make = move |store: &Store<SledEngine>| {
            let update = mended(store, document, chain, (&counts, &refused));
            let update = update.inspect_err(|error| {
                let error: &dyn std::error::Error = &**error;
                tracing::warn!(error, document = %document.short(), "no mend could be made yet");
            });
            let update = update.ok();
            inbox.push(Input::Mended { space: id, document, chain, refused, update });
        };
        if self.writer.after(Box::new(move |_: &_| pool.run(make))).is_err() {
            tracing::warn!("a mend was to be made while the store was closing");
        }
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
        if let Notice::Presence(topic) = notice {
            // It comes and goes all the time, and no status shows it.
            return self.put_on_stage(space, topic);
        }
        let Some(slot) = self.spaces.get_mut(&space) else { return };
        slot.tell();
        match notice {
            Notice::Progress => slot.waiters.settle(&slot.space),
            Notice::Roster => {
                slot.waiters.settle(&slot.space);
                self.set_access();
                self.exchange_addresses();
            }
            Notice::Refused(refusal) => slot.waiters.refuse_role(refusal),
            Notice::Peers => slot.waiters.settle(&slot.space),
            Notice::Records => self.show(space),
            Notice::Foreseen(foreseen) => slot.foreseen.tell(&foreseen),
            Notice::Document(_) | Notice::Presence(_) => {}
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

/// What can be read of a document. Of a chain that is damaged, that is nothing; the others are served all the same.
fn readable(
    store: &Store<SledEngine>,
    document: &DocumentId,
    mut beyond: Frontier,
    upto: &Frontier,
    budget: usize,
    inbox: &Inbox,
) -> Reading {
    loop {
        let error = match store.segments_between(document, &beyond, upto, budget) {
            Ok(reading) => return reading,
            Err(error) => error,
        };
        let cause: &dyn std::error::Error = &error;
        tracing::error!(error = cause, document = %document.short(), "a document can't be read");
        let damaged =
            inbox.found_damage(&error).and_then(|chain| Some((chain, *upto.get(&chain)?)));
        let Some((chain, end)) = damaged.filter(|(chain, end)| beyond.number(chain) < end.number)
        else {
            return Reading::default();
        };
        beyond.advance(chain, end);
    }
}

/// The update that undoes what does not count of a document.
fn mended(
    store: &Store<SledEngine>,
    document: DocumentId,
    chain: ChainId,
    (counts, refused): (&Frontier, &Frontier),
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let log = store.segments(&document, &Frontier::default(), usize::MAX)?.segments;
    let (honest, refused) = mend::sorted(&log, counts, refused);
    Ok(mend::mend(chain.client_id(), &honest, &refused)?)
}
