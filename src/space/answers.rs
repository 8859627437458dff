//! What became of this device's commands, until the app has dealt with it.

use std::fmt;
use std::marker::PhantomData;

use driftline_core::command::{self, Command, CommandId, News, Revision, Verdict};
use driftline_core::record::{Value, ValueError};
use thiserror::Error;
use tokio::sync::watch;

use super::Space;
use crate::engine::{Asking, EngineGone, Shown};

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
    /// What was heard before does not count: whoever decided it was not, or not any more, the one to decide.
    Revoked {
        /// The verdict that counts; nothing as long as the command is not decided. It waits in the outbox then, if anybody
        /// may still decide it.
        now: Option<Verdict<C::Output, C::Refusal>>,
    },
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

impl Space {
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
            News::Verdict(verdict) => Outcome::Verdict(typed::<C>(verdict)?),
            News::Revoked { now } => Outcome::Revoked { now: now.map(typed::<C>).transpose()? },
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
    /// The app has dealt with it, and with what came before it of the same command: it does not come again, also not after
    /// the process is killed, nor when the anchor that decided it is removed. If it does not count then, that is told.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn ack(self) -> Result<(), EngineGone> {
        let number = self.number;
        self.space.asked(|reply| Asking::Heard { number, reply }).await
    }
}

impl<C: Command> fmt::Display for Outcome<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict(verdict) => verdict.fmt(f),
            Self::Revision(revision) => revision.fmt(f),
            Self::Revoked { now: None } => f.write_str("revoked: it is not decided any more"),
            Self::Revoked { now: Some(verdict) } => write!(f, "revoked: now it is {verdict}"),
        }
    }
}

/// A verdict in the terms of its command's type.
pub(super) fn typed<C: Command>(
    verdict: Verdict,
) -> Result<Verdict<C::Output, C::Refusal>, ValueError> {
    verdict.map(|output| output.to(), |refusal| refusal.to())
}
