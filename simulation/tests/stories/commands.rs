//! What people ask for, and what an anchor makes of it.

use driftline_core::record::Bucket;
use driftline_core::roster::Role;
use driftline_core::space::ledger_document;
use driftline_simulation::faults::Crash;
use driftline_simulation::network::{Pair, Quality};
use driftline_simulation::seats::{Book, Build, Column, Poison, Raise, Set, Visit};
use driftline_simulation::story::{Net, Person};

const ALICE: (&str, Role) = ("alice", Role::Admin);
const ANCHOR: (&str, Role) = ("anchor", Role::Anchor);
const BOB: (&str, Role) = ("bob", Role::Writer);
const CAROL: (&str, Role) = ("carol", Role::Writer);

const SEAT: Build = Build { seat: 1 };

fn set(column: Column, to: i64) -> Set {
    Set { seat: 1, column, to }
}

#[test]
fn two_people_book_one_seat_and_the_anchor_says_whose_it_is() {
    let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    net.link(&alice, &anchor);
    bob.submits(&Book { seat: 1, guest: 2 });
    carol.submits(&Book { seat: 1, guest: 3 });
    net.passes(500);
    assert_eq!((bob.sees(1, "holder"), carol.sees(1, "holder")), ("2".into(), "3".into()));
    assert_eq!(bob.knows(1, "holder"), "", "nobody has said so yet");
    net.link(&anchor, &carol);
    net.passes(500);
    assert_eq!(carol.hears(), ["accepted"]);
    net.link(&anchor, &bob);
    net.passes(500);
    assert_eq!(bob.hears(), ["refused"], "by the app's own rule");
    assert_eq!((bob.sees(1, "holder"), bob.waits()), ("3".into(), 0));
    net.everyone_agrees();
}

#[test]
fn what_goes_through_somebody_else_is_decided_like_that_too() {
    let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    bob.submits(&set(Column::Holder, 2));
    carol.submits(&set(Column::Holder, 3));
    net.line(&[&bob, &alice, &anchor, &carol]);
    net.passes(1_000);
    let (mut heard, holder) = ([bob.hears(), carol.hears()].concat(), anchor.knows(1, "holder"));
    heard.sort_unstable();
    assert_eq!(heard, ["accepted", "preceded"]);
    assert!([&alice, &bob, &carol].iter().all(|person| person.knows(1, "holder") == holder));
    net.everyone_agrees();
}

#[test]
fn nobody_hears_of_a_decision_before_it_is_saved() {
    let (net, [alice, anchor, bob]) = Net::of([ALICE, ANCHOR, BOB]);
    net.link(&alice, &anchor);
    net.link(&anchor, &bob);
    bob.submits(&SEAT);
    // The command is saved there, and what was decided upon it is not.
    while chains_in_ledger(&anchor) < 2 {
        net.world(|world| world.run_for(100));
    }
    anchor.holds_saves(true);
    net.passes(5_000);
    assert_eq!((bob.hears().len(), bob.waits()), (0, 1));
    assert_eq!(anchor.decisions(), 0, "nor does it show on the anchor itself");
    anchor.crashes(Crash::WorstPowerCut);
    anchor.holds_saves(false);
    anchor.restarts();
    net.passes(2_000);
    assert_eq!(bob.hears(), ["accepted"]);
    net.everyone_agrees();
}

/// The anchor's own app was shown a decision as soon as it was made. When the power failed before it was saved, another
/// was made in its place, and that app had heard of one that never was.
#[test]
fn an_anchor_may_crash_whenever_it_likes() {
    for how in [Crash::Kill, Crash::PowerCut, Crash::WorstPowerCut] {
        for step in 0..30 {
            let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
            net.link(&alice, &anchor);
            net.link(&anchor, &bob);
            net.link(&anchor, &carol);
            let before = carol.submits(&set(Column::Remark, 1));
            bob.submits(&set(Column::Remark, 2));
            carol.submits(&Raise { seat: 1, column: Column::Remark });
            net.passes(step * 3);
            anchor.crashes(how);
            carol.cancels(before);
            bob.submits(&Visit { seat: 1, times: 1 });
            net.passes(300);
            anchor.restarts();
            net.passes(2_000);
            assert_eq!((bob.hears().len(), carol.hears().len()), (2, 2), "{how:?} after {step}");
            net.everyone_agrees();
        }
    }
}

#[test]
fn repeated_and_reordered_frames_change_nothing() {
    let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    net.link(&alice, &anchor);
    for person in [&bob, &carol] {
        net.link(&anchor, person);
        net.world(|world| {
            let link = world.network.get(Pair::of(anchor.who, person.who)).unwrap();
            link.quality = Quality {
                delay: 1_000..200_000,
                duplication: 0.7,
                reordering: 0.9,
                ..Quality::good()
            };
        });
    }
    for n in 0..20 {
        bob.submits(&Visit { seat: 1, times: 1 });
        carol.submits(&set(Column::Wish, n));
        net.passes(37);
    }
    net.passes(5_000);
    assert_eq!(anchor.knows(1, "visits"), "20");
    assert_eq!((bob.hears().len(), carol.hears().len()), (20, 20));
    net.everyone_agrees();
}

#[test]
fn a_command_is_taken_back_as_long_as_it_is_not_decided() {
    let (net, [alice, anchor, bob]) = Net::of([ALICE, ANCHOR, BOB]);
    net.link(&alice, &anchor);
    let taken_back = bob.submits(&set(Column::Price, 5));
    let kept = bob.submits(&Visit { seat: 1, times: 1 });
    assert!(bob.cancels(taken_back));
    assert!(!bob.cancels(taken_back), "once is enough");
    net.passes(300);
    assert_eq!((bob.sees(1, "price"), bob.sees(1, "visits")), ("".into(), "1".into()));
    net.link(&anchor, &bob);
    net.passes(1_000);
    assert_eq!(bob.hears(), ["cancelled", "accepted"]);
    assert!(!bob.cancels(kept), "that one is decided");
    assert_eq!(anchor.knows(1, "visits"), "1");
    net.everyone_agrees();
}

#[test]
fn poison_harms_nobody_but_itself() {
    let (net, [alice, anchor, bob]) = Net::of([ALICE, ANCHOR, BOB]);
    net.link(&alice, &anchor);
    net.link(&anchor, &bob);
    bob.submits(&Poison { panics: true });
    bob.submits(&Poison { panics: false });
    bob.submits(&Visit { seat: 1, times: 1 });
    net.passes(1_000);
    assert_eq!(bob.hears(), ["failed", "failed", "accepted"]);
    net.everyone_agrees();
}

#[test]
fn of_two_anchors_the_one_of_longest_standing_decides() {
    let (net, [alice, anchor, bob]) = Net::of([ALICE, ANCHOR, BOB]);
    let second = net.newcomer("second", Role::Anchor);
    net.line(&[&alice, &second]);
    net.link(&second, &bob);
    net.passes(1_000);
    bob.submits(&SEAT);
    net.passes(2_000);
    assert_eq!((bob.waits(), second.waits()), (1, 1), "the second does not decide");
    net.link(&anchor, &second);
    net.passes(1_000);
    assert_eq!(bob.hears(), ["accepted"]);
    net.everyone_agrees();
}

#[test]
fn clocks_that_are_a_year_off_change_nothing_that_is_decided() {
    let decided = |years: [Option<bool>; 3]| {
        let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
        net.link(&alice, &anchor);
        for (person, year) in [&anchor, &bob, &carol].into_iter().zip(years) {
            year.into_iter().for_each(|ahead| person.lives_in_another_year(ahead));
        }
        for column in Column::ALL {
            bob.submits(&set(column, 2));
            carol.submits(&set(column, 3));
        }
        net.link(&anchor, &bob);
        net.passes(1_000);
        net.link(&anchor, &carol);
        net.passes(1_000);
        net.everyone_agrees();
        (anchor.confirms(), bob.hears(), carol.hears())
    };
    let right = decided([None; 3]);
    assert_eq!(right, decided([Some(true), Some(false), None]));
    assert_eq!(right, decided([Some(false), Some(true), Some(false)]));
    assert_eq!(right, decided([None, None, Some(true)]));
}

#[test]
fn with_no_anchor_in_reach_everybody_is_shown_the_same() {
    let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    net.link(&alice, &anchor);
    anchor.crashes(Crash::Kill);
    let give = |person: &Person, to: i64| {
        Column::ALL.iter().for_each(|column| _ = person.submits(&set(*column, to)));
        person.submits(&Visit { seat: 1, times: to });
    };
    [(&alice, 1), (&bob, 2), (&carol, 3)].iter().for_each(|(person, to)| give(person, *to));
    net.line(&[&alice, &bob, &carol]);
    net.passes(1_000);
    carol.submits(&Raise { seat: 1, column: Column::Remark });
    net.passes(1_000);
    let shown = |person: &Person| {
        let fields = Column::ALL.iter().map(|column| column.name()).chain(["visits"]);
        fields.map(|field| person.sees(1, field)).collect::<Vec<_>>()
    };
    assert_eq!(shown(&alice), shown(&bob));
    assert_eq!(shown(&alice), shown(&carol));
    assert_eq!((carol.sees(1, "visits"), carol.knows(1, "visits")), ("6".into(), "".into()));
    // A restart changes nothing about that.
    bob.crashes(Crash::Kill);
    bob.restarts();
    net.passes(1_000);
    assert_eq!(shown(&alice), shown(&bob));
    net.everyone_agrees();
}

/// How many devices' entries there are in the ledger.
fn chains_in_ledger(person: &Person) -> usize {
    person.net.world(|world| {
        let space = world.devices[person.who].space().unwrap();
        space.frontier(&ledger_document(&space.id(), &Bucket::default())).len()
    })
}

/// Whoever has seen on their screen that a seat is Bob's hears when it is not: that was told to Bob alone.
#[test]
fn whoever_has_shown_what_somebody_else_asked_for_hears_what_becomes_of_it() {
    let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    net.link(&bob, &carol);
    alice.submits(&Book { seat: 1, guest: 3 });
    bob.submits(&Book { seat: 1, guest: 5 });
    net.passes(1_000);
    assert_eq!(carol.sees(1, "holder"), "5");
    net.link(&alice, &anchor);
    net.passes(1_000);
    net.link(&anchor, &bob);
    net.passes(2_000);
    assert_eq!((carol.knows(1, "holder"), bob.hears()), ("3".into(), vec!["refused"]));
    // Of what was decided before it came here, nothing was shown; and what was shown last of Bob's was true.
    assert_eq!(carol.foresaw(), [("refused", "refused")]);
    assert!(bob.foresaw().is_empty(), "of his own he hears as its author");
    net.everyone_agrees();
}
