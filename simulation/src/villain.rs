//! Somebody who breaks the rules at random: a stranger, or a member whose device also says what its core would not.

use std::collections::BTreeMap;

use bytes::Bytes;
use driftline_core::codec;
use driftline_core::command::{CommandId, Seen};
use driftline_core::document::Label;
use driftline_core::id::{DocumentId, SpaceId};
use driftline_core::log::{EntryKind, Frontier};
use driftline_core::presence::{Spot, Statement, Version};
use driftline_core::roster::{Act, Role, RosterEntry};
use driftline_core::space::{ledger_document, roster_document};

use crate::disk::Disk;
use crate::forgery::{self, Pen};
use crate::network::{Pair, Who};
use crate::scenario::DOCUMENTS;
use crate::trace::Kind;
use crate::world::World;

/// How many frames are remembered, to be played again.
const MOST_HEARD: usize = 200;

/// What a villain writes, and nobody else.
const WORDS: &str = "poison ";

/// A villain, and what they have at hand.
#[derive(Debug)]
pub struct Villain {
    /// Which device it is.
    pub who: Who,
    space: SpaceId,
    /// Whether they were ever given a role that writes.
    may_have_written: bool,
    pens: BTreeMap<DocumentId, Pen>,
    heard: Vec<Bytes>,
}

impl Villain {
    /// Remembers a frame that somebody sent.
    pub(crate) fn overhear(&mut self, frame: &Bytes) {
        if self.heard.len() < MOST_HEARD {
            self.heard.push(frame.clone());
        }
    }
}

impl World {
    /// A member turns bad, or a stranger comes; gives the links that a stranger brings.
    pub(crate) fn let_a_villain_in(&mut self) -> Vec<Pair> {
        let Some(space) = self.devices[0].space().map(driftline_core::space::Space::id) else {
            return Vec::new();
        };
        // Anchors are trusted with deciding.
        let members = 1..self.devices.len();
        let members: Vec<_> =
            members.filter(|who| !self.commanding || !self.is_anchor(*who)).collect();
        let (who, pairs) = if self.dice.chance(0.3) || members.is_empty() {
            let near = self.dice.below(self.devices.len());
            let who = self.add("mallory", Disk::default(), None);
            if let Err(error) = self.corrupt(who, space) {
                self.wrong(format_args!("a stranger can't begin: {error}"));
            }
            (who, vec![Pair::of(near, who)])
        } else {
            (*self.dice.pick(&members), Vec::new())
        };
        self.devices[who].hostile = true;
        let (pens, heard, may_have_written) = (BTreeMap::new(), Vec::new(), false);
        self.villain = Some(Villain { who, space, may_have_written, pens, heard });
        pairs
    }

    /// The villain does something to somebody.
    pub(crate) fn attack(&mut self) {
        let Some(mut villain) = self.villain.take() else { return };
        villain.may_have_written |= self.ever_writes(villain.who);
        let pairs = self.network.pairs_of(villain.who);
        if !pairs.is_empty() {
            let target = self.dice.pick(&pairs).other(villain.who);
            let (frame, what) = self.crafted(&mut villain);
            self.trace.note(self.now, villain.who, Kind::App, what);
            self.say(villain.who, target, frame);
        }
        self.villain = Some(villain);
    }

    /// Whether some honest device takes, or took, somebody for a writer.
    fn ever_writes(&self, who: Who) -> bool {
        let device = self.devices[who].id();
        let writes = |role: Role| role.writes();
        self.devices.iter().filter_map(crate::device::Device::space).any(|space| {
            let member = space.roster().member(&device);
            member.is_some_and(|member| writes(member.role))
        })
    }

    /// A frame that no core would make, and what it is.
    fn crafted(&mut self, villain: &mut Villain) -> (Bytes, &'static str) {
        let space = villain.space;
        let key = self.devices[villain.who].key.clone();
        let me = key.id();
        let name = Label::new(self.dice.pick::<&str>(&DOCUMENTS)).expect("a good name");
        let document = name.document(&space);
        let opened = self.devices[villain.who].clock.read(self.now).wall;
        let nonce = self.dice.bytes();
        let of = |document, segment| {
            forgery::segments(&space, &me, (document, Some(&name)), vec![segment], None)
        };
        let new = || Pen::new(document, me, opened, nonce);
        // Everybody may be asked for anything by a member: what is to be refused is what nobody may say.
        if self.commanding && self.dice.chance(0.4) {
            return self.ledger_entry(villain);
        }
        if self.dice.chance(0.2) {
            return self.false_presence(villain, name.name());
        }
        match self.dice.below(12) {
            0 => {
                let victim = self.dice.below(self.devices.len());
                let mut pen = Pen::new(document, self.devices[victim].id(), opened, nonce);
                (of(document, pen.writes(WORDS, &key)), "forges an entry")
            }
            1 => {
                let pen = villain.pens.entry(document).or_insert_with(new);
                let victim = self.dice.below(self.devices.len());
                let client = self.chain_of(victim, &name).map_or(7, |chain| chain.client_id());
                let update = forgery::squatting(client, WORDS);
                (of(document, pen.aside(EntryKind::UPDATE, &update, &key).0), "squats")
            }
            2 | 3 => {
                let pen = villain.pens.entry(document).or_insert_with(new);
                (of(document, pen.writes(WORDS, &key)), "writes by hand")
            }
            4 | 9..=11 => (self.roster_entry(villain), "writes into the roster"),
            5 if !villain.heard.is_empty() => {
                let heard = self.dice.pick(&villain.heard);
                (forgery::retold(&space, &me, heard), "plays a frame again")
            }
            6 => (forgery::huge(&space, &me, document), "sends a huge count"),
            7 => {
                let pen = villain.pens.entry(document).or_insert_with(new);
                let bytes = [0xff, 0xff, 0xff, 0x7a];
                (of(document, pen.aside(EntryKind::UPDATE, &bytes, &key).0), "sends a huge update")
            }
            _ => {
                let far = self.dice.between(0..1 << 20);
                let lie = match self.dice.below(3) {
                    0 => forgery::saved(&space, &me, far),
                    1 => forgery::position(&space, &me, 0, far),
                    _ => forgery::want(&space, &me, &[document, roster_document(&space)]),
                };
                (lie, "lies")
            }
        }
    }

    /// Somebody shown who is not there: another device, or one's own in more places and sizes than there are.
    fn false_presence(&mut self, villain: &Villain, topic: &str) -> (Bytes, &'static str) {
        let key = &self.devices[villain.who].key;
        let (me, space) = (key.id(), villain.space);
        let victim = self.devices[self.dice.below(self.devices.len())].id();
        let version = Version { run: u64::MAX, count: self.dice.between(0..1 << 20) };
        let guest = self.dice.between(0..1 << 20);
        let sign = |device, guest, state: &[u8]| {
            let spot = Spot { device, topic: topic.into(), guest };
            Statement::sign(spot, version, state.into(), &space, key)
        };
        let (statement, what) = match self.dice.below(3) {
            0 => (sign(victim, 0, b"poison"), "shows as another"),
            1 => (sign(me, guest, b"poison"), "shows everywhere"),
            _ => (sign(me, guest, &[0; 5_000]), "shows too much"),
        };
        (forgery::presence(&space, &me, statement), what)
    }

    /// Something for the ledger: a decision by somebody who is no anchor, a command in somebody's name, or nonsense; and
    /// what a member may say, but an honest device does not: that it had seen what never was.
    fn ledger_entry(&mut self, villain: &mut Villain) -> (Bytes, &'static str) {
        let (space, document) = (villain.space, ledger_document(&villain.space));
        let device = &self.devices[villain.who];
        let (key, opened) = (device.key.clone(), device.clock.read(self.now).wall);
        let nonce = self.dice.bytes();
        let victim = self.devices[self.dice.below(self.devices.len())].id();
        let fresh = || Pen::new(document, key.id(), opened, nonce);
        let pen = villain.pens.entry(document).or_insert_with(fresh);
        let order = self.dice.between(1..20);
        let command = CommandId { chain: pen.chain(), number: 1 };
        let pending = BTreeMap::from([(pen.chain(), u64::MAX)]);
        let seen = Seen { decided: self.dice.between(0..1 << 20), pending };
        let (entry, what) = match self.dice.below(6) {
            0 => {
                let decision = forgery::decision(order, command, victim);
                (pen.aside(EntryKind::DECISION, &decision, &key).0, "decides")
            }
            1 => {
                let mut pen = Pen::new(document, victim, opened, nonce);
                let call = forgery::call(order, seen);
                (pen.entry(EntryKind::CALL, &call, &key), "forges a command")
            }
            2 => (pen.aside(EntryKind::CALL, &[0xff; 9], &key).0, "writes nonsense for a command"),
            3 => (pen.aside(EntryKind::UPDATE, &[0, 0], &key).0, "writes text into the ledger"),
            4 => {
                let number = codec::encode(&(pen.tip().number + order));
                (pen.aside(EntryKind::CANCEL, &number, &key).0, "takes back what is to come")
            }
            _ => {
                let call = forgery::call(order, seen);
                (pen.entry(EntryKind::CALL, &call, &key), "claims to have seen what never was")
            }
        };
        let frame = forgery::ledger_segments(&space, &key.id(), document, &[entry]);
        (frame, what)
    }

    /// Something for the roster: nonsense, or a deed to which nobody but an admin is entitled.
    fn roster_entry(&mut self, villain: &mut Villain) -> Bytes {
        let (space, document) = (villain.space, roster_document(&villain.space));
        let device = &self.devices[villain.who];
        let (key, opened) = (device.key.clone(), device.clock.read(self.now).wall);
        let roster = self.devices[self.dice.below(self.devices.len())].space();
        let seen = roster.map(|space| space.roster().heads()).unwrap_or_default();
        let nonce = self.dice.bytes();
        let pens = &mut villain.pens;
        let pen =
            pens.entry(document).or_insert_with(|| Pen::new(document, key.id(), opened, nonce));
        let victim = self.devices[self.dice.below(self.devices.len())].id();
        let cuts = Frontier::default();
        let entry = match self.dice.below(6) {
            0 => pen.entry(EntryKind::ROSTER, &[0xff; 9], &key),
            1 => pen.aside(EntryKind::UPDATE, &[0, 0], &key).0,
            // What comes next says something else under the same number, and goes to somebody else, maybe.
            2 | 3 => {
                let act = Act::Remove { device: victim, cuts };
                let act = codec::encode(&RosterEntry { seen, act });
                pen.aside(EntryKind::ROSTER, &act, &key).0
            }
            4 => pen.does(Act::Remove { device: victim, cuts }, seen, &key),
            _ => {
                let (device, role) = (key.id(), Role::Admin);
                pen.does(Act::Appoint { device, role, rank: None, cuts }, seen, &key)
            }
        };
        match self.dice.chance(0.5) {
            true => forgery::introduce(&space, &key.id(), &[entry]),
            false => forgery::roster_segments(&space, &key.id(), document, &[entry]),
        }
    }

    /// Whether nothing shows of a villain who was never given a role that writes.
    pub(crate) fn check_villain(&mut self) {
        let Some(villain) = &self.villain else { return };
        if villain.may_have_written || self.ever_writes(villain.who) {
            return;
        }
        let names = DOCUMENTS.iter().filter_map(|name| Label::new(name).ok());
        let seen: Vec<_> = names
            .flat_map(|label| self.members().map(move |(who, _)| (who, label.clone())))
            .filter(|(who, label)| {
                self.stored_content(*who, label).is_ok_and(|content| content.contains("poison"))
            })
            .collect();
        for (who, label) in seen {
            self.wrong(format_args!(
                "{} shows on device {who} what nobody may write",
                label.name()
            ));
        }
    }
}
