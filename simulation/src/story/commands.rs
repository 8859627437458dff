//! What people ask for, see and hear of seats.

use driftline_core::command::{Command, CommandId};
use driftline_core::space::{Notice, Stopped, SubmitError};

use super::{Net, Person};
use crate::court::heard_as;
use crate::orders::{described, word};
use crate::seats::hall;

impl Person {
    /// Gives a command.
    ///
    /// # Panics
    /// If the device can tell already that nothing would come of it.
    pub fn submits<C: Command>(&self, command: &C) -> CommandId {
        self.tries(command).expect("nothing speaks against it here")
    }

    /// Gives a command.
    ///
    /// # Errors
    /// If the device can tell already that nothing would come of it.
    pub fn tries<C: Command>(&self, command: &C) -> Result<CommandId, SubmitError> {
        let given = self.net.world(|world| world.submit(self.who, command));
        given.map(|submitted| submitted.command)
    }

    /// Takes a command back; says whether that was possible.
    pub fn cancels(&self, command: CommandId) -> bool {
        self.net.world(|world| world.cancel(self.who, &command))
    }

    /// A field of a seat as the app shows it, with all that is not decided yet.
    pub fn sees(&self, seat: u32, field: &str) -> String {
        let space = |world: &mut crate::world::World| {
            let space = world.devices[self.who].space();
            space.map(|space| described(space.ledger().preview())).unwrap_or_default()
        };
        find(&self.net.world(space), seat, field)
    }

    /// The same as it was decided.
    pub fn knows(&self, seat: u32, field: &str) -> String {
        find(&self.confirms(), seat, field)
    }

    /// All seats as they were decided.
    pub fn confirms(&self) -> String {
        self.net.world(|world| {
            let space = world.devices[self.who].space();
            space.map(|space| described(space.ledger().confirmed())).unwrap_or_default()
        })
    }

    /// All that the app was told of its commands so far, each in a word.
    pub fn hears(&self) -> Vec<&'static str> {
        self.net.world(|world| {
            let space = world.devices[self.who].space();
            let answers = space.into_iter().flat_map(|space| space.ledger().answers());
            answers.map(|answer| heard_as(&answer.news).unwrap_or("revoked")).collect()
        })
    }

    /// What the device says of why nothing is decided.
    pub fn stopped(&self) -> Option<Stopped> {
        self.net.world(|world| world.devices[self.who].space()?.status().stopped)
    }

    /// What became of what others had asked for and the device had shown: what that was, and what it was decided to be.
    pub fn foresaw(&self) -> Vec<(&'static str, &'static str)> {
        self.net.world(|world| {
            let mine = world.notices.iter().filter(|(who, _)| *who == self.who);
            let foreseen = mine.filter_map(|(_, notice)| match notice {
                Notice::Foreseen(foreseen) => {
                    Some((word(&foreseen.predicted), word(&foreseen.verdict)))
                }
                _ => None,
            });
            foreseen.collect()
        })
    }

    /// How many decisions the device has.
    pub fn decisions(&self) -> u64 {
        self.net.world(|world| {
            world.devices[self.who].space().map_or(0, |space| space.ledger().decided())
        })
    }

    /// How many commands wait, as the device knows.
    pub fn waits(&self) -> usize {
        self.net.world(|world| {
            world.devices[self.who].space().map_or(0, |space| space.ledger().outbox().count())
        })
    }

    /// How many of them can't go, as their author may not enter the hall any more.
    pub fn stuck(&self) -> usize {
        self.net.world(|world| {
            let outbox = world.devices[self.who].space().map(|space| space.ledger().outbox());
            outbox.into_iter().flatten().filter(|entry| entry.stuck).count()
        })
    }

    /// Lets somebody into a hall; says whether that was permitted.
    pub fn grants(&self, other: &Self, number: i64) -> bool {
        self.net.world(|world| world.grant(self.who, other.who, &hall(number)))
    }

    /// Takes that back; says whether that was permitted.
    pub fn revokes(&self, other: &Self, number: i64) -> bool {
        self.net.world(|world| world.revoke(self.who, other.who, &hall(number)))
    }

    /// The device's clock is a year behind from now on, or a year ahead.
    pub fn lives_in_another_year(&self, ahead: bool) {
        self.net.world(|world| world.devices[self.who].clock.set_off(ahead));
    }
}

impl Net {
    /// From now on an anchor that is removed may have decided on for a while: what it showed then is void.
    pub fn hands_over(&self) {
        self.world(|world| world.handed_over = true);
    }
}

fn find(described: &str, seat: u32, field: &str) -> String {
    let line = described.lines().find_map(|line| line.strip_prefix(&format!("{seat}: ")));
    let value = line.unwrap_or_default().split(", ");
    let value = value.filter_map(|held| held.split_once(' ')).find(|(name, _)| *name == field);
    value.map_or("", |(_, value)| value).to_owned()
}
