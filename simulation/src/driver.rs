//! The engine loop, made steps: events go into the machine, effects come out and are performed.

use bytes::Bytes;
use driftline_core::document::mend;
use driftline_core::id::{ChainId, DeviceId, DocumentId};
use driftline_core::log::{Frontier, SegmentError};
use driftline_core::space::{Effect, Event, Notice, Outcome, PeerFault, Space, tag, tag_of};
use driftline_storage::Store;

use crate::app::Document;
use crate::clock::MILLISECOND;
use crate::device::{Job, Machine};
use crate::disk::Disk;
use crate::network::{DYING, NOTICING, Pair, Who};
use crate::seats;
use crate::trace::{Kind, message_of};
use crate::world::{Due, World};

impl World {
    /// Gives an event to a device's machine, and does what it answers.
    pub(crate) fn feed(&mut self, who: Who, event: Event) {
        let device = &mut self.devices[who];
        let now = device.clock.read(self.now);
        let Some(process) = &mut device.process else { return };
        let mut effects = Vec::new();
        let outcome = match &mut process.machine {
            Machine::Member(space) => {
                space.handle(event, now, self.dice.rng(), &mut effects);
                Outcome::Waiting
            }
            Machine::Joining(joining) => joining.handle(event, now, self.dice.rng(), &mut effects),
            Machine::Hostile(mallory) => {
                mallory.handle(event, &mut effects);
                Outcome::Waiting
            }
        };
        match outcome {
            Outcome::Waiting => self.perform(who, effects),
            Outcome::Joined(space) => {
                process.machine = Machine::Member(with_app(space));
                self.trace.note(self.now, who, Kind::Notice, "joined");
                self.perform(who, effects);
                self.hear_of_peers(who);
            }
            Outcome::Refused(refusal) => {
                self.trace.note(self.now, who, Kind::Notice, format_args!("refused: {refusal}"));
            }
        }
        self.settle_soon(who);
    }

    /// A frame came in: it is for the machine if its tag says so.
    pub fn frame(&mut self, who: Who, peer: DeviceId, frame: Bytes) {
        if let Some(villain) = self.villain.as_mut().filter(|villain| villain.who == who) {
            villain.overhear(&frame);
        }
        let Some(process) = &self.devices[who].process else { return };
        if tag_of(&frame) == Some(tag(&process.machine.space_id(), &peer)) {
            self.feed(who, Event::Frame { peer, frame });
        }
    }

    /// The machine deals with all that came in.
    pub(crate) fn settle(&mut self, who: Who) {
        let device = &mut self.devices[who];
        let now = device.clock.read(self.now);
        let Some(process) = &mut device.process else { return };
        process.settling = false;
        let mut effects = Vec::new();
        let deadline = match &mut process.machine {
            Machine::Member(space) => {
                space.settle(now, self.dice.rng(), &mut effects);
                space.deadline()
            }
            Machine::Joining(joining) => Some(joining.deadline()),
            Machine::Hostile(_) => None,
        };
        let tick = deadline.map(|at| device.clock.world_time(at).max(self.now + 1));
        if process.tick != tick {
            process.tick = tick;
            if let Some(at) = tick {
                let run = device.run;
                self.later(at - self.now, Due::Tick { who, run });
            }
        }
        self.perform(who, effects);
    }

    pub(crate) fn tick(&mut self, who: Who) {
        let Some(process) = &mut self.devices[who].process else { return };
        if process.tick == Some(self.now) {
            process.tick = None;
            self.feed(who, Event::Tick);
        }
    }

    pub(crate) fn settle_soon(&mut self, who: Who) {
        let device = &mut self.devices[who];
        let run = device.run;
        let Some(process) = &mut device.process else { return };
        if !std::mem::replace(&mut process.settling, true) {
            let delay = self.dice.between(1..300);
            self.later(delay, Due::Settle { who, run });
        }
    }

    /// Does what a machine asked for, in order.
    pub(crate) fn perform(&mut self, who: Who, effects: Vec<Effect>) {
        // A document that is opened anew because of one is read after all that came with it was handed to the disk.
        let mut notices = Vec::new();
        for effect in effects {
            match effect {
                Effect::Write(changes) => self.append(who, changes),
                Effect::Send { to, frame } => {
                    for peer in to {
                        self.send(who, peer, frame.clone());
                    }
                }
                Effect::Read { peer, document, beyond, upto, budget } => {
                    self.job_later(who, Job::Read { peer, document, beyond, upto, budget });
                }
                Effect::Mend { document, counts, refused } => {
                    self.mend_later(who, document, counts, refused);
                }
                Effect::Apply(arrival) => self.arrived(who, &arrival),
                Effect::Disconnect { peer, fault } => {
                    let other = self.place_near(who, &peer);
                    let name = self.devices[other].name.clone();
                    self.trace.note(self.now, who, Kind::Notice, format_args!("{name}: {fault:?}"));
                    let unsigned = matches!(
                        fault,
                        PeerFault::Segment { source: SegmentError::BadSignature { .. } }
                    );
                    let hostile = [who, other].iter().any(|who| self.devices[*who].hostile);
                    if !(self.mischief || hostile || self.governed && unsigned) {
                        self.wrong(format_args!("device {who} says of {name}: {fault:?}"));
                    }
                    self.break_off(Pair::of(who, other));
                }
                Effect::Notify(notice) => notices.push(notice),
            }
        }
        notices.into_iter().for_each(|notice| self.notice(who, notice));
    }

    fn notice(&mut self, who: Who, notice: Notice) {
        match &notice {
            Notice::Progress => self.check_promises(who),
            Notice::Forked { document, author, .. } => {
                self.trace.note(self.now, who, Kind::Notice, format_args!("{notice:?}"));
                if *author == self.devices[who].id() {
                    self.reopen(who, document);
                }
                let hostile = self.devices.iter().any(|d| d.hostile && d.id() == *author);
                if !self.mischief && !hostile {
                    self.wrong(format_args!(
                        "device {who} found a fork where nobody forks: {notice:?}"
                    ));
                }
                self.notices.push((who, notice));
            }
            Notice::Retired { document, .. } => {
                self.trace.note(self.now, who, Kind::Notice, format_args!("{notice:?}"));
                self.reopen(who, document);
            }
            Notice::Refused(refusal) => {
                self.trace.note(self.now, who, Kind::Notice, format_args!("refused: {refusal}"));
            }
            Notice::Roster => self.reopen_changed(who),
            Notice::Records => {
                self.watch_records(who);
                self.note_answers(who);
            }
            Notice::Foreseen(_) => self.notices.push((who, notice)),
            Notice::Presence(topic) => self.tell_presence(who, topic),
            Notice::Document(_) | Notice::Peers => {}
        }
    }

    fn send(&mut self, who: Who, peer: DeviceId, frame: Bytes) {
        let other = self.place_near(who, &peer);
        self.say(who, other, frame);
    }

    /// Sends a frame to a device, if there is a connection.
    pub fn say(&mut self, who: Who, other: Who, frame: Bytes) {
        self.check_scope(who, other, &frame);
        let pair = Pair::of(who, other);
        let sent = self.network.send(pair, who, frame.len(), self.now, &mut self.dice);
        let Some((connection, mut fate)) = sent else { return };
        if fate.arrives.is_empty() && self.network.doom(pair, connection) {
            let delay = self.dice.between(MILLISECOND..DYING);
            self.later(delay, Due::Break { pair, connection });
        }
        if let Some(spared) = self.losing.get_mut(&(who, message_of(&frame))) {
            match spared.checked_sub(1) {
                Some(rest) => *spared = rest,
                None => fate.arrives.clear(),
            }
        }
        let honest = [who, other].iter().all(|who| !self.devices[*who].hostile);
        self.honest_frames += u64::from(honest);
        self.trace.frame((who, other), self.now, fate.arrives.first().copied(), &frame);
        let left = Due::Left { pair, connection, who, bytes: frame.len() };
        self.later(fate.leaves - self.now, left);
        for at in fate.arrives {
            let frame = frame.clone();
            self.later(at - self.now, Due::Arrive { pair, connection, from: who, frame });
        }
    }

    /// Ends a connection. Both sides hear of it, one after the other, and then they connect anew.
    pub fn break_off(&mut self, pair: Pair) {
        for who in self.network.disconnect(pair, self.now) {
            let delay = self.dice.between(1..NOTICING);
            let run = self.devices[who].run;
            self.later(delay, Due::Down { who, run, peer: pair.other(who) });
        }
        self.connect_soon(pair);
    }

    /// Plans a connection. It comes later than both sides can have heard of the end of the last one.
    pub fn connect_soon(&mut self, pair: Pair) {
        let delay = self.dice.between(NOTICING..400 * MILLISECOND);
        self.later(delay, Due::Connect(pair));
    }

    fn hear_of_peers(&mut self, who: Who) {
        for pair in self.network.pairs_of(who) {
            let other = self.devices[pair.other(who)].id();
            let connection = self.network.get(pair).and_then(|link| link.connection.as_ref());
            if connection.is_some_and(|connection| connection.is_up(pair, who)) {
                self.feed(who, Event::PeerUp { peer: other });
            }
        }
    }

    pub(crate) fn job_later(&mut self, who: Who, job: Job) {
        let device = &self.devices[who];
        let Some(process) = &device.process else { return };
        let (run, asked) = (device.run, process.writer.asked);
        let delay = self.dice.between(50..3 * MILLISECOND);
        self.later(delay, Due::Job { who, run, asked, job });
    }

    pub(crate) fn job(&mut self, who: Who, asked: u64, job: Job) {
        let run = self.devices[who].run;
        let Some(process) = &self.devices[who].process else { return };
        // A device opens and mends documents on the thread that writes, and reads for peers while that goes on.
        if !matches!(job, Job::Read { .. }) && process.writer.is_behind(asked) {
            return self.later(MILLISECOND / 2, Due::Job { who, run, asked, job });
        }
        match job {
            Job::Open(label) => self.opened(who, &label),
            Job::Mend { document, chain, counts, refused } => {
                match mended(&process.store, document, chain, (&counts, &refused)) {
                    Ok(update) => {
                        self.feed(who, Event::Mended { document, chain, refused, update });
                    }
                    Err(error) => {
                        let note = format_args!("can't mend yet: {error}");
                        self.trace.note(self.now, who, Kind::Notice, note);
                        self.feed(who, Event::NotMended { document });
                    }
                }
            }
            Job::Read { peer, document, beyond, upto, budget } => {
                match process.store.segments_between(&document, &beyond, &upto, budget) {
                    Ok(reading) => {
                        let (segments, more) = (reading.segments, reading.more);
                        self.feed(who, Event::Read { peer, document, segments, more });
                    }
                    Err(error) => self.wrong(format_args!("device {who} can't read: {error:?}")),
                }
            }
        }
    }

    /// The place of the device with that id; of two, the one that `who` is connected to.
    pub fn place_near(&mut self, who: Who, device: &DeviceId) -> Who {
        let pairs = self.network.pairs_of(who).into_iter();
        let named = pairs.filter(|pair| self.devices[pair.other(who)].id() == *device);
        let named: Vec<_> = named.collect();
        let connected = named
            .iter()
            .find(|pair| self.network.get(**pair).is_some_and(|link| link.connection.is_some()));
        match connected.or(named.first()) {
            Some(pair) => pair.other(who),
            None => self.place_of(device),
        }
    }

    /// The place of the first device with that id.
    pub fn place_of(&self, device: &DeviceId) -> Who {
        let place = self.devices.iter().position(|other| other.id() == *device);
        place.expect("every device that is talked of is in the world")
    }
}

impl World {
    /// A mend is made on a chain that no app writes on.
    fn mend_later(&mut self, who: Who, document: DocumentId, counts: Frontier, refused: Frontier) {
        let now = self.devices[who].clock.read(self.now);
        let Some(process) = &mut self.devices[who].process else { return };
        let taken = process.documents.values().filter_map(Document::chain).collect();
        let Some(space) = process.space_mut() else { return };
        let Some(label) = space.label(&document).cloned() else { return };
        let Ok(authorship) = space.author(&label, &taken, now, self.dice.rng()) else { return };
        let chain = authorship.chain;
        self.job_later(who, Job::Mend { document, chain, counts, refused });
    }
}

/// A space that an app runs on which knows its records and commands.
pub(crate) fn with_app(mut space: Box<Space>) -> Box<Space> {
    space.run_with(seats::registry());
    space
}

fn mended(
    store: &Store<Disk>,
    document: DocumentId,
    chain: ChainId,
    (counts, refused): (&Frontier, &Frontier),
) -> Result<Vec<u8>, String> {
    let reading = store.segments(&document, &Frontier::default(), usize::MAX);
    let segments = reading.map_err(|error| error.to_string())?.segments;
    let (honest, refused) = mend::sorted(&segments, counts, refused);
    mend::mend(chain.client_id(), &honest, &refused).map_err(|error| error.to_string())
}
