//! What goes wrong with devices and links, and how they come back.

use std::sync::Arc;

use driftline_core::document::Label;
use driftline_core::id::SpaceId;
use driftline_core::identity::DeviceKey;
use driftline_core::roster::Ticket;
use driftline_core::space::{Event, Joining, Space};
use driftline_storage::{Life, Store, StoreError};

use crate::clock::{Clock, SECOND, Time};
use crate::device::{Device, Machine, Process};
use crate::disk::Disk;
use crate::driver::with_app;
use crate::mallory::Mallory;
use crate::network::{Pair, Quality, Who};
use crate::trace::Kind;
use crate::world::World;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process is killed.
    Kill,
    /// The power fails; of what was not saved, some is there all the same.
    PowerCut,
    /// The power fails, and nothing is there but what was saved.
    WorstPowerCut,
}

impl World {
    /// Adds a device that does not run yet.
    pub fn add(&mut self, name: &str, disk: Disk, ticket: Option<Ticket>) -> Who {
        let key = Arc::new(DeviceKey::generate(self.dice.rng()));
        self.add_with_key(name, key, disk, ticket)
    }

    /// Adds a device with a key that somebody else may have too.
    pub fn add_with_key(
        &mut self,
        name: &str,
        key: Arc<DeviceKey>,
        disk: Disk,
        ticket: Option<Ticket>,
    ) -> Who {
        let (name, clock) = (name.to_owned(), Clock::right());
        let (boot, run, process, hostile) = (0, 0, None, false);
        let device = Device { name, key, disk, clock, boot, run, ticket, hostile, process };
        self.devices.push(device);
        self.devices.len() - 1
    }

    /// A device's disk gives back other bytes of a document's entries than it was given.
    pub fn rot(&mut self, who: Who, label: &Label) {
        const SEGMENT: u8 = 6;
        let space = self.devices[who].process.as_ref().map(|process| process.machine.space_id());
        if let Some(document) = space.map(|space| label.document(&space)) {
            self.devices[who].disk.rot(&[&[SEGMENT][..], &document.0].concat());
        }
    }

    /// A device reads a document's log, and asks for what it can't read; says whether it could read all.
    pub fn reads_its_log(&mut self, who: Who, label: &Label) -> bool {
        let device = &self.devices[who];
        let (Some(process), Some(space)) = (&device.process, device.space()) else { return false };
        let document = label.document(&space.id());
        let held = space.frontier(&document);
        let unreadable = |chain| process.store.first_unreadable(&document, chain);
        let found =
            held.iter().map(|(chain, _)| Ok(unreadable(chain)?.map(|first| (*chain, first))));
        let lost: Result<Vec<_>, StoreError> = found.collect();
        let lost: Vec<_> = match lost {
            Ok(lost) => lost.into_iter().flatten().collect(),
            Err(error) => {
                self.wrong(format_args!("device {who} can't read: {error:?}"));
                return false;
            }
        };
        let all = lost.is_empty();
        for (chain, first) in lost {
            self.feed(who, Event::Lost { document, chain, first });
        }
        all
    }

    /// A device's process begins, and looks at its disk.
    pub fn start(&mut self, who: Who) {
        if self.devices[who].process.is_some() {
            return;
        }
        let fresh = self.dice.bytes();
        let device = &mut self.devices[who];
        device.run += 1;
        device.clock.restart(self.now);
        let mut begun = device.begin(fresh);
        if let Ok(process) = &mut begun
            && let Err(error) = self.open_diary(who, process)
        {
            begun = Err(error);
        }
        match begun {
            Ok(process) => {
                self.devices[who].process = Some(process);
                self.trace.note(self.now, who, Kind::Start, "starts");
                self.settle_soon(who);
                for pair in self.network.pairs_of(who) {
                    self.connect_soon(pair);
                }
            }
            Err(error) if self.devices[who].disk.is_full() => {
                self.trace.note(self.now, who, Kind::Disk, format_args!("does not start: {error}"));
            }
            Err(error) => self.wrong(format_args!("device {who} does not start: {error:?}")),
        }
    }

    /// A device runs none of the core from now on, and keeps no rule of that space's.
    pub fn corrupt(&mut self, who: Who, space: SpaceId) -> Result<(), StoreError> {
        let fresh = self.dice.bytes();
        let device = &mut self.devices[who];
        device.run += 1;
        device.hostile = true;
        let store = Store::open(device.disk.clone(), Life { boot: None, fresh })?;
        let machine = Machine::Hostile(Mallory::new(space, device.id()));
        device.process = Some(Process::new(machine, store));
        for pair in self.network.pairs_of(who) {
            self.connect_soon(pair);
        }
        Ok(())
    }

    /// A device's process ends suddenly.
    pub fn crash(&mut self, who: Who, how: Crash) {
        let runs = |process: &mut Process| !matches!(process.machine, Machine::Hostile(_));
        // A device without a core has nothing that a crash could hurt.
        if self.devices[who].process.take_if(runs).is_none() {
            return;
        }
        let device = &mut self.devices[who];
        match how {
            Crash::Kill => device.disk.kill(&mut self.dice),
            Crash::PowerCut => device.disk.cut_power(&mut self.dice),
            Crash::WorstPowerCut => device.disk.cut_power_at_worst(),
        }
        device.boot += u64::from(how != Crash::Kill);
        self.trace.note(self.now, who, Kind::Crash, format_args!("{how:?}"));
        self.ledger.crashed(who);
        self.presences.crashed(who, self.now);
        for pair in self.network.pairs_of(who) {
            self.break_off(pair);
        }
    }

    /// A device's disk is replaced by a copy that was made earlier, on a machine that was started since. What the device
    /// had by then and nobody else has is lost.
    pub fn restore(&mut self, who: Who, copy: &Disk) {
        self.crash(who, Crash::Kill);
        let device = &mut self.devices[who];
        if device.process.is_some() {
            return;
        }
        device.disk = copy.saved_copy();
        device.boot += 1;
        self.trace.note(self.now, who, Kind::Disk, "an older copy of the disk is restored");
        self.ledger.restored(who);
    }

    /// Nothing gets through between the two. The connection may take a while to notice.
    pub fn cut(&mut self, pair: Pair, at_once: bool) {
        let Some(link) = self.network.get(pair) else { return };
        link.cut = true;
        if at_once {
            self.break_off(pair);
        }
    }

    /// Frames get through again.
    pub fn mend(&mut self, pair: Pair) {
        let Some(link) = self.network.get(pair) else { return };
        link.cut = false;
        self.connect_soon(pair);
    }

    /// A device's wall clock is set to something else.
    pub fn jump_clock(&mut self, who: Who) {
        let Self { devices, dice, .. } = self;
        devices[who].clock.jump(dice);
        self.presences.jumped.insert(who);
        self.trace.note(self.now, who, Kind::App, "the clock jumps");
    }

    /// Everything is well again: disks have room, devices run, links lose nothing.
    pub fn heal(&mut self) {
        for who in 0..self.devices.len() {
            self.devices[who].disk.set_full(false);
            self.devices[who].disk.hold_saves(false);
            let process = self.devices[who].process.as_ref();
            if process.is_some_and(|process| process.writer.failed) {
                self.crash(who, Crash::Kill);
            }
            self.start(who);
        }
        for pair in self.network.pairs() {
            if let Some(link) = self.network.get(pair) {
                link.quality = Quality::good();
            }
            self.mend(pair);
        }
    }

    /// Lets time pass until `settled`, for so long at the most; says whether it is.
    pub fn run_until(&mut self, most: Time, settled: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + most;
        while self.now < end {
            if settled(self) {
                return true;
            }
            self.run_for(SECOND / 4);
        }
        settled(self)
    }
}

impl Device {
    /// Puts a process together from what is on the disk.
    fn begin(&mut self, fresh: [u8; 16]) -> Result<Process, StoreError> {
        let life = Life { boot: Some(self.boot.to_string()), fresh };
        let store = Store::open(self.disk.clone(), life)?;
        let stored = store.load(&self.id())?.into_iter().next();
        let incarnation = store.incarnation();
        let machine = match (stored, &self.ticket) {
            (Some(stored), _) => {
                let space = Space::load(stored, self.key.clone(), incarnation);
                Machine::Member(with_app(Box::new(space)))
            }
            (None, Some(ticket)) => {
                let joining = Joining::new(ticket.clone(), self.key.clone(), incarnation);
                Machine::Joining(Box::new(joining))
            }
            (None, None) => unreachable!("a device has a space on its disk, or a ticket"),
        };
        Ok(Process::new(machine, store))
    }
}
