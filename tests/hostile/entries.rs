//! Entries by a writer who means harm, and entries of others in her hands.

use driftline::Role;
use driftline_core::clock::WallTime;
use driftline_core::id::ChainId;
use driftline_core::log::{EntryKind, Link, Segment, SegmentBuilder, Tip};

use crate::kitchen::{Kitchen, NOTES, until};
use crate::mallory::{Mallory, segments_in};
use crate::wire::{self, kind};

/// What the anchor holds of the notes: Alice's chain and Bob's.
async fn honest_log(mallory: &mut Mallory, kitchen: &Kitchen) -> Vec<Segment> {
    mallory.wants(wire::label(NOTES).document(&kitchen.id())).await;
    segments_in(&mallory.is_told(kind::SEGMENTS).await)
}

/// A segment behind the end of another, signed by her.
fn behind(segment: &Segment, mallory: &Mallory, payload: &[u8]) -> Segment {
    let point = segment.walk(WallTime(0)).unwrap().point();
    let tip = Tip { number: point.number, hash: point.hash, time: WallTime(0) };
    let mut builder = SegmentBuilder::behind(segment.chain, tip);
    builder.push(EntryKind::UPDATE, payload, WallTime(0));
    builder.seal(&mallory.key)
}

/// A chain of hers that types something under a client id of her choice.
fn typing_as(mallory: &Mallory, client: impl Fn(ChainId) -> u64, nonce: u64) -> Segment {
    let head = mallory.chain(NOTES, nonce);
    let update = wire::typed(client(head.id()), "mallory was here");
    wire::opening(head, &mallory.key, &[(EntryKind::UPDATE, &update)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_in_bobs_name_costs_the_forger_the_connection() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let notes = wire::label(NOTES).document(&kitchen.id());
    let head = wire::head(notes, kitchen.bob.device.id(), 66);
    let update = wire::typed(head.id().client_id(), "mallory was here");
    let forged = wire::opening(head, &mallory.key, &[(EntryKind::UPDATE, &update)]);
    mallory.passes_on(NOTES, vec![forged]).await;
    mallory.is_cut_off().await;
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_behind_bobs_with_her_signature_or_none_cost_the_connection() {
    let kitchen = Kitchen::opens().await;
    let mut guests = Vec::new();
    for signed in [true, false] {
        let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
        guests.push(mallory.id());
        let log = honest_log(&mut mallory, &kitchen).await;
        let update = wire::typed(log[0].chain.client_id(), "mallory was here");
        let mut forged = behind(&log[0], &mallory, &update);
        if !signed {
            forged.signature.0 = [0; 64];
        }
        mallory.passes_on(NOTES, vec![forged]).await;
        mallory.is_cut_off().await;
    }
    kitchen.holds_no_more_than(&guests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_entries_under_another_documents_name_are_not_taken_there() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let log = honest_log(&mut mallory, &kitchen).await;
    mallory.passes_on("elsewhere", log).await;
    mallory.is_cut_off().await;
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_squatted_client_id_costs_the_squatter_the_connection() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let alices = kitchen.alice.notes.chain().client_id();
    let squatting = typing_as(&mallory, |_| alices, 0);
    mallory.passes_on(NOTES, vec![squatting]).await;
    mallory.is_cut_off().await;
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_forks_is_closed_and_nobody_elses() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let start = typing_as(&mallory, |chain| chain.client_id(), 0);
    let Link::Opens(head) = &start.link else { unreachable!("it opens the chain") };
    // Two different entries of number 1, both signed, and one that leans on the second.
    let other = wire::typed(head.id().client_id(), "mallory was never here");
    let fork = wire::opening(head.clone(), &mallory.key, &[(EntryKind::UPDATE, &other)]);
    let more = behind(&fork, &mallory, &other);
    mallory.passes_on(NOTES, vec![start]).await;
    until("it shows", || async { kitchen.bob.reads().contains("mallory was here") }).await;
    mallory.passes_on(NOTES, vec![fork, more]).await;
    kitchen.goes_on().await;
    for person in [&kitchen.alice, &kitchen.bob, &kitchen.anchor] {
        assert!(!person.reads().contains("never"), "{}", person.reads());
        let documents = person.space.status().await.unwrap().documents;
        assert_eq!(documents[0].chains, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_a_hundred_times_is_done_once() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let honest = honest_log(&mut mallory, &kitchen).await;
    let own = typing_as(&mallory, |chain| chain.client_id(), 0);
    for _ in 0..100 {
        mallory.passes_on(NOTES, honest.clone()).await;
        mallory.passes_on(NOTES, vec![own.clone()]).await;
    }
    kitchen.goes_on().await;
    until("it shows", || async { kitchen.bob.reads().contains("mallory was here") }).await;
    for person in [&kitchen.alice, &kitchen.bob, &kitchen.anchor] {
        assert_eq!(person.reads().matches("mallory was here").count(), 1);
        assert_eq!(person.reads().matches("alice0 ").count(), 1);
        let status = person.space.status().await.unwrap();
        assert_eq!((status.documents.len(), status.documents[0].chains), (1, 3));
    }
}
