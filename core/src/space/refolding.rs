//! Folding the ledger anew, when the roster says of its log what it did not say before: that a command does not count
//! any more, or counts again, or that an anchor was removed earlier than it stopped deciding.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::effect::{Effect, Notice};
use super::{Context, DocumentLog, Space};
use crate::id::{ChainId, DeviceId};
use crate::log::{Frontier, Segment};
use crate::roster::{Rank, Reach};

/// A ledger that is read again, and what came in since that was asked for.
#[derive(Debug, Default)]
pub(super) struct Refold {
    pub(super) since: Vec<(DeviceId, Arc<Segment>)>,
}

/// What of a chain was folded, and as whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    upto: u64,
    decides: bool,
    rank: Option<Rank>,
}

impl Space {
    /// The roster says something new: what it says of the ledger may be other than what was folded.
    pub(super) fn recount_commands(&mut self, context: &mut Context<'_>) {
        if self.refold.is_some() || self.count_ledger() == self.counted {
            return;
        }
        let document = self.ledger_document;
        let since = self.journal.unwritten_in(document);
        let author = |segment: &Segment| Some(self.chain(&document, &segment.chain)?.author);
        let since = since.filter_map(|segment| Some((author(segment)?, segment.clone()))).collect();
        self.refold = Some(Refold { since });
        let upto = self.index.get(&document).map(DocumentLog::written_frontier);
        let (upto, beyond) = (upto.unwrap_or_default(), Frontier::default());
        let (peer, budget) = (self.me, usize::MAX);
        context.effects.push(Effect::Read { peer, document, beyond, upto, budget });
    }

    /// The ledger's log is here, as far as it was written.
    pub(super) fn refold(&mut self, written: &[Segment], context: &mut Context<'_>) {
        let Some(Refold { since }) = self.refold.take() else { return };
        let author =
            |segment: &Segment| Some(self.chain(&self.ledger_document, &segment.chain)?.author);
        let written = written.iter().filter_map(|segment| Some((author(segment)?, segment)));
        let written: Vec<_> = written.collect();
        let since = since.iter().map(|(author, segment)| (*author, &**segment));
        self.ledger.start_over();
        self.load_ledger(&written.into_iter().chain(since).collect::<Vec<_>>());
        context.effects.push(Effect::Notify(Notice::Records));
    }

    /// What of each of the ledger's chains counts now.
    pub(super) fn count_ledger(&self) -> BTreeMap<ChainId, Counted> {
        let log = self.index.get(&self.ledger_document);
        let chains = log.into_iter().flat_map(|log| log.chains.keys());
        chains.filter_map(|chain| Some((*chain, self.counted(chain)?))).collect()
    }

    /// What of a chain of the ledger counts now.
    pub(super) fn counted(&self, chain: &ChainId) -> Option<Counted> {
        let held = self.chain(&self.ledger_document, chain)?;
        let upto = self.counting_end(&held.author, chain).min(held.tip.number);
        let decides = self.decisions_count(&held.author, chain);
        let rank = self.roster.rank(&held.author);
        Some(Counted { upto, decides, rank })
    }

    /// Whether what somebody decided counts: that of whoever decides now, and of those before as far as was said when
    /// they handed over.
    pub(super) fn decisions_count(&self, author: &DeviceId, chain: &ChainId) -> bool {
        match self.roster.reach(author, chain) {
            Reach::Upto(_) => self.roster.was_anchor(author),
            Reach::Whole | Reach::Nothing => self.decider() == Some(*author),
        }
    }

    /// The number of the last entry of a chain of the ledger that counts, if there is an end to that.
    pub(super) fn counting_end(&self, author: &DeviceId, chain: &ChainId) -> u64 {
        match self.roster.reach(author, chain) {
            Reach::Whole => u64::MAX,
            Reach::Upto(cut) => cut.number,
            Reach::Nothing => 0,
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
}
