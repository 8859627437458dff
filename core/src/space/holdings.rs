//! How much is held of a space, and of whom: what limits are held against.

use std::collections::BTreeMap;

use super::index::{DocumentLog, Index};
use super::limits::{Limits, Measure, Objection};
use crate::id::{DeviceId, DocumentId};

/// What is held of all documents but the roster.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    all: Share,
    authors: BTreeMap<DeviceId, Share>,
}

/// What is held of somebody.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    /// Documents in which nobody else has written; of all together, all documents.
    documents: u64,
    chains: u64,
    entries: u64,
    bytes: u64,
}

/// What a segment adds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    /// Whether it opens a chain.
    pub(super) opens: bool,
    /// Whether it begins a document.
    pub(super) begins: bool,
}

impl Holdings {
    /// Counts what an index holds.
    pub(super) fn of(index: &Index, roster: DocumentId) -> Self {
        let mut holdings = Self::default();
        for (_, log) in index.iter().filter(|(id, _)| **id != roster) {
            let sole = log.sole_author();
            for (number, chain) in log.chains.values().enumerate() {
                let (entries, bytes) = (chain.tip.number, chain.bytes);
                let begins = number == 0 && sole.is_some();
                holdings.add(chain.author, Growth { entries, bytes, opens: true, begins });
            }
            // A document of several authors is nobody's, and still a document.
            holdings.all.documents += u64::from(sole.is_none() && !log.chains.is_empty());
        }
        holdings
    }

    /// How many documents there are.
    pub(super) fn documents(&self) -> u64 {
        self.all.documents
    }

    /// Counts what is about to be added to a document.
    pub(super) fn grow(&mut self, log: &DocumentLog, author: DeviceId, growth: Growth) {
        if growth.opens
            && let Some(sole) = log.sole_author().filter(|sole| *sole != author)
            && let Some(share) = self.authors.get_mut(&sole)
        {
            share.documents = share.documents.saturating_sub(1);
        }
        self.add(author, growth);
    }

    /// What of an author is over a limit once more is added, where `members` share what is for all. The author has
    /// `chains_here` in the document; `opened` chains and documents wait to be checked, whosever they are.
    pub(super) fn excess(
        &self,
        limits: &Limits,
        (author, members): (&DeviceId, u64),
        (chains_here, opened): (u64, u64),
        growth: Growth,
    ) -> Option<Objection> {
        let mut share = self.authors.get(author).copied().unwrap_or_default();
        let mut all = self.all;
        share.add(growth);
        all.add(growth);
        let shared =
            |all: u64, share: u64, limit: u64| all > limit && share > limit / members.max(1);
        // A limit that something else has crossed is no reason to refuse this.
        let begins = |over: bool| growth.begins && over;
        let opens = |over: bool| growth.opens && over;
        let Limits { documents, author_documents, author_chains, .. } = *limits;
        let in_document = limits.author_chains_in_document;
        let all_documents = all.documents + opened;
        let own_documents = share.documents + opened;
        let chains_here = chains_here + opened + 1;
        first_over([
            (
                begins(shared(all_documents, own_documents, documents)),
                Measure::Documents,
                documents,
            ),
            (shared(all.entries, share.entries, limits.entries), Measure::Entries, limits.entries),
            (shared(all.bytes, share.bytes, limits.bytes), Measure::Bytes, limits.bytes),
            (begins(own_documents > author_documents), Measure::AuthorDocuments, author_documents),
            (opens(share.chains + opened > author_chains), Measure::AuthorChains, author_chains),
            (opens(chains_here > in_document), Measure::AuthorChainsInDocument, in_document),
            (share.bytes > limits.author_bytes, Measure::AuthorBytes, limits.author_bytes),
        ])
    }

    fn add(&mut self, author: DeviceId, growth: Growth) {
        self.all.add(growth);
        self.authors.entry(author).or_default().add(growth);
    }
}

/// What of an author's acts in the roster is over a limit once more is added.
pub(super) fn excess_of_acts(
    limits: &Limits,
    roster: &DocumentLog,
    author: &DeviceId,
    growth: Growth,
) -> Option<Objection> {
    let theirs = roster.chains.values().filter(|chain| chain.author == *author);
    let (entries, bytes) =
        theirs.fold((growth.entries, growth.bytes), |(entries, bytes), chain| {
            (entries.saturating_add(chain.tip.number), bytes.saturating_add(chain.bytes))
        });
    let over = [
        (entries > limits.author_acts, Measure::AuthorActs, limits.author_acts),
        (bytes > limits.author_act_bytes, Measure::AuthorActBytes, limits.author_act_bytes),
    ];
    first_over(over)
}

fn first_over(limits: impl IntoIterator<Item = (bool, Measure, u64)>) -> Option<Objection> {
    let (_, measure, limit) = limits.into_iter().find(|(over, ..)| *over)?;
    Some(Objection::Full { measure, limit })
}

impl Share {
    fn add(&mut self, growth: Growth) {
        self.documents += u64::from(growth.begins);
        self.chains += u64::from(growth.opens);
        self.entries = self.entries.saturating_add(growth.entries);
        self.bytes = self.bytes.saturating_add(growth.bytes);
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    const MEMBERS: u64 = 4;

    /// Takes what members bring, as far as limits let it.
    fn taken(limits: &Limits, brought: &[(u8, u16)]) -> Holdings {
        let mut holdings = Holdings::default();
        for (author, bytes) in brought {
            let author = DeviceId([author % MEMBERS as u8; 32]);
            let growth = Growth { entries: 1, bytes: u64::from(*bytes), ..Growth::default() };
            if holdings.excess(limits, (&author, MEMBERS), (0, 0), growth).is_none() {
                holdings.add(author, growth);
            }
        }
        holdings
    }

    fn limits() -> Limits {
        Limits { bytes: 400_000, ..Limits::default() }
    }

    quickcheck! {
        fn whoever_has_less_than_an_equal_share_is_not_stopped_by_the_others(
            brought: Vec<(u8, u16)>
        ) -> bool {
            let equal = limits().bytes / MEMBERS;
            let mut brought = brought;
            brought.extend([(1, u16::MAX); 10]);
            let holdings = taken(&limits(), &brought);
            // Whatever the others took, there is room for this up to an equal share.
            let share = holdings.authors.get(&DeviceId([0; 32])).copied().unwrap_or_default();
            let growth = Growth { bytes: equal.saturating_sub(share.bytes), ..Growth::default() };
            share.bytes > equal
                || holdings.excess(&limits(), (&DeviceId([0; 32]), MEMBERS), (0, 0), growth).is_none()
        }

        fn a_space_grows_to_twice_its_limit_at_the_most(brought: Vec<(u8, u16)>) -> bool {
            let holdings = taken(&limits(), &brought.repeat(20));
            holdings.all.bytes <= 2 * limits().bytes
        }
    }

    #[test]
    fn a_document_is_its_authors_until_somebody_else_writes_in_it() {
        let (alice, bob) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let limits = Limits { author_documents: 1, ..Limits::default() };
        let begins = Growth { opens: true, begins: true, ..Growth::default() };
        let joins = Growth { begins: false, ..begins };
        let mut holdings = Holdings::default();
        let mut log = DocumentLog::new(crate::document::Label::new("notes").unwrap());
        holdings.grow(&log, alice, begins);
        let tip = crate::log::Tip::start(crate::id::ChainId([1; 32]), Default::default());
        log.grow(crate::id::ChainId([1; 32]), alice, (tip, 0), 1);
        assert!(holdings.excess(&limits, (&alice, 2), (0, 0), begins).is_some());
        holdings.grow(&log, bob, joins);
        assert!(holdings.excess(&limits, (&alice, 2), (0, 0), begins).is_none());
    }
}
