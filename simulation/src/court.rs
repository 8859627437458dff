//! What must hold of commands once everything is well: one verdict for each, the same records everywhere, and those
//! that the plain rules come to.

use std::collections::{BTreeMap, BTreeSet};

use driftline_core::codec;
use driftline_core::command::{Call, CommandId, Decision, Ledger, News, Revision};
use driftline_core::id::DeviceId;
use driftline_core::log::{EntryKind, Frontier, Segment};
use driftline_core::roster::Reach;
use driftline_core::space::{Space, ledger_document};

use crate::network::Who;
use crate::oracle::{Oracle, Order};
use crate::orders::{described, word};
use crate::world::World;

/// What stands in the log of a ledger.
#[derive(Default)]
struct Protocol {
    calls: BTreeMap<CommandId, (DeviceId, Call)>,
    cancelled: BTreeSet<CommandId>,
    /// Decisions that count, by their order.
    decisions: BTreeMap<u64, Vec<Decision>>,
}

impl World {
    /// Whether all that counts is decided everywhere, where somebody decides; where nobody does, whether everybody is
    /// shown the same.
    pub(crate) fn has_decided(&self) -> Result<(), String> {
        let mut first: Option<(Who, u64, String)> = None;
        for (who, space) in self.members() {
            let ledger = space.ledger();
            if ledger.is_faulty() {
                return Err(format!("device {who} confirms nothing any more"));
            }
            let waits = ledger.outbox().count();
            if waits > 0 && self.decides_here(space) {
                return Err(format!("on device {who} {waits} commands wait"));
            }
            let shown = described(ledger.preview());
            match &first {
                None => first = Some((who, ledger.decided(), shown)),
                Some((other, decided, text)) if (*decided, text) != (ledger.decided(), &shown) => {
                    return Err(format!(
                        "device {who} shows after {} decisions:\n{shown}and device {other} after {decided}:\n{text}",
                        ledger.decided(),
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
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
        let states = match self.members().next() {
            Some((who, _)) => self.replay(&self.protocol(who), &mut wrongs),
            None => return,
        };
        for (who, space) in self.members() {
            let protocol = self.protocol(who);
            let ledger = space.ledger();
            if states.last().is_some_and(|state| *state != described(ledger.confirmed())) {
                wrongs.push(format!("device {who} confirms what the rules don't come to"));
            }
            if self.decides_here(space)
                && described(ledger.preview()) != described(ledger.confirmed())
            {
                wrongs.push(format!("device {who} shows more than is decided"));
            }
            wrongs.extend(unheard(who, &self.devices[who].id(), ledger, &protocol));
        }
        for ((decided, shown), who) in &self.orders.shown {
            let state = usize::try_from(*decided).ok().and_then(|decided| states.get(decided));
            if !self.handed_over && state.is_none_or(|state| state != shown) {
                wrongs.push(format!(
                    "device {who} showed after {decided} decisions:\n{shown}and it should have been {state:?}"
                ));
            }
        }
        wrongs.into_iter().for_each(|wrong| self.wrong(wrong));
    }

    /// Plays what was decided by the plain rules; gives the records after each decision.
    fn replay(&self, protocol: &Protocol, wrongs: &mut Vec<String>) -> Vec<String> {
        let mut oracle = Oracle::default();
        let mut states = vec![oracle.described()];
        let mut decided = BTreeSet::new();
        for (place, (order, decisions)) in (1..).zip(&protocol.decisions) {
            let [decision] = &decisions[..] else {
                wrongs.push(format!("{} decisions have the place {order}", decisions.len()));
                continue;
            };
            let Some((author, call)) = protocol.calls.get(&decision.command) else {
                wrongs.push(format!("decision {order} is about nothing"));
                continue;
            };
            if place != *order || *author != decision.author || !decided.insert(decision.command) {
                wrongs.push(format!("decision {order} is out of place, or the second of its kind"));
            }
            let given = word(&decision.verdict);
            let cancelled = protocol.cancelled.contains(&decision.command);
            let (verdict, news) = match given {
                "cancelled" if cancelled => {
                    oracle.pass_over();
                    (given, Vec::new())
                }
                _ => {
                    let (author, rank) = (*author, self.rank_of(author));
                    oracle.play(&Order { command: decision.command, author, rank, call })
                }
            };
            let told = decision.news.iter().map(|(by, news)| (by.command, revised(news)));
            if (given, told.collect::<Vec<_>>()) != (verdict, news.clone()) {
                wrongs.push(format!(
                    "decision {order} says {given} to {call:?}, and the rules {verdict} {news:?}"
                ));
            }
            states.push(oracle.described());
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
        let (document, all) = (ledger_document(&space.id()), Frontier::default());
        let reading = process.store.segments(&document, &all, usize::MAX);
        let segments = reading.map(|reading| reading.segments).unwrap_or_default();
        let heads = segments.iter().filter_map(Segment::head);
        let authors: BTreeMap<_, _> = heads.map(|head| (head.id(), head.device)).collect();
        for segment in &segments {
            let author = authors[&segment.chain];
            let reach = space.roster().reach(&author, &segment.chain);
            for (number, (entry, _)) in
                (segment.first()..).zip(segment.entries().map_while(Result::ok))
            {
                let command = CommandId { chain: segment.chain, number };
                let rights = (reach, space.decider());
                protocol.note((command, author), entry.kind, entry.payload, rights);
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
        (command, author): (CommandId, DeviceId),
        kind: EntryKind,
        payload: &[u8],
        (reach, decider): (Reach, Option<DeviceId>),
    ) {
        // What somebody decided counts while they decide, and afterwards as far as was said when they handed over.
        let counts = match reach {
            Reach::Upto(cut) => command.number <= cut.number,
            Reach::Whole | Reach::Nothing => decider == Some(author),
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
                    self.decisions.entry(decision.order).or_default().push(decision);
                }
            }
            _ => {}
        }
    }
}

/// What somebody's app should have heard, and did not; or heard, and should not have.
fn unheard(who: Who, me: &DeviceId, ledger: &Ledger, protocol: &Protocol) -> Option<String> {
    let mut expected = Vec::new();
    for decision in protocol.decisions.values().flatten() {
        let verdict = (decision.author, decision.command, word(&decision.verdict));
        let news = decision.news.iter().map(|(by, news)| (by.author, by.command, revised(news)));
        let own = [verdict].into_iter().chain(news).filter(|(author, ..)| author == me);
        expected.extend(own.map(|(_, command, what)| (command, what)));
    }
    let heard: Vec<_> =
        ledger.answers().iter().map(|answer| (answer.command, heard_as(&answer.news))).collect();
    (heard != expected)
        .then(|| format!("device {who} heard {heard:?}, and should have heard {expected:?}"))
}

/// What somebody hears, in a word.
pub fn heard_as(news: &News) -> &'static str {
    match news {
        News::Verdict(verdict) => word(verdict),
        News::Revision(revision) => revised(revision),
    }
}

fn revised(revision: &Revision) -> &'static str {
    match revision {
        Revision::Overruled { .. } => "overruled",
        Revision::Contested { .. } => "contested",
        Revision::Settled { .. } => "settled",
    }
}
