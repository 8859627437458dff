//! Commands, as an app gives them.

use driftline_core::command::{Command, CommandId, Failure, Loss, OutboxEntry, Verdict};
use driftline_core::record::{Value, ValueError};
use driftline_core::space::{NotAWriter, SubmitError as NotGiven};
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::oneshot;

use super::Space;
use super::answers::AnswerError;
use crate::document::{Level, ReachError};
use crate::engine::{Asking, EngineGone, Given, Refused, Request};

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
    /// There is no room on the disk.
    #[error("the disk is full: free some of it, and give the command again")]
    DiskFull,
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

impl Space {
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
            Refused::DiskFull => SubmitError::DiskFull,
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
