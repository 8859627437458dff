//! What happens to people who mean well.

use driftline_core::roster::Role;
use driftline_simulation::app::Edit;
use driftline_simulation::faults::Crash;
use driftline_simulation::story::Net;

const ALICE: (&str, Role) = ("alice", Role::Admin);
const BOB: (&str, Role) = ("bob", Role::Writer);
const ANCHOR: (&str, Role) = ("anchor", Role::Anchor);
const CAROL: (&str, Role) = ("carol", Role::Writer);
const RITA: (&str, Role) = ("rita", Role::Reader);

#[test]
fn two_people_type_at_once() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    alice.edits("milk ");
    bob.edits("honey ");
    net.passes(500);
    assert_eq!(alice.reads(), bob.reads());
    assert!(alice.reads().contains("milk") && alice.reads().contains("honey"));
    assert_eq!(alice.promises(&bob), (1, 1));
    net.everyone_agrees();
}

#[test]
fn offline_and_back() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    alice.edits("milk ");
    net.passes(500);
    net.partition(&alice, &bob);
    alice.edits("honey ");
    bob.edits("bread ");
    net.passes(5_000);
    assert_eq!(alice.reads(), "honey milk ");
    assert_eq!(bob.reads(), "bread milk ");
    assert_eq!(alice.promises(&bob), (2, 1), "the edit made apart is saved here alone");
    net.heal();
    net.passes(2_000);
    assert_eq!(alice.reads(), bob.reads());
    assert_eq!(alice.promises(&bob), (2, 2));
    net.everyone_agrees();
}

#[test]
fn three_in_a_line_whose_ends_never_meet() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.line(&[&alice, &bob, &carol]);
    alice.edits("milk ");
    carol.edits("honey ");
    net.passes(1_000);
    assert_eq!(alice.reads(), carol.reads());
    assert_eq!(alice.promises(&carol), (1, 0), "only neighbours say what they saved");
    net.everyone_agrees();
}

#[test]
fn the_anchor_is_killed_and_comes_back() {
    let (net, [alice, anchor, bob]) = Net::of([ALICE, ANCHOR, BOB]);
    net.line(&[&alice, &anchor, &bob]);
    alice.edits("milk ");
    net.passes(500);
    anchor.crashes(Crash::Kill);
    alice.edits("honey ");
    bob.edits("bread ");
    net.passes(3_000);
    assert!(!bob.reads().contains("honey"), "there is no other way between the two");
    anchor.restarts();
    net.passes(2_000);
    assert_eq!(alice.reads(), bob.reads());
    net.everyone_agrees();
}

#[test]
fn a_power_cut_opens_a_new_chain_and_peers_give_back_the_old_one() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    alice.edits("saved ");
    net.passes(1_000);
    let before = chain(&alice);
    // Written and sent, and the power fails before it is saved.
    alice.holds_saves(true);
    alice.edits("lost ");
    net.passes(200);
    assert_eq!(bob.reads(), "lost saved ");
    alice.crashes(Crash::WorstPowerCut);
    alice.restarts();
    assert_eq!(alice.reads(), "saved ");
    alice.edits("new ");
    assert_ne!(chain(&alice), before, "the end of the old chain can't be proven");
    net.passes(2_000);
    assert!(alice.reads().contains("lost"), "bob had it: {}", alice.reads());
    net.everyone_agrees();
}

#[test]
fn a_killed_process_goes_on_in_its_chain() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    alice.edits("milk ");
    net.passes(1_000);
    let before = chain(&alice);
    alice.crashes(Crash::Kill);
    alice.restarts();
    alice.edits("honey ");
    assert_eq!(chain(&alice), before);
    net.everyone_agrees();
}

#[test]
fn a_full_disk_acknowledges_nothing() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    net.world(|world| world.devices[bob.who].disk.set_full(true));
    alice.edits("milk ");
    net.passes(10_000);
    assert_eq!(alice.promises(&bob), (1, 0));
    net.heal();
    net.passes(2_000);
    assert_eq!(alice.promises(&bob), (1, 1));
    net.everyone_agrees();
}

#[test]
fn a_slow_reader_is_passed_over_and_catches_up() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.link(&alice, &bob);
    net.link(&alice, &carol);
    net.throttle(&alice, &bob, 500_000);
    for n in 0..40 {
        alice.edits(&format!("{n} ").repeat(60_000));
        net.passes(50);
    }
    let bytes = carol.reads().len();
    assert!(bob.reads().len() < bytes, "bob is far behind, and carol is not");
    net.passes(60_000);
    assert_eq!(bob.reads().len(), alice.reads().len());
    net.everyone_agrees();
}

#[test]
fn a_reader_reads() {
    let (net, [alice, rita]) = Net::of([ALICE, RITA]);
    net.link(&alice, &rita);
    alice.edits("milk ");
    net.passes(1_000);
    assert!(!rita.edits("honey "));
    assert_eq!(rita.reads(), "milk ");
    net.everyone_agrees();
}

#[test]
fn somebody_joins_with_a_ticket_and_writes() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    alice.edits("milk ");
    net.passes(500);
    let dora = net.newcomer("dora", Role::Writer);
    // Bob is no admin: he countersigns what alice issued.
    net.link(&bob, &dora);
    net.passes(2_000);
    assert!(dora.is_member());
    assert!(dora.edits("honey "));
    net.passes(1_000);
    assert_eq!(alice.reads(), "honey milk ");
    net.everyone_agrees();
}

#[test]
fn many_documents_catch_up_too() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    for n in 0..600 {
        alice.edits_in(&format!("page {n}"), &Edit::Set { field: "n".to_owned(), value: n });
    }
    net.passes(1_000);
    net.link(&alice, &bob);
    net.passes(5_000);
    let held = |who: usize| {
        net.world(|world| world.devices[who].space().map(|space| space.status().documents.len()))
    };
    assert_eq!(held(bob.who), Some(600));
    net.everyone_agrees();
}

fn chain(person: &driftline_simulation::story::Person) -> driftline_core::id::ChainId {
    let notes = driftline_simulation::story::label(driftline_simulation::story::NOTES);
    person.net.world(|world| world.chain_of(person.who, &notes)).unwrap()
}

#[test]
fn what_a_disk_gives_back_changed_comes_again_from_who_has_it() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    for words in ["milk ", "honey ", "bread "] {
        alice.edits(words);
        net.passes(200);
        bob.edits(words);
        net.passes(200);
    }
    net.partition(&alice, &bob);
    alice.loses_bytes();
    assert!(!alice.reads_its_log(), "nobody is there who has it");
    // She writes on meanwhile, and is asked for what she can't read.
    alice.edits("salt ");
    net.heal();
    for _ in 0..20 {
        net.passes(1_000);
        if alice.reads_its_log() {
            break;
        }
    }
    assert!(alice.reads_its_log());
    net.passes(2_000);
    assert_eq!(alice.reads(), bob.reads());
    net.everyone_agrees();
}
