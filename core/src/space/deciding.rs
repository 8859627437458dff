//! Folding ledgers as they grow, and deciding upon what they hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::effect::{Effect, Notice};
use super::{Context, Space};
use crate::clock::SteadyTime;
use crate::codec;
use crate::command::{Call, CommandId};
use crate::id::{DeviceId, DocumentId};
use crate::log::{EntryKind, Segment};
use crate::record::{Bucket, Home};
use crate::roster::Reach;

/// How many commands are decided in one step.
const DECIDED_AT_ONCE: usize = 1024;

/// What authors write into the ledger, and what comes of it.
const GIVEN: [EntryKind; 2] = [EntryKind::CALL, EntryKind::CANCEL];

impl Space {
    /// Takes in what entries of a ledger say that count and are of one of these kinds.
    fn take_ledger(&mut self, home: &Home, segment: &Segment, kinds: &[EntryKind]) {
        let chain = self.chain(&home.ledger, &segment.chain);
        let Some(author) = chain.map(|chain| chain.author) else { return };
        if author == self.me {
            self.remember_decisions(segment);
        }
        let decides_upto = self.deciding_end(&author, &segment.chain);
        let (rank, publishes) = (self.roster.rank(&author), self.publishes(&author));
        let end = self.counting_end(&home.ledger, &author, &segment.chain);
        let entries = entries_of(segment).filter(|(_, kind, _)| kinds.contains(kind));
        for (command, kind, payload) in entries {
            let decides = command.number <= decides_upto;
            match kind {
                _ if command.number > end => {
                    self.take_stuck((home, author), command, kind, payload)
                }
                EntryKind::CALL => {
                    let call = codec::decode(payload).into_iter();
                    let permitted = call.filter(|call: &Call| !call.is_of_engine() || publishes);
                    permitted.for_each(|call| {
                        self.ledger.take_call(home, (command, author), rank.clone(), call);
                    });
                }
                EntryKind::CANCEL => {
                    let number = codec::decode(payload);
                    let cancelled =
                        number.into_iter().map(|number| CommandId { number, ..command });
                    cancelled.for_each(|command| self.ledger.take_cancel(command));
                }
                EntryKind::DECISION if decides && self.may_show(home, &author, &command) => {
                    let decision = codec::decode(payload).into_iter();
                    decision.for_each(|decision| self.ledger.take_decision(home, decision));
                }
                EntryKind::DONE if decides => {
                    let task = codec::decode(payload);
                    task.into_iter().for_each(|task| self.ledger.take_done(task));
                }
                _ => {}
            }
        }
    }

    /// Takes in what does not count: this device remembers its own commands that wait for it to be granted a bucket again.
    fn take_stuck(
        &mut self,
        (home, author): (&Home, DeviceId),
        command: CommandId,
        kind: EntryKind,
        payload: &[u8],
    ) {
        let waits = author == self.me && self.roster.reach(&author, &command.chain) == Reach::Whole;
        if waits
            && kind == EntryKind::CALL
            && let Ok(call) = codec::decode(payload)
        {
            self.ledger.take_stuck(home, command, call);
        }
    }

    /// Takes in a segment of a ledger that was just accepted. What is decided here waits until it is saved.
    pub(super) fn accept_ledger(&mut self, document: DocumentId, segment: &Arc<Segment>) {
        if let Some(refold) = &mut self.refold {
            return refold.since.push((document, segment.clone()));
        }
        let Some(home) = self.home(&document) else { return };
        self.take_ledger(&home, segment, &GIVEN);
        self.take_ledger(&home, segment, &[EntryKind::DECISION]);
        self.take_ledger(&home, segment, &[EntryKind::DONE]);
        let counted = self.counted(&document, &segment.chain);
        self.counted.extend(counted.map(|counted| (segment.chain, counted)));
    }

    /// A segment of this device's own would survive a power cut now: what it decides shows.
    pub(super) fn saved_ledger(&mut self, document: DocumentId, segment: &Segment) {
        if self.refold.is_none()
            && let Some(home) = self.home(&document)
        {
            self.take_ledger(&home, segment, &[EntryKind::DECISION]);
        }
    }

    /// Puts the ledger together from the logs of all buckets.
    pub(super) fn load_ledger(&mut self, log: &[(DocumentId, Arc<Segment>)]) {
        self.ledger.read(self.scope_of(&self.me));
        // Decisions come last, when all that they are about is known by name.
        for kinds in [&GIVEN[..], &[EntryKind::DECISION], &[EntryKind::DONE]] {
            for (document, segment) in log {
                if let Some(home) = self.home(document) {
                    self.take_ledger(&home, segment, kinds);
                }
            }
        }
        self.counted = self.count_ledger();
    }

    /// Decides upon what is saved, if that is this device's task. What it decided before has to be saved by then.
    pub(super) fn decide_ready(&mut self, context: &mut Context<'_>) {
        self.undecided = false;
        let due = self.decider() == Some(self.me) && self.ledger.can_decide() && !self.is_unsure();
        if !due || self.refold.is_some() || self.unsaved_own > 0 || !self.has_last_words() {
            return;
        }
        let ready = self.ready_commands();
        self.undecided = ready.len() == DECIDED_AT_ONCE;
        let reads = |device: &DeviceId, bucket: &Bucket| self.reads(device, bucket);
        let mut draft = self.ledger.draft(&reads);
        let decisions = ready.into_iter().filter_map(|(command, author)| {
            let rank = self.roster.rank(&author);
            draft.decide(command, author, rank, context.now.wall)
        });
        let parts: Vec<_> = decisions.flatten().collect();
        if parts.is_empty() {
            return;
        }
        let mut chains = BTreeSet::new();
        for (home, part) in parts {
            let chain = self.ledger_chain(&home.bucket, context);
            self.add_entry(chain, EntryKind::DECISION, &codec::encode(&part), context);
            chains.insert(chain);
        }
        // Nobody hears of a decision before it would survive a power cut.
        self.journal.hold();
        chains.into_iter().for_each(|chain| self.seal_chain(chain, context));
    }

    /// Shows what has changed.
    pub(super) fn settle_ledger(&mut self, context: &mut Context<'_>) {
        if self.ledger.settle() {
            context.effects.push(Effect::Notify(Notice::Records));
        }
        let foreseen = self.ledger.take_foreseen().into_iter();
        let notices = foreseen.map(|foreseen| Notice::Foreseen(Arc::new(foreseen)));
        context.effects.extend(notices.map(Effect::Notify));
    }

    /// When to go on deciding, if there was more than fits into a step.
    pub(super) fn decide_deadline(&self) -> Option<SteadyTime> {
        self.undecided.then(SteadyTime::default)
    }

    /// The commands that are saved and count, in the order in which they came.
    fn ready_commands(&self) -> Vec<(CommandId, DeviceId)> {
        let ledger = &self.ledger;
        ledger.ready(DECIDED_AT_ONCE, |command| {
            let home = ledger.home_of(command).or_else(|| ledger.cancelled_in(command))?;
            let chain = self.chain(&home.ledger, &command.chain)?;
            let saved = chain.saved.number >= command.number;
            let first = ledger.undecided(command).and_then(|call| call.after.as_ref());
            let waits = first.is_some_and(|first| self.is_to_come(&chain.author, first));
            (saved && !waits).then_some(chain.author)
        })
    }

    /// Whether a command that its author gave before, in another ledger, is still to be decided.
    fn is_to_come(&self, author: &DeviceId, (document, command): &(DocumentId, CommandId)) -> bool {
        !self.ledger.is_decided(command)
            && match self.ledger_reach(document, author, &command.chain) {
                Reach::Whole => true,
                Reach::Upto(end) => command.number <= end.number,
                Reach::Nothing => false,
            }
    }

    /// Whether somebody's decision may show: this device's own has to be saved for that.
    fn may_show(&self, home: &Home, author: &DeviceId, decision: &CommandId) -> bool {
        let saved = || self.chain(&home.ledger, &decision.chain).map(|chain| chain.saved);
        *author != self.me || saved().is_some_and(|saved| decision.number <= saved.number)
    }
}

/// A segment's entries, each with the name that a command there has.
pub(super) fn entries_of(segment: &Segment) -> impl Iterator<Item = (CommandId, EntryKind, &[u8])> {
    let entries = segment.entries().map_while(Result::ok);
    (segment.first()..).zip(entries).map(|(number, (entry, _))| {
        (CommandId { chain: segment.chain, number }, entry.kind, entry.payload)
    })
}
