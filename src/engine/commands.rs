//! Commands, records and answers: what the app asks of them, and what it is shown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use driftline_core::command::{CommandId, Foreseen, OutboxEntry, Task, TaskId, Verdict};
use driftline_core::id::SpaceId;
use driftline_core::record::{Bucket, Homes, Key, Table, Value};
use driftline_core::space::{PublishError, SubmitError, Submitted};
use tokio::sync::{oneshot, watch};

use super::Engine;
use super::answers::Numbered;
use super::watchers::Watcher;

type Reply<T> = oneshot::Sender<T>;

/// What an app asks of a space's commands. An answer that never comes says that the device is closed.
pub(crate) enum Asking {
    Submit {
        name: String,
        version: u32,
        fields: Value,
        bucket: Option<Bucket>,
        reply: Reply<Result<Given, Refused>>,
    },
    Publish {
        source: &'static str,
        collection: &'static str,
        rows: Vec<(Key, Value)>,
        reply: Reply<Result<Vec<CommandId>, PublishError>>,
    },
    Cancel {
        command: CommandId,
        reply: Reply<bool>,
    },
    Outbox {
        reply: Reply<Vec<OutboxEntry>>,
    },
    Verdict {
        command: CommandId,
        reply: Reply<Option<Verdict>>,
    },
    /// Any answer, or only such as are not acknowledged, to commands of one name.
    Answer {
        from: usize,
        unheard: Option<&'static str>,
        reply: Reply<Option<Numbered>>,
    },
    Heard {
        number: usize,
        reply: Reply<()>,
    },
    /// What becomes of what others ask for, from now on.
    Foresee {
        reply: Reply<Arc<Watcher<Arc<Foreseen>>>>,
    },
    Task {
        after: Option<TaskId>,
        name: &'static str,
        reply: Reply<Option<Box<Task>>>,
    },
    Done {
        task: TaskId,
        reply: Reply<()>,
    },
}

/// A command that was given, with where its entry is to be found.
pub(crate) struct Given {
    pub(crate) submitted: Submitted,
    /// How many updates were written on its chain, with it.
    pub(crate) update: u64,
}

/// Why a command was not given.
pub(crate) enum Refused {
    Core(SubmitError),
    DiskFull,
    StoreFailed,
}

/// Records as they were at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) preview: Table,
    pub(crate) confirmed: Table,
    /// Nothing before the space is shown for the first time.
    pub(crate) homes: Option<Homes>,
}

/// What each space shows, for everybody who looks, without asking the engine.
#[derive(Debug, Default)]
pub(crate) struct Showcase(Mutex<BTreeMap<SpaceId, watch::Sender<Shown>>>);

impl Showcase {
    /// What a space shows, now and from now on.
    pub(crate) fn watch(&self, space: SpaceId) -> watch::Receiver<Shown> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.entry(space).or_default().subscribe()
    }

    /// What a space shows now.
    pub(crate) fn current(&self, space: SpaceId) -> Shown {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.entry(space).or_default().borrow().clone()
    }

    fn show(&self, space: SpaceId, now: Shown) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.entry(space).or_default().send_replace(now);
    }

    /// Nothing is shown any more: whoever waits for more waits in vain.
    pub(super) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Engine {
    pub(super) fn asked(&mut self, id: SpaceId, asking: Asking) {
        match asking {
            Asking::Submit { name, version, fields, bucket, reply } => {
                if let Some(given) = self.submit(id, (&name, version), fields, bucket) {
                    _ = reply.send(given);
                }
            }
            Asking::Publish { source, collection, rows, reply } => {
                let now = self.now();
                let Some(slot) = self.spaces.get_mut(&id).filter(|_| self.broken.is_none()) else {
                    return;
                };
                let (of, mut effects) = ((source, collection), Vec::new());
                let given = slot.space.publish(of, rows, now, &mut self.rng, &mut effects);
                self.perform(id, effects);
                _ = reply.send(given);
            }
            Asking::Cancel { command, reply } => _ = reply.send(self.cancel(id, &command)),
            Asking::Outbox { reply } => {
                let Some(slot) = self.spaces.get(&id) else { return };
                let me = self.key.id();
                let own = slot.space.ledger().outbox().filter(|entry| entry.author == me);
                _ = reply.send(own.collect());
            }
            Asking::Verdict { command, reply } => {
                let Some(slot) = self.spaces.get(&id) else { return };
                _ = reply.send(slot.space.ledger().verdict(&command).cloned());
            }
            Asking::Answer { from, unheard, reply } => {
                _ = reply.send(self.answer(id, from, unheard));
            }
            Asking::Heard { number, reply } => self.heard(id, number, reply),
            Asking::Foresee { reply } => {
                let Some(watcher) = self.foresees(id) else { return };
                _ = reply.send(watcher);
            }
            Asking::Task { after, name, reply } => {
                let Some(slot) = self.spaces.get(&id) else { return };
                _ = reply.send(slot.space.task(after, name).cloned().map(Box::new));
            }
            Asking::Done { task, reply } => self.done(id, task, reply),
        }
    }

    /// Shows a space's records as they are.
    pub(super) fn show(&self, id: SpaceId) {
        let Some(slot) = self.spaces.get(&id) else { return };
        let ledger = slot.space.ledger();
        let (preview, confirmed) = (ledger.preview().clone(), ledger.confirmed().clone());
        let homes = Some(ledger.homes().clone());
        self.showcase.show(id, Shown { preview, confirmed, homes });
    }

    fn submit(
        &mut self,
        id: SpaceId,
        command: (&str, u32),
        fields: Value,
        bucket: Option<Bucket>,
    ) -> Option<Result<Given, Refused>> {
        if self.broken.is_some() {
            return Some(Err(Refused::StoreFailed));
        }
        if self.inbox.is_disk_full() {
            return Some(Err(Refused::DiskFull));
        }
        let now = self.now();
        let slot = self.spaces.get_mut(&id)?;
        let mut effects = Vec::new();
        let given = slot.space.submit(command, fields, bucket, now, &mut self.rng, &mut effects);
        let given = given.map(|submitted| {
            let update = slot.space.updates_on(&submitted.command.chain);
            Given { submitted, update }
        });
        self.perform(id, effects);
        Some(given.map_err(Refused::Core))
    }

    fn cancel(&mut self, id: SpaceId, command: &CommandId) -> bool {
        let now = self.now();
        let Some(slot) = self.spaces.get_mut(&id).filter(|_| self.broken.is_none()) else {
            return false;
        };
        let mut effects = Vec::new();
        let cancelled = slot.space.cancel(command, now, &mut self.rng, &mut effects);
        self.perform(id, effects);
        cancelled
    }

    /// The app has done something outside; the reply comes when that would survive the process.
    fn done(&mut self, id: SpaceId, task: TaskId, reply: Reply<()>) {
        let now = self.now();
        let Some(slot) = self.spaces.get_mut(&id).filter(|_| self.broken.is_none()) else { return };
        let mut effects = Vec::new();
        slot.space.task_done(task, now, &mut self.rng, &mut effects);
        self.perform(id, effects);
        self.seal(id);
        if self.writer.after(Box::new(move |_: &_| _ = reply.send(()))).is_err() {
            tracing::warn!("a task was done while the store was closing");
        }
    }
}
