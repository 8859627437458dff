//! One chain, followed from its head to its end.

use super::fault::{Fault, Finding, Place};
use super::{StoredChain, StoredLog};
use crate::clock::WallTime;
use crate::document::check;
use crate::id::{ChainId, DeviceId};
use crate::log::{ChainHead, Entry, EntryKind, MAX_ENTRY_BYTES, Mend, Point, Segment, Tip};
use crate::roster;
use crate::space::ChainRecord;

/// What was found on the way.
pub(super) struct Walked {
    pub(super) findings: Vec<Finding>,
    pub(super) entries: u64,
    pub(super) author: Option<DeviceId>,
    /// Where segments end that no signature vouches for.
    pub(super) unsigned: Vec<Point>,
    /// Up to where the mends in it mend other chains.
    pub(super) mended: Vec<(ChainId, Point)>,
}

pub(super) fn walk(place: Place, log: &StoredLog, stored: &StoredChain, in_roster: bool) -> Walked {
    let mut walker = Walker::new(place, log, stored, in_roster);
    walker.head(log, stored);
    for (number, segment) in &stored.segments {
        walker.segment(*number, segment);
    }
    match &stored.end {
        Some(end) => walker.end(end),
        None => walker.find(place, Fault::NoEnd),
    }
    walker.walked
}

struct Walker<'a> {
    chain: ChainId,
    place: Place,
    in_roster: bool,
    /// Entries that something else stored here names by their hashes.
    named: Vec<(Point, fn() -> Fault)>,
    head: Option<&'a ChainHead>,
    tip: Tip,
    /// Where the chain's Yjs client stands; nothing while that is not known, because something is missing.
    clock: Option<u32>,
    /// Whether nothing was missing so far, so that the time is known.
    whole: bool,
    walked: Walked,
}

impl<'a> Walker<'a> {
    fn new(place: Place, log: &StoredLog, stored: &'a StoredChain, in_roster: bool) -> Self {
        let chain = stored.chain;
        let snapshot = log.snapshot.as_ref().and_then(|(frontier, _)| frontier.get(&chain));
        let mended = log.label.as_ref().and_then(|(_, mended)| mended.get(&chain));
        let of_other: fn() -> Fault = || Fault::SnapshotOfOther;
        let mended_other: fn() -> Fault = || Fault::Mended;
        let named = snapshot.map(|point| (*point, of_other)).into_iter();
        let named = named.chain(mended.map(|point| (*point, mended_other))).collect();
        let opening = stored.segments.first().and_then(|(_, segment)| segment.head());
        let head = stored.head.as_ref().or(opening);
        let opened = head.map_or(WallTime(0), |head| head.opened);
        let walked = Walked {
            findings: Vec::new(),
            entries: 0,
            author: head.map(|head| head.device),
            unsigned: Vec::new(),
            mended: Vec::new(),
        };
        let (tip, clock) = (Tip::start(chain, opened), Some(0));
        Self { chain, place, in_roster, named, head, tip, clock, whole: true, walked }
    }

    fn head(&mut self, log: &StoredLog, stored: &StoredChain) {
        match self.head {
            Some(head) if head.id() != self.chain || head.document != log.document => {
                self.find(self.place, Fault::WrongHead);
            }
            _ if stored.head.is_none() => self.find(self.place, Fault::NoHead),
            _ => {}
        }
    }

    fn segment(&mut self, number: u64, segment: &Segment) {
        let before = segment.before();
        let first = before.number.saturating_add(1);
        let place = self.place.at(first);
        if number != first {
            self.find(place, Fault::Misplaced { number });
        }
        if segment.head().is_some_and(|head| Some(head) != self.head) {
            self.find(place, Fault::OtherHead);
        }
        self.link(before);
        let mut entries = 0;
        for entry in segment.entries() {
            let number = self.tip.number + 1;
            match entry {
                Ok((entry, encoded)) => self.entry(number, &entry, encoded),
                Err(source) => {
                    self.lose();
                    return self.find(self.place.at(number), Fault::Entry { source });
                }
            }
            entries += 1;
        }
        if entries == 0 {
            self.find(place, Fault::Empty);
        }
        let signed = |author: DeviceId| segment.verify(&author, &self.tip).is_ok();
        if self.walked.author.is_some_and(|author| !signed(author)) {
            self.walked.unsigned.push(self.tip.point());
        }
    }

    /// Goes on behind an entry, which should be the last.
    fn link(&mut self, before: Point) {
        if before.number > self.tip.number {
            let (from, to) = (self.tip.number + 1, before.number);
            self.find(self.place.at(from), Fault::Missing { from, to });
            self.lose();
        } else if before.number < self.tip.number {
            self.find(self.place.at(before.number.saturating_add(1)), Fault::Twice);
            self.lose();
        } else if before.hash != self.tip.hash {
            self.find(self.place.at(before.number.saturating_add(1)), Fault::Link);
        }
        (self.tip.number, self.tip.hash) = (before.number, before.hash);
    }

    fn entry(&mut self, number: u64, entry: &Entry<'_>, encoded: &[u8]) {
        let place = self.place.at(number);
        self.walked.entries += 1;
        self.tip = self.tip.followed_by(entry, encoded);
        let bytes = entry.payload.len();
        if bytes > MAX_ENTRY_BYTES {
            self.find(place, Fault::TooLarge { bytes });
        }
        for at in 0..self.named.len() {
            let (point, fault) = self.named[at];
            if point.number == number && point.hash != self.tip.hash {
                self.find(place, fault());
            }
        }
        match self.in_roster {
            true => self.act(place, entry),
            false => self.content(place, entry),
        }
    }

    fn act(&mut self, place: Place, entry: &Entry<'_>) {
        if entry.kind != EntryKind::ROSTER || !roster::is_of_good_size(entry) {
            self.find(place, Fault::NotOfRoster);
        }
    }

    fn content(&mut self, place: Place, entry: &Entry<'_>) {
        if entry.kind == EntryKind::MEND {
            match Mend::read(entry.payload) {
                Ok(mend) => {
                    let ends = mend.refused.iter().map(|(chain, point)| (*chain, *point));
                    self.walked.mended.extend(ends);
                }
                Err(source) => self.find(place, Fault::Mend { source }),
            }
        }
        match check::entry(entry, self.chain.client_id(), self.clock) {
            Ok(clock) => self.clock = clock,
            Err(source) => {
                self.clock = None;
                self.find(place, Fault::Update { source });
            }
        }
    }

    fn end(&mut self, end: &ChainRecord) {
        let (said, found) = (end.tip.number, self.tip.number);
        let place = self.place.at(said);
        if said > found {
            let from = found + 1;
            self.find(self.place.at(from), Fault::Missing { from, to: said });
        } else if said < found {
            self.find(place, Fault::Tip { said, found });
        } else if end.tip.hash != self.tip.hash {
            self.find(place, Fault::TipHash);
        } else if self.whole && end.tip.time != self.tip.time {
            self.find(place, Fault::TipTime);
        }
        match self.clock {
            Some(found) if said == self.tip.number && found != end.clock => {
                self.find(self.place, Fault::Clock { said: end.clock, found });
            }
            _ => {}
        }
    }

    /// Something is missing: what only it would tell is not known any more.
    fn lose(&mut self) {
        (self.whole, self.clock) = (false, None);
    }

    fn find(&mut self, place: Place, fault: Fault) {
        self.walked.findings.push(Finding { place, fault });
    }
}
