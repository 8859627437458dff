//! What people show of themselves, and what others see of it.

use std::collections::{BTreeMap, BTreeSet};

use driftline_core::id::DeviceId;

use crate::clock::{SECOND, Time};
use crate::network::Who;
use crate::scenario::DOCUMENTS;
use crate::trace::Kind;
use crate::world::World;

/// How long somebody may be seen who is not here any more: their silence, and the way of their last word.
const OUTLIVING: Time = 40 * SECOND;

/// Where somebody shows themselves: topic and guest.
type Spot = (String, u64);

/// What was shown, and what was seen.
#[derive(Debug, Default)]
pub struct Presences {
    /// Everything that was ever shown, by its number.
    shown: Vec<Shown>,
    /// What each device shows.
    now: BTreeMap<(Who, Spot), usize>,
    /// What each run of a device saw last of somebody.
    seen: BTreeMap<(Who, u64, Who, Spot), usize>,
    /// Those whose clock was set to something else: which of their runs was the later one is not for others to know.
    pub(crate) jumped: BTreeSet<Who>,
}

#[derive(Debug)]
struct Shown {
    who: Who,
    run: u64,
    spot: Spot,
    /// When it was over: something else was shown, nothing, or the device ran no more.
    over: Option<Time>,
}

impl Presences {
    /// A device's process has ended: what it showed is over.
    pub(crate) fn crashed(&mut self, who: Who, now: Time) {
        for (_, number) in self.now.extract_if(.., |(owner, _), _| *owner == who) {
            self.shown[number].over = Some(now);
        }
    }
}

impl World {
    /// Somebody shows something.
    pub fn show(&mut self, who: Who, topic: &str, guest: u64) {
        let Some(space) =
            self.devices[who].process.as_mut().and_then(|process| process.space_mut())
        else {
            return;
        };
        let number = self.presences.shown.len();
        if let Err(error) = space.show_presence(topic, guest, number.to_string().as_bytes()) {
            return self.wrong(format_args!("device {who} can't show itself: {error}"));
        }
        let (run, spot) = (self.devices[who].run, (topic.to_owned(), guest));
        self.is_over(who, &spot);
        self.presences.shown.push(Shown { who, run, spot: spot.clone(), over: None });
        self.presences.now.insert((who, spot), number);
        self.trace.note(self.now, who, Kind::App, format_args!("shows {number} in {topic}"));
        self.settle_soon(who);
    }

    /// Somebody shows nothing any more.
    pub fn hide(&mut self, who: Who, topic: &str, guest: u64) {
        let device = &mut self.devices[who];
        let now = device.clock.read(self.now);
        let Some(space) = device.process.as_mut().and_then(|process| process.space_mut()) else {
            return;
        };
        space.hide_presence(topic, guest, now);
        self.is_over(who, &(topic.to_owned(), guest));
        self.trace.note(self.now, who, Kind::App, format_args!("hides in {topic}"));
        self.settle_soon(who);
    }

    /// What somebody showed last.
    pub fn showed(&self, who: Who, topic: &str, guest: u64) -> Option<String> {
        let of = |shown: &Shown| shown.who == who && shown.spot == (topic.to_owned(), guest);
        self.presences.shown.iter().rposition(of).map(|number| number.to_string())
    }

    /// Everybody leaves in good order.
    pub(crate) fn hide_all(&mut self) {
        for (who, (topic, guest)) in self.presences.now.keys().cloned().collect::<Vec<_>>() {
            self.hide(who, &topic, guest);
        }
    }

    fn is_over(&mut self, who: Who, spot: &Spot) {
        if let Some(before) = self.presences.now.remove(&(who, spot.clone())) {
            self.presences.shown[before].over = Some(self.now);
        }
    }

    /// What a device sees of others in a topic: who, as which guest, and the number of what they show.
    pub fn sees(&self, who: Who, topic: &str) -> BTreeMap<(DeviceId, u64), String> {
        let me = self.devices[who].id();
        let present = self.devices[who].space().map(|space| space.presence(topic));
        let others = present.into_iter().flatten().filter(|(device, ..)| *device != me);
        let text = |state: &[u8]| String::from_utf8_lossy(state).into_owned();
        others.map(|(device, guest, state)| ((device, guest), text(&state))).collect()
    }

    /// Checks what a device sees in a topic.
    pub(crate) fn look_around(&mut self, who: Who, topic: &str) {
        let run = self.devices[who].run;
        for ((device, guest), state) in self.sees(who, topic) {
            let owner = self.place_of(&device);
            if self.devices[owner].hostile {
                continue;
            }
            let member =
                |space: &driftline_core::space::Space| space.roster().member(&device).is_some();
            if !self.devices[who].space().is_some_and(member) {
                self.wrong(format_args!("device {who} sees device {owner}, who is no member"));
            }
            let spot = (topic.to_owned(), guest);
            let number = state.parse().ok();
            let shown = number.and_then(|number: usize| self.presences.shown.get(number));
            match (number, shown) {
                (Some(number), Some(shown)) if shown.who == owner && shown.spot == spot => {
                    self.look_at((who, run), (owner, spot), number);
                }
                _ => self.wrong(format_args!(
                    "device {owner} never showed what device {who} sees: {state}"
                )),
            }
        }
    }

    /// Checks something that its owner did show: whether that is still so, and what was seen before.
    fn look_at(&mut self, (who, run): (Who, u64), (owner, spot): (Who, Spot), number: usize) {
        let Presences { shown, seen, jumped, .. } = &mut self.presences;
        let last = seen.insert((who, run, owner, spot), number).unwrap_or(number);
        let one_run = shown[last].run == shown[number].run;
        let back = number < last && (one_run || !jumped.contains(&owner));
        let since = shown[number].over.map_or(0, |over| self.now - over);
        if back {
            self.wrong(format_args!(
                "device {who} saw device {owner} show {last}, and {number} again"
            ));
        }
        // Somebody who lies about how old it is can make others see it for longer.
        if since > OUTLIVING && self.villain.is_none() {
            self.wrong(format_args!(
                "device {who} sees {number} of device {owner}, over for {since} µs"
            ));
        }
    }

    /// Checks what everybody sees.
    pub(crate) fn check_presence(&mut self) {
        for who in 0..self.devices.len() {
            if !self.devices[who].hostile {
                DOCUMENTS.iter().for_each(|topic| self.look_around(who, topic));
            }
        }
    }

    /// Whether every member sees what all others show, and nothing else.
    pub(crate) fn sees_all(&self) -> bool {
        let members: Vec<_> = self.members().map(|(who, _)| who).collect();
        DOCUMENTS.iter().all(|topic| {
            let shown = self.presences.now.iter().filter(|((_, spot), _)| spot.0 == *topic);
            let shown: Vec<_> = shown.filter(|((who, _), _)| members.contains(who)).collect();
            members.iter().all(|who| {
                let others = shown.iter().filter(|((owner, _), _)| owner != who);
                let expected: BTreeMap<_, _> = others
                    .map(|((owner, spot), number)| {
                        ((self.devices[*owner].id(), spot.1), number.to_string())
                    })
                    .collect();
                let mut sees = self.sees(*who, topic);
                sees.retain(|(device, _), _| !self.devices[self.place_of(device)].hostile);
                sees == expected
            })
        })
    }
}
