//! What becomes of commands when somebody is removed: who gave them, or who decides.

use driftline_core::roster::Role;
use driftline_core::space::Stopped;
use driftline_simulation::faults::Crash;
use driftline_simulation::seats::{Column, Set, Visit};
use driftline_simulation::story::Net;

const ALICE: (&str, Role) = ("alice", Role::Admin);
const ANCHOR: (&str, Role) = ("anchor", Role::Anchor);
const SECOND: (&str, Role) = ("second", Role::Anchor);
const BOB: (&str, Role) = ("bob", Role::Writer);
const CAROL: (&str, Role) = ("carol", Role::Writer);

const VISIT: Visit = Visit { seat: 1, times: 1 };

#[test]
fn what_a_removed_member_asked_for_counts_as_far_as_it_had_got() {
    let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    net.link(&alice, &bob);
    net.link(&carol, &bob);
    bob.submits(&VISIT);
    net.passes(500);
    net.partition(&alice, &bob);
    // Carol has it, and alice does not.
    bob.submits(&VISIT);
    net.passes(500);
    assert!(alice.removes(&bob));
    net.link(&alice, &anchor);
    net.passes(1_000);
    assert_eq!(anchor.knows(1, "visits"), "1");
    assert_eq!(carol.sees(1, "visits"), "2", "carol has not heard yet");
    net.heal();
    net.link(&carol, &alice);
    net.passes(1_000);
    assert_eq!((carol.sees(1, "visits"), carol.waits()), ("1".into(), 0));
    net.everyone_agrees();
}

/// A device forgot what did not count any more when it heard so, and took it up again when it was restarted: it showed
/// what nobody else did, and something in its outbox that would never be decided.
#[test]
fn what_does_not_count_does_not_come_back_after_a_restart() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.line(&[&alice, &bob, &carol]);
    net.partition(&alice, &bob);
    bob.submits(&VISIT);
    net.passes(500);
    assert!(alice.removes(&bob));
    net.link(&alice, &carol);
    net.passes(2_000);
    assert_eq!(carol.waits(), 0);
    carol.crashes(Crash::Kill);
    carol.restarts();
    net.passes(1_000);
    assert_eq!((carol.waits(), carol.sees(1, "visits")), (0, "".into()));
    net.everyone_agrees();
}

#[test]
fn the_next_in_line_goes_on() {
    let (net, [alice, anchor, second, bob]) = Net::of([ALICE, ANCHOR, SECOND, BOB]);
    let (first, next) = in_line(&net, [&anchor, &second]);
    net.line(&[&bob, first, &alice, next]);
    bob.submits(&VISIT);
    net.passes(1_000);
    assert!(alice.removes(first));
    net.link(&bob, &alice);
    bob.submits(&VISIT);
    net.passes(2_000);
    assert_eq!(bob.hears(), ["accepted", "accepted"]);
    assert_eq!(next.knows(1, "visits"), "2");
    net.everyone_agrees();
}

/// The next in line decided as soon as it had heard of the removal, from what it had. But it did not have all that the
/// one before had decided and that counts, so there were two decisions of one place.
#[test]
fn the_next_in_line_waits_for_all_that_was_decided() {
    let (net, [alice, anchor, second, bob]) = Net::of([ALICE, ANCHOR, SECOND, BOB]);
    let (first, next) = in_line(&net, [&anchor, &second]);
    net.line(&[&bob, first, &alice, next]);
    bob.submits(&VISIT);
    net.passes(1_000);
    net.partition(&alice, next);
    for to in 1..5 {
        bob.submits(&Set { seat: 1, column: Column::Price, to });
    }
    net.passes(3_000);
    assert_eq!(alice.decisions(), 5);
    assert!(alice.removes(first));
    net.passes(500);
    // What was decided gets lost on its way, and what says who was removed does not.
    net.loses(&alice, "Segments");
    net.mends(&alice, next);
    bob.submits(&VISIT);
    net.passes(1_500);
    net.loses_nothing();
    net.link(&bob, &alice);
    net.passes(12_000);
    assert_eq!(bob.hears(), ["accepted"; 6]);
    net.everyone_agrees();
}

/// An anchor that had not heard of its removal decided on, and the next in line had heard that. It went on from there,
/// where nobody else could follow; and whoever had heard both confirmed nothing any more.
#[test]
fn what_an_anchor_decided_after_its_removal_is_taken_back() {
    let (net, [alice, anchor, second, bob, carol]) = Net::of([ALICE, ANCHOR, SECOND, BOB, CAROL]);
    let (first, next) = in_line(&net, [&anchor, &second]);
    net.hands_over();
    net.line(&[&alice, &carol]);
    net.line(&[&bob, first, next]);
    net.link(first, &alice);
    bob.submits(&VISIT);
    net.passes(1_000);
    net.partition(first, &alice);
    bob.submits(&Set { seat: 1, column: Column::Price, to: 5 });
    carol.submits(&Set { seat: 1, column: Column::Price, to: 6 });
    net.passes(1_000);
    assert_eq!((bob.hears().len(), next.decisions()), (2, 2));
    assert!(alice.removes(first));
    net.link(&alice, next);
    net.link(&bob, &alice);
    net.passes(3_000);
    assert_eq!(alice.decisions(), 3);
    assert_eq!((bob.waits(), carol.waits()), (0, 0));
    net.everyone_agrees();
    // It is so after a restart, too.
    next.crashes(Crash::Kill);
    bob.crashes(Crash::PowerCut);
    net.everyone_agrees();
}

/// An anchor that was made a writer might have decided more than whoever said so had heard of, and nothing said how
/// much of that counts.
#[test]
fn an_anchor_that_is_made_a_writer_hands_over() {
    let (net, [alice, anchor, second, bob]) = Net::of([ALICE, ANCHOR, SECOND, BOB]);
    let (first, next) = in_line(&net, [&anchor, &second]);
    net.hands_over();
    net.line(&[&bob, first, &alice, next]);
    net.passes(500);
    net.partition(first, &alice);
    bob.submits(&VISIT);
    net.passes(1_000);
    assert_eq!(bob.hears(), ["accepted"]);
    assert!(alice.appoints(first, Role::Writer));
    alice.submits(&Visit { seat: 1, times: 10 });
    net.passes(1_000);
    net.heal();
    net.passes(3_000);
    // What the first decided, and alice did not know of, is decided anew.
    assert_eq!(bob.hears(), ["accepted", "revoked", "accepted"]);
    assert_eq!(bob.knows(1, "visits"), "11");
    first.submits(&VISIT);
    net.passes(1_000);
    assert_eq!(bob.knows(1, "visits"), "12");
    net.everyone_agrees();
}

/// An anchor whose disk was an older copy decided at once, where it had decided something else before that it did not
/// remember. Whoever had heard of both confirmed nothing any more.
#[test]
fn a_restored_anchor_waits_to_hear_what_it_had_decided() {
    let (net, [alice, anchor, bob]) = Net::of([ALICE, ANCHOR, BOB]);
    net.line(&[&alice, &anchor, &bob]);
    bob.submits(&VISIT);
    net.passes(1_000);
    let copy = net.world(|world| world.devices[anchor.who].disk.saved_copy());
    bob.submits(&VISIT);
    net.passes(1_000);
    assert_eq!(bob.hears(), ["accepted"; 2]);
    net.partition(&anchor, &alice);
    net.partition(&anchor, &bob);
    net.world(|world| world.restore(anchor.who, &copy));
    anchor.restarts();
    net.passes(500);
    anchor.submits(&VISIT);
    net.passes(3_000);
    assert_eq!((anchor.decisions(), anchor.stopped()), (1, Some(Stopped::Remembering)));
    net.heal();
    net.passes(3_000);
    assert_eq!((anchor.knows(1, "visits"), anchor.stopped()), ("3".into(), None));
    net.everyone_agrees();
}

/// Where those whom the restored anchor meets know no more than it does, it decides anew. Nobody takes a side then, until
/// an admin says how far what it decided counts; and what is decided again, whoever had heard of it hears once more.
#[test]
fn two_decisions_of_one_place_stop_everything_until_an_admin_says_what_counts() {
    let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    net.hands_over();
    net.line(&[&alice, &anchor, &bob, &carol]);
    bob.submits(&VISIT);
    net.passes(1_000);
    let copy = net.world(|world| world.devices[anchor.who].disk.saved_copy());
    net.partition(&bob, &anchor);
    let price = |to| Set { seat: 1, column: Column::Price, to };
    carol.submits(&price(7));
    net.passes(500);
    net.partition(&bob, &carol);
    bob.submits(&VISIT);
    net.mends(&bob, &anchor);
    net.passes(1_000);
    assert_eq!(bob.hears(), ["accepted"; 2]);
    net.partition(&anchor, &alice);
    net.partition(&anchor, &bob);
    net.world(|world| world.restore(anchor.who, &copy));
    anchor.restarts();
    net.link(&anchor, &carol);
    net.passes(2_000);
    carol.submits(&price(8));
    net.passes(1_000);
    assert!(carol.hears().len() > 1, "the anchor decides, by what carol has");
    net.heal();
    net.passes(3_000);
    assert_eq!(alice.stopped(), Some(Stopped::Contradiction));
    assert!(alice.appoints(&anchor, Role::Anchor));
    net.passes(5_000);
    assert_eq!((alice.stopped(), anchor.stopped()), (None, None));
    assert_eq!((carol.knows(1, "visits"), carol.knows(1, "price")), ("2".into(), "8".into()));
    net.everyone_agrees();
}

/// Who has stood longest was told by the clocks of those who said so. An anchor that was let in by somebody whose clock
/// was a year behind decided at once, while the one before went on.
#[test]
fn a_newcomer_does_not_come_first_by_a_clock_that_is_behind() {
    let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    net.line(&[&bob, &anchor, &alice, &carol]);
    net.passes(500);
    carol.lives_in_another_year(false);
    let second = net.newcomer("second", Role::Anchor);
    net.link(&carol, &second);
    net.passes(1_000);
    carol.submits(&VISIT);
    bob.submits(&VISIT);
    net.passes(2_000);
    net.everyone_agrees();
    assert_eq!(bob.knows(1, "visits"), "2");
    let decider = net.world(|world| world.devices[bob.who].space().unwrap().decider());
    let first = net.world(|world| world.devices[anchor.who].id());
    assert_eq!(decider, Some(first));
}

/// Which of two anchors decides, and the other: both came on the same day.
fn in_line<'a>(
    net: &Net,
    [a, b]: [&'a driftline_simulation::story::Person; 2],
) -> (&'a driftline_simulation::story::Person, &'a driftline_simulation::story::Person) {
    let (first, decider) = net.world(|world| {
        let space = world.devices[a.who].space().unwrap();
        (world.devices[a.who].id(), space.decider())
    });
    if decider == Some(first) { (a, b) } else { (b, a) }
}
