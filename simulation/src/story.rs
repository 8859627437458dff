//! Worlds told by hand: people with names, and what they do.

mod commands;

use std::cell::RefCell;
use std::rc::Rc;

use driftline_core::document::Label;
use driftline_core::identity::DeviceKey;
use driftline_core::roster::Role;
use driftline_core::space::Notice;

use crate::app::Edit;
use crate::clock::{MILLISECOND, SECOND};
use crate::disk::Disk;
use crate::faults::Crash;
use crate::network::{Pair, Quality, Who};
use crate::scenario;
use crate::world::World;

/// The document that people edit when none is named.
pub const NOTES: &str = "notes/today";

/// The network between people. Clones are the same network.
#[derive(Clone, Debug)]
pub struct Net(Rc<RefCell<World>>);

/// Somebody with a device.
#[derive(Clone, Debug)]
pub struct Person {
    /// The network that they are on.
    pub net: Net,
    /// Their place in the world.
    pub who: Who,
}

impl Net {
    /// A space of these people. The first is the admin and everybody runs; nobody is linked yet.
    pub fn of<const N: usize>(people: [(&str, Role); N]) -> (Self, [Person; N]) {
        let mut world = World::new(1);
        let places = scenario::found(&mut world, &people);
        places.iter().for_each(|who| world.start(*who));
        let net = Self(Rc::new(RefCell::new(world)));
        let people = std::array::from_fn(|at| Person { net: net.clone(), who: places[at] });
        (net, people)
    }

    /// Lays a good link between two people, and lets it come up.
    pub fn link(&self, a: &Person, b: &Person) {
        self.link_with(a, b, Quality::good());
    }

    /// Lays a link of some quality between two people, and lets it come up.
    pub fn link_with(&self, a: &Person, b: &Person, quality: Quality) {
        let pair = Pair::of(a.who, b.who);
        self.world(|world| {
            world.network.link(pair, quality);
            world.connect_soon(pair);
            world.run_for(SECOND);
        });
    }

    /// Links everybody in the row with the next.
    pub fn line(&self, people: &[&Person]) {
        people.windows(2).for_each(|pair| self.link(pair[0], pair[1]));
    }

    /// Nothing gets through between the two, and both notice.
    pub fn partition(&self, a: &Person, b: &Person) {
        self.world(|world| {
            world.cut(Pair::of(a.who, b.who), true);
            world.run_for(SECOND / 4);
        });
    }

    /// Nothing gets through between the two, and nobody notices.
    pub fn partition_silently(&self, a: &Person, b: &Person) {
        self.world(|world| world.cut(Pair::of(a.who, b.who), false));
    }

    /// What gets through between the two does so again.
    pub fn mends(&self, a: &Person, b: &Person) {
        self.world(|world| world.mend(Pair::of(a.who, b.who)));
    }

    /// The link between the two takes so many bytes a second.
    pub fn throttle(&self, a: &Person, b: &Person, bytes_per_second: u64) {
        self.world(|world| {
            if let Some(link) = world.network.get(Pair::of(a.who, b.who)) {
                link.quality.bytes_per_second = bytes_per_second;
            }
        });
    }

    /// From now on, every frame with such a message that this person sends is lost.
    pub fn loses(&self, from: &Person, message: &'static str) {
        self.loses_after(0, from, message);
    }

    /// So many frames with such a message that this person sends get through; those after them are lost.
    pub fn loses_after(&self, spared: u64, from: &Person, message: &'static str) {
        self.world(|world| _ = world.losing.insert((from.who, message), spared));
    }

    /// From now on, nothing is lost.
    pub fn loses_nothing(&self) {
        self.world(|world| world.losing.clear());
    }

    /// Everything is well again.
    pub fn heal(&self) {
        self.loses_nothing();
        self.world(World::heal);
    }

    /// So many milliseconds pass.
    pub fn passes(&self, milliseconds: u64) {
        self.world(|world| world.run_for(milliseconds * MILLISECOND));
    }

    /// Heals, lets everything settle, and checks all that must hold then.
    ///
    /// # Panics
    /// If something is wrong.
    pub fn everyone_agrees(&self) {
        self.loses_nothing();
        let wrongs = self.world(World::verdict);
        assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
    }

    /// Somebody is going to break the rules.
    pub fn expects_mischief(&self) {
        self.world(|world| world.mischief = true);
    }

    /// Whether somebody was told that a chain is closed because it was forked.
    pub fn found_forks(&self) -> usize {
        let is_fork = |notice: &&(Who, Notice)| matches!(notice.1, Notice::Forked { .. });
        self.world(|world| world.notices.iter().filter(is_fork).count())
    }

    /// Somebody with a ticket from the first person, who runs and is not linked yet.
    pub fn newcomer(&self, name: &str, role: Role) -> Person {
        let who = self.world(|world| {
            let ticket = scenario::ticket(world, role);
            let who = world.add(name, Disk::default(), ticket);
            world.start(who);
            who
        });
        Person { net: self.clone(), who }
    }

    /// Does something with the world itself.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.0.borrow_mut())
    }
}

impl Person {
    /// Writes at the front of the notes; says whether that was possible.
    pub fn edits(&self, words: &str) -> bool {
        self.edits_in(NOTES, &Edit::Write { at: 0, words: words.to_owned() })
    }

    /// Edits a document; says whether that was possible.
    pub fn edits_in(&self, name: &str, edit: &Edit) -> bool {
        let label = label(name);
        self.opens(name);
        self.net.world(|world| world.edit(self.who, &label, edit))
    }

    /// Opens a document, and waits until it is open.
    pub fn opens(&self, name: &str) {
        let label = label(name);
        self.net.world(|world| {
            world.open(self.who, &label);
            world.run_until(SECOND, |world| world.open_content(self.who, &label).is_some());
        });
    }

    /// The text of the notes.
    pub fn reads(&self) -> String {
        self.opens(NOTES);
        let content = self.net.world(|world| world.open_content(self.who, &label(NOTES)));
        let content = content.unwrap_or_default();
        content.split('"').nth(1).unwrap_or_default().to_owned()
    }

    /// Shows something new in the notes.
    pub fn shows_up(&self) {
        self.net.world(|world| world.show(self.who, NOTES, 0));
    }

    /// Shows nothing in the notes any more.
    pub fn hides(&self) {
        self.net.world(|world| world.hide(self.who, NOTES, 0));
    }

    /// Whether this person sees what somebody shows in the notes, or showed last.
    pub fn notices(&self, other: &Self) -> bool {
        self.net.world(|world| {
            let device = world.devices[other.who].id();
            let seen = world.sees(self.who, NOTES).remove(&(device, 0));
            world.look_around(self.who, NOTES);
            seen.is_some() && seen == world.showed(other.who, NOTES, 0)
        })
    }

    /// Removes somebody from the space; says whether that was permitted.
    pub fn removes(&self, other: &Self) -> bool {
        self.net.world(|world| world.remove(self.who, other.who))
    }

    /// Gives somebody another role; says whether that was permitted.
    pub fn appoints(&self, other: &Self, role: Role) -> bool {
        self.net.world(|world| world.appoint(self.who, other.who, role))
    }

    /// Gives somebody a ticket to join with, again if need be.
    pub fn invites(&self, other: &Self, role: Role) {
        self.net.world(|world| {
            let ticket = scenario::ticket_from(world, self.who, role);
            world.petition(other.who, &ticket.expect("an admin in the space issues tickets"));
        });
    }

    /// What somebody may do, as far as this person's device knows.
    pub fn role_of(&self, other: &Self) -> Option<Role> {
        let key = self.net.world(|world| world.devices[other.who].key.clone());
        self.role_by_key(&key)
    }

    /// The same, of somebody of whom there may be no more than a key.
    pub fn role_by_key(&self, key: &DeviceKey) -> Option<Role> {
        self.net.world(|world| {
            let roster = world.devices[self.who].space()?.roster();
            roster.member(&key.id()).map(|member| member.role)
        })
    }

    /// By whom the person's device knows that it was removed.
    pub fn was_removed_by(&self, other: &Self) -> bool {
        self.net.world(|world| {
            let by = world.devices[other.who].id();
            let removed = world.devices[self.who].space().and_then(|space| space.status().removed);
            removed.is_some_and(|removed| removed.by == by)
        })
    }

    /// From now on, or no more, what is written on the device's disk waits to be saved.
    pub fn holds_saves(&self, hold: bool) {
        self.net.world(|world| world.devices[self.who].disk.hold_saves(hold));
    }

    /// The device's process ends suddenly.
    pub fn crashes(&self, how: Crash) {
        self.net.world(|world| world.crash(self.who, how));
    }

    /// The device's process begins again.
    pub fn restarts(&self) {
        self.net.world(|world| world.start(self.who));
    }

    /// Whether the device is a member, as far as it knows.
    pub fn is_member(&self) -> bool {
        self.net.world(|world| {
            world.devices[self.who].space().is_some_and(|space| space.role().is_some())
        })
    }

    /// How many edits the device said were saved, and how many were saved by that person too.
    pub fn promises(&self, other: &Self) -> (usize, usize) {
        self.net.world(|world| {
            let own = || world.ledger.edits.iter().filter(|edit| edit.who == self.who);
            let saved = own().filter(|edit| edit.saved).count();
            (saved, own().filter(|edit| edit.peers.contains(&other.who)).count())
        })
    }
}

/// The label of a document.
///
/// # Panics
/// If a document can't be called that.
pub fn label(name: &str) -> Label {
    Label::new(name).expect("a story gives its documents good names")
}
