//! What became of what others asked for, for whoever has seen it before it was decided.

use std::marker::PhantomData;
use std::sync::Arc;

use driftline_core::command::{self, Command, CommandId, Verdict};
use driftline_core::id::DeviceId;
use driftline_core::record::{Value, ValueError};
use thiserror::Error;
use tokio::sync::watch;

use super::Space;
use super::answers::typed;
use crate::engine::{Asking, EngineGone, Shown, Told, Watcher};

/// What becomes of others' commands of one type: see [`Space::foreseen`].
pub struct Foresight<C> {
    all: AllForeseen,
    command: PhantomData<fn() -> C>,
}

/// What becomes of others' commands: see [`Space::all_foreseen`].
pub struct AllForeseen {
    watcher: Arc<Watcher<Arc<command::Foreseen>>>,
    /// It ends when the device is closed.
    open: watch::Receiver<Shown>,
}

/// What became of somebody else's command, which this device had shown before it was decided.
#[derive(Debug)]
pub struct Foreseen<C: Command> {
    /// The command.
    pub command: CommandId,
    /// Whose it is.
    pub author: DeviceId,
    /// Its fields, as they were given.
    pub fields: Value,
    /// What this device had shown of it last.
    pub predicted: Verdict<C::Output, C::Refusal>,
    /// What became of it.
    pub verdict: Verdict<C::Output, C::Refusal>,
}

/// Why it can't be told what became of a command.
#[derive(Debug, Error)]
pub enum ForeseenError {
    /// It does not fit the command's type, as when the program that decided is another.
    #[error(transparent)]
    Value {
        /// What does not fit.
        #[from]
        source: ValueError,
    },
    /// More than 4 MiB waited to be read, and was let go of. What is to come is told.
    #[error("more was decided than was read: look at the records, and read on")]
    Missed,
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

impl Space {
    /// What becomes of others' commands of one type, from now on, which this device shows as undecided: so whoever has seen
    /// that the seat is bob's hears when it is not. Each comes once it is decided. Nothing of it is kept across restarts.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn foreseen<C: Command>(&self) -> Result<Foresight<C>, EngineGone> {
        Ok(Foresight { all: self.all_foreseen().await?, command: PhantomData })
    }

    /// The same of commands of all types: for tools that know none.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn all_foreseen(&self) -> Result<AllForeseen, EngineGone> {
        let open = self.device.showcase().watch(self.id);
        let watcher = self.asked(|reply| Asking::Foresee { reply }).await?;
        Ok(AllForeseen { watcher, open })
    }
}

impl<C: Command> Foresight<C> {
    /// Resolves with the next.
    ///
    /// # Errors
    /// If it does not fit the type, or more came than was read, or the device is closed.
    pub async fn next(&mut self) -> Result<Foreseen<C>, ForeseenError> {
        loop {
            let foreseen = self.all.next().await?;
            if foreseen.name != C::NAME {
                continue;
            }
            let (predicted, verdict) = (foreseen.predicted.clone(), foreseen.verdict.clone());
            return Ok(Foreseen {
                command: foreseen.command,
                author: foreseen.author,
                fields: foreseen.fields.clone(),
                predicted: typed::<C>(predicted)?,
                verdict: typed::<C>(verdict)?,
            });
        }
    }
}

impl AllForeseen {
    /// Resolves with the next.
    ///
    /// # Errors
    /// If more came than was read, or the device is closed.
    pub async fn next(&mut self) -> Result<Arc<command::Foreseen>, ForeseenError> {
        loop {
            tokio::select! {
                told = self.watcher.next() => return match told {
                    Told::News(foreseen) => Ok(foreseen),
                    Told::Missed => Err(ForeseenError::Missed),
                },
                changed = self.open.changed() => changed.map_err(|_| EngineGone)?,
            }
        }
    }
}
