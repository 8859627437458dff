//! Bytes that are no frames, and frames that say nothing sound.

use driftline::{Objection, Role};
use driftline_core::codec;
use driftline_core::log::EntryKind;
use driftline_core::space::VERSION;

use crate::kitchen::{Kitchen, NOTES};
use crate::mallory::Mallory;
use crate::wire::{self, kind};

/// Numbers that look random, and are the same each time.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_noise_costs_a_member_the_connection() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    let body: Vec<_> = noise(1).take(5_000).collect();
    mallory.says(kind::SEGMENTS, &body).await;
    mallory.is_cut_off().await;
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_of_four_gigabytes_costs_a_stranger_the_connection() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::knocks(&kitchen).await;
    mallory.mutters(&u32::MAX.to_le_bytes()).await;
    mallory.is_cut_off().await;
    kitchen.is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_lie_are_no_memory_and_cost_the_connection() {
    let kitchen = Kitchen::opens().await;
    // 2^60 of what the message holds a list of, in nine bytes.
    let lie = [253, 255, 255, 255, 255, 255, 255, 255, 15];
    for kind in [kind::WANT, kind::INTRODUCE] {
        let mut mallory = Mallory::joins(&kitchen, Role::Reader).await;
        mallory.says(kind, &lie).await;
        mallory.is_cut_off().await;
    }
    kitchen.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_with_a_few_wrong_bytes_get_nobody_anywhere() {
    let kitchen = Kitchen::opens().await;
    let ticket = kitchen.alice.invites(Role::Writer).await;
    let mut guests = Vec::new();
    for round in 0..24 {
        let mut mallory = Mallory::knocks(&kitchen).await;
        mallory.asks_with(&ticket).await;
        mallory.is_told(kind::WELCOME).await;
        guests.push(mallory.id());
        let head = mallory.chain(NOTES, 0);
        let update = wire::typed(head.id().client_id(), "mallory was here");
        let segment = wire::opening(head, &mallory.key, &[(EntryKind::UPDATE, &update)]);
        let mut body = wire::segments(&wire::label(NOTES), &kitchen.id(), vec![segment]);
        let mut noise = noise(round + 10);
        for _ in 0..=round % 4 {
            let [at, low, flip] = [0; 3].map(|_: u8| usize::from(noise.next().unwrap()));
            let at = (at << 8 | low) % body.len();
            body[at] ^= (flip as u8) | 1;
        }
        mallory.says(kind::SEGMENTS, &body).await;
    }
    kitchen.holds_no_more_than(&guests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_an_older_version_is_told_and_cut_off() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::joins(&kitchen, Role::Writer).await;
    mallory.says(kind::OPEN, &wire::open(0, 0)).await;
    let spoken = Objection::Version { oldest: VERSION, newest: VERSION };
    assert_eq!(mallory.is_told_why().await, spoken);
    mallory.is_cut_off().await;
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_for_spaces_that_are_not_here_are_passed_over() {
    let kitchen = Kitchen::opens().await;
    let mut mallory = Mallory::meets(&kitchen.anchor, driftline::SpaceId([9; 32])).await;
    for _ in 0..1_000 {
        mallory.says(kind::POSITION, &codec::encode(&(0_u64, 9_u64))).await;
    }
    kitchen.is_clean().await;
    assert!(
        mallory.is_connected(),
        "it may well be a member of spaces that the anchor leaves to others"
    );
}
