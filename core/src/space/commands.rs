//! Commands and decisions: entries of one document, the ledger, that no app opens.
//!
//! A command goes into the ledger's log like an edit into any other. Whoever decides takes the commands that are saved,
//! each chain's in its order, and writes what came of them; [`Ledger`] is the fold of both.

use std::collections::BTreeSet;
use std::sync::Arc;

use bincode::Decode;
use rand_core::Rng;
use thiserror::Error;

use super::author::NotAWriter;
use super::effect::{Effect, Notice};
use super::{Context, Space};
use crate::clock::{Now, SteadyTime};
use crate::codec;
use crate::command::{
    Call, CommandId, Decision, Failure, Ledger, Loss, MAX_CALL_BYTES, Registry, Task, TaskId,
    Verdict,
};
use crate::document::Label;
use crate::id::{ChainId, DeviceId};
use crate::log::{EntryKind, Segment};
use crate::record::Value;
use crate::roster::Role;

/// How many commands are decided in one step.
const DECIDED_AT_ONCE: usize = 1024;

/// What authors write into the ledger, and what comes of it.
const GIVEN: [EntryKind; 2] = [EntryKind::CALL, EntryKind::CANCEL];

/// A command that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its name for ever.
    pub command: CommandId,
    /// What will become of it, as far as this device can tell.
    pub predicted: Verdict,
}

/// Why a command was not given: nothing of it is kept.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SubmitError<R = Value> {
    /// This device may not write in the space.
    #[error(transparent)]
    NotAWriter(#[from] NotAWriter),
    /// The app's own rules are against it, as the records stand here.
    #[error("the command's own rules are against it")]
    Refused {
        /// Why.
        refusal: R,
    },
    /// Somebody else, whom this device has not seen, was first.
    #[error("somebody else was first")]
    Preceded {
        /// The fields that others had written.
        fields: Vec<Loss>,
    },
    /// Its handler fails.
    #[error("the command's handler fails: {failure}")]
    Failed {
        /// How.
        failure: Failure,
    },
    /// It does not fit into an entry.
    #[error(
        "a command has up to {MAX_CALL_BYTES} bytes and a name of up to 64, and its version is 1 or more"
    )]
    Unfit,
}

impl Space {
    /// Says what the program knows of records and commands. What is undecided runs anew by that.
    pub fn run_with(&mut self, registry: Arc<Registry>) {
        self.ledger.run_with(registry);
    }

    /// The space's records and commands.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The member whose decisions are final: the anchor of longest standing. In a space that stays on this device, it is
    /// the device itself.
    pub fn decider(&self) -> Option<DeviceId> {
        if self.local {
            return Some(self.me);
        }
        let mender = self.roster.mender()?;
        let member = self.roster.member(&mender)?;
        (member.role == Role::Anchor).then_some(mender)
    }

    /// Gives a command. Its effect shows in [`Ledger::preview`] after the next [`settle`](Self::settle).
    ///
    /// # Errors
    /// If it can be told already that nothing would come of it, or this device may not write.
    pub fn submit(
        &mut self,
        name: &str,
        version: u32,
        fields: Value,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<Submitted, SubmitError> {
        if !self.role().is_some_and(Role::writes) {
            return Err(NotAWriter.into());
        }
        let context = &mut Context { now, rng, effects };
        // Another command may have been given in this very step.
        self.settle_ledger(context);
        let call = self.ledger.call(name, version, fields, now.wall);
        let payload = codec::encode(&call);
        if !call.is_sound() || payload.len() > MAX_CALL_BYTES {
            return Err(SubmitError::Unfit);
        }
        let chain = self.ledger_chain(context);
        let command = CommandId { chain, number: self.next_number(&chain) };
        let rank = self.roster.rank(&self.me);
        match self.ledger.try_call(command, &call, rank) {
            Verdict::Refused { refusal } => Err(SubmitError::Refused { refusal }),
            Verdict::Preceded { fields } => Err(SubmitError::Preceded { fields }),
            Verdict::Failed { failure } => Err(SubmitError::Failed { failure }),
            predicted => {
                self.add_entry(chain, EntryKind::CALL, &payload, context);
                self.seal_chain(chain, context);
                self.settle_ledger(context);
                Ok(Submitted { command, predicted })
            }
        }
    }

    /// Takes back a command of this device's own that is not decided; says whether there is such a one.
    pub fn cancel(
        &mut self,
        command: &CommandId,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let context = &mut Context { now, rng, effects };
        let chain = self.ledger_chain(context);
        // What stands on this chain is this device's own.
        if chain != command.chain || self.ledger.undecided(command).is_none() {
            return false;
        }
        self.add_entry(chain, EntryKind::CANCEL, &codec::encode(&command.number), context);
        self.seal_chain(chain, context);
        self.settle_ledger(context);
        true
    }

    /// The first task behind that one which is of that name: something to be done outside, by whoever decides. There is
    /// none before its decision would survive a power cut.
    pub fn task(&self, after: Option<TaskId>, name: &str) -> Option<&Task> {
        self.ledger.task(after, name).filter(|_| self.decider() == Some(self.me))
    }

    /// Something was done outside, and is not to be done again.
    pub fn task_done(
        &mut self,
        task: TaskId,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) {
        let context = &mut Context { now, rng, effects };
        let chain = self.ledger_chain(context);
        self.add_entry(chain, EntryKind::DONE, &codec::encode(&task), context);
        self.seal_chain(chain, context);
    }

    /// Takes in what entries of the ledger say that count and are of one of these kinds.
    fn take_ledger(&mut self, author: DeviceId, segment: &Segment, kinds: &[EntryKind]) {
        let decides = self.decisions_count(&author, &segment.chain);
        let rank = self.roster.rank(&author);
        let end = self.counting_end(&author, &segment.chain);
        let entries = entries_of(segment).take_while(|(command, ..)| command.number <= end);
        for (command, kind, payload) in entries {
            match kind {
                kind if !kinds.contains(&kind) => {}
                EntryKind::CALL => {
                    let call = codec::decode(payload);
                    call.into_iter().for_each(|call| {
                        self.ledger.take_call(command, author, rank.clone(), call);
                    });
                }
                EntryKind::CANCEL => {
                    let number = codec::decode(payload);
                    let cancelled =
                        number.into_iter().map(|number| CommandId { number, ..command });
                    cancelled.for_each(|command| self.ledger.take_cancel(command));
                }
                EntryKind::DECISION if decides && self.may_show(&author, &command) => {
                    let decision = codec::decode(payload);
                    decision.into_iter().for_each(|decision| self.ledger.take_decision(decision));
                }
                EntryKind::DONE if decides => {
                    let task = codec::decode(payload);
                    task.into_iter().for_each(|task| self.ledger.take_done(task));
                }
                _ => {}
            }
        }
    }

    /// Takes in a segment of the ledger that was just accepted. What is decided here waits until it is saved.
    pub(super) fn accept_ledger(&mut self, author: DeviceId, segment: &Arc<Segment>) {
        if let Some(refold) = &mut self.refold {
            return refold.since.push((author, segment.clone()));
        }
        self.take_ledger(author, segment, &GIVEN);
        self.take_ledger(author, segment, &[EntryKind::DECISION]);
        self.take_ledger(author, segment, &[EntryKind::DONE]);
        let counted = self.counted(&segment.chain);
        self.counted.extend(counted.map(|counted| (segment.chain, counted)));
    }

    /// A segment of this device's own would survive a power cut now: what it decides shows.
    pub(super) fn saved_ledger(&mut self, segment: &Segment) {
        if self.refold.is_none() {
            self.take_ledger(self.me, segment, &[EntryKind::DECISION]);
        }
    }

    /// Puts the ledger together from its log.
    pub(super) fn load_ledger(&mut self, log: &[(DeviceId, &Segment)]) {
        // Decisions come last, when all that they are about is known by name.
        for kinds in [&GIVEN[..], &[EntryKind::DECISION], &[EntryKind::DONE]] {
            log.iter().for_each(|(author, segment)| self.take_ledger(*author, segment, kinds));
        }
        self.counted = self.count_ledger();
    }

    /// Decides upon what is saved, if that is this device's task. What it decided before has to be saved by then.
    pub(super) fn decide_ready(&mut self, context: &mut Context<'_>) {
        self.undecided = false;
        let due = self.decider() == Some(self.me) && self.ledger.can_decide();
        if !due || self.refold.is_some() || !self.has_saved_ledger() || !self.has_last_words() {
            return;
        }
        let ready = self.ready_commands();
        self.undecided = ready.len() == DECIDED_AT_ONCE;
        let mut draft = self.ledger.draft();
        let decisions = ready.into_iter().filter_map(|(command, author)| {
            let rank = self.roster.rank(&author);
            draft.decide(command, author, rank, context.now.wall)
        });
        let decisions: Vec<_> = decisions.collect();
        if decisions.is_empty() {
            return;
        }
        let chain = self.ledger_chain(context);
        for decision in decisions {
            self.add_entry(chain, EntryKind::DECISION, &codec::encode(&decision), context);
        }
        // Nobody hears of a decision before it would survive a power cut.
        self.journal.hold();
        self.seal_chain(chain, context);
    }

    /// Shows what has changed.
    pub(super) fn settle_ledger(&mut self, context: &mut Context<'_>) {
        if self.ledger.settle() {
            context.effects.push(Effect::Notify(Notice::Records));
        }
    }

    /// When to go on deciding, if there was more than fits into a step.
    pub(super) fn decide_deadline(&self) -> Option<SteadyTime> {
        self.undecided.then(SteadyTime::default)
    }

    /// Whether a segment has nothing but what may stand in the ledger, by that author.
    pub(super) fn belongs_in_ledger(&self, author: &DeviceId, segment: &Segment) -> bool {
        entries_of(segment).all(|(command, kind, payload)| match kind {
            EntryKind::CALL => {
                payload.len() <= MAX_CALL_BYTES && is::<Call>(payload, Call::is_sound)
            }
            EntryKind::CANCEL => is::<u64>(payload, |number| *number < command.number),
            EntryKind::DECISION => {
                self.roster.was_anchor(author) && is::<Decision>(payload, |_| true)
            }
            EntryKind::DONE => self.roster.was_anchor(author) && is::<TaskId>(payload, |_| true),
            _ => false,
        })
    }

    /// The commands that are saved and count, in the order in which they came.
    fn ready_commands(&mut self) -> Vec<(CommandId, DeviceId)> {
        let Some(log) = self.index.get(&self.ledger_document) else { return Vec::new() };
        let ready = |command: &CommandId| {
            let chain = log.chains.get(&command.chain)?;
            (chain.saved.number >= command.number).then_some(chain.author)
        };
        self.ledger.ready(DECIDED_AT_ONCE, ready)
    }

    /// Whether somebody's decision may show: this device's own has to be saved for that.
    fn may_show(&self, author: &DeviceId, decision: &CommandId) -> bool {
        let saved = || self.chain(&self.ledger_document, &decision.chain).map(|chain| chain.saved);
        *author != self.me || saved().is_some_and(|saved| decision.number <= saved.number)
    }

    /// Whether all that this device wrote into the ledger is saved.
    fn has_saved_ledger(&self) -> bool {
        let log = self.index.get(&self.ledger_document);
        let chains = log.into_iter().flat_map(|log| log.chains.values());
        let mut own = chains.filter(|chain| chain.author == self.me);
        own.all(|chain| chain.saved.number == chain.tip.number)
    }

    fn ledger_chain(&mut self, context: &mut Context<'_>) -> ChainId {
        let taken = BTreeSet::new();
        self.chain_to_write(&Label::ledger(), &taken, context.now, context.rng).chain
    }

    /// The number of the next entry on a chain of this device's own, all of which is sealed.
    fn next_number(&self, chain: &ChainId) -> u64 {
        self.chain(&self.ledger_document, chain).map_or(1, |chain| chain.tip.number + 1)
    }
}

/// Whether a segment of another document holds what may stand in the ledger alone.
pub(super) fn holds_commands(segment: &Segment) -> bool {
    let ours = [EntryKind::CALL, EntryKind::CANCEL, EntryKind::DECISION, EntryKind::DONE];
    entries_of(segment).any(|(_, kind, _)| ours.contains(&kind))
}

/// A segment's entries, each with the name that a command there has.
fn entries_of(segment: &Segment) -> impl Iterator<Item = (CommandId, EntryKind, &[u8])> {
    let entries = segment.entries().map_while(Result::ok);
    (segment.first()..).zip(entries).map(|(number, (entry, _))| {
        (CommandId { chain: segment.chain, number }, entry.kind, entry.payload)
    })
}

fn is<T: Decode<()>>(payload: &[u8], sound: impl FnOnce(&T) -> bool) -> bool {
    codec::decode(payload).is_ok_and(|value| sound(&value))
}
