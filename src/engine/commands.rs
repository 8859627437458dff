//! Commands, records and answers: what the app asks of them, and what it is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bincode::{Decode, Encode};
use driftline_core::codec;
use driftline_core::command::{Answer, CommandId, OutboxEntry, Task, TaskId, Verdict};
use driftline_core::id::SpaceId;
use driftline_core::record::{Bucket, Homes, Key, Table, Value};
use driftline_core::space::{PublishError, SubmitError, Submitted};
use driftline_storage::Record;
use tokio::sync::{oneshot, watch};

use super::Engine;

const SETTING: &str = "heard/";

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

/// An answer with its place among all that this device's app ever got in the space.
pub(crate) struct Numbered {
    pub(crate) number: usize,
    pub(crate) answer: Answer,
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

/// Which answers the app has acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Heard {
    /// All in front of this one.
    upto: usize,
    /// And these.
    beyond: BTreeSet<usize>,
}

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

impl Heard {
    /// What was acknowledged in each space, as settings of the store say.
    pub(super) fn load(settings: &[(String, Vec<u8>)]) -> BTreeMap<SpaceId, Self> {
        let heard = settings.iter().filter_map(|(name, value)| {
            let space = name.strip_prefix(SETTING)?.parse().ok()?;
            Some((space, codec::decode(value).ok()?))
        });
        heard.collect()
    }

    fn has(&self, number: usize) -> bool {
        number < self.upto || self.beyond.contains(&number)
    }

    fn note(&mut self, number: usize) {
        if number >= self.upto {
            self.beyond.insert(number);
        }
        while self.beyond.remove(&self.upto) {
            self.upto += 1;
        }
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

    /// The first answer from that place on; if a name is given, of those that the app has not acknowledged.
    fn answer(&self, id: SpaceId, from: usize, unheard: Option<&str>) -> Option<Numbered> {
        let answers = self.spaces.get(&id)?.space.ledger().answers();
        let heard = self.heard.get(&id);
        let wanted = |number: &usize| {
            let waits = |name: &str| {
                answers[*number].name == name && !heard.is_some_and(|heard| heard.has(*number))
            };
            unheard.is_none_or(waits)
        };
        let number = (from..answers.len()).find(wanted)?;
        Some(Numbered { number, answer: answers[number].clone() })
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

    /// The app has dealt with an answer; the reply comes when that would survive the process.
    fn heard(&mut self, id: SpaceId, number: usize, reply: Reply<()>) {
        let heard = self.heard.entry(id).or_default();
        heard.note(number);
        let setting =
            Record::Setting { name: format!("{SETTING}{id}"), value: codec::encode(heard) };
        self.write_setting(setting);
        let told = self.writer.after(Box::new(move |_: &_| _ = reply.send(())));
        if told.is_err() {
            tracing::warn!("an answer was acknowledged while the store was closing");
        }
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    quickcheck! {
        fn what_was_noted_is_heard_and_nothing_else(numbers: Vec<u8>) -> bool {
            let mut heard = Heard::default();
            numbers.iter().for_each(|number| heard.note((*number).into()));
            (0..=255_u8).all(|number| heard.has(number.into()) == numbers.contains(&number))
        }
    }
}
