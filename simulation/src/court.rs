//! What must hold of commands once everything is well: one verdict for each, the same records everywhere, and those
//! that the plain rules come to.

use std::collections::{BTreeMap, BTreeSet};

use driftline_core::codec;
use driftline_core::command::{Call, CommandId, Decision, News, Revision};
use driftline_core::id::{DeviceId, DocumentId, SpaceId};
use driftline_core::log::{EntryKind, Frontier, Segment};
use driftline_core::record::Bucket;
use driftline_core::roster::Role;
use driftline_core::space::{Space, ledger_document};

use crate::network::Who;
use crate::oracle::{Oracle, Order, State};
use crate::orders::{described, word};
use crate::seats::{HALLS, hall};
use crate::world::World;

/// What stands in the logs of ledgers.
#[derive(Default)]
struct Protocol {
    calls: BTreeMap<CommandId, (DeviceId, Call)>,
    cancelled: BTreeSet<CommandId>,
    /// The parts of decisions that count, by their order, each with the bucket in whose ledger it stands.
    decisions: BTreeMap<u64, Vec<(Bucket, Decision)>>,
}

impl World {
    /// Whether all that counts is decided everywhere, where somebody decides; where nobody does, whether everybody who may
    /// read the same is shown the same.
    pub(crate) fn has_decided(&self) -> Result<(), String> {
        let mut first: BTreeMap<Vec<bool>, (Who, Vec<u64>, String)> = BTreeMap::new();
        for (who, space) in self.members() {
            let ledger = space.ledger();
            if ledger.is_faulty() {
                return Err(format!("device {who} confirms nothing any more"));
            }
            let waits = ledger.outbox().filter(|entry| !entry.stuck).count();
            if waits > 0 && self.decides_here(space) {
                return Err(format!("on device {who} {waits} commands wait"));
            }
            let scope = self.rooms().iter().map(|room| self.enters(space, who, room)).collect();
            let decided: Vec<_> = self.rooms().iter().map(|room| ledger.decided_in(room)).collect();
            let shown = described(ledger.preview());
            let (other, before, text) =
                first.entry(scope).or_insert_with(|| (who, decided.clone(), shown.clone()));
            if (&*before, &*text) != (&decided, &shown) {
                return Err(format!(
                    "device {who} shows after {decided:?} decisions:\n{shown}and device {other} after {before:?}:\n{text}"
                ));
            }
        }
        Ok(())
    }

    /// Whether somebody may read a bucket, as a device knows: by the rule, and not by what the device makes of it.
    pub(crate) fn enters(&self, space: &Space, who: Who, bucket: &Bucket) -> bool {
        let device = self.devices[who].id();
        let ledger = ledger_document(&space.id(), bucket);
        let granted = |(of, readers): (&DocumentId, &BTreeSet<DeviceId>)| {
            *of == ledger && readers.contains(&device)
        };
        space.roster().member(&device).is_some_and(|member| {
            bucket.is_common()
                || bucket.owner() == Some(device)
                || matches!(member.role, Role::Admin | Role::Anchor)
                || space.roster().grants().any(granted)
        })
    }

    /// The buckets that records can be in.
    pub(crate) fn rooms(&self) -> Vec<Bucket> {
        [Bucket::default()].into_iter().chain((1..=HALLS).map(hall)).collect()
    }

    /// All buckets in which anything can be said.
    pub(crate) fn buckets(&self) -> Vec<Bucket> {
        let own = self.devices.iter().map(|device| Bucket::of(&device.id()));
        self.rooms().into_iter().chain(own).collect()
    }

    /// Whether whoever decides, as a device knows, runs.
    fn decides_here(&self, space: &Space) -> bool {
        let decider = space.decider();
        let mut running = self.devices.iter().filter(|device| device.process.is_some());
        decider.is_some_and(|decider| running.any(|device| device.id() == decider))
    }

    /// Holds what was decided against the plain rules, and what people heard and were shown against that.
    pub(crate) fn check_commands(&mut self) {
        let mut wrongs = Vec::new();
        let reads_all = |(who, space): &(Who, &Space)| {
            self.rooms().iter().all(|room| self.enters(space, *who, room))
        };
        let Some((first, space)) = self.members().find(reads_all) else { return };
        let states = self.replay(space.id(), &self.protocol(first), &mut wrongs);
        let last = states.last().cloned().unwrap_or_default();
        for (who, space) in self.members() {
            let protocol = self.protocol(who);
            let ledger = space.ledger();
            let readable = last.iter().filter(|(room, _)| self.enters(space, who, room));
            let readable: String = readable.map(|(_, line)| &**line).collect();
            if readable != described(ledger.confirmed()) {
                wrongs.push(format!("device {who} confirms what the rules don't come to"));
            }
            if self.decides_here(space)
                && described(ledger.preview()) != described(ledger.confirmed())
            {
                wrongs.push(format!("device {who} shows more than is decided"));
            }
            let me = self.devices[who].id();
            wrongs.extend(unheard(who, (&me, space), self.noted(who), &protocol));
            wrongs.extend(self.hoarded(who, space));
        }
        for ((decided, shown), who) in &self.orders.shown {
            let then = self.shown_then(&states, decided);
            if !self.handed_over && !self.rescoped.contains(who) && then.as_ref() != Some(shown) {
                wrongs.push(format!(
                    "device {who} showed after {decided:?} decisions:\n{shown}and it should have been {then:?}"
                ));
            }
        }
        wrongs.into_iter().for_each(|wrong| self.wrong(wrong));
    }

    /// What somebody shows who has the decisions of each room up to such a place among all; nothing if there was none.
    fn shown_then(&self, states: &[State], decided: &[u64]) -> Option<String> {
        let mut lines = Vec::new();
        for (room, order) in self.rooms().iter().zip(decided) {
            let state = states.get(usize::try_from(*order).ok()?)?;
            lines.extend(state.iter().filter(|(home, _)| home == room).map(|(_, line)| line));
        }
        lines.sort();
        Some(lines.into_iter().map(|line| &**line).collect())
    }

    /// What a device still holds on its disk that it may not read: what others said in a hall, or decided.
    fn hoarded(&self, who: Who, space: &Space) -> Option<String> {
        let process = self.devices[who].process.as_ref()?;
        let (me, all) = (self.devices[who].id(), Frontier::default());
        self.buckets().iter().filter(|room| !self.enters(space, who, room)).find_map(|room| {
            let ledger = ledger_document(&space.id(), room);
            let held = process.store.segments(&ledger, &all, usize::MAX).ok()?.segments;
            let heads = held.iter().filter_map(Segment::head);
            let foreign = heads.filter(|head| head.device != me).count();
            (foreign > 0).then(|| format!("device {who} still holds {foreign} chains of {room}"))
        })
    }

    /// Plays what was decided by the plain rules; gives the records after each decision.
    fn replay(&self, space: SpaceId, protocol: &Protocol, wrongs: &mut Vec<String>) -> Vec<State> {
        let mut oracle = Oracle::new(space);
        let mut states = vec![oracle.state()];
        let mut decided = BTreeSet::new();
        for (order, parts) in &protocol.decisions {
            // What was decided in one ledger may be cut off where an anchor is removed, and what came after it in another
            // not.
            if states.len() as u64 != *order && !self.handed_over {
                wrongs.push(format!("decision {order} is out of place"));
            }
            oracle.skip_to(*order);
            states.resize(usize::try_from(*order).unwrap_or(usize::MAX), oracle.state());
            let decision = match one_decision(parts) {
                Ok(decision) => decision,
                Err(wrong) => {
                    wrongs.push(format!("decision {order}: {wrong}"));
                    continue;
                }
            };
            let Some((author, call)) = protocol.calls.get(&decision.command) else {
                wrongs.push(format!("decision {order} is about nothing"));
                continue;
            };
            if *author != decision.author || !decided.insert(decision.command) {
                wrongs.push(format!("decision {order} is the second of its kind"));
            }
            let given = decision.verdict.as_ref().map_or("nothing", word);
            let cancelled = protocol.cancelled.contains(&decision.command);
            let (verdict, mut news) = match given {
                "cancelled" if cancelled => {
                    oracle.pass_over();
                    (given, Vec::new())
                }
                _ => {
                    let (author, rank) = (*author, self.rank_of(author));
                    oracle.play(&Order { command: decision.command, author, rank, call })
                }
            };
            let told = parts.iter().flat_map(|(_, part)| &part.news);
            let mut told: Vec<_> = told.map(|(by, news)| (by.command, revised(news))).collect();
            told.sort();
            news.sort();
            if (given, &told) != (verdict, &news) {
                wrongs.push(format!(
                    "decision {order} says {given} to {call:?}, and the rules {verdict} {news:?}"
                ));
            }
            states.push(oracle.state());
        }
        states
    }

    /// What was asked for, as anybody has it, and decided, as far as `who` knows. A command that was decided before its
    /// author's removal was heard of may have got no further than to the anchor.
    fn protocol(&self, who: Who) -> Protocol {
        let mut protocol = self.protocol_at(who);
        for other in 0..self.devices.len() {
            let Protocol { calls, cancelled, .. } = self.protocol_at(other);
            protocol.calls.extend(calls);
            protocol.cancelled.extend(cancelled);
        }
        protocol
    }

    fn protocol_at(&self, who: Who) -> Protocol {
        let mut protocol = Protocol::default();
        let device = &self.devices[who];
        let (Some(process), Some(space)) = (&device.process, device.space()) else {
            return protocol;
        };
        for bucket in self.buckets() {
            let (document, all) = (ledger_document(&space.id(), &bucket), Frontier::default());
            let reading = process.store.segments(&document, &all, usize::MAX);
            let segments = reading.map(|reading| reading.segments).unwrap_or_default();
            let heads = segments.iter().filter_map(Segment::head);
            let authors: BTreeMap<_, _> = heads.map(|head| (head.id(), head.device)).collect();
            for segment in &segments {
                let author = authors[&segment.chain];
                let end = space.roster().last_word(&segment.chain).map(|end| end.number);
                for (number, (entry, _)) in
                    (segment.first()..).zip(segment.entries().map_while(Result::ok))
                {
                    let command = CommandId { chain: segment.chain, number };
                    let rights = (end, space.decider());
                    let entry = (entry.kind, entry.payload);
                    protocol.note(&bucket, (command, author), entry, rights);
                }
            }
        }
        protocol
    }

    /// The rank that somebody has, as long as they are in.
    fn rank_of(&self, device: &DeviceId) -> Option<&'static str> {
        crate::scenario::rank_of(&self.devices[self.place_of(device)].name)
    }
}

impl Protocol {
    fn note(
        &mut self,
        bucket: &Bucket,
        (command, author): (CommandId, DeviceId),
        (kind, payload): (EntryKind, &[u8]),
        (end, decider): (Option<u64>, Option<DeviceId>),
    ) {
        // What somebody decided counts while they decide, and afterwards as far as was said when they handed over.
        let counts = match end {
            Some(end) => command.number <= end,
            None => decider == Some(author),
        };
        match kind {
            EntryKind::CALL => {
                let call = codec::decode(payload);
                self.calls.extend(call.into_iter().map(|call| (command, (author, call))));
            }
            EntryKind::CANCEL => {
                let number = codec::decode(payload).into_iter();
                self.cancelled.extend(number.map(|number| CommandId { number, ..command }));
            }
            EntryKind::DECISION if counts => {
                if let Ok(decision) = codec::decode::<Decision>(payload) {
                    let parts = self.decisions.entry(decision.order).or_default();
                    parts.push((bucket.clone(), decision));
                }
            }
            _ => {}
        }
    }
}

/// The part of a decision that tells its verdict, if the parts are of one decision, each in another ledger.
fn one_decision(parts: &[(Bucket, Decision)]) -> Result<&Decision, String> {
    let telling = parts.iter().map(|(_, part)| part).filter(|part| part.verdict.is_some());
    let telling: Vec<_> = telling.collect();
    let Some(first) = telling.first() else { return Err("nobody hears of it".to_owned()) };
    let same = |part: &Decision| (part.command, part.author, part.at);
    let ledgers: BTreeSet<_> = parts.iter().map(|(bucket, _)| bucket).collect();
    let words: BTreeSet<_> =
        telling.iter().filter_map(|part| part.verdict.as_ref()).map(word).collect();
    let one = parts
        .iter()
        .all(|(_, part)| same(part) == same(first) && part.others.len() + 1 == parts.len());
    match one && ledgers.len() == parts.len() && words.len() == 1 {
        true => Ok(first),
        false => Err(format!("{} parts, in {ledgers:?}, say {words:?}", parts.len())),
    }
}

/// What is wrong with what somebody's app noted of its commands: each has one verdict, first of all, and what comes after
/// that makes it what was decided. What different ledgers say comes in any order.
fn unheard<'a>(
    who: Who,
    (me, space): (&DeviceId, &Space),
    noted: impl Iterator<Item = (&'a CommandId, &'a News)>,
    protocol: &Protocol,
) -> Option<String> {
    let mut expected = Vec::new();
    let parts = protocol.decisions.values().flatten();
    for (_, part) in parts.filter(|(to, _)| to.is_common() || to.owner() == Some(*me)) {
        let verdict = part.verdict.iter().map(|it| (part.author, part.command, word(it)));
        let news = part.news.iter().map(|(by, news)| (by.author, by.command, revised(news)));
        let own = verdict.chain(news).filter(|(author, ..)| author == me);
        expected.extend(own.map(|(_, command, what)| (command, what)));
    }
    // Of what it asked for before its disk was replaced, a device may know no more than the answer.
    expected.retain(|(command, _)| space.ledger().remembers(command));
    let mut heard: BTreeMap<CommandId, Vec<&'static str>> = BTreeMap::new();
    for (command, news) in noted {
        let known = heard.contains_key(command);
        let so_far = heard.entry(*command).or_default();
        match news {
            News::Verdict(_) if known => {
                return Some(format!("device {who} has two verdicts of {command:?}"));
            }
            News::Revision(_) | News::Revoked { .. } if !known => {
                return Some(format!("device {who} has {news} of {command:?} first"));
            }
            News::Revoked { .. } => so_far.clear(),
            News::Verdict(_) | News::Revision(_) => {}
        }
        so_far.extend(heard_as(news));
    }
    let each = |(command, said): (CommandId, Vec<&'static str>)| {
        said.into_iter().map(move |word| (command, word))
    };
    let mut heard: Vec<_> = heard.into_iter().flat_map(each).collect();
    heard.sort();
    expected.sort();
    (heard != expected)
        .then(|| format!("device {who} heard {heard:?}, and should have heard {expected:?}"))
}

/// What somebody hears, in a word; nothing if it is that there is no verdict any more.
pub fn heard_as(news: &News) -> Option<&'static str> {
    match news {
        News::Verdict(verdict) => Some(word(verdict)),
        News::Revision(revision) => Some(revised(revision)),
        News::Revoked { now } => now.as_ref().map(word),
    }
}

fn revised(revision: &Revision) -> &'static str {
    match revision {
        Revision::Overruled { .. } => "overruled",
        Revision::Contested { .. } => "contested",
        Revision::Settled { .. } => "settled",
    }
}
