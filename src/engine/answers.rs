//! What the app is told of commands, and what of that it has dealt with.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftline_core::codec;
use driftline_core::command::{Answer, CommandId, Foreseen, Heard};
use driftline_core::id::SpaceId;
use driftline_storage::Record;
use tokio::sync::oneshot;

use super::Engine;
use super::watchers::{Watcher, Weight};

const SETTING: &str = "heard/";

/// An answer with its place among all that this device's app is told of in the space, as long as the device runs.
pub(crate) struct Numbered {
    pub(crate) number: usize,
    pub(crate) answer: Answer,
}

impl Weight for Arc<Foreseen> {
    fn bytes(&self) -> usize {
        let said = [codec::encode(&self.predicted), codec::encode(&self.verdict)];
        size_of::<Foreseen>() + codec::encode(&self.fields).len() + said.concat().len()
    }
}

/// What apps have dealt with in each space, as settings of the store say.
pub(super) fn heard(
    settings: &[(String, Vec<u8>)],
) -> BTreeMap<SpaceId, BTreeMap<CommandId, Heard>> {
    let mut all: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for (name, value) in settings {
        if let Some((space, command)) = name.strip_prefix(SETTING).and_then(|it| it.split_once('/'))
            && let (Ok(space), Ok(command)) = (space.parse(), command.parse())
            && let Ok(heard) = codec::decode(value)
        {
            all.entry(space).or_default().insert(command, heard);
        }
    }
    all
}

impl Engine {
    /// The first answer from that place on; if a name is given, of those that the app has not acknowledged.
    pub(super) fn answer(
        &self,
        id: SpaceId,
        from: usize,
        unheard: Option<&str>,
    ) -> Option<Numbered> {
        let mut told = self.spaces.get(&id)?.space.ledger().told().iter().enumerate().skip(from);
        let (number, told) = told.find(|(_, told)| {
            unheard.is_none_or(|name| told.answer.name == name && !told.acknowledged)
        })?;
        Some(Numbered { number, answer: told.answer.clone() })
    }

    /// The app has dealt with an answer; the reply comes when that would survive the process.
    pub(super) fn heard(&mut self, id: SpaceId, number: usize, reply: oneshot::Sender<()>) {
        let Some(slot) = self.spaces.get_mut(&id) else { return };
        if let Some((command, heard)) = slot.space.acknowledge_answer(number) {
            let (name, value) = (format!("{SETTING}{id}/{command}"), codec::encode(&heard));
            self.write_setting(Record::Setting { name, value });
        }
        if self.writer.after(Box::new(move |_: &_| _ = reply.send(()))).is_err() {
            tracing::warn!("an answer was acknowledged while the store was closing");
        }
    }

    /// Somebody wants to hear what becomes of what others ask for and this device shows.
    pub(super) fn foresees(&self, id: SpaceId) -> Option<Arc<Watcher<Arc<Foreseen>>>> {
        Some(self.spaces.get(&id)?.foreseen.add())
    }
}
