//! Bugs that were, each told as it happened.

use driftline_core::roster::Role;
use driftline_simulation::app::Edit;
use driftline_simulation::faults::Crash;
use driftline_simulation::story::{NOTES, Net};
use driftline_simulation::trace::Mark;

const ALICE: (&str, Role) = ("alice", Role::Admin);
const BOB: (&str, Role) = ("bob", Role::Writer);
const CAROL: (&str, Role) = ("carol", Role::Writer);

/// An acknowledgement that was lost was never repeated: as the peer moved no further, it had nothing to
/// say, and the sender offered the same again every few seconds for ever.
#[test]
fn a_lost_acknowledgement_is_repeated() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    net.loses(&bob, "Saved");
    alice.edits("milk ");
    net.passes(1_000);
    assert_eq!(alice.promises(&bob), (1, 0));
    net.loses_nothing();
    net.passes(8_000);
    assert_eq!(alice.promises(&bob), (1, 1));
    net.everyone_agrees();
}

/// Whoever had the peer's `Open`, but not its word that its own had arrived, sent its own again and again:
/// that one said that no answer was needed, so none came.
#[test]
fn an_answer_that_was_lost_is_asked_for() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    net.partition(&alice, &bob);
    net.loses_after(1, &bob, "Open");
    net.mends(&alice, &bob);
    net.passes(1_500);
    net.everyone_agrees();
}

/// When the `Open` of a peer came later than its first offer, the offer was taken for the beginning of
/// its feed and acknowledged; then the `Open` set the place back, and nothing joined it any more.
#[test]
fn an_offer_that_overtakes_the_opening_is_not_acknowledged() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    alice.edits("milk ");
    net.passes(500);
    net.loses(&alice, "Open");
    net.link(&alice, &bob);
    net.passes(1_000);
    net.loses_nothing();
    net.passes(20_000);
    assert_eq!(alice.promises(&bob), (1, 1));
    net.everyone_agrees();
}

/// One frame serves many receivers, and its claim began where the one who was told least stood. Whoever
/// had lost the frame before took that claim for the lost one's, and never asked for it.
#[test]
fn a_frame_claims_no_more_than_it_holds() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.link(&alice, &bob);
    net.link(&alice, &carol);
    alice.opens(NOTES);
    carol.edits("bread ");
    net.passes(3_050);
    // Alice passes it on to bob, where it gets lost; carol needs no copy, so she is told less.
    net.loses(&alice, "Segments");
    carol.edits("milk ");
    net.passes(50);
    net.loses_nothing();
    alice.edits("honey ");
    net.passes(10_000);
    assert_eq!(bob.reads(), alice.reads());
    net.everyone_agrees();
}

/// An entry was never sent back to the peer that it came from. But that peer had lost it in a power cut,
/// and was back before the entry was saved and would have been offered.
#[test]
fn who_lost_what_it_sent_gets_it_back() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.line(&[&alice, &bob, &carol]);
    bob.holds_saves(true);
    carol.holds_saves(true);
    net.partition(&bob, &carol);
    alice.edits("milk ");
    net.passes(300);
    net.mends(&bob, &carol);
    net.passes(1_000);
    assert_eq!(carol.reads(), "milk ");
    // Alice is gone, and bob loses what carol has from him; carol has not saved it yet.
    alice.crashes(Crash::Kill);
    bob.crashes(Crash::WorstPowerCut);
    bob.restarts();
    net.passes(3_000);
    assert_eq!(bob.reads(), "milk ", "carol gives it back");
    net.everyone_agrees();
}

/// A newcomer was welcomed before its admission was saved. The member who let it in lost the entry in a
/// power cut, and nobody else ever heard of it.
#[test]
fn who_was_welcomed_is_in_for_good() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    bob.holds_saves(true);
    let dora = net.newcomer("dora", Role::Writer);
    net.link(&bob, &dora);
    net.passes(3_000);
    assert!(!dora.is_member(), "bob's word is not saved yet");
    bob.crashes(Crash::WorstPowerCut);
    bob.holds_saves(false);
    bob.restarts();
    net.link(&alice, &bob);
    net.passes(5_000);
    assert!(dora.is_member());
    dora.edits("milk ");
    net.passes(1_000);
    assert_eq!(alice.reads(), "milk ");
    net.everyone_agrees();
}

/// A device told a peer only once what had let it in. When that was lost, the two never talked.
#[test]
fn an_introduction_that_was_lost_is_repeated() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    let dora = net.newcomer("dora", Role::Writer);
    net.link(&alice, &dora);
    net.passes(3_000);
    net.loses(&dora, "Introduce");
    net.link(&bob, &dora);
    net.passes(3_000);
    net.loses_nothing();
    dora.edits("milk ");
    net.passes(10_000);
    assert_eq!(bob.reads(), "milk ");
    net.everyone_agrees();
}

/// A device notes lazily how far it followed a peer, and after a crash goes by its notes. The peer went by
/// what had been acknowledged before, took what it offered for received when the offer was lost, and the two
/// never came to an end.
#[test]
fn a_device_that_goes_by_old_notes_catches_up() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    net.world(|world| world.trace.keep());
    bob.edits("milk ");
    // Alice tells bob that this is all of her feed. Bob acknowledges that, and dies before he notes it.
    let acknowledged = |mark: &Mark| matches!(mark, Mark::Frame { between, what: "Saved", .. } if between.0 == bob.who);
    for _ in 0..2_000 {
        if net.world(|world| world.trace.marks.iter().flatten().any(acknowledged)) {
            break;
        }
        net.passes(1);
    }
    net.passes(5);
    bob.crashes(Crash::Kill);
    net.loses_after(0, &alice, "Changed");
    bob.restarts();
    net.passes(4_000);
    net.everyone_agrees();
}

/// Whoever learned from a newcomer what had let it in kept that to itself. Where the member who had let it in
/// was gone, the others never heard, and refused what the newcomer wrote.
#[test]
fn an_introduction_is_passed_on() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    let dora = net.newcomer("dora", Role::Writer);
    // Dora hears that she is in, and bob's entry that says so stays with him.
    net.loses(&bob, "Segments");
    net.link(&bob, &dora);
    net.passes(3_000);
    bob.crashes(Crash::Kill);
    net.line(&[&dora, &alice, &carol]);
    dora.edits("milk ");
    net.passes(10_000);
    assert_eq!(carol.reads(), "milk ");
    net.everyone_agrees();
}

/// A chain that was lost as a whole came back from a peer and looked like one that the device may go on
/// with. But another peer may have had more of it.
#[test]
fn a_chain_that_came_back_is_not_written_on() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.link(&alice, &bob);
    net.link(&alice, &carol);
    alice.holds_saves(true);
    alice.edits("milk ");
    net.passes(200);
    net.partition(&alice, &bob);
    alice.edits("honey ");
    net.passes(200);
    net.partition(&alice, &carol);
    alice.crashes(Crash::WorstPowerCut);
    alice.holds_saves(false);
    alice.restarts();
    net.mends(&alice, &bob);
    net.passes(1_000);
    assert_eq!(alice.reads(), "milk ", "bob has the first half");
    alice.edits("bread ");
    net.passes(500);
    net.mends(&alice, &carol);
    net.passes(1_000);
    assert_eq!(net.found_forks(), 0);
    assert!(alice.reads().contains("honey"), "carol has the other half");
    net.everyone_agrees();
}

/// What a peer lacked was read while more was being written, and the store joined the two. As nothing may leave before
/// it is written, all of it was left out, and yet it counted as sent.
#[test]
fn what_a_peer_lacks_is_served_while_more_is_written() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    for _ in 0..8 {
        net.partition(&alice, &bob);
        alice.edits("milk ");
        net.passes(500);
        net.mends(&alice, &bob);
        for _ in 0..100 {
            alice.edits("honey ");
            net.passes(3);
        }
        net.passes(300);
        assert_eq!(bob.reads().len(), alice.reads().len());
    }
    net.everyone_agrees();
}

/// What somebody wrote before they heard that they may not was passed over by everybody, and positions in feeds went on.
/// When they might write again it counted, was offered to nobody, and yet was said to be on peers that had acknowledged
/// what came after.
#[test]
fn what_was_passed_over_comes_when_it_counts_again() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.line(&[&alice, &carol, &bob]);
    bob.edits_in("list", &Edit::Insert { at: 0, item: 1 });
    net.passes(1_000);
    net.partition(&carol, &bob);
    assert!(alice.appoints(&bob, Role::Reader));
    // On a chain that alice has not seen; and she, who mends, does not meet bob.
    bob.edits("milk ");
    net.passes(500);
    net.mends(&carol, &bob);
    net.passes(6_000);
    assert_eq!(carol.reads(), "");
    assert!(alice.appoints(&bob, Role::Writer));
    net.passes(8_000);
    assert_eq!(carol.reads(), "milk ");
    assert_eq!(alice.reads(), "milk ");
    net.everyone_agrees();
}

/// Of a chain that was cut off inside of what came in under one signature, the front was passed on, and whoever knew
/// of the cut looked for a signature and not for the cut's hash: it hung up, again and again.
#[test]
fn what_counts_of_a_cut_chain_is_passed_on_without_a_signature() {
    let dora = ("dora", Role::Writer);
    let (net, [alice, bob, carol, dora]) = Net::of([ALICE, BOB, CAROL, dora]);
    net.link(&alice, &bob);
    bob.edits("milk ");
    net.passes(1_000);
    net.partition(&alice, &bob);
    bob.edits("late ");
    net.passes(500);
    net.link(&bob, &carol);
    net.passes(1_000);
    assert_eq!(carol.reads(), "late milk ");
    assert!(alice.removes(&bob));
    net.link(&alice, &carol);
    net.passes(1_000);
    alice.crashes(Crash::Kill);
    net.link(&carol, &dora);
    net.passes(2_000);
    assert!(dora.reads().ends_with("milk "), "{}", dora.reads());
    net.everyone_agrees();
}
