//! Who sees whom, and for how long.

use driftline_core::roster::Role;
use driftline_simulation::faults::Crash;
use driftline_simulation::network::Quality;
use driftline_simulation::story::Net;

const ALICE: (&str, Role) = ("alice", Role::Admin);
const BOB: (&str, Role) = ("bob", Role::Writer);
const CAROL: (&str, Role) = ("carol", Role::Writer);
const RITA: (&str, Role) = ("rita", Role::Reader);

#[test]
fn people_see_one_another_and_whoever_leaves_is_gone_at_once() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    alice.shows_up();
    bob.shows_up();
    net.passes(200);
    assert!(alice.notices(&bob) && bob.notices(&alice));
    alice.hides();
    net.passes(200);
    assert!(!bob.notices(&alice));
    net.everyone_agrees();
}

#[test]
fn who_is_here_is_seen_for_as_long_as_it_takes() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    alice.shows_up();
    for _ in 0..10 {
        net.passes(12_000);
        assert!(bob.notices(&alice), "it is renewed though nothing moves");
    }
    net.everyone_agrees();
}

#[test]
fn a_third_passes_on_what_the_ends_show_readers_too() {
    let (net, [alice, rita, carol]) = Net::of([ALICE, RITA, CAROL]);
    net.line(&[&alice, &rita, &carol]);
    alice.shows_up();
    rita.shows_up();
    net.passes(300);
    assert!(carol.notices(&alice) && carol.notices(&rita));
    alice.hides();
    net.passes(300);
    assert!(!carol.notices(&alice) && carol.notices(&rita));
    net.everyone_agrees();
}

/// What is passed on says how old it is. Otherwise each who passes it on would give it another 30 seconds.
#[test]
fn who_is_gone_without_a_word_is_forgotten_by_all_however_it_went_around() {
    let (net, [alice, bob, carol, rita]) = Net::of([ALICE, BOB, CAROL, RITA]);
    net.line(&[&alice, &bob]);
    net.line(&[&carol, &rita]);
    alice.shows_up();
    net.passes(200);
    alice.crashes(Crash::Kill);
    net.passes(24_000);
    assert!(bob.notices(&alice), "she may come back");
    net.link(&bob, &carol);
    assert!(carol.notices(&alice) && rita.notices(&alice));
    net.passes(10_000);
    assert!(![&bob, &carol, &rita].iter().any(|person| person.notices(&alice)));
}

#[test]
fn a_device_that_comes_back_shows_what_it_shows_now() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    alice.shows_up();
    net.passes(200);
    alice.crashes(Crash::Kill);
    // Its clock is set back, so that what it says looks older than what it said.
    net.world(|world| world.devices[alice.who].clock.set_off(false));
    alice.restarts();
    net.passes(1_500);
    assert!(!bob.notices(&alice), "Bob told it what it had shown, and it said that this is over");
    alice.shows_up();
    net.passes(200);
    assert!(bob.notices(&alice));
    net.everyone_agrees();
}

#[test]
fn a_removed_member_is_gone_at_once_and_sees_nobody() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.line(&[&bob, &alice, &carol]);
    [&alice, &bob, &carol].iter().for_each(|person| person.shows_up());
    net.passes(300);
    assert!(carol.notices(&bob) && bob.notices(&carol));
    assert!(alice.removes(&bob));
    net.passes(300);
    assert!(!alice.notices(&bob) && !carol.notices(&bob));
    assert!(!bob.notices(&alice) && !bob.notices(&carol));
    net.everyone_agrees();
}

/// What waits for a slow reader is not a queue of all that moved, but the newest of each.
#[test]
fn a_slow_reader_gets_the_newest() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.link(&alice, &bob);
    net.throttle(&alice, &bob, 2_000);
    for _ in 0..400 {
        alice.shows_up();
        net.passes(25);
    }
    net.passes(1_500);
    assert!(bob.notices(&alice), "the newest is there, when all of it would still be on its way");
    let frames = net.world(|world| world.trace.frames);
    assert!(frames < 400, "{frames} frames for 400 states at 12 states a second");
    net.everyone_agrees();
}

/// The first that a newcomer on a slow link hears is who is here, though there is much to catch up with.
#[test]
fn catching_up_does_not_hold_up_presence() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    let words = "all that was ever written in it ".repeat(2_000);
    (0..60).for_each(|_| assert!(alice.edits(&words)));
    net.passes(500);
    let quality = Quality { bytes_per_second: 200_000, ..Quality::good() };
    net.link_with(&alice, &bob, quality);
    net.passes(3_000);
    alice.shows_up();
    net.passes(7_000);
    assert!(bob.notices(&alice));
    assert_ne!(alice.reads().len(), bob.reads().len(), "it is still being caught up with");
    net.everyone_agrees();
}
