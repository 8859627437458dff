//! Getting in without a right to, and doing what only others may.

use std::time::Duration;

use driftline::{Role, Ticket};
use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::log::{EntryKind, Frontier, Guest, Mend, Point, Segment};
use driftline_core::roster::{Act, Genesis, Invitation, RosterEntry};
use driftline_core::space::roster_document;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::kitchen::{Kitchen, NOTES, until};
use crate::mallory::{Mallory, fresh_key, segments_in, welcome};
use crate::wire::{self, kind, refusal};

/// An entry of the roster's log by somebody who knows it, on a chain of their own.
fn deed(mallory: &Mallory, kitchen: &Kitchen, known: &[Segment], act: Act) -> Segment {
    let ends = known.iter().map(|segment| (segment.chain, end(segment)));
    let entry = codec::encode(&RosterEntry { seen: ends.collect(), act });
    let head = wire::head(roster_document(&kitchen.id()), mallory.id(), 0);
    wire::opening(head, &mallory.key, &[(EntryKind::ROSTER, &entry)])
}

fn end(segment: &Segment) -> Point {
    segment.walk(WallTime(0)).unwrap().point()
}

/// She is let in, and knows the roster's log.
async fn member(kitchen: &Kitchen, role: Role) -> (Mallory, Vec<Segment>) {
    let ticket = kitchen.alice.invites(role).await;
    let mut mallory = Mallory::knocks(kitchen).await;
    mallory.asks_with(&ticket).await;
    let (_, roster) = welcome(&mallory.is_told(kind::WELCOME).await);
    (mallory, roster)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_knows_the_spaces_id_hears_nothing_of_it() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::knocks(&kitchen).await;
    let notes = wire::label(NOTES).document(&kitchen.id());
    mallory.says(kind::OPEN, &wire::open(1, 1)).await;
    mallory.wants(notes).await;
    mallory.wants(roster_document(&kitchen.id())).await;
    mallory.says(kind::SAVED, &codec::encode(&1_u64)).await;
    mallory.says(kind::POSITION, &codec::encode(&(0_u64, 1_u64))).await;
    mallory.is_told(kind::STRANGER).await;
    kitchen.is_clean().await;
    let others = mallory.heard_so_far().into_iter().filter(|(kind, _)| *kind != kind::STRANGER);
    assert_eq!(others.collect::<Vec<_>>(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_writes_nothing() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Reader).await;
    for (nonce, name) in ["notes", "more"].into_iter().enumerate() {
        let head = mallory.chain(name, nonce as u64);
        let update = wire::typed(head.id().client_id(), "mallory was here");
        let segment = wire::opening(head, &mallory.key, &[(EntryKind::UPDATE, &update)]);
        mallory.passes_on(name, vec![segment]).await;
    }
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_do_not_count_are_refused_with_the_reason() {
    let kitchen = Kitchen::opens().await;
    let expired = kitchen.alice.invites_for(Role::Writer, Duration::ZERO).await;
    let closed = kitchen.alice.invites(Role::Writer).await;
    kitchen.alice.space.close_ticket(&closed).await.unwrap();
    kitchen.goes_on().await;
    let mut rng = StdRng::seed_from_u64(1);
    let (expires, seen) = (WallTime(u64::MAX), Frontier::default());
    let terms = Invitation { role: Role::Admin, rank: None, expires, seen };
    let mallorys = fresh_key();
    let forged = Ticket::issue(kitchen.id(), &mallorys, terms.clone(), Vec::new(), &mut rng);
    let genesis = Genesis::new("pantry", &mallorys, WallTime(0), &mut rng);
    let of_another = Ticket::issue(genesis.space(), &mallorys, terms, Vec::new(), &mut rng);
    let tickets = [
        (expired, refusal::EXPIRED),
        (closed, refusal::NOT_VALID),
        (forged, refusal::NOT_VALID),
        (of_another, refusal::NOT_VALID),
    ];
    for (ticket, expected) in tickets {
        // Once the news that it is closed has come to the anchor, it is refused for good.
        let mut mallory = Mallory::knocks(&kitchen).await;
        mallory.asks_with(&ticket).await;
        let told: u32 = codec::decode(&mallory.is_told(kind::REFUSED).await).unwrap();
        assert_eq!(told, expected);
    }
    kitchen.is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_somebody_else_made_lets_nobody_in() {
    let kitchen = Kitchen::opens().await;
    let ticket = kitchen.alice.invites(Role::Writer).await;
    let request = codec::encode(&ticket.request(&fresh_key()));
    let mut mallory = Mallory::knocks(&kitchen).await;
    mallory.says(kind::JOIN, &request).await;
    let told: u32 = codec::decode(&mallory.is_told(kind::REFUSED).await).unwrap();
    assert_eq!(told, refusal::NOT_VALID);
    kitchen.is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_appoints_removes_closes_and_admits_nobody() {
    let kitchen = Kitchen::opens().await;
    let (mut mallory, roster) = member(&kitchen, Role::Reader).await;
    let (me, bob) = (mallory.id(), kitchen.bob.device.id());
    let mut rng = StdRng::seed_from_u64(2);
    let (expires, seen) = (WallTime(u64::MAX), Frontier::default());
    let terms = Invitation { role: Role::Admin, rank: None, expires, seen };
    let friend = Ticket::issue(kitchen.id(), &mallory.key, terms, Vec::new(), &mut rng);
    let cuts: Frontier = roster.iter().map(|segment| (segment.chain, end(segment))).collect();
    let acts = [
        Act::Appoint { device: me, role: Role::Admin, rank: None, cuts: Frontier::default() },
        Act::Remove { device: bob, cuts },
        Act::Close { bearer: bob },
        Act::Admit(Box::new(friend.request(&fresh_key()))),
    ];
    for act in acts {
        let forged = deed(&mallory, &kitchen, &roster, act);
        mallory.says(kind::INTRODUCE, &codec::encode(&vec![forged])).await;
    }
    kitchen.holds_no_more_than(&[me]).await;
    let members = kitchen.alice.space.members().await.unwrap().present;
    let standing = members.iter().find(|(device, _)| *device == me).unwrap();
    assert_eq!(standing.1.role, Role::Reader);
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_in_an_admins_name_cost_the_forger_the_connection() {
    let kitchen = Kitchen::opens().await;
    let (mut mallory, roster) = member(&kitchen, Role::Writer).await;
    let alice = kitchen.alice.device.id();
    let act = Act::Appoint {
        device: mallory.id(),
        role: Role::Admin,
        rank: None,
        cuts: Frontier::default(),
    };
    let entry = codec::encode(&RosterEntry { seen: Frontier::default(), act });
    let head = wire::head(roster_document(&kitchen.id()), alice, 66);
    let forged = wire::opening(head, &mallory.key, &[(EntryKind::ROSTER, &entry)]);
    let shown: Vec<_> = roster.into_iter().chain([forged]).collect();
    mallory.says(kind::INTRODUCE, &codec::encode(&shown)).await;
    mallory.is_cut_off().await;
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_a_roster_of_her_own_stays_one() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::knocks(&kitchen).await;
    let act = Act::Appoint {
        device: mallory.id(),
        role: Role::Admin,
        rank: None,
        cuts: Frontier::default(),
    };
    let own = deed(&mallory, &kitchen, &[], act);
    mallory.says(kind::INTRODUCE, &codec::encode(&vec![own])).await;
    mallory.says(kind::OPEN, &wire::open(1, 1)).await;
    mallory.is_told(kind::STRANGER).await;
    kitchen.is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_mends_nothing() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    mallory.wants(wire::label(NOTES).document(&kitchen.id())).await;
    let honest = segments_in(&mallory.is_told(kind::SEGMENTS).await);
    let refused = honest.iter().map(|segment| (segment.chain, end(segment))).collect();
    let head = mallory.chain(NOTES, 0);
    let update = wire::typed(head.id().client_id(), "mallory mends");
    let mend = Mend { refused, update: &update }.write();
    let segment = wire::opening(head, &mallory.key, &[(EntryKind::MEND, &mend)]);
    mallory.passes_on(NOTES, vec![segment]).await;
    mallory.is_cut_off().await;
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_signs_for_no_guest() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let update = wire::typed(7, "mallory's guest was here");
    let guest = Guest { name: "Ann".to_owned(), update: &update }.write();
    let segment =
        wire::opening(mallory.chain(NOTES, 0), &mallory.key, &[(EntryKind::GUEST, &guest)]);
    mallory.passes_on(NOTES, vec![segment]).await;
    mallory.is_cut_off().await;
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_removed_is_told_so_and_is_heard_no_more() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    until("all know her", || async {
        kitchen.alice.space.members().await.unwrap().present.len() == 4
    })
    .await;
    kitchen.alice.space.remove(mallory.id()).await.unwrap();
    mallory.is_told(kind::INTRODUCE).await;
    let head = mallory.chain(NOTES, 0);
    let update = wire::typed(head.id().client_id(), "mallory was here");
    let segment = wire::opening(head, &mallory.key, &[(EntryKind::UPDATE, &update)]);
    mallory.passes_on(NOTES, vec![segment]).await;
    kitchen.is_clean().await;
    let told = mallory.heard_so_far();
    assert!(told.iter().all(|(kind, _)| *kind != kind::SEGMENTS), "nothing more is said to her");
}
