//! What is on its way to a disk: appended, then written, then saved, each when the disk pleases.

use std::collections::VecDeque;

use driftline_core::space::{Change, Event};
use driftline_storage::{Record, StoreError};

use crate::clock::{MILLISECOND, Time};
use crate::network::Who;
use crate::trace::Kind;
use crate::world::{Due, World};

/// The steps of one process's writing.
#[derive(Debug, Default)]
pub struct Writer {
    waiting: VecDeque<Vec<Record>>,
    /// What the app keeps, to be written with the next batch.
    aside: Vec<Record>,
    /// How many batches were asked for, are visible, would survive the process, and a power cut.
    pub asked: u64,
    appended: u64,
    written: u64,
    saved: u64,
    writing: bool,
    saving: bool,
    /// Writing failed: nothing more is taken.
    pub failed: bool,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Make batches visible.
    Append,
    /// Make them survive the process.
    Write,
    /// Make what was written up to that batch survive a power cut.
    Save(u64),
}

impl Writer {
    /// Whether a job that was given after so many batches may run: the real one runs on the thread
    /// that writes, between two groups.
    pub fn is_behind(&self, asked: u64) -> bool {
        !self.failed && (self.written < asked || self.appended > self.written)
    }

    /// Keeps something of the app's.
    pub(crate) fn keep(&mut self, records: Vec<Record>) {
        self.aside.extend(records);
    }

    /// Whether all that was asked for is saved.
    pub fn is_idle(&self) -> bool {
        self.saved == self.asked
    }
}

impl World {
    /// Puts a batch in the queue of a device's disk.
    pub(crate) fn append(&mut self, who: Who, changes: Vec<Change>) {
        let Some(process) = &mut self.devices[who].process else { return };
        let writer = &mut process.writer;
        writer.asked += 1;
        if writer.failed {
            return;
        }
        let changes = changes.into_iter().map(Record::from);
        writer.waiting.push_back(changes.chain(std::mem::take(&mut writer.aside)).collect());
        if !std::mem::replace(&mut writer.writing, true) {
            self.disk_step_later(who, Step::Append, MILLISECOND);
        }
    }

    pub(crate) fn disk_step(&mut self, who: Who, step: Step) {
        let done = match step {
            Step::Append => self.append_some(who),
            Step::Write => self.write(who),
            Step::Save(upto) => self.save(who, upto),
        };
        if let Err(error) = done
            && let Some(process) = &mut self.devices[who].process
        {
            process.writer.failed = true;
            self.trace.note(self.now, who, Kind::Disk, format_args!("failed: {error}"));
        }
    }

    fn append_some(&mut self, who: Who) -> Result<(), StoreError> {
        let Some(process) = &mut self.devices[who].process else { return Ok(()) };
        let waiting = process.writer.waiting.len();
        let count = if self.dice.chance(0.7) { waiting } else { 1 + self.dice.below(waiting) };
        let records: Vec<_> = process.writer.waiting.drain(..count).flatten().collect();
        process.store.append(&records)?;
        process.writer.appended += count as u64;
        self.disk_step_later(who, Step::Write, 5 * MILLISECOND);
        Ok(())
    }

    fn write(&mut self, who: Who) -> Result<(), StoreError> {
        let Some(process) = &mut self.devices[who].process else { return Ok(()) };
        process.store.write()?;
        let writer = &mut process.writer;
        writer.written = writer.appended;
        let upto = writer.written;
        writer.writing = !writer.waiting.is_empty();
        if writer.writing {
            self.disk_step_later(who, Step::Append, MILLISECOND);
        }
        self.save_next(who);
        self.trace.note(self.now, who, Kind::Disk, format_args!("written {upto}"));
        self.feed(who, Event::Written { upto });
        Ok(())
    }

    fn save(&mut self, who: Who, upto: u64) -> Result<(), StoreError> {
        if self.devices[who].disk.holds_saves() {
            self.disk_step_later(who, Step::Save(upto), 40 * MILLISECOND);
            return Ok(());
        }
        let Some(process) = &mut self.devices[who].process else { return Ok(()) };
        process.store.save()?;
        process.writer.saved = upto;
        process.writer.saving = false;
        self.save_next(who);
        self.trace.note(self.now, who, Kind::Disk, format_args!("saved {upto}"));
        self.feed(who, Event::Saved { upto });
        Ok(())
    }

    /// Begins to save what was written and is not saved, unless a save is under way.
    fn save_next(&mut self, who: Who) {
        let device = &mut self.devices[who];
        let Some(process) = &mut device.process else { return };
        let writer = &mut process.writer;
        if writer.saving || writer.saved == writer.written {
            return;
        }
        writer.saving = true;
        let upto = writer.written;
        device.disk.begin_save();
        let slow = self.dice.chance(0.05);
        let most = if slow { 1_000 * MILLISECOND } else { 40 * MILLISECOND };
        self.disk_step_later(who, Step::Save(upto), most);
    }

    fn disk_step_later(&mut self, who: Who, step: Step, most: Time) {
        let delay = self.dice.between(10..most);
        let run = self.devices[who].run;
        self.later(delay, Due::Disk { who, run, step });
    }
}
