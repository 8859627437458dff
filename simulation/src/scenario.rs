//! A random world and what happens in it, from a seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use driftline_core::clock::WallTime;
use driftline_core::document::Label;
use driftline_core::identity::DeviceKey;
use driftline_core::roster::{Genesis, Invitation, Role, Ticket};
use driftline_core::space::{Effect, Space};
use driftline_storage::{Life, Record, Store};
use rand_chacha::rand_core::Rng;

use crate::app::Edit;
use crate::clock::{MILLISECOND, SECOND};
use crate::disk::Disk;
use crate::faults::Crash;
use crate::network::{Pair, Quality, Who};
use crate::seats::{
    Book, Build, Clear, Column, Greet, Poison, Raise, Set, Settle, Visit, Whisper, hall,
};
use crate::world::World;

/// How long tickets last: longer than any clock is off.
pub const TERM: Duration = Duration::from_secs(3 * 365 * 24 * 3600);

pub(crate) const DOCUMENTS: [&str; 3] = ["notes/today", "list", "plan"];

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The world at the end.
    pub world: World,
    /// What was wrong in it.
    pub wrongs: Vec<String>,
}

/// Plays the world of a seed to its end. `look` may set it up to be watched.
pub fn play(seed: u64, look: impl FnOnce(&mut World)) -> Run {
    let mut world = World::new(seed);
    look(&mut world);
    let played = catch_unwind(AssertUnwindSafe(|| {
        settle_in(&mut world);
        live(&mut world);
        world.verdict()
    }));
    let wrongs = played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        vec![format!("panicked: {}", text.unwrap_or_default())]
    });
    Run { world, wrongs }
}

/// Lets members into a world that share a space from the start: each finds it on its disk.
pub fn found(world: &mut World, names: &[(&str, Role)]) -> Vec<Who> {
    let places: Vec<_> =
        names.iter().map(|(name, _)| world.add(name, Disk::default(), None)).collect();
    let now = world.devices[places[0]].clock.read(world.now);
    let admin = world.devices[places[0]].key.clone();
    let genesis = Genesis::new("kitchen", &admin, now.wall, world.dice.rng());
    let mut effects = Vec::new();
    let mut space = Space::found(genesis, admin.clone(), [0; 16], &mut effects);
    for (place, (name, role)) in places.iter().zip(names).skip(1) {
        let ticket = issue(&space, &admin, (*role, rank_of(name)), now.wall, world.dice.rng());
        let request = ticket.request(&world.devices[*place].key);
        let admitted = space.admit(request, now, world.dice.rng(), &mut effects);
        admitted.expect("who began the space may let others in");
    }
    space.settle(now, world.dice.rng(), &mut effects);
    let writes = effects.into_iter().filter_map(|effect| match effect {
        Effect::Write(changes) => Some(changes),
        _ => None,
    });
    let changes: Vec<_> = writes.flatten().map(Record::Core).collect();
    for place in &places {
        store_space(world, *place, &changes);
    }
    places
}

/// The rank of whoever is called that.
pub(crate) fn rank_of(name: &str) -> Option<&'static str> {
    match name {
        "bob" => Some("till"),
        "carol" => Some("cart"),
        _ => None,
    }
}

fn issue(
    space: &Space,
    admin: &DeviceKey,
    (role, rank): (Role, Option<&str>),
    now: WallTime,
    rng: &mut dyn Rng,
) -> Ticket {
    let rank = rank.and_then(|word| word.parse().ok());
    let seen = space.roster().heads();
    let invitation = Invitation { role, rank, expires: now + TERM, seen };
    Ticket::issue(space.id(), admin, invitation, Vec::new(), rng)
}

/// Puts a space on the disk of a device that does not run.
pub fn store_space(world: &mut World, who: Who, space: &[Record]) {
    let fresh = world.dice.bytes();
    let device = &world.devices[who];
    let life = Life { boot: Some(device.boot.to_string()), fresh };
    let stored = Store::open(device.disk.clone(), life).and_then(|store| {
        store.append(space)?;
        store.write()?;
        store.save()
    });
    if let Err(error) = stored {
        world.wrong(format_args!("device {who} can't store its space: {error:?}"));
    }
}

/// A ticket from the first device.
pub fn ticket(world: &mut World, role: Role) -> Option<Ticket> {
    ticket_from(world, 0, role)
}

/// A ticket from some device.
pub fn ticket_from(world: &mut World, who: Who, role: Role) -> Option<Ticket> {
    let admin = &world.devices[who];
    let now = admin.clock.read(world.now).wall;
    Some(issue(admin.space()?, &admin.key, (role, None), now, world.dice.rng()))
}

/// Two to five devices, in a line, a star or a mesh.
fn settle_in(world: &mut World) {
    world.commanding = world.dice.chance(0.35);
    let mut all = [
        ("alice", Role::Admin),
        ("anchor", Role::Anchor),
        ("bob", Role::Writer),
        ("carol", Role::Writer),
        ("dave", Role::Reader),
    ];
    if world.commanding && world.dice.chance(0.5) {
        all[3] = ("second", Role::Anchor);
    }
    let count = 2 + world.dice.below(4);
    let late = count > 2 && world.dice.chance(0.3);
    let members = if late { count - 1 } else { count };
    let places = found(world, &all[..members]);
    for who in &places {
        world.start(*who);
    }
    if late {
        let role = *world.dice.pick(&[Role::Writer, Role::Reader]);
        let ticket = ticket(world, role);
        world.add("late", Disk::default(), ticket);
    }
    let mut pairs = topology(world, count);
    if world.dice.chance(0.33) {
        pairs.extend(world.let_a_villain_in());
    }
    for pair in pairs {
        let quality = Quality::random(&mut world.dice);
        world.network.link(pair, quality);
        world.connect_soon(pair);
    }
}

fn topology(world: &mut World, count: usize) -> Vec<Pair> {
    let line = (1..count).map(|who| Pair::of(who - 1, who));
    let star = (0..count).filter(|who| *who != 1).map(|who| Pair::of(1, who));
    let mesh = (0..count).flat_map(|a| (a + 1..count).map(move |b| Pair::of(a, b)));
    match world.dice.below(3) {
        0 => line.collect(),
        1 => star.collect(),
        _ => mesh.collect(),
    }
}

/// Edits and faults, for a while.
fn live(world: &mut World) {
    let mut end = world.now + world.dice.between(3 * SECOND..20 * SECOND);
    let trouble = *world.dice.pick(&[0.0, 0.05, 0.2]);
    let mut backup: Option<(Who, Disk)> = None;
    while world.now < end {
        let pause = *world.dice.pick(&[2 * MILLISECOND, 50 * MILLISECOND, 600 * MILLISECOND]);
        let pause = world.dice.between(1..pause);
        world.run_for(pause);
        if world.dice.chance(0.005) {
            // Nobody does anything for a while, and those who are silent are forgotten.
            let idle = world.dice.between(SECOND..35 * SECOND);
            world.run_for(idle);
            end += idle;
        }
        world.check_presence();
        if world.dice.chance(trouble / 20.0) {
            back_up_or_restore(world, &mut backup);
        } else if world.dice.chance(trouble) {
            fault(world);
        } else if world.dice.chance(0.03) {
            govern(world);
        } else if world.commanding && world.dice.chance(0.04) {
            let hall = hall(world.dice.between(1..3) as i64);
            let whom = world.dice.below(world.devices.len());
            match world.dice.chance(0.6) {
                true => _ = world.grant(0, whom, &hall),
                false => _ = world.revoke(0, whom, &hall),
            }
        } else if world.villain.is_some() && world.dice.chance(0.15) {
            world.attack();
        } else if world.commanding && world.dice.chance(0.4) {
            ask(world);
        } else if world.dice.chance(0.15) {
            show(world);
        } else {
            act(world);
        }
    }
    if world.governed || world.commanding || world.villain.is_some() {
        link_all(world);
    }
}

/// Whoever was removed passes nothing on, nor does anybody pass on what is said in a hall that they may not enter: so in the
/// end everybody meets everybody.
fn link_all(world: &mut World) {
    let all = 0..world.devices.len();
    let pairs = all.clone().flat_map(|a| (a + 1..all.end).map(move |b| Pair::of(a, b)));
    for pair in pairs.filter(|pair| world.network.get(*pair).is_none()).collect::<Vec<_>>() {
        world.network.link(pair, Quality::good());
        world.connect_soon(pair);
    }
}

/// Somebody's app does something.
fn act(world: &mut World) {
    let who = world.dice.below(world.devices.len());
    let Ok(label) = Label::new(world.dice.pick::<&str>(&DOCUMENTS)) else { return };
    if world.devices[who].process.is_none() {
        return world.start(who);
    }
    if world.dice.chance(0.05) {
        return world.close(who, &label);
    }
    let edit = random_edit(world);
    if !world.edit(who, &label, &edit) {
        world.open(who, &label);
    }
}

/// Somebody moves their cursor, or takes it away.
fn show(world: &mut World) {
    let who = world.dice.below(world.devices.len());
    let topic: &str = world.dice.pick::<&str>(&DOCUMENTS);
    let guest = world.dice.between(0..2);
    match world.dice.chance(0.2) {
        true => world.hide(who, topic, guest),
        false => world.show(who, topic, guest),
    }
}

/// Somebody gives a command, or takes one back.
fn ask(world: &mut World) {
    let who = world.dice.below(world.devices.len());
    if world.dice.chance(0.05) {
        let me = world.devices[who].id();
        let outbox = world.devices[who].space().map(|space| space.ledger().outbox());
        let own = outbox.into_iter().flatten().filter(|entry| entry.author == me);
        let own: Vec<_> = own.map(|entry| entry.command).collect();
        if !own.is_empty() {
            let command = *world.dice.pick(&own);
            world.cancel(who, &command);
        }
        return;
    }
    let seat = world.dice.between(1..4) as u32;
    let column = match world.dice.chance(0.15) {
        true => Column::Hall,
        false => *world.dice.pick(&Column::ALL),
    };
    let to = *world.dice.pick(&[1, 2, 3, 5, 7, 8, 13]);
    let set = Set { seat, column, to };
    let given = match world.dice.below(18) {
        0 | 1 => world.submit(who, &Raise { seat, column }),
        2 => world.submit(who, &Visit { seat, times: to }),
        3 => world.submit(who, &Greet { seat, guest: to, comes: to != 3 }),
        4 => world.submit(who, &Build { seat }),
        5 => world.submit(who, &Clear { seat }),
        6 => world.submit(who, &Settle { seat, column }),
        7 | 8 => world.submit(who, &Book { seat, guest: to }),
        9 => world.submit(who, &Poison { panics: to > 3 }),
        10 | 11 => world.submit(who, &Whisper { hall: 1 + to % 2, set }),
        _ => world.submit(who, &set),
    };
    // What nothing would come of is not given, and that is fine.
    drop(given);
}

/// Somebody changes the roster, or tries to. One admin stays, as somebody has to mend.
fn govern(world: &mut World) {
    let (who, whom) =
        (world.dice.below(world.devices.len()), world.dice.below(world.devices.len()));
    // Whoever is let in again has no rank, and whoever tells the rules anew knows ranks by name.
    let ranked = world.commanding && rank_of(&world.devices[whom].name).is_some();
    match world.dice.below(3) {
        _ if whom == 0 => {}
        0 | 2 if ranked => {}
        // An anchor that leaves takes along what it decided and nobody has, and the next in line waits for that.
        0 if world.commanding && who == whom && world.is_anchor(who) => {}
        0 => _ = world.remove(who, whom),
        1 => {
            // Whoever breaks the rules and is an admin may do what they like.
            let most = if world.devices[whom].hostile { 2 } else { 3 };
            let role = *world.dice.pick(&[Role::Reader, Role::Writer, Role::Admin][..most]);
            world.appoint(who, whom, role);
        }
        _ => {
            let role = *world.dice.pick(&[Role::Writer, Role::Reader]);
            if let Some(ticket) = ticket(world, role) {
                world.petition(whom, &ticket);
            }
        }
    }
}

/// Somebody copies a disk, or goes by the copy that was made.
fn back_up_or_restore(world: &mut World, backup: &mut Option<(Who, Disk)>) {
    match backup.take() {
        Some((who, copy)) => world.restore(who, &copy),
        None => {
            let who = world.dice.below(world.devices.len());
            // Of what a writer gave in two halls, the one may be lost with the disk, and the other waits for it.
            let spared = world.commanding && !world.is_anchor(who);
            if world.devices[who].space().is_some() && !spared {
                *backup = Some((who, world.devices[who].disk.saved_copy()));
            }
        }
    }
}

fn random_edit(world: &mut World) -> Edit {
    let dice = &mut world.dice;
    let at = dice.between(0..1 << 16) as u32;
    let number = dice.between(0..1000) as i32;
    match dice.below(6) {
        0 | 1 => {
            let word = *dice.pick(&["milk ", "honey ", "𝄞", "é", "two eggs, "]);
            let times = if dice.chance(0.02) { 2_000 } else { 1 };
            Edit::Write { at, words: word.repeat(times) }
        }
        2 => Edit::Erase { at },
        3 => Edit::Set { field: format!("field {}", number % 5), value: number },
        4 => Edit::Insert { at, item: number },
        _ => Edit::Remove { at },
    }
}

/// Something goes wrong.
fn fault(world: &mut World) {
    let who = world.dice.below(world.devices.len());
    let pairs = world.network.pairs();
    let pair = *world.dice.pick(&pairs);
    match world.dice.below(10) {
        0 | 1 => {
            let at_once = world.dice.chance(0.5);
            world.cut(pair, at_once);
        }
        2 | 3 => world.mend(pair),
        4 => world.break_off(pair),
        5 => world.crash(who, Crash::Kill),
        6 => world.crash(who, Crash::PowerCut),
        7 => world.crash(who, Crash::WorstPowerCut),
        8 => {
            let full = world.dice.chance(0.5);
            world.devices[who].disk.set_full(full);
        }
        _ => world.jump_clock(who),
    }
    // A device in trouble comes back at some time.
    if world.dice.chance(0.5) {
        let who = world.dice.below(world.devices.len());
        world.start(who);
    }
}
