//! Entries of others: what must hold before they are taken in.
//!
//! Segments that follow one another are gathered until [`Space::settle`](super::Space::settle), so that one
//! signature check vouches for all that came in together.

use std::collections::BTreeMap;

use super::contents::check_updates;
use super::effect::{ChainState, PeerFault};
use super::following::Inbound;
use super::holdings::Growth;
use super::journal::Acceptance;
use super::limits::Objection;
use super::message::Segments;
use super::{Context, Space};
use crate::clock::WallTime;
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::identity::BadSignature;
use crate::log::{Link, MAX_SEGMENT_BYTES, Segment, SegmentError, Tip};
use crate::roster::{self, Reach};

/// How many refused chains of one peer are remembered, to be asked for again.
const MAX_REFUSED: usize = 1024;

/// Foreign segments that passed every check but the signature's, by chain; those of one chain all from
/// one peer.
#[derive(Debug, Default)]
pub(super) struct Intake {
    chains: BTreeMap<ChainId, Vec<Staged>>,
    /// What they add, with what of it was dealt with since the last settling.
    pub(super) growth: Growth,
    pub(super) opened: u64,
    /// What showed that chains of the roster are forked, and whether others are to be looked at for that.
    pub(super) contradictions: Vec<Segment>,
    pub(super) roster_grew: bool,
}

#[derive(Debug)]
struct Staged {
    document: DocumentId,
    author: DeviceId,
    segment: Segment,
    tip: Tip,
    /// Where its Yjs client stands behind it.
    clock: u32,
    /// Whether the roster vouches for it, and not its signature: it says that the chain ends, or ended, with this hash.
    vouched: bool,
    from: DeviceId,
}

/// What a chain looks like to the next segment of it.
struct Held {
    document: DocumentId,
    author: DeviceId,
    tip: Tip,
    clock: u32,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It waits for its signature to be checked, or was here already.
    Fine,
    /// Entries before it are missing.
    Gap,
    /// Its author may not write, as far as this device knows.
    Refused,
    /// It does not count: its author was removed, or may not write any more.
    Barred,
    /// A limit is reached.
    Declined(Objection),
}

impl Space {
    pub(super) fn segments(
        &mut self,
        peer: DeviceId,
        message: Segments,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        if self.full {
            return Ok(());
        }
        let Segments { document, label, segments, stretch } = message;
        if let Some(label) = label {
            self.learn_label(document, &label)?;
        } else if !self.index.contains_key(&document) {
            self.ask_again(peer, document, context);
            return Ok(());
        }
        let mut complete = true;
        for segment in segments {
            let chain = segment.chain;
            self.look_for_lost(document, &segment);
            self.settle_others(peer, chain, context);
            let fate = self.stage_or_decline(peer, document, &segment, context)?;
            complete &= fate != Fate::Gap;
            self.note_fate(peer, (document, chain), fate);
        }
        if self.is_roster(document) {
            // What comes next is judged by it.
            self.settle_intake(context);
        }
        self.forget_if_empty(document);
        match (complete, stretch) {
            (true, Some(stretch)) => self.claim(peer, stretch),
            (true, None) => {}
            (false, _) => self.ask_again(peer, document, context),
        }
        Ok(())
    }

    /// Takes in the roster's log, of which authors may be known only by what comes before.
    pub(super) fn learn(
        &mut self,
        peer: DeviceId,
        roster: Vec<Segment>,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        let document = self.roster_document;
        self.log(&Label::roster());
        let mut waiting = roster;
        loop {
            let mut refused = Vec::new();
            let count = waiting.len();
            for segment in waiting {
                self.settle_others(peer, segment.chain, context);
                let fate = self.stage_or_decline(peer, document, &segment, context)?;
                // What follows something that was refused shows as a gap.
                if matches!(fate, Fate::Refused | Fate::Gap) {
                    refused.push(segment);
                }
                self.settle_intake(context);
            }
            if refused.is_empty() || refused.len() == count {
                self.forget_if_empty(document);
                return Ok(());
            }
            waiting = refused;
        }
    }

    /// Remembers what was not taken, to be asked for again when the roster says something else.
    fn note_fate(&mut self, peer: DeviceId, (document, chain): (DocumentId, ChainId), fate: Fate) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let Inbound { refused, barred, .. } = &mut session.inbound;
        match fate {
            Fate::Refused if refused.len() < MAX_REFUSED => _ = refused.insert(chain, document),
            Fate::Barred if barred.len() < MAX_REFUSED => _ = barred.insert(chain, document),
            Fate::Fine => {
                refused.remove(&chain);
                barred.remove(&chain);
            }
            Fate::Gap | Fate::Refused | Fate::Barred | Fate::Declined(_) => {}
        }
    }

    /// Stages a segment, unless a limit is reached: then its sender is told.
    fn stage_or_decline(
        &mut self,
        peer: DeviceId,
        document: DocumentId,
        segment: &Segment,
        context: &mut Context<'_>,
    ) -> Result<Fate, PeerFault> {
        let mut fate = self.stage(peer, document, segment, context)?;
        if let Fate::Declined(_) = fate {
            // What waits for its signature was counted in, and may be forged.
            self.settle_intake(context);
            fate = self.stage(peer, document, segment, context)?;
        }
        if let Fate::Declined(objection) = fate {
            self.decline(peer, (document, segment.chain), objection, context);
        }
        Ok(fate)
    }

    /// Checks the signatures of what was gathered, and takes it in.
    pub(super) fn settle_intake(&mut self, context: &mut Context<'_>) {
        (self.intake.growth, self.intake.opened) = (Growth::default(), 0);
        for (chain, staged) in std::mem::take(&mut self.intake.chains) {
            self.settle_chain(chain, staged, context);
        }
    }

    /// Checks what somebody else sent of a chain: a forgery must not speak against the truth.
    fn settle_others(&mut self, peer: DeviceId, chain: ChainId, context: &mut Context<'_>) {
        let of_others = |staged: &mut Vec<Staged>| staged.iter().any(|staged| staged.from != peer);
        if self.intake.chains.get_mut(&chain).is_some_and(of_others)
            && let Some(staged) = self.intake.chains.remove(&chain)
        {
            self.settle_chain(chain, staged, context);
        }
    }

    fn learn_label(&mut self, document: DocumentId, label: &Label) -> Result<(), PeerFault> {
        if !label.is_sound() || label.document(&self.id) != document {
            return Err(PeerFault::Label);
        }
        self.log(label);
        Ok(())
    }

    /// A name alone makes no document, lest a peer fill the memory with names.
    fn forget_if_empty(&mut self, document: DocumentId) {
        let mut staged = self.intake.chains.values().flatten();
        let empty = |log: &super::DocumentLog| log.chains.is_empty() && log.begun.is_empty();
        if self.index.get(&document).is_some_and(empty)
            && staged.all(|staged| staged.document != document)
        {
            self.remove_log(&document);
        }
    }

    /// Checks how a segment fits what is held of its chain, and keeps it for the signature check.
    fn stage(
        &mut self,
        peer: DeviceId,
        document: DocumentId,
        segment: &Segment,
        context: &mut Context<'_>,
    ) -> Result<Fate, PeerFault> {
        let chain = segment.chain;
        if self.sessions.get(&peer).is_some_and(|it| it.inbound.declined.contains(&chain)) {
            // It was told, and what it had under way follows.
            return Ok(Fate::Fine);
        }
        if !self.may_read(&document, &self.me) {
            // Whoever sent it does not know that yet. Once this device may, it asks for all of it.
            return Ok(Fate::Fine);
        }
        let Some(held) = self.held(document, segment)? else { return Ok(Fate::Gap) };
        if held.document != document {
            return Err(SegmentError::WrongHead.into());
        }
        if self.chain(&document, &chain).is_some_and(|chain| chain.state == ChainState::Forked) {
            return Ok(Fate::Fine);
        }
        let cut = match self.reach(document, &held.author, &chain, &self.me) {
            Reach::Whole => None,
            Reach::Upto(cut) if held.tip.number >= cut.number => return Ok(Fate::Barred),
            Reach::Upto(cut) => Some(cut),
            Reach::Nothing
                if self.roster.is_cut_off(&held.author)
                    || self.roster.reach(&held.author, &chain) != Reach::Nothing =>
            {
                // It may come to count, and as long as it does not, whoever knows that offers it no more.
                return Ok(Fate::Barred);
            }
            Reach::Nothing => return Ok(Fate::Refused),
        };
        if segment.before().number > held.tip.number {
            return Ok(Fate::Gap);
        }
        let Some(fresh) = segment.after(held.tip.number)? else {
            return self.compare_end(document, &held, segment, context);
        };
        // While this device writes a chain, nobody else can know more of it: somebody has its key. In the roster, what
        // they did counts like anybody's.
        let written_here = self.authors.is_written(&chain) && !self.is_roster(document);
        if fresh.before().hash != held.tip.hash || written_here {
            return self.check_fork(document, &held, segment, context);
        }
        self.check_contents(document, &held.author, &fresh)?;
        // It may have been cut off on its way already.
        let fresh = match cut {
            Some(cut) => fresh.upto(cut)?,
            None => fresh,
        };
        let tip = fresh.walk(held.tip.time)?;
        let author = held.author;
        let growth = self.growth(document, &fresh, (&held.tip, &tip));
        if let Some(objection) = self.excess(document, &author, growth) {
            return Ok(Fate::Declined(objection));
        }
        let clock = check_updates(&fresh, held.clock)?;
        self.intake.count(growth);
        let end = tip.point();
        let vouched = cut == Some(end) || self.roster.vouches(&chain, &end);
        let staged = Staged { document, author, segment: fresh, tip, clock, vouched, from: peer };
        self.intake.chains.entry(chain).or_default().push(staged);
        Ok(Fate::Fine)
    }

    /// What a segment adds behind where its chain ended.
    fn growth(&self, document: DocumentId, fresh: &Segment, (held, tip): (&Tip, &Tip)) -> Growth {
        Growth {
            entries: tip.number.saturating_sub(held.number),
            bytes: fresh.body.len() as u64,
            opens: held.number == 0,
            begins: self.index.get(&document).is_none_or(|log| log.chains.is_empty()),
        }
    }

    /// Where the segment's chain ends, counting what is staged; nothing if the chain is not known and the
    /// segment does not open it.
    fn held(&self, document: DocumentId, segment: &Segment) -> Result<Option<Held>, PeerFault> {
        if let Some(last) = self.intake.chains.get(&segment.chain).and_then(|staged| staged.last())
        {
            let Staged { document, author, tip, clock, .. } = *last;
            return Ok(Some(Held { document, author, tip, clock }));
        }
        if let Some(chain) = self.chain(&document, &segment.chain) {
            let (author, tip, clock) = (chain.author, chain.tip, chain.clock);
            return Ok(Some(Held { document, author, tip, clock }));
        }
        let Link::Opens(head) = &segment.link else { return Ok(None) };
        if head.id() != segment.chain || head.document != document {
            return Err(SegmentError::WrongHead.into());
        }
        let tip = Tip::start(segment.chain, head.opened);
        Ok(Some(Held { document, author: head.device, tip, clock: 0 }))
    }

    /// How far somebody's chain travels to a reader. In the roster, whoever was ever a member may speak: what of it
    /// counts, the roster says.
    pub(super) fn reach(
        &self,
        document: DocumentId,
        author: &DeviceId,
        chain: &ChainId,
        reader: &DeviceId,
    ) -> Reach {
        match self.is_roster(document) {
            true if self.roster.knows(author) => Reach::Whole,
            true => Reach::Nothing,
            false if self.deletion(&document).is_some() => Reach::Nothing,
            false if !self.may_read(&document, reader) => Reach::Nothing,
            false if self.is_ledger(document) => self.ledger_reach(&document, author, chain),
            false if self.may_be_mended(author) && self.is_mender(reader) => Reach::Whole,
            false => self.counting_reach(document, author, chain),
        }
    }

    /// Whether somebody may have taken in what does not count of an author's.
    fn may_be_mended(&self, author: &DeviceId) -> bool {
        self.roster.is_cut_off(author) && self.roster.was_named_writer(author)
    }

    pub(super) fn is_roster(&self, document: DocumentId) -> bool {
        document == self.roster_document
    }

    /// A segment with nothing new: if it ends where the chain ends here, it must end in the same hash.
    fn compare_end(
        &mut self,
        document: DocumentId,
        held: &Held,
        segment: &Segment,
        context: &mut Context<'_>,
    ) -> Result<Fate, PeerFault> {
        let tip = segment.walk(WallTime::default())?;
        if tip.number == held.tip.number && tip.hash != held.tip.hash {
            return self.check_fork(document, held, segment, context);
        }
        Ok(Fate::Fine)
    }

    /// A segment that contradicts what is held: either its author signed both, or somebody made it up.
    fn check_fork(
        &mut self,
        document: DocumentId,
        held: &Held,
        segment: &Segment,
        context: &mut Context<'_>,
    ) -> Result<Fate, PeerFault> {
        let tip = segment.walk(WallTime::default())?;
        segment.verify(&held.author, &tip).map_err(SegmentError::from)?;
        if self.is_roster(document) {
            if !roster::is_quotable(segment) {
                return Err(PeerFault::Roster);
            }
            self.intake.contradictions.push(segment.clone());
        }
        self.close_forked(document, segment.chain, context);
        Ok(Fate::Fine)
    }

    fn settle_chain(&mut self, chain: ChainId, staged: Vec<Staged>, context: &mut Context<'_>) {
        for group in grouped(staged) {
            let last = group.last().expect("a group is never empty");
            if last.verify().is_ok() {
                self.accept_joined(group, context);
                continue;
            }
            // One of them is bad. Those before it are good; what follows it can't be linked.
            self.accept_good_front(chain, group, context);
            break;
        }
    }

    fn accept_good_front(
        &mut self,
        chain: ChainId,
        mut group: Vec<Staged>,
        context: &mut Context<'_>,
    ) {
        let bad = group.iter().position(|staged| staged.verify().is_err()).unwrap_or(0);
        let culprit = &group[bad];
        if let Err(source) = culprit.verify() {
            // What it says of its feed counts no more, either.
            let (culprit, fault) = (culprit.from, SegmentError::from(source).into());
            self.cut_off(culprit, fault, context);
        }
        tracing::warn!(chain = %chain.short(), "a segment's signature is bad");
        group.truncate(bad);
        if !group.is_empty() {
            self.accept_joined(group, context);
        }
    }

    fn accept_joined(&mut self, group: Vec<Staged>, context: &mut Context<'_>) {
        let mut parts = group.into_iter();
        let Some(first) = parts.next() else { return };
        let Staged { document, author, mut segment, mut tip, mut clock, from, .. } = first;
        for part in parts {
            segment.join(part.segment);
            (tip, clock) = (part.tip, part.clock);
        }
        let acceptance = Acceptance { document, author, segment, tip, clock, origin: Some(from) };
        self.accept(acceptance, context);
    }
}

impl Intake {
    /// Counts what waits now.
    fn count(&mut self, growth: Growth) {
        self.growth.entries = self.growth.entries.saturating_add(growth.entries);
        self.growth.bytes = self.growth.bytes.saturating_add(growth.bytes);
        self.opened += u64::from(growth.opens);
    }
}

impl Staged {
    /// Whether its author vouches for it, or the roster does.
    fn verify(&self) -> Result<(), BadSignature> {
        match self.vouched {
            true => Ok(()),
            false => self.segment.verify(&self.author, &self.tip),
        }
    }
}

/// Cuts a row of segments where one that joins them all would grow too large. As only the last signature of
/// each group is kept, only that one is checked.
fn grouped(staged: Vec<Staged>) -> Vec<Vec<Staged>> {
    let mut groups: Vec<Vec<Staged>> = Vec::new();
    let mut bytes = 0;
    for next in staged {
        bytes += next.segment.body.len();
        match groups.last_mut().filter(|_| bytes <= MAX_SEGMENT_BYTES) {
            Some(group) => group.push(next),
            None => {
                bytes = next.segment.body.len();
                groups.push(vec![next]);
            }
        }
    }
    groups
}
