//! Folding the ledgers anew, when the roster says of their logs what it did not say before: that a command does not count
//! any more, or counts again, that an anchor was removed earlier than it stopped deciding, or that a bucket is not to be
//! read any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::effect::{Effect, Notice};
use super::{Context, DocumentLog, Space};
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::{Frontier, Segment};
use crate::roster::{Rank, Reach, Role};

/// Ledgers that are read again, and what came in since that was asked for.
#[derive(Debug, Default)]
pub(super) struct Refold {
    /// Those that are still being read.
    unread: BTreeSet<DocumentId>,
    read: Vec<(DocumentId, Arc<Segment>)>,
    pub(super) since: Vec<(DocumentId, Arc<Segment>)>,
}

/// What of a chain was folded, and as whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    upto: u64,
    /// The last entry that may be a decision.
    decides_upto: u64,
    publishes: bool,
    rank: Option<Rank>,
}

impl Space {
    /// The roster says something new: what it says of the ledgers may be other than what was folded.
    pub(super) fn recount_commands(&mut self, context: &mut Context<'_>) {
        if self.refold.is_some() || self.count_ledger() == self.counted {
            return;
        }
        let unread: BTreeSet<_> = self.ledgers().map(|(ledger, _)| *ledger).collect();
        let mut refold = Refold { unread: unread.clone(), ..Refold::default() };
        for document in unread {
            let since = self.journal.unwritten_in(document).cloned();
            refold.since.extend(since.map(|segment| (document, segment)));
            let upto = self.index.get(&document).map(DocumentLog::written_frontier);
            let (upto, beyond) = (upto.unwrap_or_default(), Frontier::default());
            let (peer, budget) = (self.me, usize::MAX);
            context.effects.push(Effect::Read { peer, document, beyond, upto, budget });
        }
        self.refold = Some(refold);
    }

    /// The log of a ledger is here, as far as it was written.
    pub(super) fn refold(
        &mut self,
        document: DocumentId,
        written: Vec<Segment>,
        context: &mut Context<'_>,
    ) {
        let Some(refold) = &mut self.refold else { return };
        refold.unread.remove(&document);
        refold.read.extend(written.into_iter().map(|segment| (document, Arc::new(segment))));
        if !refold.unread.is_empty() {
            return;
        }
        let Some(Refold { read, since, .. }) = self.refold.take() else { return };
        self.ledger.start_over();
        self.whole.look_again();
        self.load_ledger(&read.into_iter().chain(since).collect::<Vec<_>>());
        context.effects.push(Effect::Notify(Notice::Records));
        // The roster may have said more meanwhile.
        self.recount_commands(context);
    }

    /// What of each of the ledgers' chains counts now.
    pub(super) fn count_ledger(&self) -> BTreeMap<ChainId, Counted> {
        let chains = self.ledgers().flat_map(|(id, log)| log.chains.keys().map(move |it| (id, it)));
        chains.filter_map(|(id, chain)| Some((*chain, self.counted(id, chain)?))).collect()
    }

    /// What of a chain of a ledger counts now.
    pub(super) fn counted(&self, ledger: &DocumentId, chain: &ChainId) -> Option<Counted> {
        let held = self.chain(ledger, chain)?;
        let upto = self.counting_end(ledger, &held.author, chain).min(held.tip.number);
        let decides_upto = self.deciding_end(&held.author, chain).min(held.tip.number);
        let rank = self.roster.rank(&held.author);
        let publishes = self.publishes(&held.author);
        Some(Counted { upto, decides_upto, publishes, rank })
    }

    /// Whether somebody may give the engine's own commands: whoever decides, or might.
    pub(super) fn publishes(&self, author: &DeviceId) -> bool {
        self.local || self.roster.member(author).is_some_and(|it| it.role == Role::Anchor)
    }

    /// The number of the last entry of a chain of a ledger that counts, if there is an end to that.
    pub(super) fn counting_end(
        &self,
        ledger: &DocumentId,
        author: &DeviceId,
        chain: &ChainId,
    ) -> u64 {
        match self.ledger_reach(ledger, author, chain) {
            Reach::Whole => u64::MAX,
            Reach::Upto(cut) => cut.number,
            Reach::Nothing => 0,
        }
    }
}
