//! The roster's log in memory: signed chains, and what each entry knew of the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::{Act, RosterEntry};
use super::fold::Deed;
use crate::clock::WallTime;
use crate::codec;
use crate::id::{ChainId, DeviceId, Hash, SpaceId};
use crate::log::{Entries, EntryKind, Frontier, Point, Segment, Tip};

/// How far each chain is known to an entry.
pub(super) type Past = BTreeMap<ChainId, u64>;

/// Every chain of the roster's log, and the deeds in them.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    space: SpaceId,
    chains: BTreeMap<ChainId, Chain>,
    deeds: Vec<Deed>,
}

#[derive(Clone, Debug)]
struct Chain {
    author: DeviceId,
    /// All of it, under its last signature.
    segment: Segment,
    /// The hash and the time after each entry, and where it ends in the segment's body.
    ends: Vec<End>,
    /// What is known with each entry that has been placed. The next one waits for something that it knew.
    known: Vec<Arc<Past>>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    hash: Hash,
    time: WallTime,
    offset: usize,
}

impl Evidence {
    pub(super) fn new(space: SpaceId) -> Self {
        Self { space, chains: BTreeMap::new(), deeds: Vec::new() }
    }

    /// Takes in a segment that follows what is held of its chain, or opens it.
    ///
    /// Gives false if it does neither, and nothing is taken then.
    pub(super) fn take(&mut self, author: DeviceId, segment: &Segment) -> bool {
        let before = segment.before();
        let held = self.chains.get(&segment.chain);
        let end = held.map_or(Hash(segment.chain.0), |chain| chain.end().hash);
        let number = held.map_or(0, |chain| chain.end().number);
        if before.number != number || before.hash != end {
            return false;
        }
        let opened = segment.head().map_or(WallTime(0), |head| head.opened);
        let chain = self.chains.entry(segment.chain).or_insert_with(|| Chain {
            author,
            segment: Segment { body: Vec::new(), ..segment.clone() },
            ends: Vec::new(),
            known: Vec::new(),
        });
        let time = chain.ends.last().map_or(opened, |end| end.time);
        let (mut tip, mut offset) = (Tip { number, hash: end, time }, chain.segment.body.len());
        for (entry, encoded) in segment.entries().map_while(Result::ok) {
            tip = tip.followed_by(&entry, encoded);
            offset += encoded.len();
            chain.ends.push(End { hash: tip.hash, time: tip.time, offset });
        }
        chain.segment.join(segment.clone());
        true
    }

    /// Places every entry all of whose past is here; says whether there was any.
    pub(super) fn place(&mut self) -> bool {
        let before = self.deeds.len();
        let ids: Vec<_> = self.chains.keys().copied().collect();
        // An entry that is no deed may be what another one waits for, so it is placed entries that count as progress.
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for id in &ids {
                while let Some((deed, known)) = self.next_of(*id) {
                    self.deeds.extend(deed);
                    let Some(chain) = self.chains.get_mut(id) else { break };
                    chain.known.push(Arc::new(known));
                    moved = true;
                }
            }
        }
        // Whoever knew of more comes later, so what an entry knew always comes before it.
        self.deeds.sort_by_key(|deed| (deed.past.values().sum::<u64>(), deed.chain, deed.number));
        self.deeds.len() > before
    }

    /// All that happened, each after what it knew of.
    pub(super) fn deeds(&self) -> &[Deed] {
        &self.deeds
    }

    /// The ends of the log that no other entry knows of.
    pub(super) fn heads(&self) -> Frontier {
        let ends =
            || self.chains.iter().filter_map(|(id, chain)| Some((id, chain, chain.known.last()?)));
        let is_head = |id: &ChainId, number: u64| {
            let mut others = ends().filter(|(other, ..)| *other != id);
            others.all(|(.., known)| known.get(id).is_none_or(|at| *at < number))
        };
        let points = ends().map(|(id, chain, _)| (*id, chain.point(chain.known.len())));
        points.filter(|(id, point)| is_head(id, point.number)).collect()
    }

    /// What an entry knows that was written with these ends in view; nothing if one of them is not here.
    pub(super) fn past_of(&self, seen: &Frontier) -> Option<Past> {
        let mut past = Past::new();
        for (id, point) in seen.iter() {
            let chain = self.chains.get(id)?;
            let number = usize::try_from(point.number).ok()?;
            let known = chain.known.get(number.checked_sub(1)?)?;
            if chain.point(number) != *point {
                return None;
            }
            join(&mut past, known);
        }
        Some(past)
    }

    /// A time that is later than all of that.
    pub(super) fn after(&self, at: WallTime, past: &Past) -> WallTime {
        let known = |deed: &&Deed| past.get(&deed.chain).is_some_and(|upto| deed.number <= *upto);
        let latest = self.deeds.iter().filter(known).map(|deed| deed.since).max();
        latest.map_or(at, |latest| at.max(WallTime(latest.0.saturating_add(1))))
    }

    /// The whole log, for somebody who has none of it: whoever vouches for others comes before them.
    pub(super) fn segments(&self) -> Vec<Segment> {
        let first = |id: &ChainId| self.deeds.iter().position(|deed| deed.chain == *id);
        let mut chains: Vec<_> = self.chains.iter().collect();
        chains.sort_by_key(|(id, _)| first(id).unwrap_or(usize::MAX));
        chains.into_iter().map(|(_, chain)| chain.segment.clone()).collect()
    }

    /// The next entry of a chain with what is known by then, if all that it knew is here. An entry of a later version of
    /// this software is no deed.
    fn next_of(&self, id: ChainId) -> Option<(Option<Deed>, Past)> {
        let chain = self.chains.get(&id)?;
        let placed = chain.known.len();
        let end = chain.ends.get(placed)?;
        let begin = placed.checked_sub(1).map_or(0, |before| chain.ends[before].offset);
        let (entry, _) = Entries::of(&chain.segment.body[begin..end.offset]).next()?.ok()?;
        let number = placed as u64 + 1;
        let mut past = chain.known.last().map(|known| (**known).clone()).unwrap_or_default();
        let roster = (entry.kind == EntryKind::ROSTER).then_some(entry.payload);
        let deed = match roster.map(codec::decode::<RosterEntry>) {
            Some(Ok(RosterEntry { seen, act })) => {
                join(&mut past, &self.past_of(&seen)?);
                let (author, at) = (chain.author, end.time);
                let since = self.after(at, &past);
                self.is_sound(&act).then(|| Deed {
                    chain: id,
                    number,
                    author,
                    at,
                    since,
                    past: Arc::new(past.clone()),
                    act,
                })
            }
            Some(Err(_)) | None => None,
        };
        past.insert(id, number);
        Some((deed, past))
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
            Act::Appoint { .. } | Act::Remove { .. } | Act::Close { .. } => true,
        }
    }
}

/// Adds what is known in `more`.
fn join(past: &mut Past, more: &Past) {
    for (id, number) in more {
        let most = past.entry(*id).or_default();
        *most = (*most).max(*number);
    }
}

impl Chain {
    fn end(&self) -> Point {
        self.point(self.ends.len())
    }

    fn point(&self, number: usize) -> Point {
        let hash = match number {
            0 => Hash(self.segment.chain.0),
            _ => self.ends[number - 1].hash,
        };
        Point { number: number as u64, hash }
    }
}
