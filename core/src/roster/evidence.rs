//! The roster's log in memory: what each entry knew of the others, also where a chain was forked.
//!
//! Entries are known by their hash, so that two of one number are two. A chain that goes on in two ways is taken apart
//! there: each *run* of entries behind that is like a chain of its own, with two that did not know of one another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::entry::{Act, RosterEntry};
use super::fold::Deed;
use super::quote::Quote;
use crate::clock::WallTime;
use crate::codec;
use crate::id::{ChainId, DeviceId, DocumentId, Hash, SpaceId};
use crate::log::{ChainHead, Entry, EntryKind, Frontier, MAX_SEGMENT_BYTES, Point, Segment, Tip};

/// How far each run is known to an entry.
pub(super) type Past = BTreeMap<ChainId, u64>;

/// All that is known of the roster's log, and the deeds in it.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    space: SpaceId,
    document: DocumentId,
    /// What was taken in as it came, and is passed on like that.
    held: BTreeMap<ChainId, Held>,
    /// All entries, held or quoted.
    entries: BTreeMap<Point, Known>,
    /// The hashes that authors signed under each number; under more than one, if the chain is forked.
    signed: BTreeMap<(ChainId, u64), BTreeSet<Hash>>,
    forked: BTreeSet<ChainId>,
    /// Entries that somebody quotes.
    quoted: BTreeSet<Point>,
    /// Entries that are not placed, by number: they wait for something that they knew.
    waiting: BTreeSet<Point>,
    deeds: Vec<Deed>,
    /// Whether runs have been taken apart, so that all has to be placed anew.
    torn: bool,
}

#[derive(Clone, Debug)]
struct Held {
    head: ChainHead,
    tip: Tip,
    pieces: Vec<Segment>,
}

/// An entry.
#[derive(Clone, Debug)]
struct Known {
    chain: ChainId,
    author: DeviceId,
    before: Hash,
    /// Since the entry before, or since the chain was opened.
    elapsed: u64,
    opened: WallTime,
    seen: Frontier,
    /// What it did; nothing, if it is a quote, or of a later version of this software.
    act: Option<Act>,
    placed: Option<Placed>,
}

/// What follows from what an entry knew.
#[derive(Clone, Debug)]
struct Placed {
    run: ChainId,
    time: WallTime,
    /// All that is known with the entry.
    past: Arc<Past>,
}

impl Evidence {
    pub(super) fn new(space: SpaceId) -> Self {
        Self {
            space,
            document: crate::space::roster_document(&space),
            held: BTreeMap::new(),
            entries: BTreeMap::new(),
            signed: BTreeMap::new(),
            forked: BTreeSet::new(),
            quoted: BTreeSet::new(),
            waiting: BTreeSet::new(),
            deeds: Vec::new(),
            torn: false,
        }
    }

    /// Takes in a segment that follows what is held of its chain, or opens it.
    ///
    /// Gives false if it does neither, and nothing is taken then.
    pub(super) fn take(&mut self, author: DeviceId, segment: &Segment) -> bool {
        let chain = segment.chain;
        let opened = || {
            let head = segment.head()?.clone();
            Some((Tip::start(chain, head.opened), head))
        };
        let known = self.held.get(&chain).map(|held| (held.tip, held.head.clone()));
        let Some((end, head)) = known.or_else(opened) else { return false };
        if segment.before() != end.point() || head.device != author {
            return false;
        }
        let tip = self.add(&head, segment, false);
        let start = Tip::start(chain, head.opened);
        let held = self.held.entry(chain).or_insert(Held { head, tip: start, pieces: Vec::new() });
        held.tip = tip;
        match held.pieces.last_mut() {
            Some(last) if last.body.len() + segment.body.len() <= MAX_SEGMENT_BYTES => {
                last.join(segment.clone());
            }
            _ => held.pieces.push(segment.clone()),
        }
        true
    }

    /// Places every entry all of whose past is here; says whether there are other deeds than before.
    pub(super) fn place(&mut self) -> bool {
        let torn = std::mem::take(&mut self.torn);
        if torn {
            self.deeds.clear();
            for (point, known) in &mut self.entries {
                known.placed = None;
                self.waiting.insert(*point);
            }
        }
        let before = self.deeds.len();
        // An entry that is no deed may be what another one waits for, so it is placed entries that count as progress.
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for point in self.waiting.clone() {
                let Some((placed, deed)) = self.placed(&point) else { continue };
                self.deeds.extend(deed);
                self.waiting.remove(&point);
                if let Some(known) = self.entries.get_mut(&point) {
                    known.placed = Some(placed);
                }
                moved = true;
            }
        }
        // Whoever knew of more comes later, so what an entry knew always comes before it.
        self.deeds.sort_by_key(|deed| (deed.past.values().sum::<u64>(), deed.chain, deed.number));
        torn || self.deeds.len() > before
    }

    /// All that happened, each after what it knew of.
    pub(super) fn deeds(&self) -> &[Deed] {
        &self.deeds
    }

    /// The ends of the log that no other entry knows of, each under the name of its run.
    pub(super) fn heads(&self) -> Frontier {
        let mut ends: BTreeMap<ChainId, (Point, &Past)> = BTreeMap::new();
        // In the order of their numbers, so that the last of each run stays.
        for (point, known) in &self.entries {
            if let Some(Placed { run, past, .. }) = &known.placed {
                ends.insert(*run, (*point, past));
            }
        }
        let is_head = |run: &ChainId, number: u64| {
            let mut others = ends.iter().filter(|(other, _)| *other != run);
            others.all(|(_, (_, past))| past.get(run).is_none_or(|at| *at < number))
        };
        let heads = ends.iter().filter(|(run, (point, _))| is_head(run, point.number));
        heads.map(|(run, (point, _))| (*run, *point)).collect()
    }

    /// What an entry knows that was written with these ends in view; nothing if one of them is not here. Whoever named
    /// them may not have known that a chain is forked, so it is the hashes that tell.
    pub(super) fn past_of(&self, seen: &Frontier) -> Option<Past> {
        let mut past = Past::new();
        for (_, point) in seen.iter() {
            join(&mut past, &self.entries.get(point)?.placed.as_ref()?.past);
        }
        Some(past)
    }

    /// A time that is later than all of that.
    pub(super) fn after(&self, at: WallTime, past: &Past) -> WallTime {
        let known = |deed: &&Deed| past.get(&deed.chain).is_some_and(|upto| deed.number <= *upto);
        let latest = self.deeds.iter().filter(known).map(|deed| deed.since).max();
        latest.map_or(at, |latest| at.max(WallTime(latest.0.saturating_add(1))))
    }

    /// All that is held, for somebody who has none of it: whoever vouches for others comes before them.
    pub(super) fn segments(&self) -> Vec<Segment> {
        let first = |id: &ChainId| self.deeds.iter().position(|deed| deed.chain == *id);
        let mut chains: Vec<_> = self.held.iter().collect();
        chains.sort_by_key(|(id, _)| first(id).unwrap_or(usize::MAX));
        chains.into_iter().flat_map(|(_, held)| held.pieces.iter().cloned()).collect()
    }

    /// Whether an author signed two different entries of a chain under one number.
    pub(super) fn is_forked(&self, chain: &ChainId) -> bool {
        self.forked.contains(chain)
    }

    /// What is held of forked chains and that nobody quotes: others may hold other branches.
    pub(super) fn unquoted(&self) -> Vec<Quote> {
        let held = self.forked.iter().filter_map(|chain| self.held.get(chain));
        held.flat_map(|Held { head, pieces, .. }| {
            let unquoted = pieces.iter().filter(|piece| !self.is_quoted(piece));
            unquoted.map(|piece| Quote { head: head.clone(), segment: piece.clone() })
        })
        .collect()
    }

    /// A segment of a chain that is held, as a quote.
    pub(super) fn quote(&self, segment: Segment) -> Option<Quote> {
        let head = self.held.get(&segment.chain)?.head.clone();
        Some(Quote { head, segment })
    }

    fn is_quoted(&self, piece: &Segment) -> bool {
        let mut tip = Tip { number: 0, hash: piece.before().hash, time: WallTime(0) };
        piece.entries().map_while(Result::ok).all(|(entry, encoded)| {
            tip = tip.followed_by(&entry, encoded);
            self.quoted.contains(&tip.point())
        })
    }

    /// Adds the entries of a segment, and those that they quote; gives where it ends.
    fn add(&mut self, head: &ChainHead, segment: &Segment, quoted: bool) -> Tip {
        let chain = segment.chain;
        let Point { number, hash } = segment.before();
        let mut tip = Tip { number, hash, time: WallTime(0) };
        self.sign(chain, segment.before());
        for (entry, encoded) in segment.entries().map_while(Result::ok) {
            let before = tip.hash;
            tip = tip.followed_by(&entry, encoded);
            let point = tip.point();
            if quoted {
                self.quoted.insert(point);
            }
            if self.entries.contains_key(&point) {
                continue;
            }
            self.entries.insert(point, Known::new(head, (chain, before), &entry));
            self.waiting.insert(point);
            self.sign(chain, point);
            self.torn |= self.forked.contains(&chain);
            if let Some(quote) = Quote::in_entry(&entry).filter(|it| it.is_sound(self.document)) {
                self.add(&quote.head, &quote.segment, true);
            }
        }
        tip
    }

    /// The author of a chain says that its entry of that number has that hash.
    fn sign(&mut self, chain: ChainId, point: Point) {
        let hashes = self.signed.entry((chain, point.number)).or_default();
        hashes.insert(point.hash);
        if hashes.len() > 1 && self.forked.insert(chain) {
            self.torn = true;
        }
    }

    /// Where an entry is placed, and the deed that it is, if all that it knew is here. A quote is no deed, nor is an entry
    /// of a later version of this software.
    fn placed(&self, point: &Point) -> Option<(Placed, Option<Deed>)> {
        let known = self.entries.get(point)?;
        let parent = match point.number {
            1 if known.before == Hash(known.chain.0) => None,
            1 => return None,
            number => {
                let before = Point { number: number.checked_sub(1)?, hash: known.before };
                Some(self.entries.get(&before)?.placed.as_ref()?)
            }
        };
        let run = match parent {
            _ if self.is_parted(known, point.number) => ChainId(point.hash.0),
            Some(parent) => parent.run,
            None => known.chain,
        };
        let before = parent.map_or(known.opened, |parent| parent.time);
        let time = before + std::time::Duration::from_millis(known.elapsed);
        let mut past = parent.map(|parent| (*parent.past).clone()).unwrap_or_default();
        join(&mut past, &self.past_of(&known.seen)?);
        let deed = known.act.as_ref().filter(|act| self.is_sound(act)).map(|act| Deed {
            chain: run,
            number: point.number,
            author: known.author,
            at: time,
            since: self.after(time, &past),
            past: Arc::new(past.clone()),
            act: act.clone(),
        });
        past.insert(run, point.number);
        Some((Placed { run, time, past: Arc::new(past) }, deed))
    }

    /// Whether another entry follows on the same one.
    fn is_parted(&self, known: &Known, number: u64) -> bool {
        let hashes = self.signed.get(&(known.chain, number)).into_iter().flatten();
        let siblings = hashes.filter_map(|hash| self.entries.get(&Point { number, hash: *hash }));
        siblings.filter(|other| other.before == known.before).count() > 1
    }

    /// Whether a request is what it says. Whether it counts is another question.
    fn is_sound(&self, act: &Act) -> bool {
        match act {
            Act::Admit(request) => {
                request.certificate().space() == self.space && request.verify().is_ok()
            }
            Act::Delete { document } | Act::Restore { document } => {
                document.is_sound() && !document.is_reserved()
            }
            Act::Quote(_) => false,
            Act::Appoint { .. }
            | Act::Remove { .. }
            | Act::Close { .. }
            | Act::Grant { .. }
            | Act::Revoke { .. } => true,
        }
    }
}

impl Known {
    fn new(head: &ChainHead, (chain, before): (ChainId, Hash), entry: &Entry<'_>) -> Self {
        let said = (entry.kind == EntryKind::ROSTER).then_some(entry.payload);
        let (seen, act) = match said.map(codec::decode::<RosterEntry>) {
            // What is quoted is known by itself.
            Some(Ok(RosterEntry { seen, act: Act::Quote(_) })) => (seen, None),
            Some(Ok(RosterEntry { seen, act })) => (seen, Some(act)),
            Some(Err(_)) | None => (Frontier::default(), None),
        };
        let (author, elapsed, opened) = (head.device, entry.elapsed, head.opened);
        Self { chain, author, before, elapsed, opened, seen, act, placed: None }
    }
}

/// Adds what is known in `more`.
fn join(past: &mut Past, more: &Past) {
    for (id, number) in more {
        let most = past.entry(*id).or_default();
        *most = (*most).max(*number);
    }
}
