//! What happens when somebody is removed.

use driftline_core::roster::Role;
use driftline_simulation::app::Edit;
use driftline_simulation::story::{NOTES, Net};

const ALICE: (&str, Role) = ("alice", Role::Admin);
const ANCHOR: (&str, Role) = ("anchor", Role::Anchor);
const BOB: (&str, Role) = ("bob", Role::Writer);
const CAROL: (&str, Role) = ("carol", Role::Writer);
const DAVE: (&str, Role) = ("dave", Role::Admin);

#[test]
fn a_removed_member_hears_of_it_and_of_nothing_more() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.line(&[&alice, &bob]);
    net.link(&alice, &carol);
    bob.edits("milk ");
    net.passes(500);
    assert!(alice.removes(&bob));
    net.passes(500);
    assert!(bob.was_removed_by(&alice));
    alice.edits("secret ");
    net.passes(2_000);
    assert_eq!(bob.reads(), "milk ");
    assert_eq!(carol.reads(), "secret milk ");
    assert!(!bob.edits("more "), "who is out does not write");
    net.everyone_agrees();
}

#[test]
fn what_a_removed_member_wrote_while_nobody_heard_goes_no_further() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.link(&alice, &bob);
    net.link(&alice, &carol);
    bob.edits("milk ");
    net.passes(500);
    net.partition(&alice, &bob);
    bob.edits("late ");
    assert!(alice.removes(&bob));
    net.passes(2_000);
    net.heal();
    net.passes(2_000);
    assert!(bob.was_removed_by(&alice));
    assert_eq!(alice.reads(), "milk ");
    assert_eq!(carol.reads(), "milk ");
    net.everyone_agrees();
}

#[test]
fn what_honest_people_typed_next_to_it_stays_and_the_rest_is_mended_away() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.line(&[&bob, &carol, &alice]);
    bob.edits("milk ");
    net.passes(500);
    net.partition(&carol, &alice);
    assert!(alice.removes(&bob));
    bob.edits("late ");
    net.passes(500);
    carol.edits_in(NOTES, &Edit::Write { at: 2, words: "honey".to_owned() });
    net.passes(500);
    assert_eq!(carol.reads(), "lahoneyte milk ");
    net.heal();
    net.passes(5_000);
    assert_eq!(alice.reads(), "honeymilk ");
    assert_eq!(carol.reads(), "honeymilk ");
    net.everyone_agrees();
}

#[test]
fn what_a_removed_member_deleted_comes_back() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.line(&[&bob, &carol, &alice]);
    alice.edits("milk and honey");
    net.passes(1_000);
    net.partition(&carol, &alice);
    assert!(alice.removes(&bob));
    bob.edits_in(NOTES, &Edit::Erase { at: 5 });
    net.passes(500);
    assert_eq!(carol.reads(), "milk  honey");
    net.heal();
    net.passes(5_000);
    assert_eq!(carol.reads(), "milk and honey");
    net.everyone_agrees();
}

#[test]
fn the_anchor_mends_also_when_it_never_meets_whoever_removed() {
    let (net, [alice, anchor, bob, carol]) = Net::of([ALICE, ANCHOR, BOB, CAROL]);
    net.line(&[&bob, &carol, &anchor, &alice]);
    bob.edits("milk ");
    net.passes(500);
    net.partition(&anchor, &alice);
    assert!(alice.removes(&bob));
    bob.edits("late ");
    net.passes(1_000);
    assert_eq!(anchor.reads(), "late milk ");
    net.heal();
    net.passes(5_000);
    assert_eq!(anchor.reads(), "milk ");
    net.everyone_agrees();
    anchor.crashes(driftline_simulation::faults::Crash::PowerCut);
    anchor.restarts();
    net.everyone_agrees();
}

#[test]
fn who_is_let_in_again_has_everything_and_goes_on() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.link(&alice, &bob);
    net.link(&alice, &carol);
    bob.edits("milk ");
    net.passes(500);
    assert!(alice.removes(&bob));
    net.passes(500);
    alice.edits("honey ");
    net.passes(500);
    alice.invites(&bob, Role::Writer);
    net.passes(3_000);
    assert_eq!(bob.reads(), "honey milk ");
    assert!(bob.edits("bread "));
    net.passes(1_000);
    assert_eq!(carol.reads(), "bread honey milk ");
    net.everyone_agrees();
}

#[test]
fn admins_who_remove_one_another_apart_are_both_out() {
    let (net, [alice, dave, carol]) = Net::of([ALICE, DAVE, CAROL]);
    net.link(&alice, &carol);
    net.link(&dave, &carol);
    net.partition(&alice, &carol);
    net.partition(&dave, &carol);
    assert!(alice.removes(&dave));
    assert!(dave.removes(&alice));
    net.heal();
    net.passes(2_000);
    assert!(!alice.is_member() && !dave.is_member() && carol.is_member());
    net.everyone_agrees();
}
