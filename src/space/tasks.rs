//! What is to happen once, outside, as the app on the anchor gets it.

use std::marker::PhantomData;

use driftline_core::command::{Effect, TaskId};
use tokio::sync::watch;

use super::Space;
use super::answers::AnswerError;
use crate::engine::{Asking, EngineGone, Shown};

/// What is to be done outside, of one kind: see [`Space::tasks`].
pub struct Tasks<E> {
    space: Space,
    shown: watch::Receiver<Shown>,
    after: Option<TaskId>,
    effect: PhantomData<fn() -> E>,
}

/// Something to be done outside.
#[derive(Debug)]
pub struct Task<E> {
    /// What the outside tells repetitions by: it is the same each time this task is given.
    pub key: String,
    /// What is to be done.
    pub effect: E,
    id: TaskId,
    space: Space,
}

impl Space {
    /// What commands asked for outside, of one kind, for the device that decides; on others there is never any. Each comes
    /// once its decision would survive a power cut, and again after a restart until it is said to be
    /// [done](Task::done).
    pub fn tasks<E: Effect>(&self) -> Tasks<E> {
        let shown = self.device.showcase().watch(self.id);
        Tasks { space: self.clone(), shown, after: None, effect: PhantomData }
    }
}

impl<E: Effect> Tasks<E> {
    /// Resolves with the next task that this stream has not given yet.
    ///
    /// # Errors
    /// If it does not fit the type, or the device is closed.
    pub async fn next(&mut self) -> Result<Task<E>, AnswerError> {
        loop {
            self.shown.mark_unchanged();
            let (after, name) = (self.after, E::NAME);
            let task = self.space.asked(|reply| Asking::Task { after, name, reply }).await?;
            if let Some(task) = task {
                self.after = Some(task.id);
                let (effect, space) = (task.value.to()?, self.space.clone());
                return Ok(Task { key: task.key, effect, id: task.id, space });
            }
            self.shown.changed().await.map_err(|_| EngineGone)?;
        }
    }
}

impl<E> Task<E> {
    /// It happened: it is not given again, also not after the process is killed, and not to an anchor that takes over.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn done(self) -> Result<(), EngineGone> {
        let task = self.id;
        self.space.asked(|reply| Asking::Done { task, reply }).await
    }
}
