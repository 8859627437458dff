//! Kill -9 at random moments, again and again, on the same folders.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::person::{Errand, Person, alice_and_bob, eventually, kill, town};

const CYCLES: u32 = 50;
const LIST: &str = "kitchen/list";

/// When Bob's process is killed.
#[derive(Debug)]
enum Moment {
    /// So long after it began, whether or not it listens by then.
    StartingUp(Duration),
    /// So long after typing began: in the middle of an edit, most likely.
    Typing(Duration),
    /// As soon as so many edits were acknowledged.
    Acknowledged(usize),
}

impl Moment {
    fn any(random: &mut ChaCha8Rng) -> Self {
        match random.random_range(0..5) {
            0 => Self::StartingUp(Duration::from_millis(random.random_range(0..60))),
            1 | 2 => Self::Typing(Duration::from_millis(random.random_range(0..120))),
            _ => Self::Acknowledged(random.random_range(1..=4)),
        }
    }
}

#[test]
fn after_fifty_kills_everything_acknowledged_is_with_everybody() {
    let seed = std::env::var("DRIFTLINE_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("`DRIFTLINE_SEED={seed}` chooses these moments again");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let town = town();
    let (mut alice, mut bob) = alice_and_bob(&town);
    bob.leaves();
    alice.leaves();
    let mut alice_online = comes_back(&alice);
    let (mut of_alice, mut of_bob) = (Vec::new(), Vec::new());

    for cycle in 0..CYCLES {
        let moment = Moment::any(&mut random);
        println!("cycle {cycle}: {moment:?}");
        if let Moment::StartingUp(pause) = moment {
            let starting = bob.starts(["run"]);
            thread::sleep(pause);
            drop(starting);
            continue;
        }
        bob.runs();
        assert_has(&bob, &of_bob);
        let alice_too = random.random_ratio(1, 6);
        let typists = random.random_range(1..=3);
        let online = alice_too.then_some(&mut alice_online);
        thread::scope(|scope| {
            
        });
    }
}
