//! This device's own edits: from updates to sealed segments.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand_core::Rng;
use thiserror::Error;

use super::effect::ChainState;
use super::journal::Acceptance;
use super::{Context, Space};
use crate::clock::{Now, SteadyTime};
use crate::document::Label;
use crate::document::check;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::{ChainHead, Entry, EntryKind, Guest, SegmentBuilder};
use crate::roster::{Reach, Role};

/// Edits this close to the last segment wait for one another and leave as one.
const COALESCE: Duration = Duration::from_millis(2);

/// Beyond this many segments of one chain, where an edit got to is told of a later edit.
const REMEMBERED: usize = 4096;

/// The chain on which an open document writes, and how many updates were written to it since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorship {
    /// The chain.
    pub chain: ChainId,
    /// How many updates it was given in this run; the next one is this plus one.
    pub updates: u64,
}

/// Where a local update has got to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It would survive a power cut.
    pub saved: bool,
    /// These peers say that they saved it too.
    pub peers: Vec<DeviceId>,
}

/// This device may not write in the space.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("this device may read the space and not write in it")]
pub struct NotAWriter;

/// The chains that this device writes.
#[derive(Debug, Default)]
pub(super) struct Authors {
    chains: BTreeMap<ChainId, Author>,
    /// Chains with entries that are not sealed yet.
    unsealed: BTreeSet<ChainId>,
    last_sealed: Option<SteadyTime>,
    /// Whether somebody waits for one of them.
    hastened: bool,
}

#[derive(Debug)]
struct Author {
    document: DocumentId,
    /// Shown by the first segment.
    head: Option<ChainHead>,
    builder: Option<SegmentBuilder>,
    /// Where the chain's Yjs client stands behind what the builder holds.
    clock: u32,
    updates: u64,
    sealed: VecDeque<Sealed>,
}

/// Updates up to this one went into the store with this batch, under this number of the feed.
#[derive(Clone, Copy, Debug)]
struct Sealed {
    updates: u64,
    batch: u64,
    feed: u64,
}

impl Authors {
    /// When the edits that are waiting for one another should leave.
    pub(super) fn deadline(&self) -> Option<SteadyTime> {
        let waiting = !self.unsealed.is_empty();
        let last = self.last_sealed.filter(|_| !self.hastened);
        waiting.then(|| last.map(|at| at + COALESCE).unwrap_or_default())
    }

    /// Whether something was written on that chain in this run.
    pub(super) fn is_written(&self, chain: &ChainId) -> bool {
        self.chains.get(chain).is_some_and(|author| author.updates > 0)
    }

    /// How many updates of a document nobody saved who has saved the feed up to `acked` at the most. Who remembers no
    /// more where an update got to counts it as waiting.
    pub(super) fn waiting(&self, document: &DocumentId, acked: Option<u64>) -> u64 {
        let of_this = self.chains.values().filter(|author| author.document == *document);
        let waiting = of_this.map(|author| {
            let saved = author.sealed.iter().rev().find(|sealed| Some(sealed.feed) <= acked);
            author.updates - saved.map_or(0, |sealed| sealed.updates)
        });
        waiting.sum()
    }

    /// Forgets the chains of a document that is gone.
    pub(super) fn forget(&mut self, document: &DocumentId) {
        self.chains.retain(|_, author| author.document != *document);
        self.unsealed.retain(|chain| self.chains.contains_key(chain));
    }

    /// Whether edits of that document are not sealed yet.
    pub(super) fn is_writing(&self, document: &DocumentId) -> bool {
        self.unsealed.iter().any(|chain| self.chains[chain].document == *document)
    }
}

impl Space {
    /// Gives the chain on which to write into a document: the one that this device wrote before, unless
    /// it is among those `taken` or its end can't be proven; a new one then.
    ///
    /// # Errors
    /// If this device may not write.
    pub fn author(
        &mut self,
        label: &Label,
        taken: &BTreeSet<ChainId>,
        now: Now,
        rng: &mut dyn Rng,
    ) -> Result<Authorship, NotAWriter> {
        if !self.role().is_some_and(Role::writes) {
            return Err(NotAWriter);
        }
        Ok(self.chain_to_write(label, taken, now, rng))
    }

    /// Nobody writes on that chain any more. If it was begun and never written to, nothing of it is left, nor of a
    /// document that has nothing else: who looks into a name that means nothing yet costs nothing afterwards.
    pub fn let_go(&mut self, document: &DocumentId, chain: &ChainId) {
        let unwritten = |author: &Author| author.updates == 0 && author.builder.is_none();
        let Some(log) = self.index.get_mut(document) else { return };
        if !self.authors.chains.get(chain).is_some_and(unwritten) || !log.begun.remove(chain) {
            return;
        }
        let is_empty = log.chains.is_empty() && log.begun.is_empty();
        self.authors.chains.remove(chain);
        if is_empty {
            self.remove_log(document);
        }
    }

    /// How many updates this device gave for that chain in this run.
    pub fn updates_on(&self, chain: &ChainId) -> u64 {
        self.authors.chains.get(chain).map_or(0, |author| author.updates)
    }

    /// Where the update of that number on that chain has got to.
    pub fn standing(&self, chain: &ChainId, update: u64) -> Standing {
        let author = self.authors.chains.get(chain);
        let sealed = author.and_then(|author| {
            let at = author.sealed.partition_point(|sealed| sealed.updates < update);
            author.sealed.get(at)
        });
        let Some(sealed) = sealed else { return Standing::default() };
        // What was cut off is not passed on, so nobody acknowledges it, though they do what came with it.
        let counts = self.roster.reach(&self.me, chain) == Reach::Whole;
        let document = author.map(|author| author.document);
        let has_it = |(peer, acked): (&DeviceId, &u64)| {
            let reads = document.is_some_and(|document| self.may_read(&document, peer));
            (*acked >= sealed.feed && reads && !self.is_declined_by(peer, chain)).then_some(*peer)
        };
        Standing {
            saved: self.journal.is_saved(sealed.batch),
            peers: self.acked.iter().filter(|_| counts).filter_map(has_it).collect(),
        }
    }

    /// Somebody waits for the last update on that chain to be saved: it does not wait for more.
    pub fn hasten(&mut self, chain: &ChainId) {
        self.authors.hastened |= self.authors.unsealed.contains(chain);
    }

    pub(super) fn local_update(
        &mut self,
        document: DocumentId,
        chain: ChainId,
        update: &[u8],
        context: &mut Context<'_>,
    ) {
        let known = self.authors.chains.get(&chain).map(|author| author.document);
        debug_assert_eq!(known, Some(document), "updates come on chains that `author` gave");
        self.add_entry(chain, EntryKind::UPDATE, update, context);
    }

    /// Signs for a guest. Who may not, does not: others would refuse it.
    pub(super) fn guest_update(
        &mut self,
        chain: ChainId,
        guest: &Guest<'_>,
        context: &mut Context<'_>,
    ) {
        debug_assert!(Guest::is_sound(&guest.name), "whoever lets guests in knows their names");
        if self.hosts() {
            self.add_entry(chain, EntryKind::GUEST, &guest.write(), context);
        }
    }

    /// Whether this device may sign for guests.
    pub fn hosts(&self) -> bool {
        matches!(self.role(), Some(Role::Admin | Role::Anchor))
    }

    /// Adds an entry to the roster's log, in the batch that is in the making.
    pub(super) fn add_to_roster(&mut self, payload: &[u8], context: &mut Context<'_>) {
        let taken = BTreeSet::new();
        let chain = self.chain_to_write(&Label::roster(), &taken, context.now, context.rng).chain;
        self.add_entry(chain, EntryKind::ROSTER, payload, context);
        self.seal_chain(chain, context);
    }

    /// Seals what is waiting, unless it should wait a little for more.
    pub(super) fn seal_due(&mut self, context: &mut Context<'_>) {
        let due = self.authors.deadline().is_some_and(|at| at <= context.now.steady);
        if due {
            self.seal_all(context);
        }
    }

    pub(super) fn seal_all(&mut self, context: &mut Context<'_>) {
        for chain in std::mem::take(&mut self.authors.unsealed) {
            self.seal_chain(chain, context);
        }
        self.authors.last_sealed = Some(context.now.steady);
        self.authors.hastened = false;
    }

    pub(super) fn chain_to_write(
        &mut self,
        label: &Label,
        taken: &BTreeSet<ChainId>,
        now: Now,
        rng: &mut dyn Rng,
    ) -> Authorship {
        let (me, document) = (self.me, label.document(&self.id));
        self.log(label);
        let log = &self.index[&document];
        let own = || log.chains.iter().filter(|(_, chain)| chain.author == me);
        let open = own().filter(|(_, chain)| chain.state == ChainState::Open).map(|(id, _)| id);
        // Whoever was removed and is back goes on with a new chain: the old one ended where the removal says.
        let is_roster = self.is_roster(document);
        let reach = |id: &ChainId| match self.is_ledger(document) {
            true => self.ledger_reach(&document, &me, id),
            false => self.roster.reach(&me, id),
        };
        let whole = |id: &&ChainId| is_roster || reach(id) == Reach::Whole;
        let free = open.chain(&log.begun).filter(whole).find(|id| !taken.contains(id));
        if let Some(chain) = free.copied() {
            return self.authorship(chain, document, None);
        }
        let latest = own().max_by_key(|(_, chain)| chain.tip.time).map(|(id, _)| *id);
        let head = ChainHead::open(document, me, latest, now.wall, rng);
        let chain = head.id();
        self.log(label).begun.insert(chain);
        self.authorship(chain, document, Some(head))
    }

    fn authorship(
        &mut self,
        chain: ChainId,
        document: DocumentId,
        head: Option<ChainHead>,
    ) -> Authorship {
        let author = self.authors.chains.entry(chain).or_insert_with(|| Author {
            document,
            head,
            builder: None,
            clock: 0,
            updates: 0,
            sealed: VecDeque::new(),
        });
        Authorship { chain, updates: author.updates }
    }

    pub(super) fn add_entry(
        &mut self,
        chain: ChainId,
        kind: EntryKind,
        payload: &[u8],
        context: &mut Context<'_>,
    ) {
        let Some(author) = self.authors.chains.get_mut(&chain) else { return };
        let held = self.index.get(&author.document).and_then(|log| log.chains.get(&chain));
        let builder = match (&mut author.builder, held, &author.head) {
            (Some(builder), _, _) => builder,
            (empty, Some(held), _) => {
                author.clock = held.clock;
                empty.insert(SegmentBuilder::behind(chain, held.tip))
            }
            (empty, None, Some(head)) => empty.insert(SegmentBuilder::opening(head.clone())),
            (_, None, None) => return,
        };
        builder.push(kind, payload, context.now.wall);
        let entry = Entry { kind, elapsed: 0, payload };
        if let Ok(Some(clock)) = check::entry(&entry, chain.client_id(), None) {
            author.clock = clock;
        }
        author.updates += 1;
        match builder.is_full() {
            true => self.seal_chain(chain, context),
            false => _ = self.authors.unsealed.insert(chain),
        }
    }

    pub(super) fn seal_chain(&mut self, chain: ChainId, context: &mut Context<'_>) {
        let Some(author) = self.authors.chains.get_mut(&chain) else { return };
        let Some(builder) = author.builder.take() else { return };
        let tip = builder.tip();
        let segment = builder.seal(&self.key);
        let batch = self.journal.current();
        let feed = self.journal.feed().accepted + 1;
        author.sealed.push_back(Sealed { updates: author.updates, batch, feed });
        if author.sealed.len() > REMEMBERED {
            author.sealed.pop_front();
        }
        self.authors.unsealed.remove(&chain);
        let (document, clock) = (author.document, author.clock);
        let author = self.me;
        let acceptance = Acceptance { document, author, segment, tip, clock, origin: None };
        self.accept(acceptance, context);
    }
}
