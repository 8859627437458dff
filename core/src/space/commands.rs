//! Commands and decisions: entries of ledgers, which no app opens. Each bucket has one.
//!
//! A command goes into the log of its bucket's ledger like an edit into any other. Whoever decides takes the commands that
//! are saved, each chain's in its order, and writes what came of them into the ledgers of those whom it concerns;
//! [`Ledger`] is the fold of all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand_core::Rng;
use thiserror::Error;

use super::author::NotAWriter;
use super::effect::Effect;
use super::{Context, Space};
use crate::clock::Now;
use crate::codec;
use crate::command::{
    Command, CommandId, Failure, Heard, Ledger, Loss, MAX_CALL_BYTES, Publish, Registry, Task,
    TaskId, Verdict,
};
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::EntryKind;
use crate::record::{Bucket, Key, Value, ValueError};
use crate::roster::Role;

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

    /// Says what the app had dealt with, of what it was told of its commands, before this run.
    pub fn restore_heard(&mut self, heard: BTreeMap<CommandId, Heard>) {
        self.ledger.restore_heard(heard);
    }

    /// The app has dealt with an answer: see [`Ledger::acknowledge`].
    pub fn acknowledge_answer(&mut self, number: usize) -> Option<(CommandId, Heard)> {
        self.ledger.acknowledge(number)
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

    pub(super) fn ledger_chain(&mut self, bucket: &Bucket, context: &mut Context<'_>) -> ChainId {
        let (label, taken) = (Label::ledger(bucket), BTreeSet::new());
        self.chain_to_write(&label, &taken, context.now, context.rng).chain
    }

    /// The number of the next entry on a chain of this device's own, all of which is sealed.
    fn next_number(&self, ledger: &DocumentId, chain: &ChainId) -> u64 {
        self.chain(ledger, chain).map_or(1, |chain| chain.tip.number + 1)
    }
}
