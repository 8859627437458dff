//! What happens to people who don't mean well, and to those near them.

use std::sync::Arc;

use bytes::Bytes;
use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::document::Label;
use driftline_core::id::SpaceId;
use driftline_core::identity::DeviceKey;
use driftline_core::log::{ChainHead, EntryKind, Frontier, Link, Segment, SegmentBuilder, Tip};
use driftline_core::roster::{Act, Role, RosterEntry, Ticket};
use driftline_core::space::{Change, SpaceRecord, roster_document, tag};
use driftline_simulation::disk::Disk;
use driftline_simulation::faults::Crash;
use driftline_simulation::forgery::{self, Pen};
use driftline_simulation::network::Pair;
use driftline_simulation::scenario;
use driftline_simulation::story::{NOTES, Net, Person, label};
use driftline_simulation::trace::Mark;
use driftline_storage::Record;

const ALICE: (&str, Role) = ("alice", Role::Admin);
const BOB: (&str, Role) = ("bob", Role::Writer);
const CAROL: (&str, Role) = ("carol", Role::Writer);
const DAVE: (&str, Role) = ("dave", Role::Admin);
const RITA: (&str, Role) = ("rita", Role::Reader);

/// The number of the message that carries entries.
const SEGMENTS: u32 = 3;

#[test]
fn a_readers_own_entries_are_not_taken() {
    let (net, [alice, rita]) = Net::of([ALICE, RITA]);
    net.expects_mischief();
    net.link(&alice, &rita);
    alice.edits("milk ");
    net.passes(500);
    let key = key_of(&rita);
    sends(&rita, &alice, Some(label(NOTES)), beginning(&alice, &key, &key));
    net.passes(1_000);
    assert_eq!(chains_at(&alice), 1);
    assert_eq!(alice.reads(), "milk ");
    // In this session nothing of rita's counts any more; in the next it does.
    net.partition(&alice, &rita);
    net.everyone_agrees();
}

/// Whoever mends takes what does not count, so that it can be undone wherever somebody had believed that it does. It took
/// that of readers too, of whom nobody could have believed it, once they had been removed or made readers again.
#[test]
fn whoever_mends_takes_nothing_of_those_who_never_wrote() {
    let (net, [alice, rita]) = Net::of([ALICE, RITA]);
    net.expects_mischief();
    net.link(&alice, &rita);
    alice.edits("milk ");
    net.passes(500);
    assert!(alice.appoints(&rita, Role::Reader));
    net.passes(500);
    let key = key_of(&rita);
    sends(&rita, &alice, Some(label(NOTES)), beginning(&alice, &key, &key));
    net.passes(1_000);
    assert_eq!(chains_at(&alice), 1);
    net.partition(&alice, &rita);
    net.everyone_agrees();
}

/// What was refused was acknowledged with what came before it: its sender took it for kept.
#[test]
fn what_is_refused_is_not_acknowledged() {
    let (net, [alice, rita]) = Net::of([ALICE, RITA]);
    net.expects_mischief();
    net.link(&alice, &rita);
    net.passes(3_000);
    net.world(|world| world.trace.keep());
    let key = key_of(&rita);
    claims(&rita, &alice, Some(label(NOTES)), beginning(&alice, &key, &key), Some((0, 1)));
    net.passes(3_000);
    let acknowledged = |mark: &Mark| matches!(mark, Mark::Frame { what: "Saved", .. });
    let marks = net.world(|world| world.trace.marks.take()).unwrap();
    assert!(!marks.iter().any(acknowledged));
}

#[test]
fn entries_in_somebody_elses_name_cost_the_forger_its_connection() {
    let (net, [alice, bob, rita]) = Net::of([ALICE, BOB, RITA]);
    net.expects_mischief();
    net.link(&alice, &rita);
    let forged = beginning(&alice, &key_of(&bob), &key_of(&rita));
    sends(&rita, &alice, Some(label(NOTES)), forged);
    net.passes(30);
    let pair = Pair::of(alice.who, rita.who);
    let up =
        net.world(|world| world.network.get(pair).is_some_and(|link| link.connection.is_some()));
    assert!(!up, "alice has hung up");
    assert_eq!(chains_at(&alice), 0);
}

/// A forged entry waited for its check when the true one came in from somebody else. The two disagreed, so
/// the chain was taken for forked, and what its author wrote was refused for ever.
#[test]
fn a_forged_entry_does_not_close_the_chain_that_it_imitates() {
    let (net, [alice, bob, rita]) = Net::of([ALICE, BOB, RITA]);
    net.expects_mischief();
    net.link(&alice, &rita);
    net.link(&alice, &bob);
    bob.edits("milk ");
    net.passes(500);
    net.partition(&alice, &bob);
    bob.edits("honey ");
    net.passes(500);
    let log = log_of(&bob);
    let known = log.walk(WallTime(0)).unwrap().number - 1;
    let truth = log.after(known).unwrap().unwrap();
    let Link::Follows(point) = truth.link else { panic!("it follows what alice has") };
    let tip = Tip { number: point.number, hash: point.hash, time: WallTime(0) };
    let forged = segment(SegmentBuilder::behind(truth.chain, tip), &key_of(&rita), b"forged");
    // Both in one go, before alice deals with what came in.
    sends(&rita, &alice, None, forged);
    sends(&bob, &alice, None, truth);
    net.passes(100);
    assert_eq!(net.found_forks(), 0);
    net.everyone_agrees();
    assert!(alice.reads().contains("honey"));
}

/// The two branches had the same number of entries, and only numbers were compared: nobody asked for what
/// would have shown it.
#[test]
fn a_copied_device_is_found_out() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, ("carol", Role::Writer)]);
    net.expects_mischief();
    net.line(&[&alice, &carol]);
    bob.edits("milk ");
    net.passes(1_000);
    let twin = copy_of(&bob);
    // Each goes on in the same chain, with as many entries.
    bob.edits("honey ");
    twin.edits("vinegar ");
    net.passes(500);
    net.link(&carol, &twin);
    net.passes(2_000);
    assert_eq!(alice.reads(), "vinegar milk ");
    net.partition(&carol, &twin);
    net.link(&alice, &bob);
    net.passes(10_000);
    assert_eq!(net.found_forks(), 2, "alice and bob show one another what they have");
    // A new chain is begun, and what is written there arrives.
    bob.edits("bread ");
    net.passes(2_000);
    assert!(alice.reads().contains("bread"), "{}", alice.reads());
    assert!(carol.reads().contains("bread"), "{}", carol.reads());
}

#[test]
fn a_copied_device_that_wrote_more_is_found_out() {
    let (net, [alice, bob]) = Net::of([ALICE, BOB]);
    net.expects_mischief();
    net.link(&alice, &bob);
    bob.edits("milk ");
    net.passes(1_000);
    let twin = copy_of(&bob);
    bob.edits("honey ");
    net.passes(1_000);
    net.partition(&alice, &bob);
    twin.edits("vinegar ");
    net.passes(500);
    twin.edits("pepper ");
    net.passes(500);
    // The twin's third entry does not follow on the second that alice holds.
    net.link(&alice, &twin);
    net.passes(2_000);
    assert_eq!(net.found_forks(), 1);
    assert_eq!(alice.reads(), "honey milk ");
}

/// Devices that held the one branch of a copied admin's acts never took in the other, so rosters differed for ever.
#[test]
fn a_copied_admin_acts_twice_and_both_count() {
    let (net, [alice, bob, carol, dave]) = Net::of([ALICE, BOB, CAROL, DAVE]);
    net.expects_mischief();
    net.line(&[&dave, &alice, &carol]);
    net.link(&alice, &bob);
    assert!(dave.appoints(&bob, Role::Reader));
    net.passes(2_000);
    let twin = copy_of(&dave);
    net.partition(&alice, &carol);
    net.link(&carol, &twin);
    // Each goes on where both were, and others go on from that.
    assert!(dave.appoints(&bob, Role::Admin));
    assert!(twin.appoints(&carol, Role::Admin));
    net.passes(2_000);
    assert!(carol.appoints(&alice, Role::Writer));
    net.heal();
    net.passes(5_000);
    assert_eq!(net.found_forks(), 5, "everybody, the twin too");
    for person in [&alice, &bob, &carol, &dave, &twin] {
        assert_eq!(person.role_of(&alice), Some(Role::Writer));
        assert_eq!(person.role_of(&bob), Some(Role::Admin));
        assert_eq!(person.role_of(&carol), Some(Role::Admin));
    }
    // Nobody is punished for a folder that was copied: what the device does from now on counts as ever.
    assert!(dave.appoints(&alice, Role::Admin));
    net.passes(2_000);
    assert_eq!(carol.role_of(&alice), Some(Role::Admin));
    net.everyone_agrees();
    for person in [&alice, &carol] {
        person.crashes(Crash::WorstPowerCut);
        person.restarts();
    }
    net.everyone_agrees();
    assert_eq!(carol.role_of(&alice), Some(Role::Admin), "it is in the store");
}

#[test]
fn a_member_who_shows_each_half_another_branch_divides_nobody() {
    let (net, [alice, bob, carol]) = Net::of([ALICE, BOB, CAROL]);
    net.expects_mischief();
    let (space, key) = (space_of(&alice), key_of(&bob));
    net.world(|world| world.corrupt(bob.who, space)).unwrap();
    net.link(&bob, &alice);
    net.link(&bob, &carol);
    let [erin, frank, grace] =
        [[21; 32], [22; 32], [23; 32]].map(|seed| DeviceKey::from_seed(&seed));
    let seen = heads_of(&alice);
    let lets_in = |whom: &DeviceKey| Act::Admit(Box::new(ticket_of(&alice).request(whom)));
    let mut pen = Pen::new(roster_document(&space), key.id(), WallTime(1), [3; 16]);
    let act = codec::encode(&RosterEntry { seen: seen.clone(), act: lets_in(&erin) });
    let one = pen.aside(EntryKind::ROSTER, &act, &key).0;
    let other = [lets_in(&frank), lets_in(&grace)].map(|act| pen.does(act, seen.clone(), &key));
    shows(&bob, &alice, &[one]);
    shows(&bob, &carol, &other);
    net.passes(1_000);
    assert_eq!(alice.role_by_key(&erin), Some(Role::Writer));
    assert_eq!(alice.role_by_key(&frank), None);
    assert_eq!(carol.role_by_key(&frank), Some(Role::Writer));
    // What rests on one branch arrives also where the other is held.
    let demoted = net.world(|world| world.appoint_device(alice.who, erin.id(), Role::Reader));
    assert!(demoted);
    net.link(&alice, &carol);
    net.passes(5_000);
    assert_eq!(net.found_forks(), 2);
    for person in [&alice, &carol] {
        assert_eq!(person.role_by_key(&erin), Some(Role::Reader));
        assert_eq!(person.role_by_key(&frank), Some(Role::Writer));
        assert_eq!(person.role_by_key(&grace), Some(Role::Writer));
    }
    net.everyone_agrees();
}

#[test]
fn a_removed_admin_takes_nothing_back_by_forking() {
    let (net, [alice, bob, carol, dave]) = Net::of([ALICE, BOB, CAROL, DAVE]);
    net.expects_mischief();
    net.link(&alice, &carol);
    net.link(&alice, &bob);
    net.link(&alice, &dave);
    assert!(dave.appoints(&bob, Role::Reader));
    net.passes(1_000);
    let twin = copy_of(&dave);
    assert!(dave.appoints(&bob, Role::Admin));
    net.passes(1_000);
    assert!(alice.removes(&dave));
    net.passes(1_000);
    // It pretends not to have heard of that, nor of what it did itself.
    assert!(twin.removes(&bob));
    net.link(&carol, &twin);
    net.passes(5_000);
    assert!(net.found_forks() > 0);
    for person in [&alice, &bob, &carol] {
        assert_eq!(person.role_of(&bob), Some(Role::Admin));
        assert_eq!(person.role_of(&dave), None);
    }
    net.everyone_agrees();
}

#[test]
fn a_stranger_gets_nothing() {
    let (net, [alice]) = Net::of([ALICE]);
    net.expects_mischief();
    alice.edits("milk ");
    net.passes(500);
    // A stranger who has got hold of the space's record, but was never let in.
    let stranger = net.world(|world| {
        let genesis = world.devices[alice.who].space().unwrap().roster().genesis().clone();
        let record = Record::Core(Change::Space(SpaceRecord { genesis, local: false }));
        let who = world.add("stranger", Disk::default(), None);
        driftline_simulation::scenario::store_space(world, who, &[record]);
        world.start(who);
        who
    });
    let stranger = Person { net: net.clone(), who: stranger };
    net.link(&alice, &stranger);
    net.passes(10_000);
    assert_eq!(stranger.reads(), "");
    assert_eq!(chains_at(&stranger), 0);
}

/// Shows somebody entries of the roster's log.
fn shows(from: &Person, to: &Person, entries: &[Segment]) {
    let space = space_of(to);
    to.net.world(|world| {
        let sender = world.devices[from.who].id();
        world.frame(to.who, sender, forgery::introduce(&space, &sender, entries));
    });
}

fn ticket_of(person: &Person) -> Ticket {
    person.net.world(|world| scenario::ticket_from(world, person.who, Role::Writer)).unwrap()
}

fn heads_of(person: &Person) -> Frontier {
    person.net.world(|world| world.devices[person.who].space().unwrap().roster().heads())
}

/// A second device with the first one's key and a copy of its disk.
fn copy_of(person: &Person) -> Person {
    let net = person.net.clone();
    let who = net.world(|world| {
        let original = &world.devices[person.who];
        let (key, disk) = (original.key.clone(), original.disk.copy());
        let who = world.add_with_key("twin", key, disk, None);
        world.start(who);
        who
    });
    Person { net, who }
}

fn key_of(person: &Person) -> Arc<DeviceKey> {
    person.net.world(|world| world.devices[person.who].key.clone())
}

/// Entries in the notes, on a chain of `author`'s that is signed by `signer`.
fn beginning(reader: &Person, author: &DeviceKey, signer: &DeviceKey) -> Segment {
    let document = label(NOTES).document(&space_of(reader));
    let (device, opened, nonce) = (author.id(), WallTime(0), [7; 16]);
    let head = ChainHead { document, device, previous: None, opened, nonce };
    segment(SegmentBuilder::opening(head), signer, b"not an update")
}

fn segment(mut builder: SegmentBuilder, signer: &DeviceKey, payload: &[u8]) -> Segment {
    builder.push(EntryKind::UPDATE, payload, WallTime(0));
    builder.seal(signer)
}

/// Hands a frame with entries of the notes to a device, as if it came from `from`.
fn sends(from: &Person, to: &Person, name: Option<Label>, segment: Segment) {
    claims(from, to, name, segment, None);
}

/// The same, with a claim that this is so much of the sender's feed.
fn claims(
    from: &Person,
    to: &Person,
    name: Option<Label>,
    segment: Segment,
    stretch: Option<(u64, u64)>,
) {
    let space = space_of(to);
    let document = label(NOTES).document(&space);
    to.net.world(|world| {
        let sender = world.devices[from.who].id();
        let mut frame = tag(&space, &sender).to_vec();
        codec::encode_onto(&(SEGMENTS, document, name, vec![segment], stretch), &mut frame);
        world.frame(to.who, sender, Bytes::from(frame));
    });
}

fn space_of(person: &Person) -> SpaceId {
    person.net.world(|world| world.devices[person.who].space().unwrap().id())
}

/// How many chains a device holds of the notes.
fn chains_at(person: &Person) -> usize {
    let document = label(NOTES).document(&space_of(person));
    person.net.world(|world| world.devices[person.who].space().unwrap().frontier(&document).len())
}

/// All that somebody wrote into the notes, as one segment.
fn log_of(person: &Person) -> Segment {
    let document = label(NOTES).document(&space_of(person));
    person.net.world(|world| {
        let process = world.devices[person.who].process.as_ref().unwrap();
        let all = process.store.segments(&document, &Frontier::default(), usize::MAX).unwrap();
        all.segments.into_iter().next().unwrap()
    })
}
