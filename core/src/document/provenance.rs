//! Who wrote what, and on what they had seen: a function of a document's log.
//!
//! An entry does not say what its author had seen. But its update leans on other updates: on what stood to the left and
//! to the right of what it inserts, on the container that it writes in, and on what it deletes. Who leans on
//! something had seen it, with all that comes before it on its chain, and all that its author had seen by then. So what is
//! told here is what they had seen at least.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::check::{self, Author, BadUpdate, Block, Id, Kind, Parent};
use crate::clock::WallTime;
use crate::id::{ChainId, DeviceId, Hash};
use crate::log::{Entry, EntryKind, Guest, Mend, Segment, Tip};

/// Something of length one that was inserted into a Yjs document: a UTF-16 unit, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The Yjs client that inserted it.
    pub client: u64,
    /// Its clock.
    pub clock: u32,
}

/// An entry of a document's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who wrote it, or signed it for a guest.
    pub author: DeviceId,
    /// The guest who wrote it, if it was one.
    pub guest: Option<String>,
    /// The chain that it is on.
    pub chain: ChainId,
    /// Its number there.
    pub number: u64,
    /// The hash of the chain up to it.
    pub hash: Hash,
    /// When it was written, as its author says.
    pub time: WallTime,
    /// Whether it undoes what did not count, so that what it inserts was there before, by others.
    pub mends: bool,
    /// The entry whose signature vouches for it, if a later one or its own does: not where a removal cut the chain off.
    pub signed_with: Option<u64>,
}

/// What stands where a unit was inserted, as its author saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// The character, if it is one.
    pub character: Option<char>,
    /// What was to its left.
    pub left: Option<Unit>,
    /// What was to its right.
    pub right: Option<Unit>,
}

/// What a device wrote in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// How many entries.
    pub entries: u64,
    /// When it wrote the first, as it says.
    pub first: WallTime,
    /// When it wrote the last.
    pub last: WallTime,
}

/// A document's log, read for who wrote what.
#[derive(Debug, Default)]
pub struct Provenance<'a> {
    chains: BTreeMap<ChainId, Line<'a>>,
    clients: BTreeMap<u64, ChainId>,
    /// The clocks that guests' clients insert, in their order, and on which chain which entry does.
    guests: BTreeMap<u64, Vec<(Range<u32>, ChainId, usize)>>,
}

#[derive(Debug)]
struct Line<'a> {
    author: DeviceId,
    written: Vec<Written<'a>>,
    /// The clocks that entries insert, in their order, and which entry does.
    inserts: Vec<(Range<u32>, usize)>,
}

#[derive(Debug)]
struct Written<'a> {
    tip: Tip,
    kind: EntryKind,
    update: Option<&'a [u8]>,
    guest: Option<String>,
    /// Up to where it mends chains.
    mended: Vec<(ChainId, u64)>,
    /// Whether a signature over exactly this end of the chain was found sound.
    signed: bool,
}

impl<'a> Provenance<'a> {
    /// Reads the log, each chain from its start and in its order. What does not decode ends its chain.
    pub fn read(log: impl IntoIterator<Item = &'a Segment>) -> Self {
        let mut read = Self::default();
        for segment in log {
            read.add(segment);
        }
        // Two anchors may each have signed a part.
        read.guests
            .values_mut()
            .for_each(|inserts| inserts.sort_by_key(|(clocks, ..)| clocks.start));
        read
    }

    /// What each device wrote.
    pub fn contributions(&self) -> BTreeMap<DeviceId, Contribution> {
        let mut all: BTreeMap<DeviceId, Contribution> = BTreeMap::new();
        for line in self.chains.values() {
            let (Some(first), Some(last)) = (line.written.first(), line.written.last()) else {
                continue;
            };
            let (entries, first, last) = (line.written.len() as u64, first.tip.time, last.tip.time);
            all.entry(line.author)
                .and_modify(|known| {
                    known.entries += entries;
                    known.first = known.first.min(first);
                    known.last = known.last.max(last);
                })
                .or_insert(Contribution { entries, first, last });
        }
        all
    }

    /// Whose client that is; of a guest's, who signed for it first.
    pub fn author(&self, client: u64) -> Option<DeviceId> {
        let of_guest = || Some(&self.guests.get(&client)?.first()?.1);
        let chain = self.clients.get(&client).or_else(of_guest)?;
        self.chains.get(chain).map(|line| line.author)
    }

    /// The entry that inserted a unit.
    pub fn origin(&self, unit: Unit) -> Option<Origin> {
        let (chain, line, at) = self.find(unit)?;
        let written = &line.written[at];
        let signed = line.written[at..].iter().find(|written| written.signed);
        Some(Origin {
            author: line.author,
            guest: written.guest.clone(),
            chain,
            number: written.tip.number,
            hash: written.tip.hash,
            time: written.tip.time,
            mends: written.kind == EntryKind::MEND,
            signed_with: signed.map(|written| written.tip.number),
        })
    }

    /// Where a unit was inserted.
    pub fn inserted(&self, unit: Unit) -> Option<Inserted> {
        let (_, line, at) = self.find(unit)?;
        let mut inserted = None;
        let _ = check::each_block(line.written[at].update?, |block| {
            if (block.id.clock..block.end()).contains(&unit.clock) {
                inserted = Some(Inserted::of(&block, unit));
            }
            Ok(())
        });
        inserted
    }

    /// What the author of an entry had seen at least when they wrote it: of each other chain the last entry. Their own
    /// chain they had seen up to there.
    pub fn seen_by(&self, origin: &Origin) -> BTreeMap<ChainId, u64> {
        let mut seen = BTreeMap::from([(origin.chain, 0)]);
        let mut waiting = BTreeSet::from([(origin.chain, origin.number)]);
        while let Some((chain, upto)) = waiting.pop_first() {
            let known = seen.get(&chain).copied().unwrap_or_default();
            if upto <= known {
                continue;
            }
            seen.insert(chain, upto);
            let Some(line) = self.chains.get(&chain) else { continue };
            let fresh = line
                .written
                .iter()
                .filter(|written| (known + 1..=upto).contains(&written.tip.number));
            fresh.for_each(|written| waiting.extend(self.leans_on(written)));
        }
        seen.remove(&origin.chain);
        seen
    }

    fn add(&mut self, segment: &'a Segment) {
        let Some(line) = self.line(segment) else { return };
        let client = segment.chain.client_id();
        let (mut tip, author) = (line.tip(segment), line.author);
        if tip.point() != segment.before() {
            return;
        }
        let mut by_guests = Vec::new();
        for (entry, encoded) in segment.entries().map_while(Result::ok) {
            tip = tip.followed_by(&entry, encoded);
            let (written, at) = (Written::of(tip, &entry), line.written.len());
            match (written.update, &written.guest) {
                (Some(update), Some(_)) => by_guests.extend(runs(update).map(|run| (run, at))),
                (Some(update), None) => {
                    line.inserts.extend(clocks(update, client).map(|clocks| (clocks, at)));
                }
                (None, _) => {}
            }
            line.written.push(written);
        }
        let signed = segment.verify(&author, &tip).is_ok();
        if let Some(last) = line.written.last_mut() {
            last.signed = signed;
        }
        for ((client, clocks), at) in by_guests {
            self.guests.entry(client).or_default().push((clocks, segment.chain, at));
        }
    }

    fn line(&mut self, segment: &Segment) -> Option<&mut Line<'a>> {
        let chain = segment.chain;
        if let Some(head) = segment.head() {
            let line = Line { author: head.device, written: Vec::new(), inserts: Vec::new() };
            self.chains.entry(chain).or_insert(line);
            self.clients.insert(chain.client_id(), chain);
        }
        self.chains.get_mut(&chain)
    }

    fn find(&self, unit: Unit) -> Option<(ChainId, &Line<'a>, usize)> {
        if let Some(inserts) = self.guests.get(&unit.client) {
            let after = inserts.partition_point(|(clocks, ..)| clocks.end <= unit.clock);
            let (clocks, chain, at) = inserts.get(after)?;
            let line = self.chains.get(chain)?;
            return clocks.contains(&unit.clock).then_some((*chain, line, *at));
        }
        let chain = *self.clients.get(&unit.client)?;
        let line = self.chains.get(&chain)?;
        let after = line.inserts.partition_point(|(clocks, _)| clocks.end <= unit.clock);
        let (clocks, at) = line.inserts.get(after)?;
        clocks.contains(&unit.clock).then_some((chain, line, *at))
    }

    /// Up to which entries of which chains somebody must have seen to write this.
    fn leans_on(&self, written: &Written<'_>) -> BTreeMap<ChainId, u64> {
        let mut entries = BTreeMap::new();
        let mut lean = |client: u64, clock: u32| {
            if let Some((chain, line, at)) = self.find(Unit { client, clock }) {
                let number = entries.entry(chain).or_default();
                *number = line.written[at].tip.number.max(*number);
            }
        };
        for (client, clock) in written.update.map(furthest).unwrap_or_default() {
            lean(client, clock);
        }
        // A mend says itself what it undoes.
        for (chain, mended) in &written.mended {
            let number = entries.entry(*chain).or_default();
            *number = (*mended).max(*number);
        }
        entries
    }
}

impl Line<'_> {
    /// Where the chain ends so far.
    fn tip(&self, next: &Segment) -> Tip {
        let opened = next.head().map_or(WallTime(0), |head| head.opened);
        self.written.last().map_or(Tip::start(next.chain, opened), |written| written.tip)
    }
}

impl<'a> Written<'a> {
    fn of(tip: Tip, entry: &Entry<'a>) -> Self {
        let mend =
            (entry.kind == EntryKind::MEND).then(|| Mend::read(entry.payload).ok()).flatten();
        let refused = mend.map(|mend| mend.refused).unwrap_or_default();
        let mended = refused.iter().map(|(chain, point)| (*chain, point.number)).collect();
        let guest = (entry.kind == EntryKind::GUEST).then(|| Guest::read(entry.payload).ok());
        let guest = guest.flatten().map(|guest| guest.name);
        Self { tip, kind: entry.kind, update: entry.update(), guest, mended, signed: false }
    }
}

impl Inserted {
    fn of(block: &Block<'_>, unit: Unit) -> Self {
        let offset = unit.clock - block.id.clock;
        let left = match offset {
            0 => block.origin.map(Unit::from),
            // Within a piece that was typed at once, each stands behind the one before.
            _ => Some(Unit { clock: unit.clock - 1, ..unit }),
        };
        let text = (block.kind == Kind::Text).then(|| block.text());
        let character = text.and_then(|text| character_at(text, offset));
        Self { character, left, right: block.right_origin.map(Unit::from) }
    }
}

impl From<Id> for Unit {
    fn from(Id { client, clock }: Id) -> Self {
        Self { client, clock }
    }
}

/// The clocks of its author's client that an update inserts.
fn clocks(update: &[u8], client: u64) -> Option<Range<u32>> {
    check::update(update, Author::Chain { client, clock: None }).ok()?.clocks
}

/// The clocks that an update inserts, by their clients.
fn runs(update: &[u8]) -> impl Iterator<Item = (u64, Range<u32>)> + use<> {
    let mut runs: Vec<(u64, Range<u32>)> = Vec::new();
    // What can't be read inserts nothing that anybody could tell.
    _ = check::each_block(update, |block| {
        let Id { client, clock } = block.id;
        match runs.last_mut() {
            Some((last, clocks)) if *last == client && clocks.end == clock => {
                clocks.end = block.end()
            }
            _ => runs.push((client, clock..block.end())),
        }
        Ok(())
    });
    runs.into_iter()
}

/// The character that a UTF-16 unit of a text is, or is a part of.
fn character_at(text: &str, unit: u32) -> Option<char> {
    let mut end = 0;
    text.chars().find(|char| {
        end += char.len_utf16() as u32;
        unit < end
    })
}

/// The last clock of each client that an update leans on.
fn furthest(update: &[u8]) -> BTreeMap<u64, u32> {
    let mut furthest = BTreeMap::new();
    let mut lean = |client: u64, clock: u32| {
        let last = furthest.entry(client).or_insert(clock);
        *last = clock.max(*last);
    };
    let mut read = || -> Result<(), BadUpdate> {
        let mut reader = check::each_block(update, |block| {
            let inside = match block.parent {
                Parent::Nested(id) => Some(id),
                Parent::Root(_) | Parent::Neighbour => None,
            };
            let leant_on = [block.origin, block.right_origin, inside].into_iter().flatten();
            leant_on.for_each(|id| lean(id.client, id.clock));
            Ok(())
        })?;
        check::deletions(&mut reader, |client, range, _| {
            lean(client, range.end - 1);
            Ok(())
        })?;
        Ok(())
    };
    // What can't be read leans on nothing that anybody could tell.
    _ = read();
    furthest
}

#[cfg(test)]
mod tests;
