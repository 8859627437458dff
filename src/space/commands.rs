//! Commands and records, as an app sees them.

use std::marker::PhantomData;

use driftline_core::command::{
    self, Command, CommandId, Failure, Loss, News, OutboxEntry, Revision, Verdict,
};
use driftline_core::id::SpaceId;
use driftline_core::record::{Key, Record, Table, Value, ValueError};
use driftline_core::space::{NotAWriter, SubmitError as NotGiven};
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::{oneshot, watch};

use super::Space;
use crate::document::{Level, ReachError};
use crate::engine::{Asking, EngineGone, Given, Refused, Request, Shown};

/// The records of a space as they were at one moment. It is cheap to take, and to keep.
#[derive(Clone, Debug)]
pub struct View {
    shown: Shown,
}

/// A command that was given: visible already, on its way to disk, to peers and to the anchor.
pub struct Submitted<C: Command> {
    command: CommandId,
    predicted: Verdict<C::Output, C::Refusal>,
    update: u64,
    space: Space,
}

/// Why a command was not given: nothing of it is kept.
#[derive(Debug, Error)]
pub enum SubmitError<R> {
    /// This device may not write in the space.
    #[error(transparent)]
    NotAWriter(#[from] NotAWriter),
    /// The app's own rules are against it, as the records stand here.
    #[error("the command's own rules are against it")]
    Refused {
        /// Why.
        refusal: R,
    },
    /// Somebody else, whom this device had not seen, was first.
    #[error("somebody else was first")]
    Preceded {
        /// The fields that others had written.
        fields: Vec<Loss>,
    },
    /// Its handler fails.
    #[error("the command's handler fails")]
    Failed {
        /// How.
        source: Failure,
    },
    /// It has more than 256 KiB, or its name more than 64 bytes, or its version is 0.
    #[error(
        "the command is larger than 256 KiB, or its name longer than 64 bytes, or its version is 0"
    )]
    Unfit,
    /// Its fields, its output or its refusal hold what can't be kept: fractions, say.
    #[error(transparent)]
    Value {
        /// What is wrong with it.
        #[from]
        source: ValueError,
    },
    /// The store failed: nothing more is kept.
    #[error(
        "the store failed, so nothing more can be kept: free some disk space, then close the device and open it again"
    )]
    StoreFailed,
    /// The device is closed, or not in the space any more.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

/// The answers to this device's commands of one type, in their order: see [`Space::verdicts`].
pub struct Answers<C> {
    answers: AllAnswers,
    command: PhantomData<fn() -> C>,
}

/// The answers to all of this device's commands, in their order: see [`Space::all_verdicts`].
pub struct AllAnswers {
    space: Space,
    shown: watch::Receiver<Shown>,
    next: usize,
    /// Only those to commands of this name that were not acknowledged.
    unheard: Option<&'static str>,
}

/// What became of one of this device's commands, or changed about that.
#[derive(Debug)]
pub struct Answer<C: Command> {
    /// The command.
    pub command: CommandId,
    /// With a verdict, the fields as they were given: what the app can give anew, if the verdict is
    /// [`Obsolete`](Verdict::Obsolete).
    pub fields: Option<Value>,
    /// What became of it.
    pub outcome: Outcome<C>,
    number: usize,
    space: Space,
}

/// A verdict, or a later change to it.
#[derive(Debug)]
pub enum Outcome<C: Command> {
    /// The verdict: each command gets one.
    Verdict(Verdict<C::Output, C::Refusal>),
    /// Something came after it.
    Revision(Revision),
}

/// Why an answer can't be had.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// It does not fit the command's type, as when the program that decided is another.
    #[error(transparent)]
    Value {
        /// What does not fit.
        #[from]
        source: ValueError,
    },
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

/// Hears how the records of one type change: see [`Space::watch`].
pub struct Watch<R> {
    shown: watch::Receiver<Shown>,
    last: Table,
    record: PhantomData<fn() -> R>,
}

/// The records of a space as they change: see [`Space::views`].
pub struct Views {
    shown: watch::Receiver<Shown>,
}

/// One step from what was shown to what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<R> {
    /// Records that were not there before, and such that are other than before.
    pub changed: Vec<R>,
    /// The keys of those that are not there any more.
    pub removed: Vec<Key>,
}

impl View {
    /// A record, if it is there, with what is not decided yet.
    ///
    /// # Errors
    /// If its fields are not those of the type.
    pub fn get<R: Record>(&self, key: impl Into<Key>) -> Result<Option<R>, ValueError> {
        self.shown.preview.get(key)
    }

    /// All records of a type, by their keys, with what is not decided yet.
    ///
    /// # Errors
    /// If the fields of one are not those of the type.
    pub fn all<R: Record>(&self) -> Result<Vec<R>, ValueError> {
        self.shown.preview.all()
    }

    /// The records with what is not decided yet, field by field.
    pub fn preview(&self) -> &Table {
        &self.shown.preview
    }

    /// The records as decided, field by field.
    pub fn confirmed(&self) -> &Table {
        &self.shown.confirmed
    }
}

impl Space {
    /// The records as they stand: a snapshot, taken without waiting for anybody.
    pub fn view(&self) -> View {
        View { shown: self.device.showcase().current(self.id) }
    }

    /// Gives a command: runs it on the records as this device shows them, and queues it for the anchor. No network is
    /// needed. What becomes of it comes through [`verdicts`](Self::verdicts).
    ///
    /// # Errors
    /// If it can be told already that nothing would come of it. Then nothing is kept of it.
    pub async fn submit<C: Command>(
        &self,
        command: C,
    ) -> Result<Submitted<C>, SubmitError<C::Refusal>> {
        let fields = Value::of(&command)?;
        let given = self.give(C::NAME, C::VERSION, fields).await?;
        let predicted =
            given.submitted.predicted.map(|output| output.to(), |refusal| refusal.to())?;
        let (command, update, space) = (given.submitted.command, given.update, self.clone());
        Ok(Submitted { command, predicted, update, space })
    }

    /// What became of this device's commands of one type, and what changed about that later: each comes once it is
    /// decided, in order, and again after a restart until it is [acknowledged](Answer::ack).
    pub fn verdicts<C: Command>(&self) -> Answers<C> {
        let answers = AllAnswers { unheard: Some(C::NAME), ..self.all_verdicts() };
        Answers { answers, command: PhantomData }
    }

    /// What became of all of this device's commands, from the first on, acknowledged or not: for tools that know no
    /// types.
    pub fn all_verdicts(&self) -> AllAnswers {
        let shown = self.device.showcase().watch(self.id);
        AllAnswers { space: self.clone(), shown, next: 0, unheard: None }
    }

    /// Gives a command by its name: for tools that know no types.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn submit_named(
        &self,
        name: &str,
        version: u32,
        fields: Value,
    ) -> Result<(CommandId, Verdict), SubmitError<Value>> {
        let given = self.give(name, version, fields).await?;
        Ok((given.submitted.command, given.submitted.predicted))
    }

    /// Hears how the records of one type change from now on.
    pub fn watch<R: Record>(&self) -> Watch<R> {
        let mut shown = self.device.showcase().watch(self.id);
        let last = shown.borrow_and_update().preview.clone();
        Watch { shown, last, record: PhantomData }
    }

    /// The records as they stand, then as they stand after each change; changes that nobody waited for come as one.
    pub fn views(&self) -> Views {
        let mut shown = self.device.showcase().watch(self.id);
        shown.mark_changed();
        Views { shown }
    }

    /// This device's commands that are not decided yet, in their order.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn outbox(&self) -> Result<Vec<OutboxEntry>, EngineGone> {
        self.asked(|reply| Asking::Outbox { reply }).await
    }

    /// Takes back a command of this device's own; says whether it was still undecided. If the anchor decides before it
    /// hears of this, the command stands.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn cancel(&self, command: CommandId) -> Result<bool, EngineGone> {
        self.asked(|reply| Asking::Cancel { command, reply }).await
    }

    async fn give<R: DeserializeOwned>(
        &self,
        name: &str,
        version: u32,
        fields: Value,
    ) -> Result<Given, SubmitError<R>> {
        let name = name.to_owned();
        let given = self.asked(|reply| Asking::Submit { name, version, fields, reply }).await?;
        given.map_err(|refused| match refused {
            Refused::StoreFailed => SubmitError::StoreFailed,
            Refused::Core(error) => SubmitError::of(error),
        })
    }

    pub(super) async fn asked<T>(
        &self,
        asking: impl FnOnce(oneshot::Sender<T>) -> Asking,
    ) -> Result<T, EngineGone> {
        let space = self.id;
        self.device.ask(|reply| Request::Command { space, asking: asking(reply) }).await
    }
}

impl<C: Command> Submitted<C> {
    /// The command's name for ever.
    pub fn command(&self) -> CommandId {
        self.command
    }

    /// What will become of it, as far as this device can tell.
    pub fn predicted(&self) -> &Verdict<C::Output, C::Refusal> {
        &self.predicted
    }

    /// Resolves when the command got that far. That an anchor has it does not mean that it is decided.
    ///
    /// # Errors
    /// If the store fails first, or the device is closed.
    pub async fn reached(&self, level: Level) -> Result<(), ReachError> {
        let (space, chain, update) = (self.space.id, self.command.chain, self.update);
        let request = |reply| Request::Reached { space, chain, update, level, reply };
        match self.space.device.ask(request).await? {
            true => Ok(()),
            false => Err(ReachError::StoreFailed),
        }
    }

    /// Resolves with the verdict. With no anchor in reach that takes as long as there is none: give it a timeout. The
    /// verdict also goes to [`Space::verdicts`], where it waits to be acknowledged.
    ///
    /// # Errors
    /// If the verdict does not fit the type, or the device is closed.
    pub async fn decided(&self) -> Result<Verdict<C::Output, C::Refusal>, AnswerError> {
        let mut shown = self.space.device.showcase().watch(self.space.id);
        loop {
            shown.mark_unchanged();
            let command = self.command;
            let verdict = self.space.asked(|reply| Asking::Verdict { command, reply }).await?;
            if let Some(verdict) = verdict {
                return Ok(verdict.map(|output| output.to(), |refusal| refusal.to())?);
            }
            shown.changed().await.map_err(|_| EngineGone)?;
        }
    }
}

impl<C: Command> Answers<C> {
    /// Resolves with the next answer that was not acknowledged, and not given by this stream before.
    ///
    /// # Errors
    /// If it does not fit the type, or the device is closed.
    pub async fn next(&mut self) -> Result<Answer<C>, AnswerError> {
        let (number, answer) = self.answers.numbered().await?;
        let outcome = match answer.news {
            News::Revision(revision) => Outcome::Revision(revision),
            News::Verdict(verdict) => {
                Outcome::Verdict(verdict.map(|output| output.to(), |refusal| refusal.to())?)
            }
        };
        let space = self.answers.space.clone();
        let (command, fields) = (answer.command, answer.fields);
        Ok(Answer { command, fields, outcome, number, space })
    }
}

impl AllAnswers {
    /// Resolves with the next answer.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn next(&mut self) -> Result<command::Answer, EngineGone> {
        Ok(self.numbered().await?.1)
    }

    /// The next answer, if there is one already.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn try_next(&mut self) -> Result<Option<command::Answer>, EngineGone> {
        let (from, unheard) = (self.next, self.unheard);
        let found = self.space.asked(|reply| Asking::Answer { from, unheard, reply }).await?;
        Ok(found.map(|found| {
            self.next = found.number + 1;
            found.answer
        }))
    }

    async fn numbered(&mut self) -> Result<(usize, command::Answer), EngineGone> {
        loop {
            self.shown.mark_unchanged();
            if let Some(answer) = self.try_next().await? {
                return Ok((self.next - 1, answer));
            }
            self.shown.changed().await.map_err(|_| EngineGone)?;
        }
    }
}

impl<C: Command> Answer<C> {
    /// The app has dealt with it: it does not come again, also not after the process is killed.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn ack(self) -> Result<(), EngineGone> {
        let number = self.number;
        self.space.asked(|reply| Asking::Heard { number, reply }).await
    }
}

impl Views {
    /// Resolves with the next view.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn next(&mut self) -> Result<View, EngineGone> {
        self.shown.changed().await.map_err(|_| EngineGone)?;
        Ok(View { shown: self.shown.borrow_and_update().clone() })
    }
}

impl<R: Record> Watch<R> {
    /// Resolves with the next step from what was shown to what is shown; steps that nobody waited for come as one.
    ///
    /// # Errors
    /// If a record's fields are not those of the type, or the device is closed.
    pub async fn next(&mut self) -> Result<Difference<R>, AnswerError> {
        loop {
            self.shown.changed().await.map_err(|_| EngineGone)?;
            let now = self.shown.borrow_and_update().preview.clone();
            let before = std::mem::replace(&mut self.last, now);
            let (changed, removed) = self.last.difference(&before, R::COLLECTION);
            if !changed.is_empty() || !removed.is_empty() {
                let changed = changed.into_iter().map(|(_, row)| row.to_value().to());
                return Ok(Difference { changed: changed.collect::<Result<_, _>>()?, removed });
            }
        }
    }
}

impl<R: DeserializeOwned> SubmitError<R> {
    fn of(error: NotGiven) -> Self {
        match error {
            NotGiven::NotAWriter(source) => Self::NotAWriter(source),
            NotGiven::Refused { refusal } => match refusal.to() {
                Ok(refusal) => Self::Refused { refusal },
                Err(source) => Self::Value { source },
            },
            NotGiven::Preceded { fields } => Self::Preceded { fields },
            NotGiven::Failed { failure } => Self::Failed { source: failure },
            NotGiven::Unfit => Self::Unfit,
        }
    }
}

impl<C: Command> std::fmt::Display for Outcome<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Verdict(verdict) => verdict.fmt(f),
            Self::Revision(revision) => revision.fmt(f),
        }
    }
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id: &SpaceId = &self.id;
        f.debug_tuple("Space").field(id).finish()
    }
}
