//! The world in which a cell is tried: alice, an admin, is looked at; carol may stand between; mallory tries.

mod outcome;
mod tries;

use std::sync::Arc;
use std::time::Duration;

use driftline_core::clock::WallTime;
use driftline_core::document::Label;
use driftline_core::id::{DeviceId, DocumentId, SpaceId};
use driftline_core::identity::DeviceKey;
use driftline_core::log::{Frontier, Segment};
use driftline_core::roster::{Genesis, Invitation, Role as Standing, Ticket};
use driftline_core::space::roster_document;
use driftline_simulation::app::Edit;
use driftline_simulation::clock::SECOND;
use driftline_simulation::device::Machine;
use driftline_simulation::disk::Disk;
use driftline_simulation::faults::Crash;
use driftline_simulation::forgery::{self, Pen};
use driftline_simulation::network::{Pair, Quality, Who};
use driftline_simulation::scenario;
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

    /// What the cell's route still holds, then all is well.
    fn end(&mut self) {
        if self.cell.route == Route::Restarted {
            self.restart(ALICE);
        }
        self.world.start(ALICE);
        self.world.mend(Pair::of(ALICE, CAROL));
        self.world.run_for(20 * SECOND);
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
