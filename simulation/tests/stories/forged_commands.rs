//! Commands and decisions by somebody who keeps to no rule.

use bytes::Bytes;
use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::command::{CommandId, Seen};
use driftline_core::log::EntryKind;
use driftline_core::record::Bucket;
use driftline_core::roster::Role;
use driftline_core::space::ledger_document;
use driftline_simulation::forgery::{self, Pen};
use driftline_simulation::network::Pair;
use driftline_simulation::seats::{Column, Set, Visit};
use driftline_simulation::story::{Net, Person};

const ALICE: (&str, Role) = ("alice", Role::Admin);
const ANCHOR: (&str, Role) = ("anchor", Role::Anchor);
const BOB: (&str, Role) = ("bob", Role::Writer);
const MALLORY: (&str, Role) = ("mallory", Role::Writer);

#[test]
fn nobody_but_an_anchor_decides() {
    let (net, [alice, anchor, bob, mallory]) = Net::of([ALICE, ANCHOR, BOB, MALLORY]);
    net.expects_mischief();
    net.line(&[&alice, &anchor, &bob]);
    net.link(&bob, &mallory);
    let price = bob.submits(&Set { seat: 1, column: Column::Price, to: 5 });
    net.passes(1_000);
    let author = net.world(|world| world.devices[bob.who].id());
    for order in [1, 2, 7] {
        let decision = forgery::decision(order, price, author);
        says(&mallory, &bob, EntryKind::DECISION, &decision);
        assert!(!is_connected(&mallory, &bob), "bob has hung up");
        net.passes(2_000);
    }
    bob.submits(&Visit { seat: 1, times: 1 });
    net.passes(1_000);
    assert_eq!((bob.knows(1, "price"), bob.hears()), ("5".into(), vec!["accepted"; 2]));
    net.everyone_agrees();
}

#[test]
fn nobody_commands_in_somebody_elses_name() {
    let (net, [alice, anchor, bob, mallory]) = Net::of([ALICE, ANCHOR, BOB, MALLORY]);
    net.expects_mischief();
    net.line(&[&alice, &anchor, &mallory]);
    net.link(&anchor, &bob);
    let (space, victim, key) = net.world(|world| {
        let space = world.devices[anchor.who].space().unwrap().id();
        (space, world.devices[bob.who].id(), world.devices[mallory.who].key.clone())
    });
    let document = ledger_document(&space, &Bucket::default());
    let mut pen = Pen::new(document, victim, WallTime(0), [7; 16]);
    let call = forgery::call(1, Seen::default());
    let entry = pen.entry(EntryKind::CALL, &call, &key);
    let frame = forgery::ledger_segments(&space, &key.id(), document, &[entry]);
    hears(&mallory, &anchor, frame);
    assert!(!is_connected(&mallory, &anchor), "the anchor has hung up");
    net.passes(2_000);
    assert_eq!((anchor.decisions(), bob.hears().len()), (0, 0));
    net.everyone_agrees();
}

#[test]
fn nonsense_in_the_ledger_goes_no_further() {
    let (net, [alice, anchor, bob, mallory]) = Net::of([ALICE, ANCHOR, BOB, MALLORY]);
    net.expects_mischief();
    net.line(&[&alice, &anchor, &mallory]);
    net.link(&anchor, &bob);
    let far = codec::encode(&9_u64);
    for (kind, payload) in [
        (EntryKind::CALL, &[0xff; 9][..]),
        (EntryKind::CANCEL, &far),
        (EntryKind::UPDATE, &[0, 0]),
        (EntryKind::ROSTER, &[0, 0]),
    ] {
        says(&mallory, &anchor, kind, payload);
        assert!(!is_connected(&mallory, &anchor), "the anchor has hung up");
        net.passes(2_000);
    }
    bob.submits(&Visit { seat: 1, times: 1 });
    net.passes(1_000);
    assert_eq!(bob.hears(), ["accepted"]);
    net.everyone_agrees();
}

/// It may be claimed, and then it is a write with open eyes, which a device could have made as well.
#[test]
fn who_claims_to_have_seen_everything_writes_as_if_they_had() {
    let (net, [alice, anchor, bob, mallory]) = Net::of([ALICE, ANCHOR, BOB, MALLORY]);
    net.line(&[&alice, &anchor, &bob]);
    bob.submits(&Set { seat: 1, column: Column::Price, to: 5 });
    net.passes(1_000);
    net.link(&anchor, &mallory);
    let pending = [(CommandId { chain: pen_of(&mallory).chain(), number: 1 }.chain, u64::MAX)];
    let seen = Seen { decided: u64::MAX, pending: pending.into(), ..Seen::default() };
    says(&mallory, &anchor, EntryKind::CALL, &forgery::call(u64::MAX, seen));
    net.passes(1_000);
    assert_eq!(bob.knows(1, "price"), "0");
    bob.submits(&Set { seat: 1, column: Column::Price, to: 6 });
    net.passes(1_000);
    assert_eq!(bob.knows(1, "price"), "6", "a clock at the end of time holds nobody up");
    net.everyone_agrees();
}

fn pen_of(person: &Person) -> Pen {
    let (space, device) = person.net.world(|world| {
        let device = &world.devices[person.who];
        (device.space().unwrap().id(), device.id())
    });
    Pen::new(ledger_document(&space, &Bucket::default()), device, WallTime(0), [7; 16])
}

/// Somebody tells somebody an entry of their own, in the ledger.
fn says(from: &Person, to: &Person, kind: EntryKind, payload: &[u8]) {
    let (space, key) = from.net.world(|world| {
        let device = &world.devices[from.who];
        (device.space().unwrap().id(), device.key.clone())
    });
    let entry = pen_of(from).entry(kind, payload, &key);
    let document = ledger_document(&space, &Bucket::default());
    hears(from, to, forgery::ledger_segments(&space, &key.id(), document, &[entry]));
}

fn hears(from: &Person, to: &Person, frame: Bytes) {
    to.net.world(|world| {
        let sender = world.devices[from.who].id();
        world.frame(to.who, sender, frame);
    });
    to.net.passes(30);
}

fn is_connected(a: &Person, b: &Person) -> bool {
    let pair = Pair::of(a.who, b.who);
    a.net.world(|world| world.network.get(pair).is_some_and(|link| link.connection.is_some()))
}
