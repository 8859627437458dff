//! A world: devices, the network between them, and what is due when.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use driftline_core::space::Event;

use crate::clock::{MILLISECOND, SECOND, Time};
use crate::device::{Device, Job};
use crate::diary::Diary;
use crate::ledger::Ledger;
use crate::network::{Network, Pair, Who};
use crate::orders::Orders;
use crate::presence::Presences;
use crate::random::Dice;
use crate::trace::{Kind, Trace};
use crate::villain::Villain;
use crate::writer::Step;

/// A world that a seed decides.
#[derive(Debug)]
pub struct World {
    /// The world's time.
    pub now: Time,
    /// The source of all chance.
    pub dice: Dice,
    /// The devices, by their place.
    pub devices: Vec<Device>,
    /// What connects them.
    pub network: Network,
    /// What was edited, and what was promised about it.
    pub ledger: Ledger,
    /// What was decided, as people were shown it.
    pub orders: Orders,
    /// What apps were told of what they asked for.
    pub(crate) diaries: BTreeMap<Who, Diary>,
    /// What people show of themselves, and what others saw.
    pub presences: Presences,
    /// What happened.
    pub trace: Trace,
    /// What should not have happened.
    pub wrongs: Vec<String>,
    /// Whether somebody is up to something: then forks and broken rules are no wrongs.
    pub mischief: bool,
    /// Whether somebody was removed, or given another role. Whoever hears of that later than of what was cut off by it
    /// sees entries under no signature, parts with whoever sent them, and is told in the right order next time.
    pub governed: bool,
    /// Whether people also ask for what has to be decided.
    pub commanding: bool,
    /// Whether somebody who decided may have gone on after they were removed: what they showed then is void.
    pub handed_over: bool,
    /// Who may read more or less than before, or did for a while: what they showed of it meanwhile is between the two.
    pub rescoped: BTreeSet<Who>,
    /// Whoever breaks the rules at random, and with what.
    pub villain: Option<Villain>,
    /// How many frames honest devices sent one another.
    pub honest_frames: u64,
    /// The notices that a test may look for.
    pub notices: Vec<(Who, driftline_core::space::Notice)>,
    /// Frames that are lost whatever the link is like: who sends them and what is in them, and how many
    /// of these get through before.
    pub losing: BTreeMap<(Who, &'static str), u64>,
    due: BTreeMap<(Time, u64), Due>,
    planned: u64,
}

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Due {
    Connect(Pair),
    Up { pair: Pair, who: Who, connection: u64 },
    Down { who: Who, run: u64, peer: Who },
    Break { pair: Pair, connection: u64 },
    Left { pair: Pair, connection: u64, who: Who, bytes: usize },
    Arrive { pair: Pair, connection: u64, from: Who, frame: Bytes },
    Settle { who: Who, run: u64 },
    Tick { who: Who, run: u64 },
    Disk { who: Who, run: u64, step: Step },
    Job { who: Who, run: u64, asked: u64, job: Job },
}

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> Self {
        Self {
            now: SECOND,
            dice: Dice::new(seed),
            devices: Vec::new(),
            network: Network::default(),
            ledger: Ledger::default(),
            orders: Orders::default(),
            diaries: BTreeMap::new(),
            presences: Presences::default(),
            trace: Trace::default(),
            wrongs: Vec::new(),
            mischief: false,
            governed: false,
            commanding: false,
            handed_over: false,
            rescoped: BTreeSet::new(),
            villain: None,
            honest_frames: 0,
            notices: Vec::new(),
            losing: BTreeMap::new(),
            due: BTreeMap::new(),
            planned: 0,
        }
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, span: Time) {
        let end = self.now + span;
        while let Some(next) = self.due.first_entry()
            && next.key().0 <= end
        {
            let ((at, _), due) = next.remove_entry();
            self.now = at;
            self.happen(due);
        }
        self.now = end;
    }

    /// Plans something for after `delay`.
    pub(crate) fn later(&mut self, delay: Time, due: Due) {
        self.planned += 1;
        self.due.insert((self.now + delay, self.planned), due);
    }

    /// Notes that something went wrong.
    pub fn wrong(&mut self, what: impl std::fmt::Display) {
        self.wrongs.push(format!("at {} ms: {what}", self.now / MILLISECOND));
    }

    /// Whether that run of a process goes on.
    fn runs(&self, who: Who, run: u64) -> bool {
        self.devices[who].process.is_some() && self.devices[who].run == run
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Connect(pair) => self.connect(pair),
            Due::Up { pair, who, connection } => self.up(pair, who, connection),
            Due::Down { who, run, peer } if self.runs(who, run) => self.down(who, peer),
            Due::Break { pair, connection } => {
                if self.network.current(pair, connection).is_some() {
                    self.break_off(pair);
                }
            }
            Due::Left { pair, connection, who, bytes } => {
                if self.network.current(pair, connection).is_some() {
                    let peer = self.devices[pair.other(who)].id();
                    self.feed(who, Event::Sent { peer, bytes });
                }
            }
            Due::Arrive { pair, connection, from, frame } => {
                self.arrive(pair, connection, from, frame);
            }
            Due::Settle { who, run } if self.runs(who, run) => self.settle(who),
            Due::Tick { who, run } if self.runs(who, run) => self.tick(who),
            Due::Disk { who, run, step } if self.runs(who, run) => self.disk_step(who, step),
            Due::Job { who, run, asked, job } if self.runs(who, run) => self.job(who, asked, job),
            Due::Down { .. }
            | Due::Settle { .. }
            | Due::Tick { .. }
            | Due::Disk { .. }
            | Due::Job { .. } => {}
        }
    }

    fn connect(&mut self, pair: Pair) {
        if pair.both().into_iter().any(|who| self.devices[who].process.is_none()) {
            return;
        }
        let Some(connection) = self.network.connect(pair, self.now) else { return };
        for who in pair.both() {
            let delay = self.dice.between(1..20 * MILLISECOND);
            self.later(delay, Due::Up { pair, who, connection });
        }
    }

    fn up(&mut self, pair: Pair, who: Who, connection: u64) {
        if self.network.hear(pair, who, connection) {
            let other = pair.other(who);
            let peer = self.devices[other].id();
            let name = self.devices[other].name.clone();
            self.trace.note(self.now, who, Kind::Link, format_args!("{name} is up"));
            self.feed(who, Event::PeerUp { peer });
        }
    }

    fn down(&mut self, who: Who, other: Who) {
        let peer = self.devices[other].id();
        let name = self.devices[other].name.clone();
        self.trace.note(self.now, who, Kind::Link, format_args!("{name} is down"));
        self.feed(who, Event::PeerDown { peer });
    }

    fn arrive(&mut self, pair: Pair, connection: u64, from: Who, frame: Bytes) {
        let to = pair.other(from);
        let Some(current) = self.network.current(pair, connection) else { return };
        if current.is_up(pair, to) {
            let peer = self.devices[from].id();
            self.frame(to, peer, frame);
        } else {
            self.later(MILLISECOND, Due::Arrive { pair, connection, from, frame });
        }
    }
}
