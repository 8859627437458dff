//! What was taken in, on its way to disk: accepted, then written, then saved.

use std::collections::VecDeque;
use std::sync::Arc;

use super::effect::{Arrival, ChainState, Change, Effect, Notice, Position};
use super::holdings::Growth;
use super::index::DocumentLog;
use super::{ChainRecord, Context, Space};
use crate::document::Label;
use crate::id::{DeviceId, DocumentId};
use crate::log::{Link, Segment, Tip};

/// The batch in the making, and those under way.
#[derive(Debug)]
pub(super) struct Journal {
    batch: Vec<Change>,
    /// How many batches were handed out.
    issued: u64,
    saved: u64,
    feed: Feed,
    /// How many batches are written, and those of them that nobody is to hear of before they are saved.
    written: u64,
    held: VecDeque<u64>,
    unwritten: VecDeque<(u64, Arc<Accepted>)>,
    unsaved: VecDeque<(u64, Arc<Accepted>)>,
}

/// How far this device's own feed has got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feed {
    pub(super) incarnation: [u8; 16],
    pub(super) accepted: u64,
    pub(super) written: u64,
    pub(super) saved: u64,
}

/// A segment that was taken in.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) feed: u64,
    pub(super) document: DocumentId,
    pub(super) segment: Arc<Segment>,
    pub(super) tip: Tip,
    /// The peer that it came from.
    pub(super) origin: Option<DeviceId>,
    /// Whether it is this device's own, in a ledger: it may have decided something.
    decides: bool,
}

impl Journal {
    pub(super) fn new(incarnation: [u8; 16]) -> Self {
        Self {
            batch: Vec::new(),
            issued: 0,
            saved: 0,
            feed: Feed { incarnation, accepted: 0, written: 0, saved: 0 },
            written: 0,
            held: VecDeque::new(),
            unwritten: VecDeque::new(),
            unsaved: VecDeque::new(),
        }
    }

    /// Takes over a feed number that was read from the store.
    pub(super) fn restore(&mut self, feed: u64) {
        let feed = self.feed.accepted.max(feed);
        self.feed = Feed { accepted: feed, written: feed, saved: feed, ..self.feed };
    }

    pub(super) fn feed(&self) -> Feed {
        self.feed
    }

    /// The end of the feed that a peer may rely on.
    pub(super) fn head(&self) -> Position {
        Position { incarnation: self.feed.incarnation, number: self.feed.saved }
    }

    /// The batch that holds what is added now.
    pub(super) fn current(&self) -> u64 {
        self.issued + 1
    }

    /// The last batch that anything was put into.
    pub(super) fn latest(&self) -> u64 {
        self.issued + u64::from(self.is_dirty())
    }

    /// The last batch handed out.
    pub(super) fn issued(&self) -> u64 {
        self.issued
    }

    /// Whether that batch would survive a power cut.
    pub(super) fn is_saved(&self, batch: u64) -> bool {
        batch <= self.saved
    }

    /// Whether there is anything to write.
    pub(super) fn is_dirty(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Nobody is to hear of the batch that is in the making, nor of what comes behind it, before it is saved.
    pub(super) fn hold(&mut self) {
        self.held.push_back(self.current());
    }

    /// The last batch that others may hear of.
    fn sendable(&mut self) -> u64 {
        self.held.retain(|batch| *batch > self.saved);
        self.held.front().map_or(self.written, |held| self.written.min(held - 1))
    }

    /// What was taken into a document and is not written.
    pub(super) fn unwritten_in(&self, document: DocumentId) -> impl Iterator<Item = &Arc<Segment>> {
        let unwritten = self.unwritten.iter().map(|(_, accepted)| accepted);
        unwritten.filter(move |it| it.document == document).map(|it| &it.segment)
    }

    pub(super) fn add(&mut self, change: Change) {
        self.batch.push(change);
    }

    /// Hands out the batch, if there is anything in it.
    pub(super) fn write(&mut self, effects: &mut Vec<Effect>) {
        if self.is_dirty() {
            self.issued += 1;
            effects.push(Effect::Write(std::mem::take(&mut self.batch)));
        }
    }

    /// The next number of the feed.
    pub(super) fn number(&mut self) -> u64 {
        self.feed.accepted += 1;
        self.feed.accepted
    }
}

/// What has passed all checks and is taken in.
pub(super) struct Acceptance {
    pub(super) document: DocumentId,
    pub(super) author: DeviceId,
    pub(super) segment: Segment,
    pub(super) tip: Tip,
    /// Where its Yjs client stands behind it.
    pub(super) clock: u32,
    pub(super) origin: Option<DeviceId>,
}

impl Space {
    /// Takes in a segment that has passed all checks and follows what is held of its chain. The document
    /// must be in the index.
    pub(super) fn accept(&mut self, acceptance: Acceptance, context: &mut Context<'_>) {
        let Acceptance { document, author, segment, tip, clock, origin } = acceptance;
        let feed = self.journal.number();
        let Some(log) = self.index.get_mut(&document) else { return };
        if log.changed == 0 {
            self.journal.add(log.change(self.id));
            context.effects.push(Effect::Notify(Notice::Document(document)));
        }
        if let Link::Opens(head) = &segment.link {
            self.journal.add(Change::Head(head.clone()));
        }
        let held = log.chains.get(&segment.chain).map_or(0, |chain| chain.tip.number);
        let growth = Growth {
            entries: tip.number.saturating_sub(held),
            bytes: segment.body.len() as u64,
            opens: !log.chains.contains_key(&segment.chain),
            begins: log.chains.is_empty(),
        };
        if document != self.roster_document {
            self.holdings.grow(log, author, growth);
        }
        let chain = log.grow(segment.chain, author, (tip, clock), feed);
        chain.bytes = chain.bytes.saturating_add(growth.bytes);
        if author == self.me && origin.is_some() {
            // A peer has more of it than this device: who knows how much more there was.
            chain.state = ChainState::Retired;
            let notice = Notice::Retired { document, chain: segment.chain };
            context.effects.push(Effect::Notify(notice));
        }
        let (bytes, state) = (chain.bytes, chain.state);
        self.journal.add(Change::Segment { document, segment: segment.clone() });
        let record = ChainRecord { tip, clock, bytes, feed, state };
        self.journal.add(Change::Chain { document, chain: segment.chain, record });
        let segment = Arc::new(segment);
        // Also what comes back from others, as when this device's disk was an older one.
        let decides = author == self.me && self.is_ledger(document);
        self.unsaved_own += usize::from(decides);
        let accepted = Accepted { feed, document, segment: segment.clone(), tip, origin, decides };
        let accepted = Arc::new(accepted);
        self.journal.unwritten.push_back((self.journal.current(), accepted.clone()));
        self.journal.unsaved.push_back((self.journal.current(), accepted));
        let arrival = Arrival { document, author, segment: segment.clone(), tip, origin };
        context.effects.push(Effect::Apply(arrival));
        if self.is_roster(document) {
            self.take_roster(author, &segment, context);
        } else if self.is_ledger(document) {
            self.accept_ledger(document, &segment);
        } else {
            self.take_mends(document, &segment, context);
        }
    }

    /// The document's log, begun if need be.
    pub(super) fn log(&mut self, label: &Label) -> &mut DocumentLog {
        let document = label.document(&self.id);
        self.ledgers.extend(label.is_ledger().then_some(document));
        self.index.entry(document).or_insert_with(|| DocumentLog::new(label.clone()))
    }

    /// Takes a document out of the index.
    pub(super) fn remove_log(&mut self, document: &DocumentId) {
        self.index.remove(document);
        self.ledgers.remove(document);
    }

    /// Batches would survive the process now: what is in them may be sent.
    pub(super) fn written(&mut self, upto: u64, context: &mut Context<'_>) {
        self.journal.written = self.journal.written.max(upto);
        let upto = self.journal.sendable();
        let mut fresh = Vec::new();
        while let Some((_, accepted)) = self.journal.unwritten.pop_front_if(|(at, _)| *at <= upto) {
            if let Some(log) = self.index.get_mut(&accepted.document) {
                log.wrote(&accepted);
            }
            self.journal.feed.written = accepted.feed;
            fresh.push(accepted);
        }
        self.recent.keep(&fresh);
        self.fan_out(&fresh, context);
        self.introduce_waiting(context);
    }

    /// Whether all that the roster says would survive the process, so that it may be shown.
    pub(super) fn is_roster_written(&self) -> bool {
        let mut unwritten = self.journal.unwritten.iter();
        unwritten.all(|(_, accepted)| !self.is_roster(accepted.document))
    }

    /// Batches would survive a power cut now: what is in them may be acknowledged and advertised.
    pub(super) fn saved(&mut self, upto: u64, context: &mut Context<'_>) {
        self.journal.saved = self.journal.saved.max(upto);
        while let Some((_, accepted)) = self.journal.unsaved.pop_front_if(|(at, _)| *at <= upto) {
            if let Some(log) = self.index.get_mut(&accepted.document) {
                log.saved(&accepted);
            }
            self.journal.feed.saved = accepted.feed;
            if accepted.decides {
                self.unsaved_own -= 1;
                self.saved_ledger(accepted.document, &accepted.segment);
            }
        }
        self.written(upto, context);
        self.acknowledge(context);
        self.welcome(context);
        context.effects.push(Effect::Notify(Notice::Progress));
    }
}
