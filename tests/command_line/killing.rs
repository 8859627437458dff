//! Kill -9 at random moments, again and again, on the same folders.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::person::{Errand, Person, alice_and_bob, eventually, kill, town};

const CYCLES: u32 = 50;
const LIST: &str = "kitchen/list";

#[test]
fn after_fifty_kills_both_have_all_that_was_acknowledged() {
    let mut random = ChaCha8Rng::seed_from_u64(seed());
    let town = town();
    let (mut alice, mut bob) = alice_and_bob(&town);
    bob.leaves();
    alice.leaves();
    let mut alice_online = Some(comes_back(&alice));
    let (mut by_alice, mut by_bob) = (Vec::new(), Vec::new());

    for number in 0..CYCLES {
        let cycle = Cycle::any(number, &mut random);
        if let Moment::StartingUp(pause) = cycle.moment {
            let starting = bob.starts(["run"]);
            thread::sleep(pause);
            drop(starting);
            continue;
        }
        bob.runs();
        assert_has(&bob, &by_bob);
        let (alice_typed, bob_typed) = while_both_type(&alice, &bob, &cycle, || {
            kill(bob.process());
            if cycle.alice_too {
                alice_online = None;
            }
        });
        bob.was_killed();
        by_alice.extend(alice_typed);
        by_bob.extend(bob_typed);
        if alice_online.is_none() {
            alice_online = Some(comes_back(&alice));
            assert_has(&alice, &by_alice);
        }
    }

    println!("{} and {} edits were acknowledged", by_alice.len(), by_bob.len());
    assert!(!by_alice.is_empty() && !by_bob.is_empty(), "nothing was typed at all");
    bob.runs();
    eventually("they agree", || alice.reads(LIST) == bob.reads(LIST));
    for person in [&alice, &bob] {
        assert_has(person, &by_alice);
        assert_has(person, &by_bob);
    }
}

/// What one cycle holds, all of it chosen beforehand.
struct Cycle {
    number: u32,
    moment: Moment,
    /// How many commands of Bob's are under way at a time.
    typists: u32,
    /// Whether Alice's process is killed along with Bob's.
    alice_too: bool,
}

/// When Bob's process is killed.
enum Moment {
    /// So long after it began, whether or not it listens by then.
    StartingUp(Duration),
    /// So long after typing began, which is most likely in the middle of an edit.
    Typing(Duration),
    /// As soon as so many edits were acknowledged.
    Acknowledged(usize),
}

impl Cycle {
    fn any(number: u32, random: &mut ChaCha8Rng) -> Self {
        let pause = Duration::from_millis(random.random_range(0..120));
        let moment = match random.random_range(0..5) {
            0 => Moment::StartingUp(pause),
            1 | 2 => Moment::Typing(pause),
            _ => Moment::Acknowledged(random.random_range(1..=4)),
        };
        let (typists, alice_too) = (random.random_range(1..=3), random.random_ratio(1, 6));
        Self { number, moment, typists, alice_too }
    }
}

impl Moment {
    fn comes(&self, acknowledged: &Receiver<()>) {
        match self {
            Self::StartingUp(pause) | Self::Typing(pause) => thread::sleep(*pause),
            Self::Acknowledged(edits) => _ = acknowledged.iter().take(*edits).count(),
        }
    }
}

/// Lets Alice and Bob type until the moment comes, then kills; gives what each of them was told is done.
fn while_both_type(
    alice: &Person,
    bob: &Person,
    cycle: &Cycle,
    kill: impl FnOnce(),
) -> (Vec<String>, Vec<String>) {
    let Cycle { number, typists, .. } = cycle;
    let over = &AtomicBool::new(false);
    let (hears, acknowledged) = channel();
    thread::scope(|scope| {
        let of_alice = scope.spawn(move || types(alice, &format!("alice-{number}"), over, || ()));
        let start = |typist| {
            let hears = hears.clone();
            let name = format!("bob-{number}-{typist}");
            scope.spawn(move || types(bob, &name, over, || _ = hears.send(())))
        };
        let of_bob: Vec<_> = (0..*typists).map(start).collect();
        // With the typists' own ends alone left, waiting for them ends should they all fail.
        drop(hears);
        cycle.moment.comes(&acknowledged);
        over.store(true, Ordering::Relaxed);
        kill();
        let by_bob = of_bob.into_iter().flat_map(|typist| typist.join().unwrap()).collect();
        (of_alice.join().unwrap(), by_bob)
    })
}

/// Types one word after another until it is over; gives those that were acknowledged.
fn types(person: &Person, name: &str, over: &AtomicBool, acknowledged: impl Fn()) -> Vec<String> {
    let mut words = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let word = format!("{name}-{}", words.len());
        let edit = ["doc", "edit", LIST, "--insert", "0", &format!("{word} ")];
        let said = person.command(&edit).output().unwrap();
        if said.status.success() {
            words.push(word);
            acknowledged();
        } else {
            // Nobody else refuses: only a dying process may leave an edit without an answer.
            let why = String::from_utf8_lossy(&said.stderr);
            assert!(over.load(Ordering::Relaxed), "{word} was not taken: {why}");
        }
    }
    words
}

/// Every word is in the list, and nothing is there twice.
fn assert_has(person: &Person, acknowledged: &[String]) {
    let text = person.reads(LIST);
    let words: HashSet<_> = text.split_whitespace().collect();
    assert_eq!(words.len(), text.split_whitespace().count(), "something is there twice: {text}");
    for word in acknowledged {
        assert!(words.contains(word.as_str()), "{word} was acknowledged and is gone: {text}");
    }
}

/// Alice is online again where she was before, so that Bob finds her though both were killed at once.
fn comes_back(alice: &Person) -> Errand {
    let ready = alice.folder.with_extension("ready");
    _ = std::fs::remove_file(&ready);
    let addresses: Vec<_> =
        alice.addresses.iter().map(|address| address.split_once("/p2p/").unwrap().0).collect();
    let (addresses, file) = (addresses.join(","), ready.to_str().unwrap());
    let online = alice.starts(["run", "--listen", &addresses, "--ready-file", file]);
    eventually("Alice is back", || ready.exists());
    online
}

/// Another one each time, unless one is asked for.
fn seed() -> u64 {
    let asked = std::env::var("DRIFTLINE_SEED").ok();
    let seed = asked.map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("DRIFTLINE_SEED={seed} chooses the same moments");
    seed
}
