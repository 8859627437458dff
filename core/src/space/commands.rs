//! Commands and decisions: entries of ledgers, which no app opens. Each bucket has one.
//!
//! A command goes into the log of its bucket's ledger like an edit into any other. Whoever decides takes the commands that
//! are saved, each chain's in its order, and writes what came of them into the ledgers of those whom it concerns;
//! [`Ledger`] is the fold of all.

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
    Call, Command, CommandId, Decision, Failure, Ledger, Loss, MAX_CALL_BYTES, Publish, Registry,
    Task, TaskId, Verdict,
};
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::{EntryKind, Segment};
use crate::record::{Bucket, Home, Key, Value, ValueError};
use crate::roster::{Reach, Role};

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
    /// It travels in a bucket that this device may not read.
    #[error("the command belongs into the bucket “{bucket}”, which this device may not read")]
    NotGranted {
        /// The bucket.
        bucket: Bucket,
    },
    /// It does not fit into an entry.
    #[error(
        "a command has up to {MAX_CALL_BYTES} bytes and a name of up to 64, and its version is 1 or more"
    )]
    Unfit,
}

/// Why records can't be published.
#[derive(Debug, Error)]
pub enum PublishError {
    /// Another device decides.
    #[error("records are published by the anchor that decides, and this device is not the one")]
    NotDeciding,
    /// A row can't be kept.
    #[error(transparent)]
    Value {
        /// What is wrong with it.
        #[from]
        source: ValueError,
    },
    /// Nothing can be given, or nothing would come of it.
    #[error(transparent)]
    Submit {
        /// Why.
        #[from]
        source: SubmitError,
    },
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

    /// Gives a command, in the bucket that it says itself; where the program does not know it, in the one that is named, or
    /// in the common one. Its effect shows in [`Ledger::preview`] after the next [`settle`](Self::settle).
    ///
    /// # Errors
    /// If it can be told already that nothing would come of it, or this device may not write.
    pub fn submit(
        &mut self,
        command: (&str, u32),
        fields: Value,
        bucket: Option<Bucket>,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<Submitted, SubmitError> {
        if !self.role().is_some_and(Role::writes) {
            return Err(NotAWriter.into());
        }
        let known = self.ledger.bucket_of(command.0, command.1, &fields);
        let bucket = known.or(bucket).unwrap_or_default();
        self.give(command, fields, bucket, &mut Context { now, rng, effects })
    }

    fn give(
        &mut self,
        (name, version): (&str, u32),
        fields: Value,
        bucket: Bucket,
        context: &mut Context<'_>,
    ) -> Result<Submitted, SubmitError> {
        let home = self.ledger.home(bucket);
        if !home.bucket.is_sound() || !self.reads_ledger(&home.ledger, &self.me) {
            return Err(SubmitError::NotGranted { bucket: home.bucket });
        }
        // Another command may have been given in this very step.
        self.settle_ledger(context);
        let now = context.now.wall;
        let call = self.ledger.call((name, version), fields, &home.ledger, now);
        let payload = codec::encode(&call);
        if !call.is_sound() || payload.len() > MAX_CALL_BYTES {
            return Err(SubmitError::Unfit);
        }
        let chain = self.ledger_chain(&home.bucket, context);
        let command = CommandId { chain, number: self.next_number(&home.ledger, &chain) };
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

    /// Has the records of a collection come to what a source says that lives elsewhere, for whoever decides: records of
    /// which it says something else than before are changed, and such that it does not name any more are taken away. Gives
    /// the commands by which that is done.
    ///
    /// # Errors
    /// If this device does not decide, or may not write.
    pub fn publish(
        &mut self,
        (source, collection): (&str, &str),
        rows: Vec<(Key, Value)>,
        now: Now,
        rng: &mut dyn Rng,
        effects: &mut Vec<Effect>,
    ) -> Result<Vec<CommandId>, PublishError> {
        if self.decider() != Some(self.me) {
            return Err(PublishError::NotDeciding);
        }
        self.settle_ledger(&mut Context { now, rng, effects });
        let preview = self.ledger.preview();
        let portions = Publish::what_changed(preview, (source, collection), rows);
        let give = |portion: Publish| {
            let fields = Value::of(&portion)?;
            let (command, own) = ((Publish::NAME, Publish::VERSION), Bucket::of(&self.me));
            Ok(self.give(command, fields, own, &mut Context { now, rng, effects })?.command)
        };
        portions.into_iter().map(give).collect()
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
        let Some(bucket) = self.ledger.home_of(command).map(|home| home.bucket.clone()) else {
            return false;
        };
        let chain = self.ledger_chain(&bucket, context);
        // What stands on this chain is this device's own.
        if chain != command.chain {
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
        let Some(bucket) = self.ledger.open_task(&task).map(|task| task.bucket.clone()) else {
            return;
        };
        let chain = self.ledger_chain(&bucket, context);
        self.add_entry(chain, EntryKind::DONE, &codec::encode(&task), context);
        self.seal_chain(chain, context);
    }

    /// Takes in what entries of a ledger say that count and are of one of these kinds.
    fn take_ledger(&mut self, home: &Home, segment: &Segment, kinds: &[EntryKind]) {
        let chain = self.chain(&home.ledger, &segment.chain);
        let Some(author) = chain.map(|chain| chain.author) else { return };
        let decides = self.decisions_count(&author, &segment.chain);
        let (rank, publishes) = (self.roster.rank(&author), self.publishes(&author));
        let end = self.counting_end(&home.ledger, &author, &segment.chain);
        let entries = entries_of(segment).filter(|(_, kind, _)| kinds.contains(kind));
        for (command, kind, payload) in entries {
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
        let due = self.decider() == Some(self.me) && self.ledger.can_decide();
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
            EntryKind::BEGUN => payload.is_empty(),
            _ => false,
        })
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

    pub(super) fn ledger_chain(&mut self, bucket: &Bucket, context: &mut Context<'_>) -> ChainId {
        let (label, taken) = (Label::ledger(bucket), BTreeSet::new());
        self.chain_to_write(&label, &taken, context.now, context.rng).chain
    }

    /// The number of the next entry on a chain of this device's own, all of which is sealed.
    fn next_number(&self, ledger: &DocumentId, chain: &ChainId) -> u64 {
        self.chain(ledger, chain).map_or(1, |chain| chain.tip.number + 1)
    }
}

/// Whether a segment of another document holds what may stand in the ledger alone.
pub(super) fn holds_commands(segment: &Segment) -> bool {
    let ours = [
        EntryKind::CALL,
        EntryKind::CANCEL,
        EntryKind::DECISION,
        EntryKind::DONE,
        EntryKind::BEGUN,
    ];
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
