//! What mallory says, and what nina comes with.

use std::sync::Arc;

use bytes::Bytes;
use driftline_core::clock::WallTime;
use driftline_core::log::{EntryKind, Frontier, Link, Mend, Segment, Tip};
use driftline_core::presence::{Spot, Statement, Version};
use driftline_core::roster::{Act, Role as Standing};
use driftline_core::space::roster_document;
use driftline_simulation::clock::SECOND;
use driftline_simulation::forgery;
use driftline_simulation::network::Who;
use driftline_simulation::scenario::TERM;
use driftline_simulation::story::{NOTES, label};

use super::{Action, CAROL, DAVE, MALLORY, NINA, Stage, State};

impl Stage {
    /// Nina comes with a ticket of mallory's, or whatever there is in its place.
    pub(super) fn send_nina(&mut self) {
        let key = self.key(MALLORY);
        let replayed = self.cell.state == State::Replayed;
        let (space, expires) = match self.cell.state {
            State::OtherSpace => (self.cellar().space(), self.wall() + TERM),
            State::Expired => (self.space, WallTime(1)),
            _ => (self.space, self.wall() + TERM),
        };
        let ticket = if replayed { self.ticket.clone() } else { self.issue(&key, space, expires) };
        let contact = self.contact();
        if self.cell.state == State::OtherSpace || replayed {
            // An honest device would not even ask.
            if !replayed {
                self.add_nina(None);
                self.world.corrupt(NINA, self.space).expect("an empty disk opens");
            }
            self.link(contact, NINA);
            let nina = self.key(NINA);
            let frame = forgery::join(&self.space, &nina.id(), &ticket.request(&nina));
            self.world.say(NINA, contact, frame);
        } else {
            self.add_nina(Some(ticket));
            self.link(contact, NINA);
        }
        self.world.run_for(2 * SECOND);
    }

    /// What mallory says.
    pub(super) fn frames(&mut self) -> Vec<Bytes> {
        let (space, me) = (self.space, self.key(MALLORY).id());
        let notes = label(NOTES).document(&space);
        let mut frames = match self.cell.action {
            Action::Read => vec![forgery::want(&space, &me, &[notes])],
            Action::Invite => Vec::new(),
            Action::Show => self.shows(MALLORY),
            Action::Pose => self.shows(CAROL),
            _ if self.cell.state == State::Replayed => self.replays(),
            _ if self.is_about_the_roster() => {
                let entry = self.deed();
                let document = roster_document(&space);
                let mut frames = vec![forgery::roster_segments(
                    &space,
                    &me,
                    document,
                    std::slice::from_ref(&entry),
                )];
                // Whoever introduces themselves has not said yet what they speak.
                if self.cell.state != State::OldVersion {
                    frames.push(forgery::introduce(&space, &me, &[entry]));
                }
                frames
            }
            _ => {
                let name = label(NOTES);
                let entry = self.entry();
                let theirs = name.document(&self.home());
                let send = |document| {
                    let entries = vec![entry.clone()];
                    forgery::segments(&space, &me, (document, Some(&name)), entries, None)
                };
                let mut frames = vec![send(notes)];
                frames.extend((theirs != notes).then(|| send(theirs)));
                frames
            }
        };
        if self.cell.state == State::OldVersion {
            frames.push(forgery::open(&space, &me, 0));
        }
        frames
    }

    fn replays(&self) -> Vec<Bytes> {
        let (space, me) = (self.space, self.world.devices[MALLORY].id());
        let name = label(NOTES);
        let frames = self.old.iter().flat_map(|(document, entries)| {
            let roster = *document == roster_document(&space);
            let frame = match roster {
                true => forgery::roster_segments(&space, &me, *document, entries),
                false => {
                    forgery::segments(&space, &me, (*document, Some(&name)), entries.clone(), None)
                }
            };
            [Some(frame), roster.then(|| forgery::introduce(&space, &me, entries))]
        });
        frames.flatten().collect()
    }

    /// Presence: mallory's, or in the name of somebody else. Before it is played again, it is taken back.
    fn shows(&self, who: Who) -> Vec<Bytes> {
        let (space, me) = (self.space, self.key(MALLORY).id());
        let say = |count, state: &str| {
            let spot = Spot { device: self.world.devices[who].id(), topic: NOTES.into(), guest: 0 };
            let version = Version { run: self.wall().0, count };
            let (state, key) = (Arc::from(state.as_bytes()), self.key(MALLORY));
            let statement = Statement::sign(spot, version, state, &self.home(), &key);
            forgery::presence(&space, &me, statement)
        };
        match self.cell.state {
            State::Replayed => vec![say(1, "mallory"), say(2, ""), say(1, "mallory")],
            _ => vec![say(1, "mallory")],
        }
    }

    fn is_about_the_roster(&self) -> bool {
        use Action::*;
        matches!(self.cell.action, Admit | Appoint | Remove | Close | Babble | Smuggle)
    }

    /// An entry of the roster's log.
    fn deed(&mut self) -> Segment {
        let key = self.key(MALLORY);
        let mut pen = self.pen(roster_document(&self.home()), key.id());
        let device = self.world.devices[DAVE].id();
        let act = match self.cell.action {
            Action::Admit => {
                self.add_nina(None);
                let ticket = match self.cell.state {
                    State::OtherSpace => {
                        self.issue(&key, self.cellar().space(), self.wall() + TERM)
                    }
                    _ => self.ticket.clone(),
                };
                Act::Admit(Box::new(ticket.request(&self.key(NINA))))
            }
            Action::Appoint => {
                let cuts = Frontier::default();
                Act::Appoint { device, role: Standing::Admin, rank: None, cuts }
            }
            Action::Remove => Act::Remove { device, cuts: Frontier::default() },
            Action::Close => Act::Close { bearer: self.ticket.certificate().bearer() },
            Action::Smuggle => return pen.writes("smuggled ", &key),
            _ => return pen.entry(EntryKind::ROSTER, &[0xff; 9], &key),
        };
        pen.does(act, self.seen.clone(), &key)
    }

    /// An entry of the notes.
    fn entry(&mut self) -> Segment {
        let key = self.key(MALLORY);
        let document = label(NOTES).document(&self.home());
        let mut pen = self.pen(document, key.id());
        match self.cell.action {
            Action::Mend => {
                let update = pen.words("mallory ");
                let mend = Mend { refused: Frontier::default(), update: &update };
                pen.entry(EntryKind::MEND, &mend.write(), &key)
            }
            Action::Squat => {
                let carol = self.log(CAROL, label(NOTES).document(&self.space));
                let client = carol.first().expect("carol wrote").chain.client_id();
                let update = forgery::squatting(client, "mallory ");
                pen.entry(EntryKind::UPDATE, &update, &key)
            }
            Action::Forge if self.home() == self.space => self.forged(),
            Action::Forge => {
                let carol = self.world.devices[CAROL].id();
                self.pen(document, carol).writes("mallory ", &key)
            }
            _ => pen.writes("mallory ", &key),
        }
    }

    /// The next entry of carol's chain, as mallory would have it.
    fn forged(&self) -> Segment {
        let log = self.log(CAROL, label(NOTES).document(&self.space));
        let carol = log.iter().find(|segment| {
            segment.head().is_some_and(|head| head.device == self.world.devices[CAROL].id())
        });
        let carol = carol.expect("carol wrote");
        let tip: Tip = carol.walk(WallTime(0)).expect("what carol wrote is sound");
        let mut builder = driftline_core::log::SegmentBuilder::behind(carol.chain, tip);
        builder.push(EntryKind::UPDATE, &[0, 0], WallTime(0));
        let forged = builder.seal(&self.key(MALLORY));
        assert!(matches!(forged.link, Link::Follows(_)));
        forged
    }
}
