//! Whether what a device has stored of a space is sound: a function of what was read.
//!
//! An [`Audit`] is shown one document after the other, so that no more than one has to be in memory, and at the end
//! the roster's log. It follows each chain from its head to its end: hashes, numbers, signatures, and every update from
//! end to end, as if it came from a stranger; folds the document anew, and compares that with what was folded
//! before. What only the roster can say of it is kept until that is there: on a device that is running, it may have
//! grown meanwhile, and what it once said it still says.
//!
//! The times in a chain need no check: an entry has the time since the one before, which can't be negative.

mod chain;
mod fault;
mod folded;
mod leave;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId, SpaceId};
use crate::log::{ChainHead, Frontier, Point, Segment};
use crate::roster::Genesis;
use crate::space::{ChainRecord, ChainState};

pub use fault::{Fault, Finding, Place};

/// All that is stored of one document.
#[derive(Clone, Debug)]
pub struct StoredLog {
    /// The document.
    pub document: DocumentId,
    /// What it is called, and how far chains that were cut off are mended; nothing if that can't be read.
    pub label: Option<(Label, Frontier)>,
    /// Its chains.
    pub chains: Vec<StoredChain>,
    /// The folded state and the frontier where it stands, if there is one.
    pub snapshot: Option<(Frontier, Vec<u8>)>,
}

/// All that is stored of one chain.
#[derive(Clone, Debug)]
pub struct StoredChain {
    /// The chain.
    pub chain: ChainId,
    /// Its head; nothing if it is not there, or can't be read.
    pub head: Option<ChainHead>,
    /// Where it is said to end; nothing if that is not there, or can't be read.
    pub end: Option<ChainRecord>,
    /// Its segments, in their order, each under the number of the first entry under which it is stored.
    pub segments: Vec<(u64, Segment)>,
}

/// The check of one space.
#[derive(Debug)]
pub struct Audit {
    space: SpaceId,
    me: Option<DeviceId>,
    findings: Vec<Finding>,
    claims: Vec<Claim>,
    /// Which chain grew when the feed stood there.
    feeds: BTreeMap<u64, (DocumentId, ChainId)>,
    /// Where the feed stood when forks were found.
    forked_feed: u64,
    entries: u64,
}

/// What has to be known of the roster before a chain can be called sound.
#[derive(Debug)]
struct Claim {
    place: Place,
    chain: ChainId,
    author: DeviceId,
    /// Whether it is a chain of the roster's own log, in which everybody who was ever let in may write.
    in_roster: bool,
    /// Where segments end that no signature vouches for: a removal must have ended the chain there.
    unsigned: Vec<Point>,
}

impl Audit {
    /// Begins the check of a space on the device `me`, if it is known which that is.
    pub fn new(space: SpaceId, me: Option<DeviceId>) -> Self {
        let (findings, claims, feeds) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { space, me, findings, claims, feeds, forked_feed: 0, entries: 0 }
    }

    /// Checks one of its documents, all but the roster.
    pub fn document(&mut self, stored: &StoredLog) {
        self.log(stored, false);
    }

    /// Checks the roster's log and how the space began, and with them what was left open before.
    pub fn roster(&mut self, stored: &StoredLog, genesis: Option<&Genesis>) {
        self.log(stored, true);
        let Some(genesis) = genesis else { return };
        self.genesis(genesis);
        self.judge(stored, genesis);
    }

    /// What was found so far, and not been taken yet.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// How many entries were read.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The last place in the feed that any chain has.
    pub fn feed(&self) -> u64 {
        let last = self.feeds.keys().next_back().copied().unwrap_or_default();
        last.max(self.forked_feed)
    }

    fn genesis(&mut self, genesis: &Genesis) {
        let place = Place::of_space(self.space);
        if genesis.space() != self.space {
            self.find(place, Fault::OtherSpace { found: genesis.space() });
        }
        if let Err(source) = genesis.verify() {
            self.find(place, Fault::Genesis { source });
        }
    }

    fn log(&mut self, stored: &StoredLog, in_roster: bool) {
        let place = Place::of_document(self.space, stored.document);
        match &stored.label {
            Some((label, _)) if label.document(&self.space) == stored.document => {}
            Some(_) => self.find(place, Fault::OtherName),
            None if stored.chains.is_empty() => {}
            None => self.find(place, Fault::NoName),
        }
        let found_before = self.findings.len();
        let mut mended = Vec::new();
        let first_claim = self.claims.len();
        for chain in &stored.chains {
            self.chain(stored, chain, in_roster, &mut mended);
        }
        for claim in &mut self.claims[first_claim..] {
            // What is mended travels, and a mend names its end.
            claim.unsigned.retain(|end| !mended.contains(&(claim.chain, *end)));
        }
        if !in_roster {
            let intact = self.findings.len() == found_before;
            self.findings.extend(folded::check(place, stored, intact));
        }
    }

    fn chain(
        &mut self,
        stored: &StoredLog,
        chain: &StoredChain,
        in_roster: bool,
        mended: &mut Vec<(ChainId, Point)>,
    ) {
        let place = Place::of_chain(self.space, stored.document, chain.chain);
        let walked = chain::walk(place, stored, chain, in_roster);
        self.entries += walked.entries;
        self.findings.extend(walked.findings);
        mended.extend(walked.mended);
        if let Some(author) = walked.author {
            let (chain, unsigned) = (chain.chain, walked.unsigned);
            self.claims.push(Claim { place, chain, author, in_roster, unsigned });
        }
        if let Some(end) = &chain.end {
            self.end(place, (stored.document, chain.chain), end, walked.author);
        }
    }

    /// What the stored end says besides where the chain ends.
    fn end(
        &mut self,
        place: Place,
        chain: (DocumentId, ChainId),
        end: &ChainRecord,
        author: Option<DeviceId>,
    ) {
        let own = self.me.is_none() || author.is_none() || author == self.me;
        if end.state == ChainState::Retired && !own {
            self.find(place, Fault::Retired);
        }
        if end.feed == 0 {
            self.find(place, Fault::NoFeed);
        }
        // When a fork is found, the chain is stored again under the number at which its document last changed.
        if end.state == ChainState::Forked {
            self.forked_feed = self.forked_feed.max(end.feed);
        } else if let Some((_, other)) = self.feeds.insert(end.feed, chain) {
            self.find(place, Fault::FeedTwice { feed: end.feed, other });
        }
    }

    fn find(&mut self, place: Place, fault: Fault) {
        self.findings.push(Finding { place, fault });
    }
}
