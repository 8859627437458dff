//! Who is in the space, by all that is known.

use std::collections::BTreeSet;

use super::entry::RosterEntry;
use super::evidence::Evidence;
use super::fold::{Deed, Former, Member, Outcome, counting, fold};
use super::{Act, Genesis, JoinRequest, Quote, Rank, Role, Scope};
use crate::clock::WallTime;
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::{Frontier, Point, Segment};

/// Who is in the space, and the log that says so.
#[derive(Clone, Debug)]
pub struct Roster {
    genesis: Genesis,
    evidence: Evidence,
    outcome: Outcome,
}

/// How far a chain counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Whole,
    /// Up to this entry: its author was removed, or may not write any more.
    Upto(Point),
    /// Not at all.
    Nothing,
}

impl Roster {
    /// The roster of a space that has only its creator.
    pub fn new(genesis: Genesis) -> Self {
        let evidence = Evidence::new(genesis.space());
        let mut roster = Self { genesis, evidence, outcome: Outcome::default() };
        roster.fold();
        roster
    }

    /// The space's beginning.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The member's standing, or nothing if it is not one.
    pub fn member(&self, device: &DeviceId) -> Option<&Member> {
        self.outcome.members.get(device)
    }

    /// Where a member stands in `rank` policies, if it is one and has a rank.
    pub fn rank(&self, device: &DeviceId) -> Option<Rank> {
        self.member(device)?.rank.clone()
    }

    /// All members.
    pub fn members(&self) -> impl Iterator<Item = (&DeviceId, &Member)> {
        self.outcome.members.iter()
    }

    /// All who were members and are none any more.
    pub fn formers(&self) -> impl Iterator<Item = (&DeviceId, &Former)> {
        self.outcome.former.iter()
    }

    /// How somebody who was a member came not to be one any more.
    pub fn former(&self, device: &DeviceId) -> Option<&Former> {
        self.outcome.former.get(device)
    }

    /// Whether somebody is a member, or was ever let in. They may read the roster, and have written it.
    pub fn knows(&self, device: &DeviceId) -> bool {
        self.member(device).is_some() || self.is_cut_off(device)
    }

    /// How far a chain of documents counts.
    pub fn reach(&self, author: &DeviceId, chain: &ChainId) -> Reach {
        let writes = self.member(author).is_some_and(|member| member.role.writes());
        match self.outcome.cuts.get(chain) {
            // Also when its author is back: they go on with a new one.
            Some(point) => Reach::Upto(*point),
            None if writes => Reach::Whole,
            None => Reach::Nothing,
        }
    }

    /// The buckets' ledgers that somebody may read by what admins have granted, or by their role. The common one and their
    /// own need neither.
    pub fn scope(&self, device: &DeviceId) -> Scope {
        let Some(member) = self.member(device) else { return Scope::default() };
        let given = self.outcome.grants.given.iter();
        let given = given.filter(|(_, readers)| readers.contains(device));
        let ledgers = given.map(|(ledger, _)| *ledger).collect();
        Scope { all: member.role >= Role::Anchor, ledgers }
    }

    /// Whether somebody may read a bucket's ledger, in the same way.
    pub fn reads(&self, device: &DeviceId, ledger: &DocumentId) -> bool {
        let member = self.member(device);
        member.is_some_and(|it| it.role >= Role::Anchor || self.is_granted(device, ledger))
    }

    /// The ledgers of which something was granted, with those to whom it was.
    pub fn grants(&self) -> impl Iterator<Item = (&DocumentId, &BTreeSet<DeviceId>)> {
        self.outcome.grants.given.iter()
    }

    /// Where somebody's chain ends in a ledger that they may not read any more.
    pub(crate) fn revoked_end(
        &self,
        ledger: &DocumentId,
        author: &DeviceId,
        chain: &ChainId,
    ) -> Reach {
        let ends = self.outcome.grants.ends.get(&(*ledger, *author));
        ends.and_then(|ends| ends.get(chain)).map_or(Reach::Nothing, |end| Reach::Upto(*end))
    }

    /// Whether a revocation named this as the end of a chain, whatever became of that.
    pub(crate) fn vouches(&self, chain: &ChainId, end: &Point) -> bool {
        self.outcome.grants.vouched.contains(&(*chain, *end))
    }

    /// Whether anything was ever taken back that was granted to somebody.
    pub(crate) fn was_revoked(&self, device: &DeviceId) -> bool {
        self.outcome.grants.ends.keys().any(|(_, of)| of == device)
    }

    fn is_granted(&self, device: &DeviceId, ledger: &DocumentId) -> bool {
        let readers = self.outcome.grants.given.get(ledger);
        self.member(device).is_some() && readers.is_some_and(|readers| readers.contains(device))
    }

    fn may_be_granted(&self, device: &DeviceId, ledger: &DocumentId) -> bool {
        self.member(device).is_some() && !self.is_granted(device, ledger)
    }

    /// Whether a device is an anchor, or was one.
    pub fn was_anchor(&self, device: &DeviceId) -> bool {
        self.outcome.anchors.contains(device)
    }

    /// Where what anchors decided ends, by whoever removed them or gave them another role.
    pub fn last_words(&self) -> impl Iterator<Item = (&ChainId, &Point)> {
        self.outcome.last_words.iter()
    }

    /// The same of one chain, if its author was an anchor and handed over.
    pub fn last_word(&self, chain: &ChainId) -> Option<&Point> {
        self.outcome.last_words.get(chain)
    }

    /// Whether anybody was cut off: removed, or given a role that does not write.
    pub fn has_cuts(&self) -> bool {
        !self.outcome.cut_off.is_empty()
    }

    /// Whether somebody was cut off, now or before they came back; or was let in, and does not count.
    pub fn is_cut_off(&self, device: &DeviceId) -> bool {
        self.outcome.cut_off.contains(device)
    }

    /// Whether it was ever said that somebody may write, whether or not that counts.
    pub fn was_named_writer(&self, device: &DeviceId) -> bool {
        self.outcome.named_writers.contains(device)
    }

    /// Who deleted a document, and when; nothing if it is not deleted.
    pub fn deletion(&self, document: &Label) -> Option<&Former> {
        self.outcome.deleted.get(document)
    }

    /// The documents that are deleted, with who did it and when.
    pub fn deleted(&self) -> impl Iterator<Item = (&Label, &Former)> {
        self.outcome.deleted.iter()
    }

    /// The document that is meant by a name: the first of its lineages that is not deleted.
    pub fn named(&self, first: &Label) -> Label {
        let mut label = first.clone();
        while self.outcome.deleted.contains_key(&label) {
            label = label.next();
        }
        label
    }

    /// The one member that mends what was written behind a cut: the anchor of longest standing, or where there is
    /// none, the admin.
    pub fn mender(&self) -> Option<DeviceId> {
        self.outcome.mender
    }

    /// Whether mends by a device count: it is or was an anchor or an admin. As roles change, who mended in good faith
    /// must be believed by those who come later.
    pub fn may_mend(&self, device: &DeviceId) -> bool {
        self.outcome.trusted.contains(device)
    }

    /// Takes in segments of the roster's log, each of which follows what is held of its chain; says whether anything
    /// that the roster says has changed.
    pub fn take<'a>(
        &mut self,
        segments: impl IntoIterator<Item = (DeviceId, &'a Segment)>,
    ) -> bool {
        let mut fresh = false;
        for (author, segment) in segments {
            fresh |= self.evidence.take(author, segment);
        }
        fresh && self.evidence.place() && self.fold()
    }

    /// An entry by whoever knows what this roster does.
    pub fn entry(&self, act: Act) -> RosterEntry {
        RosterEntry { seen: self.heads(), act }
    }

    /// The ends of the roster's log: together they name all that is known. Where a chain was forked, each branch has its own.
    pub fn heads(&self) -> Frontier {
        self.evidence.heads()
    }

    /// The whole log, for somebody who has none of it. Who vouches comes before whom they vouch for.
    pub fn segments(&self) -> Vec<Segment> {
        self.evidence.segments()
    }

    /// Whether the author of a chain of the roster's log signed two different entries of it under one number.
    pub fn is_forked(&self, chain: &ChainId) -> bool {
        self.evidence.is_forked(chain)
    }

    /// What is held of forked chains and that nobody has quoted yet.
    pub fn unquoted(&self) -> Vec<Quote> {
        self.evidence.unquoted()
    }

    /// A segment that contradicts what is held of its chain, as a quote.
    pub fn quote(&self, segment: Segment) -> Option<Quote> {
        self.evidence.quote(segment)
    }

    /// Whether the request would count, were `member` to countersign it now.
    pub fn would_admit(&self, request: &JoinRequest, member: DeviceId, now: WallTime) -> bool {
        let ours = request.certificate().space() == self.genesis.space();
        ours && request.verify().is_ok() && {
            let wanted = request.certificate().invitation().role;
            let after = self.after(member, now, Act::Admit(Box::new(request.clone())));
            after.members.get(&request.device()).is_some_and(|member| member.role >= wanted)
        }
    }

    /// Whether `member` may do that now.
    pub fn permits(&self, member: DeviceId, now: WallTime, act: &Act) -> bool {
        let admin = self.member(&member).is_some_and(|member| member.role == Role::Admin);
        let subject = act.subject().is_none_or(|device| self.member(&device).is_some());
        let leaves = matches!(act, Act::Remove { device, .. } if *device == member);
        match act {
            Act::Admit(request) => self.would_admit(request, member, now),
            Act::Delete { document } => admin && self.deletion(document).is_none(),
            Act::Restore { document } => admin && self.deletion(document).is_some(),
            Act::Quote(_) => true,
            Act::Grant { ledger, device } => admin && self.may_be_granted(device, ledger),
            Act::Revoke { ledger, device, .. } => admin && self.is_granted(device, ledger),
            Act::Appoint { .. } | Act::Remove { .. } | Act::Close { .. } => {
                subject && (admin || leaves)
            }
        }
    }

    /// All deeds, and whether they count.
    pub(super) fn judged(&self) -> impl Iterator<Item = (&Deed, bool)> {
        let (deeds, past_of) = (self.evidence.deeds(), |seen: &_| self.evidence.past_of(seen));
        deeds.iter().zip(counting(&self.genesis, deeds, &past_of))
    }

    #[cfg(test)]
    pub(super) fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What the roster would say after one more deed.
    fn after(&self, author: DeviceId, at: WallTime, act: Act) -> Outcome {
        let past = self.evidence.past_of(&self.heads()).unwrap_or_default();
        // Nobody can have this chain: its number comes behind every other.
        let (chain, number) = (ChainId([0; 32]), u64::MAX);
        let since = self.evidence.after(at, &past);
        let deed = Deed { chain, number, author, at, since, past: past.into(), act };
        let deeds: Vec<_> = self.evidence.deeds().iter().cloned().chain([deed]).collect();
        fold(&self.genesis, &deeds, &|seen| self.evidence.past_of(seen))
    }

    /// Says whether the outcome is another.
    fn fold(&mut self) -> bool {
        let past_of = |seen: &Frontier| self.evidence.past_of(seen);
        let outcome = fold(&self.genesis, self.evidence.deeds(), &past_of);
        let changed = outcome != self.outcome;
        self.outcome = outcome;
        changed
    }
}
