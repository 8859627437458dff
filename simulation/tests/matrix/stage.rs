//! The world in which a cell is tried: alice, an admin, is looked at; carol may stand between; mallory tries.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use driftline_core::clock::WallTime;
use driftline_core::document::Label;
use driftline_core::id::{DeviceId, DocumentId, SpaceId};
use driftline_core::identity::DeviceKey;
use driftline_core::log::{EntryKind, Frontier, Link, Mend, Segment, Tip};
use driftline_core::roster::{Act, Genesis, Invitation, Role as Standing, Ticket};
use driftline_core::space::roster_document;
use driftline_simulation::app::Edit;
use driftline_simulation::clock::SECOND;
use driftline_simulation::device::Machine;
use driftline_simulation::disk::Disk;
use driftline_simulation::faults::Crash;
use driftline_simulation::forgery::{self, Pen};
use driftline_simulation::network::{Pair, Quality, Who};
use driftline_simulation::scenario::{self, TERM};
use driftline_simulation::story::{NOTES, label};
use driftline_simulation::world::World;

use super::table::{Action, Cell, Expected, Role, Route, State};

const ALICE: Who = 0;
const CAROL: Who = 1;
/// Dave is a writer who is never there: things are done to him.
const DAVE: Who = 2;
const MALLORY: Who = 3;
/// Nina wants to get in.
const NINA: Who = 4;

/// A cell under way.
struct Stage {
    cell: Cell,
    world: World,
    space: SpaceId,
    /// A ticket of alice's: what nina comes with, or what mallory closes.
    ticket: Ticket,
    /// What mallory says that she knew of the roster.
    seen: Frontier,
    /// The logs of alice when what is to be replayed was in force.
    old: Vec<(DocumentId, Vec<Segment>)>,
}

/// Plays a cell, and says what is wrong with its outcome.
pub(super) fn play(cell: &Cell, expected: Expected, seed: u64) -> Result<(), String> {
    let mut stage = Stage::set(*cell, seed);
    let before = stage.prepare();
    stage.act();
    stage.end();
    let happened = stage.happened(ALICE, &before);
    if happened != (expected == Expected::Allowed) {
        return Err(format!("expected {expected:?}, and at alice's it is {happened}"));
    }
    stage.check_laws(&before)
}

impl Stage {
    fn set(cell: Cell, seed: u64) -> Self {
        let mut world = World::new(seed);
        let role = match cell.role {
            Role::Stranger | Role::Reader => Standing::Reader,
            Role::Writer => Standing::Writer,
            Role::Anchor => Standing::Anchor,
            Role::Admin => Standing::Admin,
        };
        let people = [
            ("alice", Standing::Admin),
            ("carol", Standing::Writer),
            ("dave", Standing::Writer),
            ("mallory", role),
        ];
        let members = if cell.role == Role::Stranger { 3 } else { 4 };
        scenario::found(&mut world, &people[..members]);
        if members == 3 {
            world.add("mallory", Disk::default(), None);
        }
        world.start(ALICE);
        world.start(CAROL);
        let space = world.devices[ALICE].space().expect("alice is in").id();
        world.corrupt(MALLORY, space).expect("an empty disk opens");
        let ticket = scenario::ticket(&mut world, Standing::Writer).expect("alice is an admin");
        let seen = heads(&world, ALICE);
        let mut stage = Self { cell, world, space, ticket, seen, old: Vec::new() };
        stage.link(ALICE, CAROL);
        stage.edits(CAROL, "milk ");
        stage.world.run_for(SECOND);
        stage
    }

    /// Brings about the state of the cell; gives the roster as alice knows it then.
    fn prepare(&mut self) -> String {
        match self.cell.state {
            State::Unheard => {
                self.world.cut(Pair::of(ALICE, CAROL), true);
                self.remove(MALLORY);
            }
            State::Removed => {
                self.remove(MALLORY);
                self.seen = heads(&self.world, ALICE);
            }
            State::Pretending => self.remove(MALLORY),
            State::Replayed => self.do_and_undo(),
            State::Expired => self.ticket = self.issue(&self.key(ALICE), self.space, WallTime(1)),
            State::OldVersion => self.mallory().greets = None,
            State::Valid | State::OtherSpace => {}
        }
        if !matches!(self.cell.state, State::Unheard) {
            // Only members read this.
            self.edits(ALICE, "secret ");
        }
        self.world.run_for(SECOND);
        let roster = self.roster_at(ALICE);
        match self.cell.route {
            Route::Restarted => self.restart(ALICE),
            Route::CatchUp => self.world.crash(ALICE, Crash::Kill),
            Route::Direct | Route::Relayed => {}
        }
        self.link(self.contact(), MALLORY);
        roster
    }

    /// What is to be played again happens, and is undone.
    fn do_and_undo(&mut self) {
        let dave = self.world.devices[DAVE].id();
        match self.cell.action {
            Action::Appoint => _ = self.world.appoint(ALICE, DAVE, Standing::Admin),
            Action::Remove => _ = self.world.remove(ALICE, DAVE),
            Action::Invite | Action::Admit => {
                self.add_nina(Some(self.ticket.clone()));
                self.link(ALICE, NINA);
                self.world.run_for(3 * SECOND);
                assert!(is_member(&self.world, ALICE, self.world.devices[NINA].id()));
            }
            _ => {}
        }
        self.world.run_for(SECOND);
        self.old = [label(NOTES).document(&self.space), roster_document(&self.space)]
            .map(|document| (document, self.log(ALICE, document)))
            .into();
        match self.cell.action {
            Action::Appoint => _ = self.world.appoint(ALICE, DAVE, Standing::Writer),
            Action::Remove => {
                let again = scenario::ticket(&mut self.world, Standing::Writer);
                let request = again.expect("alice is an admin").request(&self.key(DAVE));
                let frame = forgery::join(&self.space, &dave, &request);
                self.world.corrupt(DAVE, self.space).expect("dave's disk opens");
                self.link(ALICE, DAVE);
                self.world.say(DAVE, ALICE, frame);
            }
            Action::Invite | Action::Admit => {
                self.world.remove(ALICE, NINA);
                self.world.run_for(SECOND);
                self.world.corrupt(NINA, self.space).expect("nina's disk opens");
            }
            _ => {}
        }
        self.world.run_for(SECOND);
        self.seen = heads(&self.world, ALICE);
    }

    /// Mallory does it.
    fn act(&mut self) {
        if self.cell.action == Action::Invite {
            self.send_nina();
        }
        for frame in self.frames() {
            let contact = self.contact();
            let pair = Pair::of(contact, MALLORY);
            self.world.run_until(SECOND, |world| world.network.is_up(pair));
            self.world.say(MALLORY, contact, frame);
            self.world.run_for(SECOND / 5);
        }
        self.world.run_for(3 * SECOND);
    }

    /// Nina comes with a ticket of mallory's, or whatever there is in its place.
    fn send_nina(&mut self) {
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
    fn frames(&mut self) -> Vec<Bytes> {
        let (space, me) = (self.space, self.key(MALLORY).id());
        let notes = label(NOTES).document(&space);
        let mut frames = match self.cell.action {
            Action::Read => vec![forgery::want(&space, &me, &[notes])],
            Action::Invite => Vec::new(),
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

    /// What the cell's route still holds, then all is well.
    fn end(&mut self) {
        if self.cell.route == Route::Restarted {
            self.restart(ALICE);
        }
        self.world.start(ALICE);
        self.world.mend(Pair::of(ALICE, CAROL));
        self.world.run_for(20 * SECOND);
    }

    /// Whether it came about, as far as somebody's device knows.
    fn happened(&self, who: Who, before: &str) -> bool {
        let dave = self.world.devices[DAVE].id();
        let space = self.world.devices[who].space().expect("honest devices are in");
        let notes = || self.world.stored_content(who, &label(NOTES)).unwrap_or_default();
        match self.cell.action {
            Action::Read => self.hears("secret "),
            // Twice the same is once too often.
            Action::Write if self.cell.state == State::Replayed => {
                notes().matches("milk").count() != 1
            }
            Action::Write | Action::Mend | Action::Squat => notes().contains("mallory"),
            Action::Forge => {
                notes().contains("mallory")
                    || !self.world.notices.is_empty()
                    || space
                        .frontier(&label(NOTES).document(&self.space))
                        .iter()
                        .any(|(_, p)| p.number > 1)
            }
            Action::Invite | Action::Admit => {
                let nina = self.world.devices.get(NINA).map(|nina| nina.id());
                nina.is_some_and(|nina| is_member(&self.world, who, nina))
            }
            Action::Appoint => {
                space.roster().member(&dave).is_some_and(|dave| dave.role == Standing::Admin)
            }
            Action::Remove => space.roster().member(&dave).is_none(),
            Action::Close => {
                let request = self.ticket.request(&DeviceKey::from_seed(&[77; 32]));
                !space.roster().would_admit(&request, self.world.devices[ALICE].id(), self.wall())
            }
            Action::Babble => self.roster_at(who) != before,
            Action::Smuggle => {
                let log = self.log(who, roster_document(&self.space));
                let entries = log.iter().flat_map(Segment::entries).map_while(Result::ok);
                self.roster_at(who) != before
                    || entries.into_iter().any(|(entry, _)| entry.kind != EntryKind::ROSTER)
            }
        }
    }

    /// What holds whatever is tried.
    fn check_laws(&self, before: &str) -> Result<(), String> {
        if self.happened(ALICE, before) != self.happened(CAROL, before) {
            return Err("alice and carol see different outcomes".to_owned());
        }
        if self.roster_at(ALICE) != self.roster_at(CAROL) {
            return Err("alice's roster is not carol's".to_owned());
        }
        let [alice, carol] =
            [ALICE, CAROL].map(|who| self.world.stored_content(who, &label(NOTES)));
        if alice != carol {
            return Err(format!("alice has {alice:?}, and carol {carol:?}"));
        }
        let may_read = super::table::expected(self.cell.role, Action::Read, self.cell.state);
        if may_read == Expected::Denied
            && self.cell.state != State::OtherSpace
            && self.cell.state != State::Expired
            && self.hears("secret ")
        {
            return Err("mallory was sent what she may not read".to_owned());
        }
        if self.world.wrongs.is_empty() { Ok(()) } else { Err(self.world.wrongs.join("; ")) }
    }
}

/// Who is where.
impl Stage {
    /// Whom mallory talks to.
    fn contact(&self) -> Who {
        if self.cell.route.is_by_others() { CAROL } else { ALICE }
    }

    /// The space in which what mallory does is in order.
    fn home(&self) -> SpaceId {
        match self.cell.state {
            State::OtherSpace => self.cellar().space(),
            _ => self.space,
        }
    }

    /// A space of mallory's own.
    fn cellar(&self) -> Genesis {
        let mut dice = driftline_simulation::random::Dice::new(5);
        Genesis::new("cellar", &self.key(MALLORY), WallTime(1), dice.rng())
    }

    fn key(&self, who: Who) -> Arc<DeviceKey> {
        self.world.devices[who].key.clone()
    }

    fn wall(&self) -> WallTime {
        self.world.devices[ALICE].clock.read(self.world.now).wall
    }

    fn issue(&self, key: &DeviceKey, space: SpaceId, expires: WallTime) -> Ticket {
        let (role, rank, seen) = (Standing::Writer, None, self.seen.clone());
        let invitation = Invitation { role, rank, expires, seen };
        let mut dice = driftline_simulation::random::Dice::new(6);
        Ticket::issue(space, key, invitation, Vec::new(), dice.rng())
    }

    fn pen(&self, document: DocumentId, device: DeviceId) -> Pen {
        let now = self.wall();
        Pen::new(
            document,
            device,
            WallTime(now.0 + Duration::from_secs(1).as_millis() as u64),
            [7; 16],
        )
    }

    fn log(&self, who: Who, document: DocumentId) -> Vec<Segment> {
        let process = self.world.devices[who].process.as_ref().expect("it runs");
        let all = process.store.segments(&document, &Frontier::default(), usize::MAX);
        all.expect("its disk is sound").segments
    }

    fn roster_at(&self, who: Who) -> String {
        let space = self.world.devices[who].space();
        format!("{:?}", space.map(|space| space.roster().members().collect::<Vec<_>>()))
    }

    fn mallory(&mut self) -> &mut driftline_simulation::mallory::Mallory {
        let process = self.world.devices[MALLORY].process.as_mut().expect("mallory runs");
        match &mut process.machine {
            Machine::Hostile(mallory) => mallory,
            _ => unreachable!("mallory is hostile from the start"),
        }
    }

    fn hears(&self, words: &str) -> bool {
        let process = self.world.devices[MALLORY].process.as_ref().expect("mallory runs");
        matches!(&process.machine, Machine::Hostile(mallory) if mallory.has_heard(words))
    }

    fn add_nina(&mut self, ticket: Option<Ticket>) {
        if self.world.devices.len() == NINA {
            let runs = ticket.is_some();
            self.world.add("nina", Disk::default(), ticket);
            if runs {
                self.world.start(NINA);
            }
        }
    }

    fn link(&mut self, a: Who, b: Who) {
        let pair = Pair::of(a, b);
        self.world.network.link(pair, Quality::good());
        self.world.connect_soon(pair);
        self.world.run_for(SECOND);
    }

    fn edits(&mut self, who: Who, words: &str) {
        let notes: Label = label(NOTES);
        self.world.open(who, &notes);
        self.world.run_until(SECOND, |world| world.open_content(who, &notes).is_some());
        assert!(self.world.edit(who, &notes, &Edit::Write { at: 0, words: words.to_owned() }));
    }

    fn remove(&mut self, whom: Who) {
        assert!(self.world.remove(ALICE, whom));
        self.world.run_for(SECOND);
    }

    fn restart(&mut self, who: Who) {
        self.world.crash(who, Crash::Kill);
        self.world.start(who);
        self.world.run_for(SECOND);
    }
}

fn heads(world: &World, who: Who) -> Frontier {
    world.devices[who].space().expect("it is in").roster().heads()
}

fn is_member(world: &World, who: Who, device: DeviceId) -> bool {
    world.devices[who].space().is_some_and(|space| space.roster().member(&device).is_some())
}
