//! Who sees which seats: those in a hall are for whoever may enter it.

use driftline_core::log::{Frontier, Segment};
use driftline_core::roster::Role;
use driftline_core::space::{SubmitError, ledger_document};
use driftline_simulation::faults::Crash;
use driftline_simulation::seats::{Column, Raise, Set, Visit, Whisper, hall};
use driftline_simulation::story::{Net, Person};

const ALICE: (&str, Role) = ("alice", Role::Admin);
const ANCHOR: (&str, Role) = ("anchor", Role::Anchor);
const SECOND: (&str, Role) = ("second", Role::Anchor);
const BOB: (&str, Role) = ("bob", Role::Writer);
const CAROL: (&str, Role) = ("carol", Role::Writer);

/// Seat 1 goes into a hall.
fn goes(hall: i64) -> Set {
    Set { seat: 1, column: Column::Hall, to: hall }
}

fn remark(to: i64) -> Set {
    Set { seat: 1, column: Column::Remark, to }
}

/// Something said in the first hall.
fn whisper(to: i64) -> Whisper {
    Whisper { hall: 1, set: remark(to) }
}

/// Alice, an anchor, Bob and Carol, who all meet one another; Bob may enter the first hall.
fn town() -> (Net, [Person; 4]) {
    let (net, people) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    for (at, one) in people.iter().enumerate() {
        people[..at].iter().for_each(|other| net.link(one, other));
    }
    net.passes(500);
    assert!(people[0].grants(&people[2], 1));
    net.passes(1_000);
    (net, people)
}

#[test]
fn a_seat_in_a_hall_is_for_those_who_may_enter_it() {
    let (net, [alice, anchor, bob, carol]) = town();
    carol.submits(&remark(5));
    net.passes(1_000);
    bob.submits(&goes(1));
    net.passes(1_000);
    for person in [&alice, &anchor, &bob] {
        assert_eq!(person.knows(1, "remark"), "5");
    }
    assert_eq!((carol.sees(1, "remark"), carol.confirms()), ("".into(), "".into()));
    bob.submits(&whisper(6));
    net.passes(1_000);
    assert_eq!((bob.knows(1, "remark"), bob.hears()), ("6".into(), vec!["accepted"; 2]));
    let refused = carol.tries(&whisper(7)).unwrap_err();
    assert_eq!(refused, SubmitError::NotGranted { bucket: hall(1) });
    // It comes out again, whole.
    bob.submits(&goes(0));
    net.passes(1_000);
    assert_eq!(carol.knows(1, "remark"), "6");
    net.everyone_agrees();
}

#[test]
fn what_is_whispered_is_heard_in_the_hall_alone_until_it_is_decided() {
    let (net, [alice, anchor, bob, carol]) = town();
    anchor.crashes(Crash::Kill);
    bob.submits(&whisper(3));
    net.passes(1_000);
    assert_eq!((alice.sees(1, "remark"), carol.sees(1, "remark")), ("3".into(), "".into()));
    anchor.restarts();
    net.passes(2_000);
    assert_eq!(carol.knows(1, "remark"), "3", "the seat is everybody's");
    net.everyone_agrees();
}

/// Moving a seat is one step: nobody who may read both sees it twice, or nowhere.
#[test]
fn a_seat_that_goes_to_another_hall_leaves_whoever_may_not_follow() {
    let (net, [alice, _anchor, bob, carol]) = town();
    assert!(alice.grants(&carol, 2));
    net.passes(1_000);
    alice.submits(&remark(4));
    alice.submits(&goes(1));
    net.passes(1_000);
    assert_eq!((bob.knows(1, "remark"), carol.knows(1, "remark")), ("4".into(), "".into()));
    alice.submits(&goes(2));
    net.passes(1_000);
    assert_eq!((bob.knows(1, "remark"), carol.knows(1, "remark")), ("".into(), "4".into()));
    assert_eq!(bob.confirms(), "");
    net.everyone_agrees();
}

#[test]
fn whoever_loses_a_grant_forgets_what_they_held_and_gets_it_back_with_another() {
    let (net, [alice, _anchor, bob, carol]) = town();
    alice.submits(&goes(1));
    alice.submits(&whisper(4));
    net.passes(1_000);
    assert_eq!(bob.knows(1, "remark"), "4");
    assert!(held_in_hall(&bob) > 0);
    assert!(alice.revokes(&bob, 1));
    net.passes(1_000);
    assert_eq!((bob.sees(1, "remark"), held_in_hall(&bob)), ("".into(), 0));
    bob.crashes(Crash::Kill);
    bob.restarts();
    net.passes(1_000);
    assert_eq!((bob.sees(1, "remark"), held_in_hall(&bob)), ("".into(), 0));
    // What is common goes on.
    carol.submits(&Visit { seat: 2, times: 1 });
    bob.submits(&Visit { seat: 2, times: 1 });
    alice.submits(&whisper(5));
    net.passes(1_000);
    assert_eq!((bob.knows(2, "visits"), bob.sees(1, "remark")), ("2".into(), "".into()));
    assert!(alice.grants(&bob, 1));
    net.passes(1_000);
    assert_eq!(bob.knows(1, "remark"), "5");
    net.everyone_agrees();
}

#[test]
fn what_could_not_go_waits_for_another_grant() {
    let (net, [alice, anchor, bob, carol]) = town();
    alice.submits(&goes(1));
    net.passes(1_000);
    for other in [&alice, &anchor, &carol] {
        net.partition(&bob, other);
    }
    bob.submits(&whisper(8));
    net.passes(500);
    assert!(alice.revokes(&bob, 1));
    net.passes(500);
    net.heal();
    net.passes(2_000);
    assert_eq!(bob.stuck(), 1, "it is his own, and stays");
    assert_eq!((alice.sees(1, "remark"), bob.sees(1, "remark")), ("".into(), "".into()));
    // It holds up nothing that comes after it.
    bob.submits(&Visit { seat: 2, times: 1 });
    net.passes(1_000);
    assert_eq!((bob.stuck(), bob.hears()), (1, vec!["accepted"]));
    bob.crashes(Crash::Kill);
    bob.restarts();
    net.passes(1_000);
    assert_eq!(bob.stuck(), 1);
    assert!(alice.grants(&bob, 1));
    net.passes(2_000);
    assert_eq!((bob.stuck(), alice.knows(1, "remark")), (0, "8".into()));
    assert_eq!(bob.hears(), ["accepted"; 2]);
    net.everyone_agrees();
}

/// Whoever decides may not have heard of a revocation, and the author may not read what comes of it any more.
#[test]
fn an_author_hears_the_verdict_also_of_what_they_may_not_read_any_more() {
    let (net, [alice, anchor, bob, carol]) = town();
    alice.submits(&goes(1));
    net.passes(1_000);
    for other in [&alice, &carol] {
        net.partition(&bob, other);
        net.partition(&anchor, other);
    }
    // The anchor has it and has not decided before bob is gone.
    anchor.holds_saves(true);
    bob.submits(&whisper(8));
    net.passes(500);
    net.partition(&bob, &anchor);
    anchor.holds_saves(false);
    net.passes(500);
    assert!(alice.revokes(&bob, 1));
    net.link(&alice, &bob);
    net.mends(&alice, &bob);
    net.passes(1_000);
    assert_eq!((bob.stuck(), bob.hears().len()), (1, 0));
    net.heal();
    net.passes(2_000);
    assert_eq!((bob.stuck(), bob.hears()), (0, vec!["accepted"]));
    assert_eq!((bob.sees(1, "remark"), alice.knows(1, "remark")), ("".into(), "8".into()));
    net.everyone_agrees();
}

/// A command in one hall that builds on one in another may be the first to arrive.
#[test]
fn what_somebody_asks_for_is_decided_in_their_order_whatever_it_travels_in() {
    let (net, [alice, anchor, bob, carol]) = town();
    for other in [&alice, &anchor, &carol] {
        net.partition(&bob, other);
    }
    bob.submits(&whisper(8));
    bob.submits(&Raise { seat: 1, column: Column::Remark });
    assert_eq!(bob.sees(1, "remark"), "9");
    // Carol may bring the second and not the first.
    net.mends(&bob, &carol);
    net.passes(2_000);
    assert_eq!(anchor.waits(), 1);
    assert_eq!(anchor.knows(1, "remark"), "");
    net.heal();
    net.passes(2_000);
    assert_eq!(anchor.knows(1, "remark"), "9");
    net.everyone_agrees();
}

/// What an anchor had decided in two ledgers was cut in two when it was removed: who had the one part waited for the
/// other for ever, and nobody decided any more.
#[test]
fn no_decision_is_cut_in_two_when_an_anchor_is_removed() {
    let (net, [alice, first, bob]) = half_decided();
    assert!(alice.removes(&first));
    goes_on(&net, &alice, &bob);
}

/// Alice's device took for whole whatever it found on its disk.
#[test]
fn no_decision_is_cut_in_two_by_whoever_was_restarted_in_between() {
    let (net, [alice, first, bob]) = half_decided();
    alice.crashes(Crash::Kill);
    alice.restarts();
    assert!(alice.removes(&first));
    goes_on(&net, &alice, &bob);
}

/// The chains of an anchor that was made a writer, and then a reader, were ended twice: first where decisions are whole,
/// and then wherever they had got to. So a part counted again that had been left out, and its author never heard the
/// verdict, nor any later one.
#[test]
fn no_decision_is_cut_in_two_when_a_former_anchor_is_made_a_reader() {
    let (net, [alice, first, bob]) = half_decided();
    assert!(alice.appoints(&first, Role::Writer));
    net.passes(500);
    assert!(alice.appoints(&first, Role::Reader));
    goes_on(&net, &alice, &bob);
}

/// Of two anchors, one decides that a seat of Bob's goes into a hall, and Alice gets no more than what stands in one of
/// the two ledgers. Gives Alice, whoever decided, and Bob.
fn half_decided() -> (Net, [Person; 3]) {
    let (net, [alice, anchor, second, bob]) = Net::of([ALICE, ANCHOR, SECOND, BOB]);
    net.hands_over();
    let people = [&alice, &anchor, &second, &bob];
    for (at, one) in people.iter().enumerate() {
        people[..at].iter().for_each(|other| net.link(one, other));
    }
    net.passes(500);
    bob.submits(&remark(3));
    net.passes(1_000);
    net.loses_after(1, &anchor, "Segments");
    net.loses_after(1, &second, "Segments");
    bob.submits(&goes(1));
    net.passes(1_500);
    let decider = net.world(|world| world.devices[bob.who].space().unwrap().decider().unwrap());
    let decides = net.world(|world| world.devices[anchor.who].id()) == decider;
    (net, [alice, if decides { anchor } else { second }, bob])
}

/// The other anchor goes on, and all come to the same.
fn goes_on(net: &Net, alice: &Person, bob: &Person) {
    net.loses_nothing();
    bob.submits(&Visit { seat: 2, times: 1 });
    net.passes(8_000);
    assert_eq!(alice.knows(2, "visits"), "1");
    net.everyone_agrees();
}

/// How many entries by others a device holds of the first hall.
fn held_in_hall(person: &Person) -> usize {
    person.net.world(|world| {
        let device = &world.devices[person.who];
        let (space, me) = (device.space().unwrap().id(), device.id());
        let store = &device.process.as_ref().unwrap().store;
        let log = store.segments(&ledger_document(&space, &hall(1)), &Frontier::default(), 1 << 30);
        let segments = log.unwrap().segments;
        let heads: Vec<_> = segments.iter().filter_map(Segment::head).collect();
        let own = |segment: &&Segment| {
            heads.iter().any(|head| head.id() == segment.chain && head.device == me)
        };
        let foreign = segments.iter().filter(|segment| !own(segment));
        foreign.flat_map(|segment| segment.entries()).count()
    })
}
