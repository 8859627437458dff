//! Presence that nobody could show, or too much of it.

use driftline::{DeviceId, Role};
use driftline_core::codec;
use driftline_core::presence::{MAX_STATE_BYTES, Spot, Statement, Version};

use crate::kitchen::{Kitchen, NOTES, until};
use crate::mallory::Mallory;
use crate::wire::kind;

/// Something shown in the notes, signed by Mallory, whoever it is said to be of.
fn statement(mallory: &Mallory, device: DeviceId, guest: u64, state: &[u8]) -> Statement {
    let spot = Spot { device, topic: NOTES.into(), guest };
    Statement::sign(
        spot,
        Version { run: 1, count: guest },
        state.into(),
        &mallory.space,
        &mallory.key,
    )
}

/// What somebody is said to have shown a moment ago.
fn told(statements: Vec<Statement>) -> Vec<u8> {
    let told: Vec<(Statement, u32)> = statements.into_iter().map(|said| (said, 0)).collect();
    codec::encode(&told)
}

/// How many Bob sees, who meets everybody through the anchor.
fn seen_by_bob(kitchen: &Kitchen) -> usize {
    kitchen.bob.notes.presence().others::<serde_json::Value>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_as_another_is_cut_off() {
    let kitchen = Kitchen::opens().await;
    let mut guests = Vec::new();
    for (name, state) in [("alice", vec![b'1']), ("herself", vec![b' '; MAX_STATE_BYTES + 1])] {
        let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
        guests.push(mallory.id());
        let whose = if name == "alice" { kitchen.alice.device.id() } else { mallory.id() };
        let forged = statement(&mallory, whose, 0, &state);
        mallory.says(kind::PRESENCE, &told(vec![forged])).await;
        mallory.is_cut_off().await;
        assert_eq!(seen_by_bob(&kitchen), 0);
    }
    kitchen.holds_no_more_than(&guests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_themselves_everywhere_is_seen_in_so_many_places_and_hides_nobody() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Reader).await;
    for first in (1..5_000).step_by(50) {
        let mine = (first..first + 50).map(|guest| statement(&mallory, mallory.id(), guest, b"7"));
        let told = told(mine.collect());
        mallory.says(kind::PRESENCE, &told).await;
    }
    kitchen.alice.notes.presence().set(&"here").unwrap();
    let sees_alice = || {
        let others = kitchen.bob.notes.presence().others::<String>();
        others.iter().any(|other| other.device == kitchen.alice.device.id())
    };
    until("Bob sees Alice", || std::future::ready(sees_alice())).await;
    kitchen.goes_on().await;
    assert!((1..=1 + 1_024).contains(&seen_by_bob(&kitchen)), "{}", seen_by_bob(&kitchen));
    assert!(mallory.is_connected(), "what is too much is passed over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_shows_nothing() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::knocks(&kitchen).await;
    let mine = statement(&mallory, mallory.id(), 0, b"7");
    mallory.says(kind::PRESENCE, &told(vec![mine])).await;
    mallory.is_told(kind::STRANGER).await;
    kitchen.is_clean().await;
    assert_eq!(seen_by_bob(&kitchen), 0);
}
