//! What people do to the roster.

use driftline_core::id::DeviceId;
use driftline_core::record::Bucket;
use driftline_core::roster::{Role, Ticket};
use driftline_core::space::{Effect, Space};

use crate::network::Who;
use crate::random::Dice;
use crate::trace::Kind;
use crate::world::World;

impl World {
    /// Somebody removes somebody; says whether that was permitted.
    pub fn remove(&mut self, who: Who, whom: Who) -> bool {
        let device = self.devices[whom].id();
        let done = self.govern(who, |space, now, dice, effects| {
            space.remove(device, now, dice.rng(), effects).is_ok()
        });
        self.handed_over |= done && self.is_anchor(whom);
        if done {
            self.rescoped.insert(whom);
            self.trace.note(self.now, who, Kind::App, format_args!("removes device {whom}"));
        }
        done
    }

    /// Somebody gives somebody another role; says whether that was permitted.
    pub fn appoint(&mut self, who: Who, whom: Who, role: Role) -> bool {
        let done = self.appoint_device(who, self.devices[whom].id(), role);
        self.rescoped.extend(done.then_some(whom));
        self.handed_over |= done && self.is_anchor(whom);
        done
    }

    /// The same, of somebody of whom there may be no more than a key.
    pub fn appoint_device(&mut self, who: Who, device: DeviceId, role: Role) -> bool {
        let done = self.govern(who, |space, now, dice, effects| {
            let rank = space.roster().rank(&device);
            space.appoint(device, (role, rank), now, dice.rng(), effects).is_ok()
        });
        if done {
            let note = format_args!("makes {} a {}", device.short(), role.name());
            self.trace.note(self.now, who, Kind::App, note);
        }
        done
    }

    /// Somebody lets somebody into a hall; says whether that was permitted.
    pub fn grant(&mut self, who: Who, whom: Who, bucket: &Bucket) -> bool {
        let device = self.devices[whom].id();
        let done = self.govern(who, |space, now, dice, effects| {
            space.grant(bucket, device, now, dice.rng(), effects).is_ok()
        });
        if done {
            self.rescoped.insert(whom);
            self.trace.note(self.now, who, Kind::App, format_args!("grants {bucket} to {whom}"));
        }
        done
    }

    /// Somebody takes that back; says whether that was permitted.
    pub fn revoke(&mut self, who: Who, whom: Who, bucket: &Bucket) -> bool {
        let device = self.devices[whom].id();
        let done = self.govern(who, |space, now, dice, effects| {
            space.revoke(bucket, device, now, dice.rng(), effects).is_ok()
        });
        if done {
            self.rescoped.insert(whom);
            self.trace.note(self.now, who, Kind::App, format_args!("takes {bucket} from {whom}"));
        }
        done
    }

    /// Somebody asks to be let in again.
    pub fn petition(&mut self, who: Who, ticket: &Ticket) {
        self.govern(who, |space, now, dice, effects| {
            space.petition(ticket, now, dice.rng(), effects);
            true
        });
    }

    /// Whether somebody began as an anchor.
    pub(crate) fn is_anchor(&self, who: Who) -> bool {
        matches!(self.devices[who].name.as_str(), "anchor" | "second")
    }

    fn govern(
        &mut self,
        who: Who,
        act: impl FnOnce(&mut Space, driftline_core::clock::Now, &mut Dice, &mut Vec<Effect>) -> bool,
    ) -> bool {
        let device = &mut self.devices[who];
        let now = device.clock.read(self.now);
        let Some(space) = device.process.as_mut().and_then(|process| process.space_mut()) else {
            return false;
        };
        let mut effects = Vec::new();
        let done = act(space, now, &mut self.dice, &mut effects);
        self.governed = true;
        self.perform(who, effects);
        self.settle_soon(who);
        done
    }
}
