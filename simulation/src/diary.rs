//! What each app was told of its commands and noted, whatever befell its device meanwhile.
//!
//! An app notes an answer and acknowledges it in one go. A device that crashes before that is on its disk forgets the
//! acknowledgement, and says the same again; what the disk still knows of, it must not.

use std::collections::BTreeMap;

use driftline_core::codec;
use driftline_core::command::{CommandId, Heard, News};
use driftline_storage::{Record, StoreError};

use crate::device::Process;
use crate::network::Who;
use crate::world::World;

/// What an app has noted of each of its commands: each answer with what was to be kept of it.
pub(crate) type Diary = BTreeMap<CommandId, Vec<(News, Heard)>>;

const SETTING: &str = "heard/";

impl World {
    /// The app notes what it is told and had not acknowledged.
    pub(crate) fn note_answers(&mut self, who: Who) {
        let Some(process) = &mut self.devices[who].process else { return };
        let Some(space) = process.space_mut() else { return };
        let told = space.ledger().told().iter().enumerate();
        let fresh = told
            .filter(|(_, told)| !told.acknowledged)
            .map(|(number, told)| (number, told.answer.news.clone()));
        let mut kept = Vec::new();
        for (number, news) in fresh.collect::<Vec<_>>() {
            let Some((command, heard)) = space.acknowledge_answer(number) else { continue };
            let (name, value) = (format!("{SETTING}{command}"), codec::encode(&heard));
            kept.push(Record::Setting { name, value });
            self.diaries.entry(who).or_default().entry(command).or_default().push((news, heard));
        }
        process.writer.keep(kept);
    }

    /// A device begins anew, and its app with it: what the disk has forgotten is as if it had never been noted.
    pub(crate) fn open_diary(&mut self, who: Who, process: &mut Process) -> Result<(), StoreError> {
        let settings = process.store.settings()?;
        let heard = settings.iter().filter_map(|(name, value)| {
            let command = name.strip_prefix(SETTING)?.parse().ok()?;
            Some((command, codec::decode(value).ok()?))
        });
        let heard: BTreeMap<CommandId, Heard> = heard.collect();
        for (command, notes) in self.diaries.entry(who).or_default() {
            let kept = heard.get(command);
            let known = notes.iter().rposition(|(_, then)| Some(then) == kept);
            notes.truncate(known.map_or(0, |last| last + 1));
        }
        if let Some(space) = process.space_mut() {
            space.restore_heard(heard);
        }
        Ok(())
    }

    /// What an app has noted of a command in all, in its order.
    pub(crate) fn noted(&self, who: Who) -> impl Iterator<Item = (&CommandId, &News)> {
        let diary = self.diaries.get(&who).into_iter().flatten();
        diary.flat_map(|(command, notes)| notes.iter().map(move |(news, _)| (command, news)))
    }
}
