//! How far counts what somebody decided who decides no more, and what whoever is next waits for.
//!
//! A decision may have parts in several ledgers, each on a chain of its own. Whoever ends these chains must not cut it in
//! two: its one part would wait for the other for ever. Nor must it count where one does not that it stands upon. So an
//! anchor's chains end where all parts of all decisions up to there are here, and saved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::deciding::entries_of;
use super::{DocumentLog, Space};
use crate::codec;
use crate::id::{ChainId, DeviceId, DocumentId, Hash};
use crate::log::{EntryKind, Frontier, Point, Segment};
use crate::roster::{Reach, Role};

/// How far decisions are here with all their parts.
#[derive(Debug, Default)]
pub(super) struct Whole {
    saved: Frontier,
    /// What will be, once a batch is saved.
    unsaved: Option<(u64, Frontier)>,
    /// How many decisions there were then.
    decided: u64,
}

impl Whole {
    /// What is known of logs that were read back from the store.
    pub(super) fn stored(saved: Frontier) -> Self {
        Self { saved, ..Self::default() }
    }

    /// Decisions may not be what they were, though there are as many.
    pub(super) fn look_again(&mut self) {
        self.decided = 0;
    }
}

impl Space {
    /// Notes how far those have decided who may be removed, if all parts are here of all that they decided up to there.
    pub(super) fn note_whole(&mut self) {
        let journal = &self.journal;
        if let Some((_, ends)) = self.whole.unsaved.take_if(|(batch, _)| journal.is_saved(*batch)) {
            self.whole.saved = ends;
        }
        let decided = self.ledger.decided();
        let news = self.whole.decided != decided && self.whole.unsaved.is_none();
        let ledger = &self.ledger;
        let sound = ledger.is_whole() && ledger.is_gapless() && !ledger.is_faulty();
        // While the logs are folded anew, more is here than the ledger knows of.
        let knows = self.refold.is_none() && sound;
        if news && self.role() == Some(Role::Admin) && knows {
            self.whole.decided = decided;
            self.whole.unsaved = Some((self.journal.latest(), self.ends_of_deciders()));
        }
    }

    /// How far decisions are whole in logs that were read back from the store: up to those that wait for their other parts.
    /// If parts are missing of what is in, from ledgers that this device came to read late, nobody can tell.
    pub(super) fn whole_ends(&self, logs: &[(DocumentId, Arc<Segment>)]) -> Frontier {
        if !self.ledger.has_all_told_of() {
            return Frontier::default();
        }
        let mut waiting: BTreeMap<ChainId, Option<Point>> = BTreeMap::new();
        for (ledger, segment) in logs {
            if !waiting.contains_key(&segment.chain)
                && let Some(first) = self.first_doubted(ledger, segment)
            {
                let rest = segment.after(first.saturating_sub(1)).ok().flatten();
                waiting.insert(segment.chain, rest.map(|rest| rest.before()));
            }
        }
        let ends = self.ends_of_deciders();
        let whole = ends.iter().filter_map(|(chain, end)| {
            let end = waiting.get(chain).copied().unwrap_or(Some(*end))?;
            (end.number > 0).then_some((*chain, end))
        });
        whole.collect()
    }

    /// The number of the first entry of a segment that holds a decision which is not to be relied on.
    fn first_doubted(&self, ledger: &DocumentId, segment: &Segment) -> Option<u64> {
        let mut decisions = entries_of(segment).filter(|(_, kind, _)| *kind == EntryKind::DECISION);
        let first = decisions.find(|(.., payload)| {
            codec::decode(payload).is_ok_and(|decision| self.ledger.doubts(ledger, &decision))
        });
        first.map(|(entry, ..)| entry.number)
    }

    /// Where the chains end in ledgers of those who decide, or did. What was ended once does not go on.
    fn ends_of_deciders(&self) -> Frontier {
        let chains = self.ledgers().flat_map(|(_, log)| &log.chains);
        let theirs = chains.filter(|(_, chain)| self.roster.was_anchor(&chain.author));
        let end = |(id, chain): (&ChainId, &super::index::Chain)| {
            let ended = self.roster.last_word(id).filter(|end| end.number < chain.tip.number);
            (*id, ended.copied().unwrap_or_else(|| chain.tip.point()))
        };
        theirs.map(end).collect()
    }

    /// Where somebody's chains end in ledgers, as this device has saved them. Of what an anchor decided, a part counts only
    /// with the others, and of chains on which nothing is whole, nothing does.
    pub(super) fn ends_in_ledgers(&self, device: &DeviceId) -> Vec<(ChainId, Point)> {
        let decides = self.roster.member(device).is_some_and(|it| it.role == Role::Anchor);
        let whole = |(id, point): (ChainId, Point)| match self.whole.saved.get(&id) {
            _ if !decides => (id, point),
            Some(whole) if whole.number <= point.number => (id, *whole),
            _ => (id, Point { number: 0, hash: Hash(id.0) }),
        };
        let ends = self.ledgers().flat_map(|(_, log)| self.ends_in(log, device));
        ends.map(whole).collect()
    }

    /// The number of the last entry of a chain up to which counts what its author decided: all of whoever decides now, and
    /// of those before as far as was said when they handed over.
    pub(super) fn deciding_end(&self, author: &DeviceId, chain: &ChainId) -> u64 {
        match self.roster.last_word(chain) {
            Some(end) => end.number,
            None if self.decider() == Some(*author) => u64::MAX,
            None => 0,
        }
    }

    /// Whether all is here that was said by those who might decide before this device does: what they decided counts as
    /// far as the roster says, and the next decision comes behind that.
    pub(super) fn has_last_words(&self) -> bool {
        let held = |chain: &ChainId| {
            let mut logs = self.index.values();
            logs.find_map(|log| log.chains.get(chain)).map_or(0, |chain| chain.tip.number)
        };
        self.roster.last_words().all(|(chain, end)| held(chain) >= end.number)
    }

    /// Where somebody's chains end in a log, as this device has saved them. What was ended once does not go on, also if more
    /// of it is here from before that was heard of.
    pub(super) fn ends_in(&self, log: &DocumentLog, device: &DeviceId) -> Vec<(ChainId, Point)> {
        let theirs = log.chains.iter().filter(|(_, chain)| chain.author == *device);
        let saved = theirs.filter(|(_, chain)| chain.saved.number > 0);
        let ends = saved.map(|(id, chain)| match self.roster.reach(device, id) {
            Reach::Upto(end) if end.number < chain.saved.number => (*id, end),
            _ => (*id, chain.saved),
        });
        ends.collect()
    }
}
