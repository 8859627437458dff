//! What honest devices would send, for the fuzzers to start from.

use std::sync::Arc;

use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::id::SpaceId;
use driftline_core::log::{
    ChainHead, EntryKind, Frontier, Link, Mend, Segment, SegmentBuilder, Tip,
};
use driftline_core::roster::{Act, Invitation, Role, RosterEntry, Ticket};
use driftline_core::space::{Effect, Event, Joining, Outcome, TAG_BYTES};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::apply::framed;
use crate::frame::{BOB, GOVERNS, Host, STRANGER, WRITES, alice, key, update};

/// A target, a name and the bytes.
pub(crate) type Seed = (&'static str, String, Vec<u8>);

/// Seeds for every target that this file knows.
pub(crate) fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (number, ticket) in tickets().iter().enumerate() {
        seeds.push(("ticket", format!("pasted-{number}"), ticket.to_string().into_bytes()));
        seeds.push(("ticket", format!("held-{number}"), codec::encode(ticket)));
    }
    for (number, segment) in segments().iter().enumerate() {
        seeds.push(("segment", format!("honest-{number}"), codec::encode(segment)));
        seeds.push(("entry", format!("honest-{number}"), segment.body.clone()));
    }
    let rosters = [
        ("let-in", &b"\x02\0\0\x03\x03\0\x01\0\x02\0\0\x01\x03\0\x02\0"[..]),
        ("two-remove-one-another", b"\x02\0\0\x03\x03\0\x01\0\x03\0\x02\0\0\x01\0\0\x06\0\x01\0\x06\x01\0\x02"),
        ("by-who-does-not-know", b"\x02\0\0\x03\x03\0\x01\0\0\x01\0\0\x06\0\x01\0\x02\x01\0\x03\x03\x01\x03\0\x05\x01\x03\x01"),
        ("closed-and-back", b"\x02\0\0\x01\x03\0\x01\0\x07\0\0\0\x03\0\x02\0\x06\0\x01\x01\x02\0\0\x02\x03\0\x01\0"),
    ];
    seeds.extend(rosters.map(|(name, case)| ("roster", name.to_owned(), case.to_vec())));
    seeds.push(("frame", "meeting".to_owned(), meeting()));
    seeds.push(("frame", "stranger-joins".to_owned(), joining()));
    seeds.push(("frame", "writing".to_owned(), writing()));
    seeds.push(("frame", "governing".to_owned(), governing()));
    seeds
}

fn tickets() -> [Ticket; 2] {
    let issue = |rank: Option<&str>, addresses: &[&str]| {
        let rank = rank.map(|rank| rank.parse().expect("a word"));
        let (role, expires) = (Role::Writer, WallTime(60_000));
        let invitation = Invitation { role, rank, expires, seen: Frontier::default() };
        let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Ticket::issue(SpaceId([2; 32]), &key(0), invitation, addresses, &mut rng)
    };
    [issue(None, &[]), issue(Some("terminal"), &["/ip4/127.0.0.1/tcp/4001", "/ip6/::1/tcp/1"])]
}

/// One that opens a chain, one that follows, and one of the roster with a mend.
fn segments() -> [Segment; 3] {
    let document = Host::notes().document(&SpaceId([2; 32]));
    let device = key(BOB).id();
    let head = ChainHead { document, device, previous: None, opened: WallTime(5), nonce: [0; 16] };
    let client = head.id().client_id();
    let chain = head.id();
    let mut opening = SegmentBuilder::opening(head);
    opening.push(EntryKind::UPDATE, &update(client, "milk"), WallTime(7));
    opening.push(EntryKind::UPDATE, &[0, 0], WallTime(9));
    let behind = |tip: Tip| SegmentBuilder::behind(chain, tip);
    let mut following = behind(opening.tip());
    let opening = opening.seal(&key(BOB));
    (0..5).for_each(|n| following.push(EntryKind(40 + n), &[n; 3], WallTime(20)));
    let mut last = behind(following.tip());
    let following = following.seal(&key(BOB));
    let refused: Frontier = match following.link {
        Link::Follows(point) => [(chain, point)].into_iter().collect(),
        Link::Opens(_) => Frontier::default(),
    };
    let mend = Mend { refused: refused.clone(), update: &[0, 0] };
    last.push(EntryKind::MEND, &mend.write(), WallTime(30));
    let act = Act::Remove { device, cuts: refused.clone() };
    let removal = RosterEntry { seen: refused, act };
    last.push(EntryKind::ROSTER, &codec::encode(&removal), WallTime(31));
    [opening, following, last.seal(&key(BOB))]
}

/// What Bob sends Alice from when he first meets her until both have everything.
fn meeting() -> Vec<u8> {
    let mut alice = alice();
    let (ticket, me) = (alice.ticket(Role::Writer), key(BOB).id());
    alice.handle(Event::PeerUp { peer: me });
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut joining = Joining::new(ticket, Arc::new(key(BOB)), [2; 16]);
    let mut effects = Vec::new();
    joining.handle(Event::PeerUp { peer: alice.id() }, alice.now, &mut rng, &mut effects);
    let mut case = Vec::new();
    let joined = loop {
        send(&mut case, &mut alice, frames_in(std::mem::take(&mut effects)));
        let (_, frame) = alice.sent.iter().rfind(|(to, _)| *to == me).expect("she answers").clone();
        let event = Event::Frame { peer: alice.id(), frame: frame.into() };
        if let Outcome::Joined(space) = joining.handle(event, alice.now, &mut rng, &mut effects) {
            break space;
        }
    };
    let mut member = Host::new(*joined, Arc::new(key(BOB)));
    member.now = alice.now;
    alice.sent.clear();
    member.perform(effects);
    member.handle(Event::PeerUp { peer: alice.id() });
    for round in 0..6 {
        if round == 3 {
            member.types("bread");
        }
        let frames = std::mem::take(&mut member.sent).into_iter().map(|(_, frame)| frame);
        send(&mut case, &mut alice, frames.collect());
        alice.time_passes();
        for (to, frame) in std::mem::take(&mut alice.sent) {
            if to == me {
                member.handle(Event::Frame { peer: alice.id(), frame: frame.into() });
            }
        }
    }
    framed(&case)
}

fn joining() -> Vec<u8> {
    let mut alice = alice();
    let ticket = alice.ticket(Role::Writer);
    let mut effects = Vec::new();
    let mut joining = Joining::new(ticket, Arc::new(key(STRANGER)), [3; 16]);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    joining.handle(Event::PeerUp { peer: alice.id() }, alice.now, &mut rng, &mut effects);
    let frames = frames_in(effects).into_iter();
    framed(&frames.map(|frame| (STRANGER, frame[TAG_BYTES..].to_vec())).collect::<Vec<_>>())
}

/// Entries of a writer: sound ones, and one of a later version.
fn writing() -> Vec<u8> {
    let entry = |kind: u8, payload: &[u8]| (BOB | WRITES, [&[kind], payload].concat());
    framed(&[entry(1, &[0, 0]), entry(77, b"later"), entry(1, &[0, 0])])
}

/// Bob leaves, which everybody may.
fn governing() -> Vec<u8> {
    let alice = alice();
    let seen = alice.space.roster().heads();
    let act = Act::Remove { device: key(BOB).id(), cuts: Frontier::default() };
    let entry = codec::encode(&RosterEntry { seen, act });
    framed(&[(BOB | GOVERNS, [&[EntryKind::ROSTER.0], &entry[..]].concat())])
}

/// Hands Bob's frames to Alice, and notes them down.
fn send(case: &mut Vec<(u8, Vec<u8>)>, alice: &mut Host, frames: Vec<Vec<u8>>) {
    for frame in frames {
        case.push((BOB, frame[TAG_BYTES..].to_vec()));
        alice.handle(Event::Frame { peer: key(BOB).id(), frame: frame.into() });
    }
}

fn frames_in(effects: Vec<Effect>) -> Vec<Vec<u8>> {
    let frames = effects.into_iter().filter_map(|effect| match effect {
        Effect::Send { frame, .. } => Some(frame.to_vec()),
        _ => None,
    });
    frames.collect()
}
