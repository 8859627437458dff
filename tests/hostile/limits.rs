//! Members who write more than the others will hold. What is there stays, and everybody else goes on.

use driftline::yrs::Text;
use driftline::{
    Device, DeviceOptions, Level, Measure, Objection, Rate, Role, Space, SpaceLimits, SpaceStatus,
};
use driftline_core::log::{EntryKind, Segment};

use crate::kitchen::{Kitchen, NOTES, options, until};
use crate::mallory::Mallory;
use crate::wire::{self, kind};

/// A device that takes less of others than it would.
fn limited(space_limits: SpaceLimits) -> DeviceOptions {
    DeviceOptions { space_limits, ..options() }
}

fn full(measure: Measure, limit: u64) -> Objection {
    Objection::Full { measure, limit }
}

/// A chain of hers with a word in it.
fn word(mallory: &Mallory, name: &str, nonce: u64) -> Segment {
    let head = mallory.chain(name, nonce);
    let update = wire::typed(head.id().client_id(), "mallory ");
    wire::opening(head, &mallory.key, &[(EntryKind::UPDATE, &update)])
}

/// What somebody holds of documents that the honest did not begin.
async fn foreign(space: &Space) -> Vec<String> {
    let documents = space.status().await.unwrap().documents.into_iter();
    documents.map(|document| document.name).filter(|name| name != NOTES).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_without_end_are_held_up_to_a_number() {
    // How many documents a member made was not bounded.
    let limits = SpaceLimits { author_documents: 10, ..SpaceLimits::default() };
    let kitchen = Kitchen::opens_with(&limited(limits)).await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    for number in 0..50 {
        let name = format!("junk/{number}");
        let segment = word(&mallory, &name, 0);
        mallory.passes_on(&name, vec![segment]).await;
    }
    assert_eq!(mallory.is_told_why().await, full(Measure::AuthorDocuments, 10));
    kitchen.goes_on().await;
    for person in [&kitchen.alice, &kitchen.bob, &kitchen.anchor] {
        until("it holds ten", || async { foreign(&person.space).await.len() == 10 }).await;
    }
    // The honest begin new ones as before.
    let more = kitchen.bob.space.document("more").await.unwrap();
    let body = more.text("body");
    more.edit(|txn| body.push(txn, "bread")).unwrap().reached(Level::Anchored).await.unwrap();
    assert!(mallory.is_connected(), "all else that she says is heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_without_end_in_one_frame_are_held_up_to_a_number() {
    let limits = SpaceLimits { author_chains_in_document: 5, ..SpaceLimits::default() };
    let kitchen = Kitchen::opens_with(&limited(limits)).await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let chains = (0..1_000).map(|nonce| word(&mallory, NOTES, nonce)).collect();
    mallory.passes_on(NOTES, chains).await;
    assert_eq!(mallory.is_told_why().await, full(Measure::AuthorChainsInDocument, 5));
    kitchen.goes_on().await;
    for person in [&kitchen.alice, &kitchen.bob, &kitchen.anchor] {
        let held = || async { person.space.status().await.unwrap().documents[0].chains };
        until("it holds two and five", || async { held().await == 7 }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_one_member_fills_is_open_to_the_others() {
    let limits = SpaceLimits { bytes: 40_000, ..SpaceLimits::default() };
    let kitchen = Kitchen::opens_with(&limited(limits)).await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    for nonce in 0..20 {
        let head = mallory.chain("junk", nonce);
        let update = wire::typed(head.id().client_id(), &"mallory ".repeat(500));
        let segment = wire::opening(head, &mallory.key, &[(EntryKind::UPDATE, &update)]);
        mallory.passes_on("junk", vec![segment]).await;
    }
    assert_eq!(mallory.is_told_why().await, full(Measure::Bytes, 40_000));
    // Each of four has a quarter, whatever she took.
    kitchen.alice.writes(&"milk ".repeat(1_000));
    kitchen.bob.writes(&"bread ".repeat(1_000));
    kitchen.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forgeries_use_up_nobodys_share() {
    let limits = SpaceLimits { author_documents: 2, ..SpaceLimits::default() };
    let kitchen = Kitchen::opens_with(&limited(limits)).await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let bob = kitchen.bob.device.id();
    for number in 0..20 {
        let name = format!("junk/{number}");
        let head = wire::head(wire::label(&name).document(&kitchen.id()), bob, number);
        let update = wire::typed(head.id().client_id(), "mallory ");
        let forged = wire::opening(head, &mallory.key, &[(EntryKind::UPDATE, &update)]);
        mallory.passes_on(&name, vec![forged]).await;
    }
    mallory.is_cut_off().await;
    let own = kitchen.bob.space.document("bobs own").await.unwrap();
    let body = own.text("body");
    own.edit(|txn| body.push(txn, "bread")).unwrap().reached(Level::Anchored).await.unwrap();
    assert_eq!(foreign(&kitchen.anchor.space).await, ["bobs own"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_without_end_are_held_up_to_a_number() {
    let limits = SpaceLimits { author_acts: 8, ..SpaceLimits::default() };
    let kitchen = Kitchen::opens_with(&limited(limits)).await;
    let mut mallory = Mallory::joins(&kitchen, Role::Reader).await;
    let roster = driftline_core::space::roster_document(&kitchen.id());
    let head = wire::head(roster, mallory.id(), 0);
    let entries = [(EntryKind::ROSTER, &b"no act"[..]); 9];
    let segment = wire::opening(head, &mallory.key, &entries);
    mallory.says(kind::INTRODUCE, &driftline_core::codec::encode(&vec![segment])).await;
    assert_eq!(mallory.is_told_why().await, full(Measure::AuthorActs, 8));
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_floods_is_told_how_much_is_listened_to_and_cut_off() {
    let limits = SpaceLimits {
        entry_rate: Rate { per_second: 1_000, burst: 10_000 },
        ..SpaceLimits::default()
    };
    let kitchen = Kitchen::opens_with(&limited(limits)).await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let position = driftline_core::codec::encode(&(0_u64, 1_u64));
    for _ in 0..30_000 {
        mallory.says(kind::POSITION, &position).await;
    }
    let bytes = limits.byte_rate.per_second;
    assert_eq!(mallory.is_told_why().await, Objection::TooFast { entries: 1_000, bytes });
    mallory.is_cut_off().await;
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_may_ask_but_not_without_end() {
    // Each request with a ticket has three signatures to be checked, and the roster to be judged anew.
    let kitchen = Kitchen::opens().await;
    let expired = kitchen.alice.invites_for(Role::Writer, std::time::Duration::ZERO).await;
    let mut mallory = Mallory::knocks(&kitchen).await;
    for _ in 0..5_000 {
        mallory.asks_with(&expired).await;
    }
    assert!(matches!(mallory.is_told_why().await, Objection::TooFast { .. }));
    mallory.is_cut_off().await;
    kitchen.is_clean().await;
}

/// An honest writer whose anchor is small.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_anchor_took_no_more_of_is_there_once_its_limit_is_raised() {
    let alice_folder = tempfile::tempdir().unwrap();
    let anchor_folder = tempfile::tempdir().unwrap();
    let open = |path: std::path::PathBuf, options: DeviceOptions| async move {
        Device::open_with(path, options).await.unwrap()
    };
    let alice = open(alice_folder.path().join("device"), options()).await;
    let kitchen = alice.create_space("kitchen").await.unwrap();
    let small = SpaceLimits { author_bytes: 10_000, ..SpaceLimits::default() };
    let anchor = open(anchor_folder.path().join("device"), limited(small)).await;
    let ticket = kitchen.invite(driftline::Invitation { role: Role::Anchor, ..Default::default() });
    anchor.join(&ticket.await.unwrap()).await.unwrap();

    let notes = kitchen.document(NOTES).await.unwrap();
    let body = notes.text("body");
    let write = |words: usize| notes.edit(|txn| body.push(txn, &"milk ".repeat(words))).unwrap();
    write(100).reached(Level::Anchored).await.unwrap();
    let much = write(3_000);
    let objection = |status: SpaceStatus| status.peers[0].objection;
    let told = full(Measure::AuthorBytes, 10_000);
    until("she is told", || async { objection(kitchen.status().await.unwrap()) == Some(told) })
        .await;
    // Her own device has it all, and does not take the anchor's word on the rest for a word on this.
    much.reached(Level::Saved).await.unwrap();
    let status = kitchen.status().await.unwrap();
    assert_eq!((status.documents[0].entries, status.documents[0].peers), (2, 0));

    anchor.close().await.unwrap();
    let anchor = open(anchor_folder.path().join("device"), options()).await;
    let anchored = much.reached(Level::Anchored);
    tokio::time::timeout(crate::kitchen::STUCK, anchored).await.expect("anchored").unwrap();
    until("all is well", || async { objection(kitchen.status().await.unwrap()).is_none() }).await;
    let space = anchor.spaces().await.unwrap().remove(0).0;
    assert_eq!(space.status().await.unwrap().documents[0].entries, 2);
}
