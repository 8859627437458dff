//! Chains that their author forked: nothing more is taken of them, and of the roster's all branches are kept.
//!
//! A roster in which one device holds the one branch and another the other would part them for good, with all that rests
//! on it. So whoever finds out shows what contradicts what it holds, and whoever hears of that shows what it holds
//! itself, in quotes on chains of their own. What nobody holds matters to nobody, and whoever shows things in bulk is
//! stopped by what is held of any author.

use super::effect::{ChainState, Effect, Notice};
use super::holdings::{Growth, excess_of_acts};
use super::{Context, Space};
use crate::codec;
use crate::id::{ChainId, DocumentId};
use crate::log::{Entry, EntryKind, Frontier};
use crate::roster::{Act, Quote, RosterEntry, is_of_good_size};

impl Space {
    /// Takes no more of a chain, and tells whoever watches.
    pub(super) fn close_forked(
        &mut self,
        document: DocumentId,
        id: ChainId,
        context: &mut Context<'_>,
    ) {
        let Some(log) = self.index.get_mut(&document) else { return };
        let changed = log.changed;
        let Some(chain) = log.chains.get_mut(&id) else { return };
        if chain.state == ChainState::Forked {
            return;
        }
        chain.state = ChainState::Forked;
        let author = chain.author;
        self.journal.add(chain.change(document, id, changed));
        let notice = Notice::Forked { document, chain: id, author };
        context.effects.push(Effect::Notify(notice));
    }

    /// Shows everybody what they may lack of the roster's forked chains.
    pub(super) fn settle_forks(&mut self, context: &mut Context<'_>) {
        for segment in std::mem::take(&mut self.intake.contradictions) {
            // One contradiction proves it, and everybody shows what they hold.
            if !self.roster.is_forked(&segment.chain)
                && let Some(quote) = self.roster.quote(segment)
            {
                self.show(quote, context);
            }
        }
        if !std::mem::take(&mut self.intake.roster_grew) {
            return;
        }
        let chains = self.index.get(&self.roster_document).into_iter().flat_map(|log| &log.chains);
        let open = chains.filter(|(_, chain)| chain.state != ChainState::Forked);
        let forked = open.map(|(id, _)| *id).filter(|id| self.roster.is_forked(id));
        for chain in forked.collect::<Vec<_>>() {
            self.close_forked(self.roster_document, chain, context);
        }
        for quote in self.roster.unquoted() {
            self.show(quote, context);
        }
    }

    /// Writes a quote into the roster, if others would take it.
    fn show(&mut self, quote: Quote, context: &mut Context<'_>) {
        // What is quoted is known by itself, so there is no need to name what was seen.
        let act = Act::Quote(Box::new(quote));
        let payload = codec::encode(&RosterEntry { seen: Frontier::default(), act });
        let entry = Entry { kind: EntryKind::ROSTER, elapsed: 0, payload: &payload };
        let bytes = payload.len() as u64;
        // Half of what is held of anybody's acts is left for acts.
        let growth = Growth { entries: 1, bytes, ..Growth::default() };
        let mut limits = self.limits;
        (limits.author_acts, limits.author_act_bytes) =
            (limits.author_acts / 2, limits.author_act_bytes / 2);
        let log = self.index.get(&self.roster_document);
        let full = log.and_then(|log| excess_of_acts(&limits, log, &self.me, growth));
        if full.is_some() || !is_of_good_size(&entry) {
            tracing::warn!(space = %self.id.short(), bytes, "a forked chain is too large to be shown");
            return;
        }
        self.add_to_roster(&payload, context);
    }
}
